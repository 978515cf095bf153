#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo attach: in which stacks a process waits, for how long, and who wakes it, against what the process measures itself.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"
need jq

waits=$BUILD/workload/waits
found=$TMP/found.json
seconds=$scale

attach() { # OPTION...
	"$SEISMO" attach --state-dir "$TMP/state" --config "$CONFIG" --format json --output "$found" "$@"
}

# Attaches to a process that waits in one way, from its start to its end; what that says is in $TMP/waits.
watch() { # KIND [FILE]
	attach -- "$waits" "$1" "$seconds" "${@:2}" >"$TMP/waits" 2>&1
}

said() { # holder|waiter FIELD
	awk -v who="$1" -v field="$2" '$1 == who { print $field }' "$TMP/waits"
}

# Seconds, until it is on a CPU again, of the rows that have this function in their stack, and for which the filter holds.
spent() { # FUNCTION FILTER
	jq --arg f "$1" "[.blocked_in[] | select(any(.frames[]; .function == \$f)) | select($2) | .blocked_seconds + .run_queue_wait_seconds] | add // 0" "$found"
}

is_spent() { # EXPECTED FUNCTION FILTER TEXT
	local got
	got=$(spent "$2" "$3")
	near "$1" "$got" 15 "$4"
	between "$(calc "$1 * 0.85")" "$(calc "$1 * 1.15")" "$got" ||
		jq -c '.blocked_in_error, .blocked_in_pending_total, (.blocked_in[] | [.waits_for, .blocked_seconds, .waker, [.frames[].function]])' "$found" | comment
}

# shellcheck disable=SC2119 # without options
start_seismo

watch lock
waited=$(said waiter 3) holder=$(said holder 2)
is_spent "$waited" wait_lock '.waits_for == "lock"' "a mutex: it waits for a lock"
is_spent "$waited" wait_lock ".waker.tid == $holder" "and who holds it wakes it"
is_spent "$waited" waiter '.waits_for == "lock" and .call == "futex"' "in the function that was called by another one"
is 0 "$(jq .blocked_in_lost_total "$found")" "nothing is lost"

watch condition
is_spent "$(said waiter 3)" wait_condition '.waits_for == "condition" and .waker.kind == "thread"' \
	"a condition variable: another thread wakes it, which is no lock"

watch poll
is_spent "$(said waiter 3)" waiter '.waits_for == "idle" and (.call | test("poll"))' "poll: it waits on purpose"
is_spent "$(said waiter 3)" waiter '(.call | test("poll")) and .waker.kind == "interrupt"' "and a timer wakes it"

slow_disk 64
speed read_us=20000
watch read "$loop"
is_spent "$(said waiter 3)" wait_read '.waits_for == "disk"' "a slow disk: it waits for a disk"
is_spent "$(said waiter 3)" wait_read '.waker.kind != "thread"' "and no thread of a program wakes it"

# A task that does not wake up, and has slept since before anybody looked.
speed stall=1
background "$waits" read 1 "$loop"
at_exit speed stall=0
pid=$!
hangs() { # one of its threads
	cat "/proc/$pid/task/"*/status | grep -q '^State:.D'
}
wait_until hangs
attach --duration 2s "$pid" >/dev/null 2>&1
speed stall=0
is_spent "$(jq .elapsed_seconds "$found")" wait_read '.waits_for == "disk" and .since_before' "a disk that hangs: since before, at least since then"
