#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk that hangs completes nothing: requests under way and the age of the oldest, for the device and for the services
# that wait, against /sys/block/*/inflight, the state of the tasks and the clock.
# shellcheck disable=SC2317 # functions that wait_until calls
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"

slow_disk 64

# Requests that the driver has.
kernel_says() {
	local reads writes
	read -r reads writes <"/sys/block/$device/inflight"
	echo $((reads + writes))
}

kernel_has() { # REQUESTS
	[[ $(kernel_says) == "$1" ]]
}

# Starts programs that make a request each, which the disk will not answer; sets pids, and earliest and latest, between
# which they have submitted them.
hang() { # SERVICE OPERATION PROGRAMS
	local io i
	io=$(workload blockio "$1")
	earliest=$EPOCHREALTIME pids=()
	for ((i = 0; i < $3; i++)); do
		"$io" "$loop" "$2" 1 >>"$TMP/$1.out" &
		pids+=($!)
	done
	wait_until tasks_hang "${pids[@]}" || bail "the requests of $1 do not hang"
	latest=$EPOCHREALTIME
}

# In uninterruptible sleep.
tasks_hang() { # PID...
	local pid state
	for pid; do
		state=$(sed 's/.*) //' "/proc/$pid/stat") && [[ $state == D* ]] || return
	done
}

# The age of a request that was submitted between these two moments.
is_age() { # EARLIEST LATEST TEXT METRIC LABEL=VALUE...
	local low high
	wait_until has_age "${@:1:2}" "${@:4}"
	ok "$3" between "$low" "$high" "$(value "${@:4}")"
}

# Sets low and high, between which it has to be.
has_age() { # EARLIEST LATEST METRIC LABEL=VALUE...
	low=$(calc "$EPOCHREALTIME - $2 - 0.3")
	scrape
	high=$(calc "$EPOCHREALTIME - $1")
	between "$low" "$high" "$(value "${@:3}")"
}

in_flight() {
	value_or_0 seismo_block_io_in_flight "device=$device"
}

is_in_flight() { # NUMBER TEXT
	is_metric "$1" "$2" seismo_block_io_in_flight "device=$device"
}

# Nothing is under way: the gauges are there, and 0.
is_quiet() { # TEXT
	wait_until quiet
	is "0 0 0 0" "$(kernel_says) $(in_flight) $(value seismo_block_io_oldest_seconds "device=$device") \
$(value seismo_service_block_io_oldest_seconds "device=$device")" "$1"
}

quiet() {
	scrape
	[[ "$(in_flight) $(value_or_0 seismo_service_block_io_oldest_seconds "device=$device")" == "0 0" ]]
}

# Others on this machine may start more services than there is room for by default.
echo "limits: { services: 4000, series: $series_max }" >"$CONFIG"
start_seismo --probes block
reader=w-reader-$$ flusher=w-flusher-$$

# A device is known from its first request on.
"$(workload blockio "w-first-$$")" "$loop" read 3 >/dev/null
wait_until is_value 0 seismo_block_io_in_flight "device=$device"
is "0 0" "$(value seismo_block_io_in_flight "device=$device") $(value seismo_block_io_oldest_seconds "device=$device")" \
	"a device at rest has nothing under way"

# --- four reads that do not return

speed stall=1
hang "$reader" read 4
readers=("${pids[@]}") reads_earliest=$earliest reads_latest=$latest
wait_until kernel_has 4
sleep 1.5
is_in_flight "$(kernel_says)" "what the kernel has under way"
ok "four tasks wait for it" tasks_hang "${readers[@]}"
is_age "$reads_earliest" "$reads_latest" "the oldest request of the device is as old as it is" \
	seismo_block_io_oldest_seconds "device=$device"
is_age "$reads_earliest" "$reads_latest" "and it is that of the service" \
	seismo_service_block_io_oldest_seconds "device=$device" "service=$reader"
is 0 "$(value_or_0 seismo_service_block_io_duration_seconds_count "service=$reader")" "none of them has completed"

# --- a flush that does not return, of another service, later

hang "$flusher" flush 1
flushers=("${pids[@]}")
sleep 0.5
is_age "$earliest" "$latest" "a flush is as old as it is" \
	seismo_service_block_io_oldest_seconds "device=$device" "service=$flusher"
is_age "$reads_earliest" "$reads_latest" "the reads are older, and the device's oldest" \
	seismo_block_io_oldest_seconds "device=$device"
is_in_flight 5 "a flush is under way too"

# --- a daemon that starts while the disk hangs finds what it has not seen begin

stop_seismo
start_seismo --probes block
hang "w-later-$$" read 1
later=("${pids[@]}")
if [[ $(printf '%s\n' 5.11 "$(uname -r)" | sort -V | head -n 1) == 5.11 ]]; then
	is_in_flight 6 "requests from before the daemon, and one from after its start"
	is_age "$reads_earliest" "$reads_latest" "the oldest is from before it" \
		seismo_block_io_oldest_seconds "device=$device"
else
	skip_one "requests from before the daemon" "kernels before 5.11 do not have all disks in one list"
fi
is_age "$earliest" "$latest" "that of a service from after it is not" \
	seismo_service_block_io_oldest_seconds "device=$device" "service=w-later-$$"

# --- the disk answers

speed stall=0
wait "${later[@]}"
wait "${readers[@]}" "${flushers[@]}"
is_quiet "nothing is under way when the disk has answered"
is "1 0" "$(sort -u <(cut -d' ' -f1,2 "$TMP/$reader.out" "$TMP/$flusher.out"))" "and all have what they asked for"
is_metric 6 "all six have completed" seismo_service_block_io_duration_seconds_count "device=$device"
is "" "$(value seismo_service_block_io_duration_seconds_count service=other)" "none of them is other's"

# --- the disk fails

speed stall=1
hang "$reader" read 2
sleep 0.3
is_in_flight 2 "two more"
is_age "$earliest" "$latest" "requests use what others have used before: they are not as old as those" \
	seismo_block_io_oldest_seconds "device=$device"
speed stall=0 err=5
wait "${pids[@]}"
is_quiet "nothing is under way when it has failed"
stop_seismo
