# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Of the packets to and from the database some are lost: 1 % times `magnitude`.
row=21
expect=("network * postgresql *")

inject() {
	local way
	for way in --dport --sport; do
		iptables -A INPUT -p tcp $way $postgres_port -m statistic --mode random --probability "$(calc "0.01 * $magnitude")" -j DROP
	done
}

heal() {
	path_mend
}
