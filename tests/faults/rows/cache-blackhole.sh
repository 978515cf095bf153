# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# What is sent to Redis does not arrive.
row=19
expect=("network * redis *")

inject() {
	iptables -A INPUT -p tcp --dport $redis_port -j DROP
}

heal() {
	iptables -F INPUT
}
