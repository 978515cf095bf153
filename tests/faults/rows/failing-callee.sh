# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Of the answers of the prices some fail: 4 % times `magnitude`.
row=16
expect=("callee|software errors* price *")

inject() {
	tell price fail="$(calc "0.04 * $magnitude")"
}

heal() {
	tell price fail=0
}
