# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The prices compute for each answer, 4 ms times `magnitude`.
row=9
expect=("software cpu* price *")

inject() {
	tell price burn_ms=$((4 * magnitude))
}

heal() {
	tell price burn_ms=0
}
