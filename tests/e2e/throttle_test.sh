#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# I/O limits of cgroups, v1's and v2's: what the client waits and the device does not take is time in the limit.
# alone: it compares times
# shellcheck disable=SC2317 # functions that wait_until and at_exit call
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need fio jq losetup

if mount=$(cgroup_controller blkio); then
	limit_file=blkio.throttle.read_iops_device
elif mount=$(cgroup_controller io); then
	limit_file=io.max
else
	skip "no cgroup controller for I/O"
fi

truncate -s 64M "$TMP/disk"
loop=$(losetup --find --show --direct-io=on "$TMP/disk" 2>/dev/null) || loop=$(losetup --find --show "$TMP/disk") ||
	skip "no loop device"
at_exit losetup --detach "$loop"
device=${loop#/dev/}
dev_number=$(<"/sys/block/$device/dev")

# Reads a second, each of one page; 0: no limit.
limit() { # CGROUP READS
	if [[ $limit_file == io.max ]]; then
		echo "$dev_number riops=${2/#0/max}" >"$1/$limit_file"
	else
		echo "$dev_number $2" >"$1/$limit_file"
	fi
}

group=$mount/seismo-e2e-throttle-$$
cgroup_make "$group"
[[ -e $group/$limit_file ]] || skip "no I/O limits in this kernel"

start_seismo --probes block

# Does a program see each bio that waits, or only the first in a queue?
hook_is() { # NAME
	grep -q "^seismo_probe_attached{probe=\"block\",hook=\"$1\"} 1\$" "$METRICS"
}

value_is() { # LEAST MOST METRIC LABEL=VALUE...
	scrape
	between "$1" "$2" "$(value_or_0 "${@:3}")"
}

throttled() { # count|sum SERVICE
	grown "seismo_service_block_io_throttled_seconds_$1" "service=$2" "device=$device"
}

# --- without a limit nothing waits in one

io=$(workload blockio "w-free-$$")
mark
in_cgroup "$group" "$io" "$loop" read 50 >/dev/null
scrape
is 0 "$(throttled count "w-free-$$")" "without a limit nothing is throttled"

# --- one request at a time

limit "$group" 20
in_cgroup "$group" "$io" "$loop" read 12 >/dev/null # now it is known that there is a limit
io=$(workload blockio "w-limit-$$")
mark
read -r good bad seconds in_time < <(in_cgroup "$group" "$io" "$loop" read 40 4096 30)
is "40 0" "$good $bad" "the workload's reads succeed"
ok "and are as slow as the limit says ($seconds s)" between 1.8 10 "$seconds"
scrape
is 40 "$(grown seismo_service_block_io_duration_seconds_count "service=w-limit-$$" "device=$device" operation=read)" \
	"the requests are the service's, though a kernel thread submitted them"
in_device=$(grown seismo_service_block_io_duration_seconds_sum "service=w-limit-$$" "device=$device" operation=read)
waited=$(throttled count "w-limit-$$")
text="those that took longer than 30 ms waited in the limit ($waited of $((40 - in_time)))"
if between 0.025 60 "$(calc "$seconds - $(throttled sum "w-limit-$$") - ${in_device:?}")"; then
	skip_one "$text" "this machine was late to wake the program"
elif ((scale == 1)); then
	is $((40 - in_time)) "$waited" "$text"
else # the device is late as well
	ok "$text" between 15 $((40 - in_time)) "$waited"
fi
near_seen "$seconds" "$(calc "$(throttled sum "w-limit-$$") + ${in_device:?}")" 5 1.2 \
	"what the workload waited is time in the limit, and $in_device s in queue and device"
is 0 "$(grown seismo_service_block_io_throttled_seconds_count "device=$device" service=kernel)" \
	"and nobody else's"

# --- several at a time

if hook_is throttle_fentry; then
	cp "$(command -v fio)" "$TMP/w-fio-$$"
	limit "$group" 100
	mark
	in_cgroup "$group" "$TMP/w-fio-$$" --name=job --filename="$loop" --direct=1 --bs=4k --rw=randread --ioengine=libaio \
		--iodepth=8 --number_ios=160 --output-format=json --output="$TMP/fio.json" >/dev/null || bail "fio failed"
	scrape
	waited=$(calc "$(jq '.jobs[0].read.clat_ns.mean' "$TMP/fio.json") / 1e9 * 160")
	in_device=$(grown seismo_service_block_io_duration_seconds_sum "service=w-fio-$$" "device=$device" operation=read)
	ok "several at a time: most of them waited" between 80 160 "$(throttled count "w-fio-$$")"
	near_seen "$waited" "$(calc "$(throttled sum "w-fio-$$") + ${in_device:?}")" 5 1 \
		"several at a time: their time is fio's"
else
	skip_one "several at a time" "no program can be attached to functions, and only the first that waits is seen"
fi

# --- so strict a limit that hardly anything gets through

limit "$group" 2 # fewer some kernels do not take
io=$(workload blockio "w-held-$$")
held_io=$io
for _ in 1 2 3 4; do
	background in_cgroup "$group" "$io" "$loop" read 3 >/dev/null
done
program=$(workload blocked "w-blocked-$$")
background "$program" 1 30 >/dev/null
blocked=$!
wait_until value_is 0.3 60 seismo_io_limited_oldest_seconds "service=w-held-$$"
ok "threads that hang in the limit are seen" between 0.3 60 "$(value seismo_io_limited_oldest_seconds "service=w-held-$$")"
wait_until value_is 0.3 60 seismo_blocked_oldest_seconds "service=w-blocked-$$"
is 0 "$(value_or_0 seismo_io_limited_oldest_seconds "service=w-blocked-$$")" "but none that hangs elsewhere"
end_process "$blocked"

# --- the limit is lifted

limit "$group" 0
background in_cgroup "$group" "$held_io" "$loop" read 1000000 >/dev/null
io=$(workload blockio "w-again-$$")
mark
in_cgroup "$group" "$io" "$loop" read 50 >/dev/null
scrape
is 0 "$(throttled count "w-again-$$")" "nothing waits in a limit that was lifted"
ok "and nobody hangs there" wait_until value_is 0 0 seismo_io_limited_oldest_seconds "service=w-held-$$"
mapfile -t reading <"$group/cgroup.procs"
ok "of those who read on" kill -TERM "${reading[@]}"
stop_seismo
