#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo attach: calls and errors equal those of strace -f -c, and what else it tells those that did it.

# Two runs make the same calls when their libraries are at the same addresses.
if ! ((0x$(</proc/self/personality) & 0x40000)) && setarch -R true 2>/dev/null; then
	exec setarch -R "$0"
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need strace fio script unshare

found=$TMP/found.json

attach() { # OPTION...
	"$SEISMO" attach --state-dir "$TMP/state" --config "$CONFIG" "$@"
}

# Returns when it is attached; $attached is its pid.
attach_to() { # OPTION...
	: >"$TMP/attached" # the one before is no answer
	attach "$@" >"$found" 2>"$TMP/attached" &
	attached=$!
	at_exit end_process $attached
	wait_until grep -q 'attached to' "$TMP/attached"
}

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

fio --name=x --filename="$TMP/fio" --size=4m --rw=write --bs=64k --end_fsync=1 --output=/dev/null
attach --format json --output "$found" -- fio --name=x --filename="$TMP/fio" --size=4m --rw=randread --bs=4k --ioengine=psync \
	--direct=1 --number_ios=500 --output-format=json --output="$TMP/fio.json" >/dev/null
ios=$(jq '.jobs[0].read.total_ios' "$TMP/fio.json")
ok "fio: its reads, and two of its libraries'" between "$ios" $((ios + 3)) "$(what '.calls[] | select(.call == "pread64").calls_total')"
near "$(jq '.jobs[0].read.clat_ns.percentile["50.000000"] / 1e9' "$TMP/fio.json")" \
	"$(what '.calls[] | select(.call == "pread64").p50_seconds')" 20 "fio: its median"
is "$TMP/fio" "$(what '.calls[] | select(.call == "pread64").slowest.file')" "the file of the slowest read"

# --- what the families count for it, they count for its service as ever

mark
counted=$(workload syscall "w-attached-$$")
"$counted" loop 1 $((40000 / scale)) >"$TMP/own" &
worker=$!
attach --duration 300ms --format json --output "$found" "$worker" 2>/dev/null
wait "$worker"
is_metric $((40000 / scale)) "attached to for a while, no call of the service is counted twice or lost" \
	seismo_syscalls_total "service=w-attached-$$" syscall=getppid

need redis-server redis-benchmark
own_copy redis-server
"redis-server-$$" --port 6399 --save "" --dir "$TMP" >/dev/null &
at_exit end_process $!
wait_until redis-cli -p 6399 ping
attach_to --format json --duration 60s $!
redis-benchmark -p 6399 -n 1000 -c 3 -t set -q >/dev/null
kill -INT "$attached"
wait "$attached"
ok "requests: those of the benchmark, and some more of its own" between 1000 1020 "$(what '[.metrics[] | select(.metric == "seismo_requests_total" and
	.labels.direction == "inbound" and .labels.protocol == "redis").value_total] | add')"
ok "connections: those that it accepted" between 3 6 "$(what '[.calls[] | select(.call | startswith("accept")) | .calls_total - .errors_total] | add')"

# --- each slow call as it happens

attach --slow 50ms --format json --output "$found" -- sh -c "sleep 0.2; sync -f $TMP; exec $BUILD/workload/slowcall pipe 3" >/dev/null 2>&1
ok "with --slow each line is a document" jq -es 'length >= 1' "$found"
is 0 "$(jq -s '[.[] | select(.call == "clock_nanosleep" or .call == "wait4")] | length' "$found")" "what waits on purpose is not slow"

# --- a process that runs

sleep 1000 &
sleeper=$!
at_exit end_process $sleeper
attach --duration 300ms --format json "$sleeper" >"$found"
is "0 sleep true" "$(what '[(.calls | length), .process.command, .blocked.sleep_seconds > 0.2] | join(" ")')" \
	"one that sleeps makes no calls, and is asleep"
attach_to --duration 30s --format json "$sleeper"
kill -INT $attached
wait $attached
is "0 attached" "$? $(what .state | sed 's/ended/attached/')" "Ctrl-C ends it, with a summary"
is "$sleeper" "$(pgrep -P $$ -x sleep)" "and not the process"
attach_to --format json "$sleeper"
kill -KILL $sleeper
wait $attached
is "0 9" "$? $(what .process.signal)" "it ends with the process, and says how that ended"

attach -- sh -c 'kill -SEGV $$' >"$TMP/text"
is 0 $? "a command that is killed is no failure of ours"
ok "its end is told" grep -q 'killed by SIGSEGV (11)' "$TMP/text"
ok "and what it did last" grep -q 'kill(' "$TMP/text"

signals() { # WRAPPER... with signals that somebody has had ignored
	(
		trap '' TERM USR1
		"$@" grep -E '^Sig(Blk|Ign)' /proc/self/status
	)
}
is "$(signals)" "$(signals attach --output "$TMP/text" --)" "a command has the signals that it would have without us"

# --- PID namespaces

unshare --pid --fork --mount-proc sh -c 'sleep 1000 & wait' &
at_exit end_process $!
wait_until pgrep -f '^sleep 1000$'
inner=$(pgrep -f '^sleep 1000$' | tail -n 1)
at_exit kill "$inner"
attach --duration 200ms --format json "$inner" >"$found"
inside=$(awk '/^NSpid/ { print $NF }' "/proc/$inner/status")
is "$inside" "$(what .process.pid_inside)" "its number in its own PID namespace"

# --- what it refuses

refused() { # STATUS PATTERN OPTION...
	attach "${@:3}" >"$TMP/out" 2>"$TMP/err"
	is "$1" $? "status of: attach ${*:3}"
	ok "it says why" grep -q "$2" "$TMP/err"
}
refused 2 'there is no process 4194303' 4194303
refused 2 'is the kernel thread kthreadd' 2
refused 2 'is no process id' bogus
refused 2 "which process" --format json
refused 2 "no command 'nonexistent-$$'" -- "nonexistent-$$"

sleep 1000 &
sleeper=$!
at_exit end_process $sleeper
attach_to --duration 30s $sleeper
refused 2 'attached to .* already' $sleeper
kill -INT $attached
wait $attached

# --- output

attach -- seq 100000 | head -n 1 >"$TMP/text"
is 1 "$(cat "$TMP/text")" "a closed pipe ends it"
script -qec "stty cols 40; $SEISMO attach --state-dir $TMP/state --config $CONFIG --duration 1500ms $$" /dev/null >"$TMP/tty" 2>&1 </dev/null
ok "a terminal has a table that is refreshed" grep -q $'\033\\[[0-9]*A' "$TMP/tty"

attach_to --duration 60s --format json $sleeper
stop_seismo
wait $attached
is "3 sleep" "$? $(what .process.command)" "the daemon ends: status 3, with what it had found"

# --- without a daemon

attach --format json --output "$found" -- true
is "0 ended" "$? $(what .state)" "without a daemon it has one of its own"
