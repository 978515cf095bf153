# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# nginx is told to ask where nobody listens.
row=26
expect=("callee|network refused* * *")

inject() {
	sed -i.right "s/server 127.0.0.1:$shop_port/server 127.0.0.1:1/" "$TMP/nginx.conf"
	kill -HUP "${service_pid[nginx]}"
}

heal() {
	mv "$TMP/nginx.conf.right" "$TMP/nginx.conf"
	kill -HUP "${service_pid[nginx]}"
}
