#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Block I/O on a loop device whose speed is known: counts, bytes, errors and times equal the kernel's
# /sys/block/*/stat, fio's, and the workload's own.
# shellcheck disable=SC2317 # functions that wait_until and at_exit call
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need fio jq losetup
[[ -e /dev/fuse ]] || skip "no FUSE on this host"
[[ -x $BUILD/workload/slowfuse ]] || skip "slowfuse was not built (no libfuse3)"

# --- the device

slow=$TMP/slow
mkdir "$slow"
"$BUILD/workload/slowfuse" "$slow" 64 &
at_exit end_process $!
at_exit umount "$slow"
wait_until test -e "$slow/disk" || skip "cannot mount FUSE"
loop=$(losetup --find --show --direct-io=on "$slow/disk") || skip "no loop device"
at_exit losetup --detach "$loop"
device=${loop#/dev/}

speed() { # SETTING...
	echo "$*" >"$slow/ctl"
}

# /sys/block/*/stat by name. A flush is counted there twice: as such, and as the write of nothing that
# carried it.
declare -A before after

stat_read() { # NAME
	local -n into=$1
	local s
	read -ra s <"/sys/block/$device/stat"
	# shellcheck disable=SC2034 # a reference
	into=([read]=${s[0]} [read_bytes]=$((s[2] * 512)) [write]=$((s[4] - s[15]))
		[write_bytes]=$((s[6] * 512)) [flush]=${s[15]})
}

device_start() {
	mark
	stat_read before
}

# Compares what was grown since device_start with the kernel's own numbers.
check_device() { # TEXT
	local operation bytes moved
	stat_read after
	for operation in read write flush; do
		moved=$(calc "${after[$operation]} - ${before[$operation]}")
		wait_until grown_to "$moved" \
			seismo_block_io_duration_seconds_count "device=$device" "operation=$operation" phase=device
		is "$moved" \
			"$(grown seismo_block_io_duration_seconds_count "device=$device" "operation=$operation" phase=device)" \
			"$1: $operation requests of the device are the kernel's"
	done
	for operation in read write; do
		bytes=${operation}_bytes
		is "$(calc "${after[$bytes]} - ${before[$bytes]}")" \
			"$(grown seismo_service_block_io_bytes_total "device=$device" "operation=$operation")" \
			"$1: bytes of $operation requests are the kernel's"
	done
}

# Mean duration in seconds, of both phases together, since device_start.
mean() { # OPERATION
	local sum count
	sum=$(grown seismo_block_io_duration_seconds_sum "device=$device" "operation=$1")
	count=$(grown seismo_block_io_duration_seconds_count "device=$device" "operation=$1" phase=device)
	calc "$sum / $count"
}

service_value() { # METRIC OPERATION SERVICE
	value "$1" "service=$3" "device=$device" "operation=$2"
}

start_seismo --probes block

# --- a workload of our own, one request at a time

speed read_us=10000 write_us=8000 fsync_us=12000
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
	is "${requests[$operation]}" \
		"$(service_value seismo_service_block_io_duration_seconds_count "$operation" "w-io-$$")" \
		"$operation requests of the service"
	is "$(calc "${requests[$operation]} * ${size[$operation]}")" \
		"$(service_value seismo_service_block_io_bytes_total "$operation" "w-io-$$")" \
		"bytes of $operation requests of the service"
	mean=$(calc "${seconds[$operation]} / ${requests[$operation]}")
	near "$mean" "$(mean "$operation")" 5 "the mean time of $operation requests is the workload's"
	near "${seconds[$operation]}" \
		"$(service_value seismo_service_block_io_duration_seconds_sum "$operation" "w-io-$$")" 5 \
		"the time of the service's $operation requests is the workload's"
done
between_10_ms=$(calc "$(value seismo_block_io_duration_seconds_sum "device=$device" operation=read phase=device) /
	$(value seismo_block_io_duration_seconds_count "device=$device" operation=read phase=device)")
ok "the time is the device's, not the queue's ($between_10_ms s)" between 0.010 0.011 "$between_10_ms"

# --- errors

speed err=5
io=$(workload blockio "w-eio-$$")
for operation in read write flush; do
	read -r good bad _ < <("$io" "$loop" "$operation" 15)
	is "0 15" "$good $bad" "the workload sees its $operation requests fail"
	is_metric "$bad" "failed $operation requests" \
		seismo_block_io_errors_total "device=$device" "operation=$operation" error=EIO
done
is 45 "$(value seismo_block_io_errors_total "device=$device")" "no other errors"
is 30 "$(calc "$(service_value seismo_service_block_io_duration_seconds_count read "w-eio-$$") +
	$(service_value seismo_service_block_io_duration_seconds_count write "w-eio-$$")")" \
	"requests that fail are requests"
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
	check_device "$text"
	for operation in read write; do
		count=$(fio_says ".$operation.total_ios")
		fio_bytes=$(fio_says ".$operation.io_bytes")
		is "$count" "$(service_value seismo_service_block_io_duration_seconds_count \
			"$operation" "$(basename "$fio-$fio_runs")")" "$text: $operation requests are fio's"
		is "$fio_bytes" "$(service_value seismo_service_block_io_bytes_total \
			"$operation" "$(basename "$fio-$fio_runs")")" "$text: bytes of $operation requests are fio's"
		((count)) && near "$(calc "$(fio_says ".$operation.clat_ns.mean") / 1e9")" "$(mean "$operation")" 5 \
			"$text: the mean time of $operation requests is fio's"
	done
}

fio_says() { # JQ-PATH
	jq ".jobs[0]$1" "$TMP/fio.json"
}

fio_runs=0
run_fio "fio, one reader" --ioengine=psync --rw=randread --number_ios=100
run_fio "fio, reads and writes, 8 at a time" --ioengine=libaio --iodepth=8 --rw=randrw --number_ios=600
run_fio "fio, four threads" --ioengine=psync --thread --numjobs=4 --rw=randwrite --number_ios=50
run_fio "fio, four processes" --ioengine=psync --numjobs=4 --rw=randread --number_ios=50
run_fio "fio, writes with fsync" --ioengine=psync --rw=randwrite --number_ios=40 --fsync=1
is "$(fio_says .sync.total_ios)" "$(grown seismo_block_io_duration_seconds_count \
	"device=$device" operation=flush phase=device)" "flushes are fio's"

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
ok "it took as long as the stall" between 0.5 1.5 "$(mean read)"
stop_seismo
