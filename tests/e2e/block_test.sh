#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Block I/O on a loop device whose speed is known: counts, bytes, errors and times equal the kernel's
# /sys/block/*/stat, fio's, and the workload's own.
# alone: it compares times
# shellcheck disable=SC2317 # functions that wait_until and at_exit call
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"
need fio jq

# --- the device

slow_disk 64

# /sys/block/*/stat by name. A flush is counted there twice: as such, and as the write of nothing that
# carried it.
declare -A before after

stat_read() { # NAME
	local -n into=$1
	local s
	read -ra s <"/sys/block/$device/stat"
	# shellcheck disable=SC2034 # a reference
	into=([read]=${s[0]} [read_bytes]=$((s[2] * 512)) [read_ms]=${s[3]} [write]=$((s[4] - s[15]))
		[write_bytes]=$((s[6] * 512)) [write_ms]=$((s[7] - s[16])) [flush]=${s[15]} [flush_ms]=${s[16]})
}

# There are kernels that run no BPF program in the context of PID 1: a completion that interrupts it is to be
# seen by ftrace alone.
trace=/sys/kernel/tracing/instances/seismo-e2e-$$

trace_start() {
	mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing || return
	mkdir "$trace" || return
	at_exit rmdir "$trace"
	echo "dev == $(($(cut -d: -f1 "/sys/block/$device/dev") << 20 | $(cut -d: -f2 "/sys/block/$device/dev")))" \
		>"$trace/events/block/block_rq_complete/filter"
	echo 1 >"$trace/events/block/block_rq_complete/enable"
}

# Completions since device_start that interrupted PID 1.
on_init() { # OPERATION requests|bytes
	local tasks=(/proc/1/task/*)
	[[ -e $trace/trace ]] || { echo 0; return; }
	awk -v tasks=" ${tasks[*]##*/} " -v unit="$2" \
		-v op="$(case $1 in read) echo '^R' ;; write) echo '^F?W' ;; flush) echo '^FF' ;; esac)" '
	match($0, /-[0-9]+ +\[/) && index(tasks, " " substr($0, RSTART + 1, RLENGTH - 2) + 0 " ") {
		sub(/.*block_rq_complete: /, "")
		sub(/\([^)]*\)/, "")
		if ($2 ~ op && (op != "^F?W" || $5))
			sum += unit == "bytes" ? $5 * 512 : 1
	}
	END { print sum + 0 }' "$trace/trace"
}

# Equality, but for what nobody could see.
is_io() { # EXPECTED ACTUAL OPERATION requests|bytes TEXT
	local unseen
	unseen=$(on_init "$3" "$4")
	if ((unseen)) && [[ $1 != "$2" ]]; then
		is "$(($1 - unseen))" "$2" "$5, but for $unseen $4 on top of PID 1"
	else
		is "$1" "$2" "$5"
	fi
}

# Waits until the metric has grown to that; what the kernel counted is exposed a moment later.
await_io() { # EXPECTED OPERATION METRIC LABEL=VALUE...
	wait_until io_grown "$@"
}

io_grown() {
	grown_to "$1" "${@:3}" || grown_to "$(($1 - $(on_init "$2" requests)))" "${@:3}"
}

device_start() {
	[[ -e $trace/trace ]] && : >"$trace/trace"
	mark
	stat_read before
}

# Compares what was grown since device_start with the kernel's own numbers.
check_device() { # TEXT
	local operation bytes moved
	stat_read after
	for operation in read write flush; do
		moved=$(calc "${after[$operation]} - ${before[$operation]}")
		await_io "$moved" "$operation" \
			seismo_block_io_duration_seconds_count "device=$device" "operation=$operation" phase=device
		is_io "$moved" \
			"$(grown seismo_block_io_duration_seconds_count "device=$device" "operation=$operation" phase=device)" \
			"$operation" requests "$1: $operation requests of the device are the kernel's"
	done
	for operation in read write; do
		bytes=${operation}_bytes
		is_io "$(calc "${after[$bytes]} - ${before[$bytes]}")" \
			"$(grown seismo_service_block_io_bytes_total "device=$device" "operation=$operation")" \
			"$operation" bytes "$1: bytes of $operation requests are the kernel's"
	done
}

# Mean duration in seconds, of both phases together, since device_start.
mean() { # OPERATION
	local sum count
	sum=$(grown seismo_block_io_duration_seconds_sum "device=$device" "operation=$1")
	count=$(grown seismo_block_io_duration_seconds_count "device=$device" "operation=$1" phase=device)
	calc "$sum / $count"
}

# The mean is that of the kernel's own statistics, taken a moment later than ours, and the one that the program
# saw.
check_mean() { # OPERATION SECONDS TEXT
	local kernels least
	least=$(calc "${delay_us[$1]} / 1e6")
	kernels=$(calc "(${after[$1_ms]} - ${before[$1_ms]}) / 1e3 / (${after[$1]} - ${before[$1]})")
	near_seen "$kernels" "$(mean "$1")" 3 "$least" "the mean time of $1 requests is the kernel's"
	near_seen "$2" "$(mean "$1")" 5 "$least" "$3"
}

service_value() { # METRIC OPERATION SERVICE
	value_or_0 "$1" "service=$3" "device=$device" "operation=$2"
}

trace_start
start_seismo --probes block

# --- a workload of our own, one request at a time

declare -A delay_us=([read]=10000 [write]=8000 [flush]=12000)
speed "read_us=${delay_us[read]}" "write_us=${delay_us[write]}" "fsync_us=${delay_us[flush]}"
io=$(workload blockio "w-io-$$")
device_start
declare -A requests=([read]=100 [write]=60 [flush]=40) size=([read]=4096 [write]=16384 [flush]=0) seconds
for operation in read write flush; do
	read -r good bad seconds[$operation] < <("$io" "$loop" "$operation" "${requests[$operation]}" \
		"${size[$operation]/#0/4096}")
	is "${requests[$operation]} 0" "$good $bad" "the workload's $operation requests succeed"
done
check_device "own requests"
for operation in read write flush; do
	is_io "${requests[$operation]}" \
		"$(service_value seismo_service_block_io_duration_seconds_count "$operation" "w-io-$$")" \
		"$operation" requests "$operation requests of the service"
	is_io "$(calc "${requests[$operation]} * ${size[$operation]}")" \
		"$(service_value seismo_service_block_io_bytes_total "$operation" "w-io-$$")" \
		"$operation" bytes "bytes of $operation requests of the service"
	mean=$(calc "${seconds[$operation]} / ${requests[$operation]}")
	check_mean "$operation" "$mean" "the mean time of $operation requests is the workload's"
	near "$(grown seismo_block_io_duration_seconds_sum "device=$device" "operation=$operation")" \
		"$(service_value seismo_service_block_io_duration_seconds_sum "$operation" "w-io-$$")" 3 \
		"the time of the service's $operation requests is the device's"
done
in_device=$(grown seismo_block_io_duration_seconds_sum "device=$device" operation=read phase=device)
ok "the time is the device's, not the queue's ($in_device s)" \
	between 1 "$(grown seismo_block_io_duration_seconds_sum "device=$device" operation=read)" "$in_device"
near "$(grown seismo_block_io_duration_seconds_sum "device=$device" operation=read)" "$in_device" 5 \
	"and next to none the queue's"

# --- errors

speed err=5
io=$(workload blockio "w-eio-$$")
device_start
for operation in read write flush; do
	read -r good bad _ < <("$io" "$loop" "$operation" 15)
	is "0 15" "$good $bad" "the workload sees its $operation requests fail"
	await_io "$bad" "$operation" \
		seismo_block_io_errors_total "device=$device" "operation=$operation" error=EIO
	errors=$(value seismo_block_io_errors_total "device=$device" "operation=$operation" error=EIO)
	is_io "$bad" "$errors" "$operation" requests "failed $operation requests"
	is "$errors" "$(value seismo_block_io_errors_total "device=$device" "operation=$operation")" \
		"$operation: no other errors"
	[[ $operation == flush ]] || is "$errors" \
		"$(service_value seismo_service_block_io_duration_seconds_count "$operation" "w-eio-$$")" \
		"$operation requests that fail are requests"
done
speed err=0

# --- fio: its threads and processes, several requests at once

fio=$TMP/w-fio-$$
cp "$(command -v fio)" "$fio"

run_fio() { # TEXT OPTION...
	local text=$1 operation count fio_bytes
	shift
	device_start
	cp "$fio" "$fio-$((++fio_runs))"
	"$fio-$fio_runs" --name=job --filename="$loop" --direct=1 --bs=4k --group_reporting \
		--allow_mounted_write=1 --output-format=json --output="$TMP/fio.json" "$@" >/dev/null ||
		bail "fio failed"
	jq -r '.jobs[0] | paths(numbers) as $path | "." + ($path | map(tostring) | join(".")) + " \(getpath($path))"' \
		"$TMP/fio.json" >"$TMP/fio"
	check_device "$text"
	for operation in read write; do
		count=$(fio_says ".$operation.total_ios")
		fio_bytes=$(fio_says ".$operation.io_bytes")
		is_io "$count" "$(service_value seismo_service_block_io_duration_seconds_count \
			"$operation" "$(basename "$fio-$fio_runs")")" \
			"$operation" requests "$text: $operation requests are fio's"
		is_io "$fio_bytes" "$(service_value seismo_service_block_io_bytes_total \
			"$operation" "$(basename "$fio-$fio_runs")")" \
			"$operation" bytes "$text: bytes of $operation requests are fio's"
		((count)) && check_mean "$operation" "$(calc "$(fio_says ".$operation.clat_ns.mean") / 1e9")" \
			"$text: the mean time of $operation requests is fio's"
	done
}

fio_says() { # PATH
	awk -v path="$1" '$1 == path { print $2 }' "$TMP/fio"
}

fio_runs=0
run_fio "fio, reads and writes, 8 at a time" --ioengine=libaio --iodepth=8 --rw=randrw --number_ios=$((600 / scale))
if ((scale == 1)); then
	run_fio "fio, one reader" --ioengine=psync --rw=randread --number_ios=100
	run_fio "fio, four threads" --ioengine=psync --thread --numjobs=4 --rw=randwrite --number_ios=50
	run_fio "fio, four processes" --ioengine=psync --numjobs=4 --rw=randread --number_ios=50
fi
run_fio "fio, writes with fsync" --ioengine=psync --rw=randwrite --number_ios=40 --fsync=1
is_io "$(fio_says .sync.total_ios)" "$(grown seismo_block_io_duration_seconds_count \
	"device=$device" operation=flush phase=device)" flush requests "flushes are fio's"

# --- the kernel's stamp is late

if stamps_delay; then
	io=$(workload blockio "w-late-$$")
	device_start
	for operation in read write; do
		"$io" "$loop" $operation 10 >/dev/null
	done
	check_device "late stamps"
	for operation in read write; do
		is_io 10 "$(service_value seismo_service_block_io_duration_seconds_count $operation "w-late-$$")" \
			$operation requests "late stamps: $operation requests are of the service"
	done
	stamps_in_time
else
	skip_one "late stamps" "nothing can be attached to the submission"
fi

# --- two services at once, in more tasks than there are CPUs: what one of them submits is never the other's, also where the
# kernel, which preempts programs, does not tell of it, and its request is one that the other has used before

speed read_us=0 write_us=0 fsync_us=0
services=("w-one-$$" "w-other-$$")
device_start
pids=()
for service in "${services[@]}"; do
	io=$(workload blockio "$service")
	for ((i = 0; i < 8; i++)); do
		"$io" "$loop" read 100 >/dev/null &
		pids+=($!)
	done
done
wait "${pids[@]}"
check_device "two services"
is_but_lost "$(printf '%s 800\n' "${services[@]}")" \
	"$(for service in "${services[@]}"; do
		echo "$service $(service_value seismo_service_block_io_duration_seconds_count read "$service")"
	done)" "two services: each has the requests that are its own" seismo_service_block_io_duration_seconds_count

# --- a file system with a journal: writes that carry a flush complete twice, and the second time is still somebody's

services_flushing() {
	series by=service seismo_service_block_io_duration_seconds_count "device=$device" operation=flush
}

if command -v mke2fs >/dev/null; then
	dd=w-dd-$$
	cp "$(command -v dd)" "$TMP/$dd"
	device_start
	mke2fs -q -F -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 "$loop"
	mkdir "$TMP/fs"
	mount "$loop" "$TMP/fs" || bail "cannot mount"
	at_exit umount "$TMP/fs"
	for ((i = 0; i < 20; i++)); do
		"$TMP/$dd" if=/dev/zero "of=$TMP/fs/file-$i" bs=4k count=2 conv=fsync status=none
	done
	sync -f "$TMP/fs"
	# A flush that data carries is no write of nothing.
	stat_read after
	flushes=$((after[flush] - before[flush])) bytes=$((after[write_bytes] - before[write_bytes]))
	await_io "$flushes" flush \
		seismo_block_io_duration_seconds_count "device=$device" operation=flush phase=device
	is_io "$flushes" \
		"$(grown seismo_block_io_duration_seconds_count "device=$device" operation=flush phase=device)" \
		flush requests "journal: flushes of the device are the kernel's"
	is_io "$bytes" "$(grown seismo_service_block_io_bytes_total "device=$device" operation=write)" \
		write bytes "journal: bytes of write requests are the kernel's"
	is "" "$(services_flushing | grep -E '^(other|unknown) ')" "journal: each flush has a submitter"
	ok "journal: each fsync has flushed, on its own or by the journal" between 20 1000 \
		"$(services_flushing | awk -v dd="$dd" '$1 == dd || $1 == "kernel" { sum += $2 } END { print sum + 0 }')"
	umount "$TMP/fs"
else
	skip_one "journal" "no mke2fs on this host"
fi

# --- a device that hangs: nothing is counted before it answers

device_start
speed stall=1
"$io" "$loop" read 1 >/dev/null &
sleep 0.6
scrape
is 0 "$(grown seismo_block_io_duration_seconds_count "device=$device" operation=read phase=device)" \
	"a request in flight is not counted"
speed stall=0
wait $!
check_device "after a stall"
ok "it took as long as the stall" between 0.5 15 "$(mean read)"
stop_seismo
