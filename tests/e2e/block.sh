# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the tests of block I/O share: a loop device whose speed is known. Source it after lib.sh.

# Makes the device; sets loop, its path, device, its name, and slow, the folder of its control file.
slow_disk() { # MEGABYTES
	need losetup
	[[ -e /dev/fuse ]] || skip "no FUSE on this host"
	[[ -x $BUILD/workload/slowfuse ]] || skip "slowfuse was not built (no libfuse3)"
	slow=$TMP/slow
	mkdir "$slow"
	"$BUILD/workload/slowfuse" "$slow" "$1" &
	at_exit end_process $!
	at_exit umount -l "$slow"
	wait_until test -e "$slow/disk" || skip "cannot mount FUSE"
	loop=$(losetup --find --show --direct-io=on "$slow/disk") || skip "no loop device"
	at_exit losetup --detach "$loop"
	# shellcheck disable=SC2034 # for the tests
	device=${loop#/dev/}
}

speed() { # SETTING...
	echo "$*" >"$slow/ctl"
}

# As where the submitter is preempted between what is seen of a request and the kernel's own stamp, which newer kernels take
# later: something slow is attached there. Fails where it cannot be.
stamps_delay() {
	"$BUILD/workload/slowprobe" block_io_start 3000 >"$TMP/slowprobe" 2>/dev/null &
	slowprobe=$!
	at_exit stamps_in_time
	wait_until stamps_settled && grep -q ready "$TMP/slowprobe"
}

stamps_settled() {
	grep -q ready "$TMP/slowprobe" || ! is_child "$slowprobe"
}

stamps_in_time() {
	end_process "$slowprobe" 2>/dev/null
}
