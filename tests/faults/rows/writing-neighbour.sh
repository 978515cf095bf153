# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Somebody else writes to the same disk, `magnitude` requests at a time.
row=4
expect=("neighbour disk_neighbour* batch postgresql|shop")

prepare() {
	speed heads=1
}

inject() {
	disk_load batch write 8k $magnitude
}

heal() {
	end_process "${service_pid[batch]}"
}
