#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How long system calls take, by the program's own clock: those that are slow are timed in every mode, and once; the others
# count for as many as there were.
# alone: it compares times

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

duration=seismo_syscall_duration_seconds
# Deviations in percent: of a sum of long calls, and of one whose short calls are estimated.
exact=$((scale > 1 ? 40 : 3)) close=$((scale > 1 ? 40 : 6))

# Runs the workload under a name of its own, sets `name`, and `seconds` to what it says.
run() { # NAME OPTION...
	name=$1-$$
	"$(workload slowcall "$name")" "${@:2}" >"$TMP/said" || bail "slowcall ${*:2}"
	read -r _ seconds <"$TMP/said"
}

sum_of() { # CLASS
	value "${duration}_sum" "service=$name" "class=$1"
}

count_of() { # CLASS
	value_or_0 "${duration}_count" "service=$name" "class=$1"
}

# How many took longer than that, which is the bound of a bucket.
above() { # SECONDS CLASS
	local below
	below=$(value "${duration}_bucket" "service=$name" "class=$2" "le=$1")
	calc "$(count_of "$2") - ${below:-0}"
}

# So many calls of a class took longer than a bound, as many seconds in all as the program says, within PERCENT.
is_slow() { # BOUND COUNT CLASS PERCENT TEXT
	wait_until slow_are "$1" "$2" "$3"
	is "$2" "$(above "$1" "$3")" "$5: there are as many"
	near "$seconds" "$(sum_of "$3")" "$4" "$5: their time"
}

slow_are() { # BOUND COUNT CLASS
	scrape
	[[ $(above "$1" "$3") == "$2" ]]
}

# --- in each mode: 98 of 100 reads are short, the others take most of the time

before_start() {
	mkfifo "$TMP/fifo"
	exec {fifo}<>"$TMP/fifo"
	early=w-early-$$
	background "$(workload slowcall "$early")" once "$TMP/fifo" >"$TMP/early"
	early_pid=$!
	wait_until grep -q "^State:.S" "/proc/$early_pid/status" || bail "it does not wait"
}

reads_are() { # AT-LEAST
	scrape
	(($(value_or_0 seismo_syscalls_total "service=$name" syscall=read) >= $1))
}

echo "probes: { syscall: { mode: count, slow: 60s } }" >"$CONFIG"
start_seismo
run w-none mix 16 9 32 100
ok "count: reads" wait_until reads_are 320
is 0 "$(count_of read)" "count: none is as slow as the configuration says"
sed -i "s/60s/200ms/" "$CONFIG"
: >"$TMP/seismo.err"
kill -HUP "$seismo_pid"
wait_until grep -q "in effect" "$TMP/seismo.err"
run w-count mix 16 49 64 400
is_slow 0.25 64 read "$exact" "count: reads of 400 ms"
is 64 "$(count_of read)" "count: no other read has a duration"
stop_seismo
: >"$CONFIG"

for mode in full sampled; do
	[[ $mode == full ]] || before_start
	start_seismo --probes "syscall=$mode"
	run "w-mix-$mode" mix 16 49 64 400
	is_slow 0.25 64 read "$close" "$mode: reads of 400 ms"
	reads=$(value seismo_syscalls_total "service=$name" syscall=read)
	unknown=$(value_or_0 seismo_syscalls_total "service=$name" syscall=unknown)
	ok "$mode: the program's reads were counted, $unknown of them as unknown" between 3200 3210 $((reads + unknown))
	is "$(calc "$reads + $(value_or_0 seismo_syscalls_total "service=$name" syscall=pread64)")" "$(count_of read)" \
		"$mode: each read has a duration"
	near "$(calc "$seconds / 3200")" "$(calc "$(sum_of read) / $(count_of read)")" "$close" "$mode: the mean of all"
	curl -sS "$SEISMO_URL/api/v1/query?metric=$duration&window=10m&where=service=$name,class=read" >"$TMP/answer"
	near "$(calc "$seconds / 64")" "$(jq '.groups[0].p99_seconds' "$TMP/answer")" 9 "$mode: 2 of 100 take that long"
	[[ $mode == sampled ]] || stop_seismo
done

# --- in the default mode

echo >&"$fifo"
wait "$early_pid"
is_metric 1 "a read that was under way at the start" seismo_syscalls_total "service=$early" syscall=read
name=$early
ok "is not said to be as long as the daemon could see it" between 0 0.1 "$(value_or_0 "${duration}_sum" "service=$name" class=read)"

run w-pieces pieces 10 8 20
is_slow 0.125 10 network "$exact" "receives that sleep eight times"

run w-stop stop 2
is_metric 200 "calls after it was stopped" seismo_syscalls_total "service=$name" syscall=getppid
for class in process signal; do
	is 0 "$(above 0.125 "$class")" "the time that a program is stopped is no call's: $class"
done

run w-killed killed 5 300
is_slow 0.25 5 read "$close" "reads in which the program was killed"

fuse=$TMP/fuse
if [[ -e /dev/fuse && -x $BUILD/workload/slowfuse ]] && mkdir "$fuse" &&
	background "$BUILD/workload/slowfuse" "$fuse" 1 && at_exit umount -l "$fuse" && wait_until test -e "$fuse/disk"; then
	echo fsync_us=50000 >"$fuse/ctl"
	run w-sync sync "$fuse/disk" 20
	is_slow 0.03125 20 sync "$exact" "fsync of 50 ms"
	is 20 "$(count_of sync)" "fsync is alone in its class"
	is 0 "$(above 0.03125 writeback)" "sync_file_range, which is not slow, is in another"
else
	skip_one "fsync" "no FUSE on this host"
fi

# Two on one CPU, which only compute: each is preempted within its reads.
taskset -p -c 0 $BASHPID >/dev/null
background "$(workload slowcall "w-rival-$$")" compute 1000 64
run w-compute compute 8 256
end_process $! 2>/dev/null
is_slow 0.03125 8 read $((scale > 1 ? 60 : 20)) "reads that compute and are preempted"
stop_seismo
