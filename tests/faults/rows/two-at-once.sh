# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The disk and the prices, both.
row=29
expect=("hardware disk_slow* disk postgresql|shop" "callee|software * price *")

inject() {
	disk_speed "$magnitude"
	tell price delay_ms=$((15 * magnitude))
}

heal() {
	disk_speed 1
	tell price delay_ms=0
}
