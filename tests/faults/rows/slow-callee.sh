# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The prices take 15 ms times `magnitude` longer.
row=16
expect=("callee|software callee|sleeps|waits price *")

inject() {
	tell price delay_ms=$((15 * magnitude))
}

heal() {
	tell price delay_ms=0
}
