#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Processes: how many start, how they end, how long they live, how many there are.
# alone: 10,000 processes in a few seconds fill the tables of every daemon
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

n=$((100 / scale))
start_seismo --probes process

exits() { # REASON SERVICE
	value_or_0 seismo_process_exits_total "service=$2" "reason=$1"
}

# --- ends of every kind, as wait(2) told the parent

mark
program=$(workload process "w-end-$$")
"$program" end "ok:$((10 * n))" "error:$((5 * n))" "kill:$((2 * n))" "term:$n" "segv:$n" "thread:$n" >"$TMP/ended"
is "$(printf '%s\n' "ok $((11 * n))" "error $((5 * n))" "signal $((4 * n))")" "$(head -n 3 "$TMP/ended")" "the workload's children end as they should"
# The parent is one more, started by us and changed into a service of its own by its exec.
is_metric $((20 * n + 1)) "starts: the children and the parent" seismo_process_starts_total "service=w-end-$$"
is_metric $((20 * n + 1)) "lives" seismo_process_lifetime_seconds_count "service=w-end-$$"
while read -r reason count; do
	[[ $reason == ok ]] && ((++count))
	is "$count" "$(exits "$reason" "w-end-$$")" "exits: $reason"
done < <(head -n 3 "$TMP/ended")
is 0 "$(exits oom "w-end-$$")" "exits: none by the OOM killer"
is 0 "$(value_or_0 seismo_processes "service=w-end-$$")" "none is left"

# --- threads are not processes

mark
program=$(workload process "w-threads-$$")
"$program" threads $((5 * n))
is_metric 1 "a process of many threads starts once" seismo_process_starts_total "service=w-threads-$$"
is_metric 1 "and ends once" seismo_process_exits_total "service=w-threads-$$"
is 1 "$(value seismo_process_lifetime_seconds_count "service=w-threads-$$")" "and has one life"

# --- lives of a known length

mark
program=$(workload process "w-sleep-$$")
began=${EPOCHREALTIME/./}
sleepers=$((40 / scale))
"$program" end "sleep:$sleepers" >"$TMP/slept"
parent=$(calc "(${EPOCHREALTIME/./} - $began) / 1e6")
children=$(awk '$1 == "lifetime" { print $2 }' "$TMP/slept")
is_metric $((sleepers + 1)) "lives of sleepers" seismo_process_lifetime_seconds_count "service=w-sleep-$$"
near_seen "$(calc "$children + $parent")" \
	"$(value seismo_process_lifetime_seconds_sum "service=w-sleep-$$")" 5 "$(calc "$sleepers * 0.05")" \
	"they live as long as their parent and we measured"
is 0 "$(count_below 0.05 seismo_process_lifetime_seconds "service=w-sleep-$$")" \
	"none lives less than its 50 ms"

# --- what is alive

mark
program=$(workload process "w-hold-$$")
"$program" hold 25 >"$TMP/hold" &
holder=$!
at_exit end_process "$holder"
wait_until test -s "$TMP/hold"
is_metric 26 "processes: those that are alive" seismo_processes "service=w-hold-$$"
end_process "$holder" 2>/dev/null
is_metric 26 "they end when their parent does" \
	seismo_process_exits_total "service=w-hold-$$" reason=signal
is_metric 0 "none is alive then" seismo_processes "service=w-hold-$$"

# --- programs that end at once

mark
program=$(workload process "w-true-$$")
for ((i = 0; i < 5 * n; i++)); do
	"$program"
done
is_metric $((5 * n)) "short programs start" seismo_process_starts_total "service=w-true-$$"
is_metric $((5 * n)) "and end well" seismo_process_exits_total "service=w-true-$$" reason=ok
is $((5 * n)) "$(value seismo_process_lifetime_seconds_count "service=w-true-$$")" "each with a life"

# --- scripts are named after themselves

runs=$((20 / scale))
for how in direct shell; do
	script=w-script-$how-$$.sh
	mark
	printf '#!/bin/sh\nexit 4\n' >"$TMP/$script"
	chmod +x "$TMP/$script"
	for ((i = 0; i < runs; i++)); do
		case $how in
		direct) "$TMP/$script" ;;
		shell) sh "$TMP/$script" ;;
		esac
	done
	is_metric $runs "script, $how: starts under its own name" seismo_process_starts_total "service=$script"
	is_metric $runs "script, $how: exits" seismo_process_exits_total "service=$script" reason=error
done

# --- the OOM killer, in a memory cgroup of our own

# Sets limit and counter, the files of the one of cgroup v1 and v2 that this host has.
memory_cgroup() {
	local mount
	mount=$(cgroup_controller memory) || return
	cgroup=$mount/seismo-oom-$$
	cgroup_make "$cgroup"
	limit=memory.max counter=memory.events
	[[ -e $cgroup/$limit ]] || limit=memory.limit_in_bytes counter=memory.oom_control
}

oom_kills() { # FILE
	awk '$1 == "oom_kill" { print $2 }' "$1"
}

if memory_cgroup && echo 20M >"$cgroup/$limit"; then
	program=$(workload process "w-oom-$$")
	[[ -e $cgroup/memory.swap.max ]] && echo 0 >"$cgroup/memory.swap.max"
	mark
	in_cgroup "$cgroup" "$program" memory 200 >/dev/null 2>&1
	is 137 $? "the workload is killed"
	is 1 "$(oom_kills "$cgroup/$counter")" "by the OOM killer of its cgroup"
	is_metric 1 "exits: oom" seismo_process_exits_total "service=w-oom-$$" reason=oom
	is 0 "$(exits signal "w-oom-$$")" "not counted as a signal"
	is_metric 1 "OOM kills" seismo_oom_kills_total "service=w-oom-$$" scope=cgroup
else
	skip_one "the OOM killer" "no memory cgroup on this host"
fi

# --- everything adds up under load, while being scraped

mark
start_scraping
program=$(workload process "w-storm-$$")
for _ in 1 2 3 4; do
	"$program" end "ok:$((20 * n))" "error:$((5 * n))" >/dev/null &
done
wait -n
sleep 0.5
value_settles $((100 * n + 4)) seismo_process_exits_total "service=w-storm-$$"
stop_scraping $((10 / scale))
is_metric $((100 * n + 4)) "storm: starts" seismo_process_starts_total "service=w-storm-$$"
is_metric $((80 * n + 4)) "storm: exits with 0" seismo_process_exits_total "service=w-storm-$$" reason=ok
is_metric $((20 * n)) "storm: exits with an error" seismo_process_exits_total "service=w-storm-$$" reason=error
stop_seismo
