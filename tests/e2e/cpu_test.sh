#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# CPU time and the wait for it, per service: what /proc, wait(2) and the cgroups say.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start_seismo --probes none

# Sums over all threads of the processes: nanoseconds on a CPU, nanoseconds waiting for one, turns.
schedstat() { # PID...
	local pid tasks=()
	for pid in "$@"; do
		tasks+=("/proc/$pid"/task/*/schedstat)
	done
	cat "${tasks[@]}" | awk '{ ran += $1; waited += $2; turns += $3 } END { printf "%.0f %.0f %d\n", ran, waited, turns }'
}

# None of them has run for a while.
at_rest() { # PID...
	local before
	before=$(schedstat "$@")
	read -rt 0.2 -u "$silence"
	[[ $(schedstat "$@") == "$before" ]]
}

cpu_ns() { # SERVICE
	calc "$(value_or_0 seismo_cpu_seconds_total "service=$1") * 1e9"
}

# Is it what /proc says? The last of the processes was a shell before, and what it used then is in there.
near_ran() { # TEXT SERVICE PID...
	local got least most
	got=$(cpu_ns "$2")
	read -r least _ < <(schedstat "${@:3:$#-3}")
	read -r most _ < <(schedstat "${@:3}")
	ok "$1 (from $least to $most, got $got)" \
		between "$(calc "$least * 0.99")" "$(calc "$most * 1.01")" "$got"
}

# --- processes and threads that compete for a CPU

service=w-hold-$$
program=$(workload cpu "$service")
background "$program" hold 3 2 $((300 / scale)) >"$TMP/hold"
WAIT=120 wait_until test -s "$TMP/hold"
read -ra pids <"$TMP/hold"
wait_until at_rest "${pids[@]}"
read -r _ waited turns < <(schedstat "${pids[@]}")
scrape
near_ran "CPU time of processes and threads is that of /proc" "$service" "${pids[@]}"
near "$waited" "$(calc "$(value seismo_run_queue_wait_seconds_sum "service=$service") * 1e9")" 1 \
	"so is the time that they waited for the CPU"
near "$turns" "$(value seismo_run_queue_wait_seconds_count "service=$service")" 3 "so is the number of turns"
end_process "${pids[-1]}" 2>/dev/null

# --- processes that end soon

service=w-short-$$
program=$(workload cpu "$service")
told=$("$program" short $((200 / scale)) 5)
sleep 0.2
scrape
near "$((told * 1000))" "$(cpu_ns "$service")" $((scale > 1 ? 20 : 2)) "CPU time of short processes is what wait(2) told"

# --- a process that is not switched out

# Is the time that is exposed that of /proc, as it was before or after the scrape, within a few ticks?
is_current() { # PID SERVICE...
	local before after service sum=0
	read -r before _ <"/proc/$1/schedstat"
	scrape
	read -r after _ <"/proc/$1/schedstat"
	for service in "${@:2}"; do
		sum=$(calc "$sum + $(cpu_ns "$service")")
	done
	between "$(calc "$before * 0.99 - 20e6")" "$(calc "$after * 1.01 + 20e6")" "$sum"
}

start_scraping
service=w-alone-$$
program=$(workload cpu "$service")
background "$program" alone >"$TMP/alone"
pid=$!
wait_until test -s "$TMP/alone"
comment <"$TMP/alone"
current=0
for ((i = 0; i < 10; i++)); do
	sleep 0.15
	is_current "$pid" "$service" && ((++current))
done
is 10 "$current" "CPU time of a process that goes on computing is current at each of 10 scrapes"

# It becomes another service while it computes.
mount=$(cgroup_mounts | head -n 1)
cgroup_make "$mount/w-moved-$$.service"
echo "$pid" >"$mount/w-moved-$$.service/cgroup.procs"
scrape
left=$(cpu_ns "$service")
current=0
for ((i = 0; i < 5; i++)); do
	sleep 0.15
	is_current "$pid" "$service" "w-moved-$$.service" && ((++current))
done
is 5 "$current" "when it has moved, what it used in both services adds up at each of 5 scrapes"
kill "$pid"
wait "$pid"
scrape
near "$(tail -n 1 "$TMP/alone")000" "$(calc "$(cpu_ns "$service") + $(cpu_ns "w-moved-$$.service")")" 1 \
	"nothing is counted twice"
near "$left" "$(cpu_ns "$service")" 1 "and what it left does not grow"
stop_scraping 5

# --- a cgroup with a quota, which is a service

# A twentieth of a CPU: less than there is left on a machine that others use.
quota_set() { # CGROUP
	if [[ -e $1/cpu.max ]]; then
		echo "5000 100000" >"$1/cpu.max"
	else
		echo 100000 >"$1/cpu.cfs_period_us" && echo 5000 >"$1/cpu.cfs_quota_us"
	fi
}

# Was the service throttled as often as the file says, which has to be often?
throttled_as() { # FILE SERVICE
	local before
	before=$(stat_value "$1" nr_throttled)
	scrape
	((before > 3)) && between "$((before - 1))" "$(stat_value "$1" nr_throttled)" \
		"$(value seismo_cpu_throttled_periods_total "service=$2")"
}

is_absent() { # METRIC LABEL=VALUE...
	scrape
	[[ ! $(value "$@") ]]
}

# Little CPU for two processes that want more; what the kernel says about it is in cpu.stat.
run_throttled() { # CGROUP SERVICE
	program=$(workload cpu "$2")
	: >"$TMP/hold"
	quota_set "$1" || return
	wait_until is_at_rest "$1/cpu.stat" # the kernel counts a period for that, which is nobody's
	idle=$(stat_value "$1/cpu.stat" nr_periods)
	background enter_cgroup "$1" "$program" hold 2 1 40 >"$TMP/hold"
	pid=$!
	WAIT=120 wait_until test -s "$TMP/hold"
	wait_until is_at_rest "$1/cpu.stat"
}

# Have the last periods, of a tenth of a second, been counted? There are two more when nobody runs.
is_at_rest() { # FILE
	local before
	before=$(stats_of "$1")
	sleep 0.3
	[[ $(stats_of "$1") == "$before" ]]
}

# Prints what the file has for this word, seconds in seconds.
stat_value() { # FILE|- KEY|throttled
	awk -v key="$2" '
		$1 == key { print $2 }
		key == "throttled" && $1 == "throttled_time" { printf "%.9f\n", $2 / 1e9 }
		key == "throttled" && $1 == "throttled_usec" { printf "%.9f\n", $2 / 1e6 }' "$1"
}

# Prints how many periods there were, how many were throttled and how long, of all the files.
stats_of() { # FILE...
	local key stats=()
	for key in nr_periods nr_throttled throttled; do
		stats+=("$(calc "$(cat "$@" | stat_value - $key | paste -sd +)")")
	done
	echo "${stats[*]}"
}

# The same without those that nobody was there for.
stats_of_tasks() { # FILE...
	local periods rest
	read -r periods rest < <(stats_of "$@")
	echo "$((periods - idle)) $rest"
}

# Sets expected; a scrape within one period, as these go on.
scrape_stats() { # FILE...
	expected=$(stats_of_tasks "$@")
	scrape
	[[ $(stats_of_tasks "$@") == "$expected" ]]
}

are_stats() { # TEXT SERVICE FILE...
	local expected
	wait_until scrape_stats "${@:3}"
	is "${expected% *}" "$(value seismo_cpu_periods_total "service=$2") $(
		value seismo_cpu_throttled_periods_total "service=$2")" "$1"
	# v2's files have microseconds, which are rounded down
	ok "$1: the time" between "${expected##* }" "$(calc "${expected##* } + 0.000002")" \
		"$(value seismo_cpu_throttled_seconds_total "service=$2")"
}

if mount=$(cgroup_controller cpu) && cgroup=$mount/w-quota-$$.service && cgroup_make "$cgroup" &&
	run_throttled "$cgroup" "w-quota-$$"; then
	read -ra pids <"$TMP/hold"
	are_stats "throttling is what cpu.stat says" "w-quota-$$.service" "$cgroup/cpu.stat"
	ok "and there was some" between 2 1e6 "$(value seismo_cpu_throttled_periods_total "service=w-quota-$$.service")"
	near_ran "CPU time under a quota" "w-quota-$$.service" "${pids[@]}"
	is 0 "$(value_or_0 seismo_cpu_periods_total "service=w-quota-$$")" "it is of the service that the cgroup names"

	before=$idle
	cp "$cgroup/cpu.stat" "$TMP/cpu.stat" # as it was compared above: its end may take one more period
	end_process "$pid" 2>/dev/null
	wait_until rmdir "$cgroup"
	mkdir "$cgroup"
	run_throttled "$cgroup" "w-quota-$$"
	idle=$((idle + before))
	are_stats "counted on in a cgroup that takes its place" "w-quota-$$.service" "$TMP/cpu.stat" "$cgroup/cpu.stat"
	end_process "$pid" 2>/dev/null

	for attempt in 1 2 3; do # what was before the daemon has found it, which takes a moment, is nobody's
		plain=w-plain-$attempt-$$
		cgroup_make "$mount/$plain"
		run_throttled "$mount/$plain" "$plain"
		WAIT=5 wait_until throttled_as "$mount/$plain/cpu.stat" "$plain" && break
		end_process "$pid" 2>/dev/null
	done
	ok "a service in a cgroup that does not name it is throttled too" throttled_as "$mount/$plain/cpu.stat" "$plain"
	is 0.05 "$(value seismo_cpu_quota_cores "service=$plain")" "it is told its quota"
	end_process "$pid" 2>/dev/null
	ok "a service that has gone has no quota" wait_until is_absent seismo_cpu_quota_cores "service=$plain"

	# --- the quota of a slice, and of services below it, one of them in two programs
	slice=$mount/w-limited-$$.slice
	cgroup_make "$slice/w-below-$$.service"
	cgroup_make "$slice/w-brief-$$.service"
	quota_set "$slice"
	is 0 "$(stat_value "$slice/cpu.stat" nr_throttled)" "a slice with a quota that has not been used"
	background enter_cgroup "$slice/w-below-$$.service" "$program" hold 2 1 40 >/dev/null
	pid=$!
	ok "a service below it is throttled with it" wait_until throttled_as "$slice/cpu.stat" "w-below-$$.service"
	end_process "$pid" 2>/dev/null

	before=$(stat_value "$slice/cpu.stat" nr_throttled)
	in_cgroup "$slice/w-brief-$$.service" "$program" short 10 5 >/dev/null
	n=$(($(stat_value "$slice/cpu.stat" nr_throttled) - before)) # the last one perhaps when it had ended
	scrape
	ok "so is one that has ended before it was looked at, though two programs ran in it" between $((scale > 1 ? n * 4 / 5 : n - 1)) $n \
		"$(value seismo_cpu_throttled_periods_total "service=w-brief-$$.service")"
	ok "it was" between 3 $((20 * scale)) "$n"
else
	skip_one "throttling" "no cpu cgroup on this host"
fi

# --- what a cgroup used is what it counts itself

cgroup_usage_ns() { # CGROUP
	if [[ -e $1/cpuacct.usage ]]; then
		cat "$1/cpuacct.usage"
	else
		calc "$(stat_value "$1/cpu.stat" usage_usec) * 1000"
	fi
}

if mount=$(cgroup_controller cpuacct || cgroup_controller cpu) && cgroup=$mount/w-used-$$.service &&
	cgroup_make "$cgroup"; then
	program=$(workload cpu "w-used-$$")
	in_cgroup "$cgroup" "$program" short $((100 / scale)) 10 >/dev/null
	scrape
	near "$(cgroup_usage_ns "$cgroup")" "$(cpu_ns "w-used-$$.service")" 1 "CPU time is what the cgroup says"
else
	skip_one "CPU time of a cgroup" "no cpu cgroup on this host"
fi
stop_seismo
