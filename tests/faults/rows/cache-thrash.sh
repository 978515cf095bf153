# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The database may not have as much page cache as its data take, on a disk that is slow at its best.
row=14
expect=("quota memory_thrash|memory_limit postgresql *")

prepare() {
	end_process "$cache_dropper"
	service_make postgresql
	(service_enter postgresql find "$TMP/disk/data/base" -size +512k -exec cat {} +) >/dev/null
	disk_speed 6
}

inject() {
	limit postgresql memory "$(calc "int($(memory_used postgresql) - 76 * 1048576 * $magnitude / ($magnitude + 5))")"
}

heal() {
	limit postgresql memory none
}
