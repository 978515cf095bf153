#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Threads that do not get on: in uninterruptible sleep, stopped, frozen; against the states in /proc.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# Prints how many threads of the process are in one of these states.
in_state() { # STATES PID
	cat "/proc/$2"/task/*/stat 2>/dev/null | awk -v states="$1" '
		{ sub(/.*\) /, "") }
		index(states, $1) { n++ }
		END { print n + 0 }'
}

# Starts a workload that says something once it is there, $! is its pid.
run_until_said() { # COMMAND...
	: >"$TMP/said"
	background "$@" >"$TMP/said"
	wait_until test -s "$TMP/said"
}

are_blocked() { # NUMBER PID
	[[ $(in_state D "$2") == "$1" ]]
}

uptime_s() {
	local up
	read -r up _ </proc/uptime
	echo "$up"
}

# Has the service's oldest been there for LEAST seconds, since LATEST, and no longer than since EARLIEST? Soon, where the daemon is late.
is_age() { # LEAST LATEST|0 EARLIEST TEXT SERVICE
	local low high
	WAIT=3 wait_until has_age "${@:1:3}" "$5"
	ok "$4" between "$low" "$high" "$(value seismo_blocked_oldest_seconds "service=$5")"
}

has_age() { # LEAST LATEST|0 EARLIEST SERVICE
	low=$1
	[[ $2 == 0 ]] || low=$(calc "$(uptime_s) - $2")
	scrape
	high=$(calc "$(uptime_s) - $3")
	between "$low" "$high" "$(value seismo_blocked_oldest_seconds "service=$4")"
}

# --- some that were there before the daemon

program=$(workload blocked "w-before-$$")
run_until_said "$program" 2 30
early=$!
wait_until are_blocked 2 "$early"
started=$(calc "$(uptime_s) - 0.5")
start_seismo --probes none
is "2" "$(in_state D "$early")" "two threads are in uninterruptible sleep when the daemon starts"
is_metric 2 "they are counted" seismo_blocked_tasks "service=w-before-$$"
sleep 1
is_age 0.9 0 "$started" "how long is counted from the daemon's start at most" "w-before-$$"
end_process "$early" 2>/dev/null

# --- uninterruptible sleep

program=$(workload blocked "w-blocked-$$")
earliest=$(uptime_s)
run_until_said "$program" 3 6
pid=$!
ok "/proc has three threads in uninterruptible sleep" wait_until are_blocked 3 "$pid"
latest=$(uptime_s)
is_metric 3 "so has the daemon" seismo_blocked_tasks "service=w-blocked-$$"
sleep 1.5
is_age 0 "$(calc "$latest + 0.2 * $scale")" "$earliest" "how long the oldest one has been there" "w-blocked-$$"
is 0 "$(value_or_0 seismo_stopped_tasks "service=w-blocked-$$")" "none is stopped"
is_metric 0 "none when they go on" seismo_blocked_tasks "service=w-blocked-$$"
is 0 "$(value seismo_blocked_oldest_seconds "service=w-blocked-$$")" "and no age"
end_process "$pid" 2>/dev/null

# --- stopped

program=$(workload memory "w-stopped-$$")
run_until_said "$program" hold 4 1
pid=$!
kill -STOP "$pid"
are_stopped() {
	[[ $(in_state T "$pid") == "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" ]]
}
wait_until are_stopped
is_metric "$(in_state T "$pid")" "threads that a signal has stopped" seismo_stopped_tasks "service=w-stopped-$$"
ok "there are some" between 4 6 "$(value seismo_stopped_tasks "service=w-stopped-$$")"
is 0 "$(value_or_0 seismo_blocked_tasks "service=w-stopped-$$")" "are not blocked"
kill -CONT "$pid"
is_metric 0 "none when they go on" seismo_stopped_tasks "service=w-stopped-$$"

# --- frozen

while read -r mount; do
	cgroup=$mount/w-frozen-$$
	cgroup_make "$cgroup"
	if [[ ! -e $cgroup/freezer.state && ! -e $cgroup/cgroup.freeze ]]; then
		skip_one "frozen in $mount" "no freezer there"
		continue
	fi
	echo "$pid" >"$cgroup/cgroup.procs"
	at_exit freeze "$cgroup" no
	freeze "$cgroup" yes
	ok "threads frozen in $mount" wait_until is_value "$(cat "/proc/$pid"/task/*/stat | wc -l)" \
		seismo_stopped_tasks "service=w-stopped-$$"
	is 0 "$(value_or_0 seismo_blocked_tasks "service=w-stopped-$$")" "are not blocked"
	freeze "$cgroup" no
	is_metric 0 "none when they are thawed" seismo_stopped_tasks "service=w-stopped-$$"
	echo "$pid" >"$mount/cgroup.procs"
done < <(freezers)
end_process "$pid" 2>/dev/null
stop_seismo
