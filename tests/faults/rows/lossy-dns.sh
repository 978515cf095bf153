# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The resolver loses queries: 4 % times `magnitude`.
row=24
expect=("callee|network dns|dns_lost|callee_lost|callee_unanswered resolver *")
shop_settings=(dns=1)

inject() {
	tell resolver lose="$(calc "0.04 * $magnitude")"
}

heal() {
	tell resolver lose=0
}
