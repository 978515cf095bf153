# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The disk takes `magnitude` times as long for everything.
row=1
expect=("hardware disk_slow* disk postgresql|shop")

inject() {
	disk_speed "$magnitude"
}

heal() {
	disk_speed 1
}
