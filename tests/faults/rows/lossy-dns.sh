# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The resolver loses queries: 4 % times `magnitude`.
row=24
# What the resolver answers at the second try has taken it so long.
expect=("callee|network|software dns|dns_lost|callee_lost|callee_unanswered|names_late|waits resolver *")
shop_settings=(dns=1)

inject() {
	tell resolver lose="$(calc "0.04 * $magnitude")"
}

heal() {
	tell resolver lose=0
}
