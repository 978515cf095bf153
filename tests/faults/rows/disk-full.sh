# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Nothing is left of the file system.
row=6
expect=("quota disk_full shop|postgresql *")
fillers=0

inject() {
	local size
	for size in 1M 4k; do # without writing anything
		while fallocate -l "$size" "$TMP/disk/filler.$((++fillers))"; do :; done
	done
}

heal() {
	rm "$TMP"/disk/filler*
}
