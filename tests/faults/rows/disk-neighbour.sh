# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Somebody else keeps `magnitude` requests under way on the same disk, which does one at a time.
row=4
expect=("neighbour disk_neighbour* fio postgresql|shop")

prepare() {
	speed read_us=0 write_us=0 fsync_us=0 kib_us=0
	dd if=/dev/zero of="$TMP/disk/neighbour" bs=1M count=64 conv=fsync status=none
	disk_speed 1
	speed heads=1
}

inject() {
	disk_load fio read 4k $magnitude
}

heal() {
	end_process "${service_pid[fio]}"
}
