#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo attach: calls and errors equal those of strace -f -c, and what else it tells those that did it.

# Two runs make the same calls when their libraries are at the same addresses.
if ! ((0x$(</proc/self/personality) & 0x40000)) && setarch -R true 2>/dev/null; then
	exec setarch -R "$0"
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/attach.sh
. "$(dirname "$0")/attach.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"
need strace fio redis-server redis-benchmark

found=$TMP/found.json

# What was found last: a filter of jq.
what() { # FILTER
	jq -r "$1" "$found"
}

# "CALL COUNT ERRORS" of a command, without the calls whose number depends on who comes first.
theirs() { # COMMAND...
	strace -f -c -U name,calls,errors -o "$TMP/strace" "$@" >/dev/null 2>&1
	awk '/^-----/ { inside = !inside; next } inside && $1 != "futex" { print $1, $2, $3 + 0 }' "$TMP/strace" | sort
}

ours() { # COMMAND...
	attach --format json --output "$found" -- "$@" >/dev/null 2>&1
	what '.calls[] | select(.call != "futex") | "\(.call) \(.calls_total) \(.errors_total)"' | sort
}

start_seismo --probes all

# --- the same calls as strace

is_strace() { # TEXT COMMAND...
	is "$(theirs "${@:2}")" "$(ours "${@:2}")" "$1: calls and errors are strace's"
	is "0 0" "$(what '.lost | "\(.tasks_total) \(.events_total)"')" "$1: nothing is lost"
}

syscall=$BUILD/workload/syscall
is_strace "one thread" "$syscall" loop 1 $((500 / scale))
is_strace "500 threads" "$syscall" loop 500 $((500 / scale))
is 499 "$(what .processes.threads_started_total)" "500 threads: as many were started"
# shellcheck disable=SC2016 # the other shell's
is_strace "children" bash -c 'for i in 1 2 3; do /bin/ls / >/dev/null; cat /nonexistent; done; (exit 7)'
is "7 3 3 2" "$(what '[.processes.started_total, .processes.exit_status["0"], .processes.exit_status["1"], .processes.exit_status["7"]] | join(" ")')" \
	"children: how they ended"

forks=$((1000 / scale))
ours "$(workload process "fork-$$")" end "ok:$forks" >/dev/null
is "$forks" "$(what .processes.started_total)" "$forks children, as fast as they come: all were followed"
is "$((forks + 1))" "$(what .processes.ended_total)" "and to their ends"

# --- files, disks: fio's own figures

fio_reads() { # FILE NUMBER
	attach --format json --output "$found" -- fio --name=x --filename="$1" --size=4m --rw=randread --bs=4k --ioengine=psync \
		--direct=1 --number_ios="$2" --output-format=json --output="$TMP/fio.json" >/dev/null
}
file=$TMP/$(printf 'f%.0s' {1..200})
fio --name=x --filename="$file" --size=4m --rw=write --bs=64k --end_fsync=1 --output=/dev/null
fio_reads "$file" 500
ios=$(jq '.jobs[0].read.total_ios' "$TMP/fio.json")
ok "fio: its reads, and two of its libraries'" between "$ios" $((ios + 3)) "$(what '.calls[] | select(.call == "pread64").calls_total')"
is "$file" "$(what '.calls[] | select(.call == "pread64").slowest.file')" "the file of the slowest read"
# Of a disk that takes its time: to look at a call takes as long as some disks.
slow_disk 64
speed read_us=5000
fio_reads "$loop" 100
near "$(jq '.jobs[0].read.clat_ns.percentile["50.000000"] / 1e9' "$TMP/fio.json")" \
	"$(what '.calls[] | select(.call == "pread64").p50_seconds')" 20 "fio: its median"

# --- what the families count for it, they count for its service as ever

mark
counted=$(workload syscall "w-attached-$$")
"$counted" loop 1 $((40000 / scale)) >"$TMP/own" &
worker=$!
attach --duration 300ms --format json --output "$found" "$worker" 2>/dev/null
wait "$worker"
is_metric $((40000 / scale)) "attached to for a while, no call of the service is counted twice or lost" \
	seismo_syscalls_total "service=w-attached-$$" syscall=getppid

own_copy redis-server
"redis-server-$$" --port 6399 --save "" --dir "$TMP" >/dev/null &
at_exit end_process $!
wait_until redis-cli -p 6399 ping
attach_to --format json --output "$found" $!
redis-benchmark -p 6399 -n 1000 -c 3 -t set -q >/dev/null
detach
ok "requests: those of the benchmark, and some more of its own" between 1000 1020 "$(what '[.metrics[] | select(.metric == "seismo_requests_total" and
	.labels.direction == "inbound" and .labels.protocol == "redis").value_total] | add')"
ok "connections: those that it accepted" between 3 6 "$(what '[.calls[] | select(.call | startswith("accept")) | .calls_total - .errors_total] | add')"

