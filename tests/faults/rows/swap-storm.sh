# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The shop may not have as much memory as it works with, and the rest is in swap, on the disk.
row=13
expect=("memory swap shop *")
shop_settings=(work_mb=96 touch=20)

prepare() {
	speed read_us=0 write_us=0 fsync_us=0 kib_us=0
	dd if=/dev/zero of="$TMP/disk/swap" bs=1M count=160 status=none
	chmod 600 "$TMP/disk/swap"
	mkswap "$TMP/disk/swap" >/dev/null
	swapon "$TMP/disk/swap" || skip "no swap here"
	at_exit swap_end
	disk_speed 1
}

inject() {
	speed read_us=0 write_us=0 fsync_us=0 kib_us=0 # or the limit is refused
	limit shop memory "$(calc "int($(memory_used shop) - 96 * 1048576 * $magnitude / ($magnitude + 5))")"
	disk_speed 1
}

heal() {
	limit shop memory none
}

swap_end() {
	heal
	speed read_us=0 write_us=0 fsync_us=0 kib_us=0
	swapoff "$TMP/disk/swap"
}
