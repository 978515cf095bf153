# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The resolver takes 50 ms times `magnitude`.
row=24
expect=("callee|software dns|names_late|sleeps|waits resolver *")
shop_settings=(dns=1)

inject() {
	tell resolver delay_ms=$((50 * magnitude))
}

heal() {
	tell resolver delay_ms=0
}
