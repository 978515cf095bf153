# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# Nothing is left of the file system.
row=6

inject() {
	dd if=/dev/zero of="$TMP/disk/filler" bs=64k status=none
	dd if=/dev/zero of="$TMP/disk/filler2" bs=512 status=none
}

heal() {
	rm "$TMP"/disk/filler*
}
