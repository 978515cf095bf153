#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo attach: to whom it attaches, what it says of those to whom it cannot, how it ends, and where its output goes.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/attach.sh
. "$(dirname "$0")/attach.sh"
need jq strace script unshare setpriv

found=$TMP/found.json

# What was found last: a filter of jq.
what() { # FILTER
	jq -r "$1" "$found"
}

# shellcheck disable=SC2119 # without options
start_seismo

# Starts one that sleeps, `sleeper`; it is that, and no longer this shell, when this returns.
sleeper_start() {
	sleep 1000 &
	sleeper=$!
	at_exit end_process $sleeper
	wait_until sleeps $sleeper
}
sleeps() { # PID
	[[ $(<"/proc/$1/comm") == sleep ]] && grep -q '^State:.S' "/proc/$1/status"
}

# --- a process that runs

sleeper_start
attach --duration 300ms --format json "$sleeper" >"$found"
is "0 sleep true" "$(what '[(.calls | length), .process.command, .blocked.sleep_seconds > 0.2] | join(" ")')" \
	"one that sleeps makes no calls, and is asleep"
attach_to --format json --output "$found" "$sleeper"
detach
is "0 attached" "$? $(what .state | sed 's/ended/attached/')" "Ctrl-C ends it, with a summary"
is "$sleeper" "$(pgrep -P $$ -x sleep)" "and not the process"
attach_to --format json --output "$found" "$sleeper"
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

# --- processes whose first thread is not the one that goes on

leader=$BUILD/workload/leader
attach --format json --output "$found" -- "$leader" gone 500 </dev/null
is "7 500" "$(what '[.process.exit_status, (.calls[] | select(.call == "getppid").calls_total)] | join(" ")')" \
	"the first thread ends: followed to the end of the last one, which is the process's"
is "0 0" "$(what '[.processes.running, .processes.threads_running] | join(" ")')" "nothing of it runs any more"

mkfifo "$TMP/go"
"$leader" gone 500 <"$TMP/go" &
gone=$!
at_exit end_process $gone
sleep 1000 >"$TMP/go" &
writer=$!
at_exit end_process $writer
wait_until grep -q '^State:.*Z' /proc/$gone/status
attach_to --format json --output "$found" $gone
kill $writer
wait $attached
is "7 500" "$(what '[.process.exit_status, (.calls[] | select(.call == "getppid").calls_total)] | join(" ")')" \
	"the same where it had ended before"

attach --format json --output "$found" -- "$leader" exec "$BUILD/workload/syscall" loop 1 400 >/dev/null
is "syscall 0 400 1" "$(what '[.process.command, .process.exit_status, (.calls[] | select(.call == "getppid").calls_total), .processes.ended_total] | join(" ")')" \
	"another thread executes a program: that is followed"

attach --format json --output "$found" -- true
is "0 true" "$(what '[.process.exit_status, .elapsed_seconds > 0] | join(" ")')" "a process that ends at once"

# --- processes that somebody has stopped

sleeper_start
stopped=$sleeper
kill -STOP $stopped
attach --duration 300ms --format json --output "$found" $stopped 2>/dev/null
is "0 T stopped" "$? $(ps -o stat= $stopped) $(what '[.blocked_in[].waits_for] | join(" ")')" "a stopped process: it says so, and lets it be"
kill -CONT $stopped
strace -o "$TMP/strace" -p $stopped 2>/dev/null &
tracer=$!
at_exit end_process $tracer
wait_until grep -q "^TracerPid:.$tracer$" /proc/$stopped/status
attach --duration 300ms --format json --output "$found" $stopped 2>/dev/null
is "0 true" "$? $(what '.process.ended | not')" "a process that somebody traces"
ok "which goes on" grep -q "^TracerPid:.$tracer$" /proc/$stopped/status
kill $tracer
wait $tracer

# --- PID namespaces

# shellcheck disable=SC2016 # the other shell's
unshare --pid --fork --mount-proc sh -c 'echo 4190000 >/proc/sys/kernel/ns_last_pid; sleep 1000 & echo $! >"$0"; wait' "$TMP/inside" &
namespace=$!
at_exit end_process $namespace
wait_until test -s "$TMP/inside"
inside=$(<"$TMP/inside")
inner_find() {
	inner=$(pgrep -P "$(pgrep -P $namespace)" -x sleep)
}
wait_until inner_find
at_exit kill "$inner"
attach --duration 200ms --format json --output "$found" "$inner" 2>/dev/null
is "$inside" "$(what .process.pid_inside)" "its number in its own PID namespace"

# --- what it refuses

refused() { # STATUS PATTERN OPTION...
	attach "${@:3}" >"$TMP/out" 2>"$TMP/err"
	is "$1" $? "status of: attach ${*:3}"
	ok "it says why" grep -q "$2" "$TMP/err"
}
refused 2 'there is no process 4194303' 4194303
[[ -e /proc/$inside ]] || refused 2 "in a container that is sleep\[$inner\]: give that number" "$inside"
refused 2 'is the kernel thread kthreadd' 2
refused 2 'is no process id' bogus
refused 2 "which process" --format json
refused 2 "no command 'nonexistent-$$'" -- "nonexistent-$$"

# shellcheck disable=SC2016 # the other shell's
bash -c 'sleep 1 & echo $!; exec sleep 1000' >"$TMP/zombie" &
parent=$!
at_exit end_process $parent
wait_until eval "grep -q '^State:.Z' /proc/\$(<\"$TMP/zombie\")/status"
refused 2 'has ended, and only waits for its parent to notice' "$(<"$TMP/zombie")"

unprivileged() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$SEISMO" attach "$@" 2>"$TMP/err"
}
chmod a+rx "$TMP" "$TMP/state" # its user gets to the socket, and no further
unprivileged --state-dir "$TMP/state" --config "$CONFIG" 1
is 3 $? "status without privileges"
ok "and what to do" grep -qE 'only root may ask|run as root' "$TMP/err"

sleeper_start
attach_to --output "$found" $sleeper
refused 2 'attached to .* already' $sleeper
detach

# --- output

attach -- seq 100000 | head -n 1 >"$TMP/text"
is 1 "$(cat "$TMP/text")" "a closed pipe ends it"
script -qec "stty cols 40; $SEISMO attach --state-dir $TMP/state --config $CONFIG --duration 1500ms $$" /dev/null >"$TMP/tty" 2>&1 </dev/null
ok "a terminal has a table that is refreshed" grep -q $'\033\\[[0-9]*A' "$TMP/tty"

attach_to --format json --output "$found" $sleeper
stop_seismo
wait $attached
is "3 sleep" "$? $(what .process.command)" "the daemon ends: status 3, with what it had found"

# --- without a daemon

attach --format json --output "$found" -- true
is "0 ended" "$? $(what .state)" "without a daemon it has one of its own"
