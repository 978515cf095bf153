#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Who writes to the page cache: what the kernel says in /proc/PID/io, and the bytes written.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need losetup mke2fs

mib=$((64 / scale))

# A file system of our own: with its files, but no journal that others write.
truncate -s 512M "$TMP/disk"
mke2fs -q -F -t ext4 -O ^has_journal -E lazy_itable_init=0 "$TMP/disk"
mkdir "$TMP/fs"
mount -o loop "$TMP/disk" "$TMP/fs" || skip "cannot mount"
at_exit umount "$TMP/fs"
start_seismo --probes memory

# write_bytes of /proc/PID/io are the pages made dirty, and what is written around the page cache.
while read -r how text; do
	program=$(workload dirty "w-$how-$$")
	said=$("$program" "$TMP/fs/$how" "$how" $mib)
	if [[ $how == direct ]]; then
		ok "$text: the kernel says that it wrote ($said)" between $((mib << 20)) 1e12 "$said"
		scrape
		ok "$text: which is next to nothing in the page cache" between 0 1048576 \
			"$(value_or_0 seismo_dirtied_bytes_total "service=w-$how-$$")"
		continue
	fi
	ok "$text: all of it ($said)" between $((mib << 20)) $(((mib + 2) << 20)) "$said"
	is_metric "$said" "$text: is what the kernel says" seismo_dirtied_bytes_total "service=w-$how-$$"
done <<END
write a file is written
map a file is written through a mapping
direct a file is written around the page cache
END

# Pages that are dirty already are not made dirty again.
program=$(workload dirty "w-again-$$")
said=$("$program" "$TMP/fs/again" rewrite 4)
is_metric "$said" "a file is written twice: what the kernel says" seismo_dirtied_bytes_total "service=w-again-$$"

own_copy dd
"dd-$$" if=/dev/zero "of=$TMP/fs/dd" bs=1M count=$mib status=none
scrape
ok "dd: its bytes, and some of the file system" between $((mib << 20)) $(((mib + 2) << 20)) \
	"$(value_or_0 seismo_dirtied_bytes_total "service=dd-$$")"
"dd-$$" if="$TMP/fs/dd" of=/dev/null bs=1M status=none
mark
"dd-$$" if="$TMP/fs/dd" of=/dev/null bs=1M status=none
scrape
is 0 "$(grown seismo_dirtied_bytes_total "service=dd-$$")" "reads make nothing dirty"
stop_seismo
