#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# System calls: counts equal strace's and the workload's own, in every mode, with one thread and with many,
# on a busy machine and while being scraped.
# alone: each call of it is counted while the machine is busy, by its own doing

# Two runs make the same calls when their libraries are at the same addresses: how much of a mapping the loader
# gives back depends on that.
if ! ((0x$(</proc/self/personality) & 0x40000)) && setarch -R true 2>/dev/null; then
	exec setarch -R "$0"
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need strace

threads=$((200 / scale))
rounds=$((2000 / scale))
busy_rounds=$((20000 / scale))

# Sums of the workload's own words, as `series by=` would print them: "KEY NUMBER" sorted by KEY.
own() { # KEY-COLUMN FILE
	awk -v key="$1" '{ sum[$key] += $3 } END { for (k in sum) print k, sum[k] }' "$2" | sort
}

own_errors() { # FILE
	awk '$4 != "-" { sum[$1 " " $4] += $3 } END { for (k in sum) print k, sum[k] }' "$1" | sort
}

# Lines "KEY NUMBER" of the first that differ from the second by it, as the second has the start of the
# program only.
less() { # FILE FILE
	awk 'NR == FNR { start[$1] = $2; next } $2 != start[$1] { print $1, $2 - start[$1] }' "$2" "$1"
}

# The table of `strace -c`, without its head and its total.
strace_table() { # FILE COLUMN
	awk -v column="$2" '
	/^-----/ { inside = !inside; next }
	inside && $column { print $1, $column }' "$1" | sort
}

counts() { # SERVICE
	series by=syscall seismo_syscalls_total "service=$1"
}

classes() { # SERVICE
	series by=class seismo_syscall_duration_seconds_count "service=$1"
}

# Every "SYSCALL ERRNO NUMBER" of a service for the syscalls of the workload's own table.
errors() { # SERVICE OWN-TABLE
	local call errno
	while read -r call errno _; do
		echo "$call $errno $(value_or_0 seismo_syscall_errors_total "service=$1" "syscall=$call" "errno=$errno")"
	done <"$2"
}

# Keeps the lines of the second file whose first word is one of the first file's.
only() { # FILE FILE
	awk 'NR == FNR { wanted[$1]; next } $1 in wanted' "$1" "$2"
}

total() { # FILE
	awk '{ sum += $NF } END { print sum + 0 }' "$1"
}

# All of them are there, or were counted as unknown.
is_all() { # SERVICE EXPECTED ACTUAL TEXT
	is_but_lost "$2" "$(sed '/^unknown /d' <<<"$3")" "$4" seismo_syscalls_total "service=$1"
}

# --- what it should be: another program's count of the same run, and the workload's own

reference=$(workload syscall reference)
for t in 1 "$threads"; do
	strace -f -c -U name,calls,errors -o "$TMP/strace.$t" "$reference" loop "$t" "$rounds" >"$TMP/own.$t"
	strace_table "$TMP/strace.$t" 2 >"$TMP/strace-calls.$t"
	strace_table "$TMP/strace.$t" 3 >"$TMP/strace-errors.$t"
	own 1 "$TMP/own.$t" >"$TMP/own-calls.$t"
	own_errors "$TMP/own.$t" >"$TMP/own-errors.$t"
done

# One run, compared with everything that is known about it.
check_run() { # TEXT THREADS PROGRAM ROUNDS
	local text=$1 t=$2 name
	name=$(basename "$3")
	mark
	"$3" loop "$t" "$4" >"$TMP/own"
	is_metric "$(($4 + 0))" "$text: getppid" seismo_syscalls_total "service=$name" syscall=getppid
	counts "$name" >"$TMP/counts"
	own 1 "$TMP/own" >"$TMP/own-calls"
	own_errors "$TMP/own" >"$TMP/own-errors"
	is_all "$name" "$(cat "$TMP/own-errors")" "$(errors "$name" "$TMP/own-errors")" \
		"$text: the errors by errno are the workload's"
}

check_against_strace() { # TEXT THREADS PROGRAM
	local name
	name=$(basename "$3")
	if (($2 == 1)); then
		is_all "$name" "$(cat "$TMP/strace-calls.1")" "$(cat "$TMP/counts")" \
			"$1: the calls are strace's, from the first to the last"
		is "$(total "$TMP/strace-calls.1")" "$(total "$TMP/counts")" "$1: and so is their number"
	else
		{ cat "$TMP/own-calls"; echo clone3; } >"$TMP/wanted"
		is_all "$name" "$(only "$TMP/wanted" "$TMP/strace-calls.$2")" "$(only "$TMP/wanted" "$TMP/counts")" \
			"$1: the calls of the loop and the starts of threads are strace's"
	fi
	series by=syscall seismo_syscall_errors_total "service=$name" >"$TMP/errors"
	is_all "$name" "$(only "$TMP/own-calls" "$TMP/strace-errors.$2")" "$(only "$TMP/own-calls" "$TMP/errors")" \
		"$1: the errors by call are strace's"
}

# The calls of the loop alone: what a run has more than one that only starts and ends.
check_against_own() { # TEXT THREADS PROGRAM
	local name start
	name=$(basename "$3")
	start=$(workload syscall "start-$name")
	"$start" loop "$2" 0 >"$TMP/start-own"
	is_metric "$(value seismo_syscalls_total "service=$name" syscall=execve)" "$1: the start" \
		seismo_syscalls_total "service=start-$name" syscall=execve
	counts "start-$name" >"$TMP/start-counts"
	less "$TMP/counts" "$TMP/start-counts" >"$TMP/loop-counts"
	is_all "$name" "$(cat "$TMP/own-calls")" "$(only "$TMP/own-calls" "$TMP/loop-counts")" \
		"$1: the calls of the loop are the workload's own count"
}

for mode in count sampled full; do
	start_seismo --probes "syscall=$mode"
	for t in 1 "$threads"; do
		program=$(workload syscall "w-$mode-$t-$$")
		check_run "$mode, $t threads" "$t" "$program" "$rounds"
		check_against_strace "$mode, $t threads" "$t" "$program"
		check_against_own "$mode, $t threads" "$t" "$program"
	done
	if [[ $mode == full ]]; then
		# shellcheck disable=SC2154 # name of the last single-threaded run
		name=w-full-1-$$
		classes "$name" >"$TMP/classes"
		classes "start-$name" >"$TMP/start-classes"
		less "$TMP/classes" "$TMP/start-classes" >"$TMP/loop-classes"
		own 2 "$TMP/own.1" >"$TMP/own-classes"
		is "$(cat "$TMP/own-classes")" "$(only "$TMP/own-classes" "$TMP/loop-classes")" \
			"full: each class has as many durations as it has calls"
		is "$(total <(counts "$name"))" "$(total "$TMP/classes")" \
			"full: every call that was counted was timed"
	else
		stop_seismo
	fi
done

# --- a busy machine, scraped ten times a second, all calls timed

spinners=()
# All of it at the lowest priority, so that the daemon is scraped as often as it is asked.
for _ in 1 2; do
	background nice -n 19 sh -c 'while :; do :; done'
	spinners+=($!)
done
mark
start_scraping
program=$(workload syscall "w-busy-$$")
runs=$((scale > 1 ? 2 : 6))
# A fast machine is through with them before it has scraped often.
for ((run = 0; run < runs || (run < 10 * runs && $(find "$TMP/scrapes" -name '1*' | wc -l) * scale < 12); run++)); do
	nice -n 19 "$program" loop "$threads" "$busy_rounds" >"$TMP/own.busy.$run"
done
runs=$run
stop_scraping $((10 / scale))
for pid in "${spinners[@]}"; do
	end_process "$pid" 2>/dev/null
done
cat "$TMP"/own.busy.* >"$TMP/own"
own 1 "$TMP/own" >"$TMP/own-calls"
own_errors "$TMP/own" >"$TMP/own-errors"
is_metric $((runs * busy_rounds)) "busy: getppid" seismo_syscalls_total "service=w-busy-$$" syscall=getppid
is "$(cat "$TMP/own-errors")" "$(errors "w-busy-$$" "$TMP/own-errors")" "busy: the errors by errno are the workload's"
is "$(total <(counts "w-busy-$$"))" "$(total <(classes "w-busy-$$"))" "busy: every call that was counted was timed"

# --- durations, and calls that are not like the others

mark
program=$(workload syscall "w-sleep-$$")
began=${EPOCHREALTIME/./}
"$program" sleep 50
took=$(calc "(${EPOCHREALTIME/./} - $began) / 1e6")
is_metric 50 "50 sleeps of 10 ms" \
	seismo_syscall_duration_seconds_count "service=w-sleep-$$" class=sleep
# The bucket bounds around 10 ms are not ours to choose: all are above the last that is below 10 ms, and
# at least 45 below the first that is above 15 ms.
is 0 "$(count_below 0.01 seismo_syscall_duration_seconds "service=w-sleep-$$" class=sleep)" \
	"no sleep is in a bucket below 10 ms"
if ((scale == 1)) && between 0 0.6 "$took"; then
	ok "they are in the buckets right above" between 45 50 "$(awk '
		$1 != "+Inf" && $1 > 0.015 && (!high || $1 < high) { high = $1; n = $2 }
		END { print n + 0 }' < <(series by=le seismo_syscall_duration_seconds_bucket "service=w-sleep-$$" class=sleep))"
elif ((scale == 1)); then
	skip_one "they are in the buckets right above" "this machine was late to wake them ($took s)"
fi
ok "their sum is 0.5 s and a little" between 0.5 "$took" \
	"$(value seismo_syscall_duration_seconds_sum "service=w-sleep-$$" class=sleep)"

mark
program=$(workload syscall "w-signal-$$")
"$program" signal 1000
is_metric 1000 "returns from signal handlers" \
	seismo_syscalls_total "service=w-signal-$$" syscall=rt_sigreturn
is 0 "$(value_or_0 seismo_syscall_errors_total "service=w-signal-$$" syscall=rt_sigreturn)" \
	"a return from a signal handler is no error"

# What the program sees; the kernel's own codes for calls that a signal interrupts are no errors.
name=w-interrupt-$$
"$(workload slowcall "$name")" interrupt 20 >"$TMP/own"
is_metric 60 "returns from the handlers of signals that interrupt calls" seismo_syscalls_total "service=$name" syscall=rt_sigreturn
errors "$name" "$TMP/own" >"$TMP/errors"
if [[ $(uname -m) == x86_64 ]]; then
	is "$(cat "$TMP/own")" "$(cat "$TMP/errors")" "interrupted calls have the errors that the program sees"
fi
is "" "$(grep "^seismo_syscall_errors_total{service=\"$name\".*errno=\"\(ERESTART\|[0-9]\)" "$METRICS"
	series by=errno seismo_syscall_errors_total "service=$name" syscall=rt_sigreturn)" \
	"no error is one that the program does not see"

mark
program=$(workload syscall "w-int80-$$")
if "$program" int80 1000; then
	is_metric 1000 "32-bit calls are not taken for 64-bit ones of the same number" \
		seismo_syscalls_total "service=w-int80-$$" syscall=other
	is 0 "$(value_or_0 seismo_syscalls_total "service=w-int80-$$" syscall=semget)" "nothing is counted as semget"
else
	skip_one "32-bit calls" "no 32-bit entry on this host"
fi
stop_seismo

start_seismo --probes syscall=off,process
program=$(workload syscall "w-off-$$")
"$program" loop 1 1 >/dev/null
is_metric 1 "the process was seen" seismo_process_starts_total "service=w-off-$$"
is 0 "$(grep -c '^seismo_syscall' "$METRICS")" "mode off counts no calls"
stop_seismo
