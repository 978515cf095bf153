# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The way to and from the prices is narrow, so that packets queue.
row=22
expect=("network * price *")

inject() {
	tell price size=2000
	tc qdisc add dev lo root handle 1: htb default 1
	tc class add dev lo parent 1: classid 1:1 htb rate 10gbit quantum 60000
	tc class add dev lo parent 1: classid 1:2 htb rate $((1600 / magnitude))kbit quantum 1500
	iptables -t mangle -A POSTROUTING -p tcp --sport $price_port -j CLASSIFY --set-class 1:2
}

heal() {
	iptables -t mangle -F POSTROUTING
	tc qdisc del dev lo root
	tell price size=200
}
