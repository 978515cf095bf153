# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The shop is replaced by another that is as fast, while a second one serves what the first does not.
row=30
shop_spare="server 127.0.0.1:8012 max_fails=0 backup;"

prepare() {
	service_start shop "${shop[@]:0:3}" 8012 "${shop[@]:4}"
	wait_until port_open 8012
}

inject() {
	shop_deploy
	kill -TERM "$(supervised_pid shop)"
}

heal() {
	:
}
