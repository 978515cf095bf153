#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Memory per service: what /proc, the cgroups, getrusage(2) and the kernel's own trace say.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start_seismo --probes memory,process

# Starts a workload that waits for a signal, $! is its pid, and waits until it says something in $TMP/said.
run_until_said() { # COMMAND...
	: >"$TMP/said"
	background "$@" >"$TMP/said"
	wait_until test -s "$TMP/said"
}

has_said() { # LINES
	(($(wc -l <"$TMP/said") >= $1))
}

# The bytes that are in RAM, by a walk through the page tables.
resident() { # PID
	calc "$(awk '$1 == "Rss:" { print $2; exit }' "/proc/$1/smaps_rollup") * 1024"
}

# --- resident memory

program=$(workload memory "w-threads-$$")
run_until_said "$program" hold 5 7
pid=$!
is_metric "$(resident "$pid")" "resident memory of a process of many threads" \
	seismo_memory_resident_bytes "service=w-threads-$$"
ok "which is what it took" between 35e6 100e6 "$(value seismo_memory_resident_bytes "service=w-threads-$$")"
end_process "$pid" 2>/dev/null
is_metric 0 "none when it has ended" seismo_memory_resident_bytes "service=w-threads-$$"

program=$(workload memory "w-shared-$$")
run_until_said "$program" shared 20
pid=$!
read -r one two <"$TMP/said"
is "$(resident "$one")" "$(resident "$two")" "two processes share all their memory"
is_metric "$(resident "$one")" "it is counted once" seismo_memory_resident_bytes "service=w-shared-$$"
end_process "$pid" 2>/dev/null

# Is it what the kernel says of the processes in pids?
proportional_is_near() {
	local files=("${pids[@]/#//proc/}")
	scrape
	between "$(awk '$1 == "Pss:" { sum += $2 } END { print sum * 1024 * 0.9 }' "${files[@]/%//smaps_rollup}")" \
		"$(awk '$1 == "Pss:" { sum += $2 } END { print sum * 1024 * 1.1 }' "${files[@]/%//smaps_rollup}")" \
		"$(value seismo_memory_proportional_bytes "service=bash-$$")"
}

if [[ ${SEISMO_OPTIONS-} == *_raw* ]]; then
	skip_one "proportional memory" "with raw tracepoints tasks have no storage, which tells the service of a process"
elif [[ $(uname -r) != 5.10.* ]]; then
	own_copy bash
	# shellcheck disable=SC2016 # for the other shell
	run_until_said "bash-$$" -c 'x=$(head -c 30000000 /dev/zero | tr "\0" x)
		for i in 1 2 3; do (echo "$BASHPID"; read -r _ <<<"${#x}"; while read -rt 100 -u 9 _; do :; done) & done 9<> <(:)
		wait'
	wait_until has_said 3
	mapfile -t pids < <(echo $!; cat "$TMP/said")
	# All processes of the machine are looked at in turn, slowly, twice before it is sure that all four were.
	WAIT=200 ok "a process and its three children that share pages have proportional memory" wait_until proportional_is_near
	proportional=$(value seismo_memory_proportional_bytes "service=bash-$$")
	ok "and more than twice as much resident" between \
		"$(calc "2 * ${proportional:-1e12}")" 1e12 "$(value seismo_memory_resident_bytes "service=bash-$$")"
	for pid in "${pids[@]}"; do
		kill -KILL "$pid"
	done 2>/dev/null
	is_metric 0 "none when they have ended" seismo_memory_proportional_bytes "service=bash-$$"
else
	skip_one "proportional memory" "Linux 5.10 does not tell which service a process is"
fi

program=$(workload memory "w-two-$$")
run_until_said "$program" hold 1 10
pids=($!)
run_until_said "$program" hold 1 15
pids+=($!)
is_metric "$(calc "$(resident "${pids[0]}") + $(resident "${pids[1]}")")" "two processes of one service" \
	seismo_memory_resident_bytes "service=w-two-$$"
for pid in "${pids[@]}"; do
	end_process "$pid" 2>/dev/null
done

# --- major faults, on a device that is read page by page

# Sets loop, a device of so much that nobody has read yet.
make_loop() { # MIB
	command -v losetup >/dev/null && truncate -s "$1M" "$TMP/disk" &&
		loop=$(losetup --find --show "$TMP/disk") && at_exit losetup --detach "$loop"
}

if make_loop 64; then
	n=$((100 / scale))
	program=$(workload memory "w-fault-$$")
	run_until_said "$program" fault "$loop" "$n" hold
	pid=$! told=$(<"$TMP/said")
	ok "the workload had major faults" between "$n" $((2 * n)) "$told"
	is_metric "$told" "major faults of a process that is alive" seismo_major_faults_total "service=w-fault-$$"
	is "$(awk '{ print $12 }' "/proc/$pid/stat")" "$told" "which /proc says too"
	end_process "$pid" 2>/dev/null
	is_metric "$told" "they stay when it has ended" seismo_major_faults_total "service=w-fault-$$"

	start_scraping
	for ((i = 0; i < 5; i++)); do
		((told += $("$program" fault "$loop" "$n")))
	done
	is_metric "$told" "major faults of processes that end at once" seismo_major_faults_total "service=w-fault-$$"
	stop_scraping 1
else
	skip_one "major faults" "no loop device on this host"
fi

# --- a cgroup at its limit: page cache, and the wait for memory to be freed

# Sets cgroup, a new one with this name, and limits its memory.
limit_memory() { # NAME MIB
	local mount limit
	mount=$(cgroup_controller memory) || return
	cgroup=$mount/$1
	cgroup_make "$cgroup"
	for limit in memory.max memory.limit_in_bytes; do
		[[ -e $cgroup/$limit ]] && echo "${2}M" >"$cgroup/$limit"
	done
	[[ ! -e $cgroup/memory.swap.max ]] || echo 0 >"$cgroup/memory.swap.max"
}

page_cache() { # CGROUP
	awk '$1 == "file" || $1 == "total_cache" { print $2 }' "$1/memory.stat"
}

# Prints the count and the seconds of what COMM spent between the two events of the trace.
traced_stalls() { # COMM
	awk -v comm="$1" '
		index($0, comm "-") && match($0, / [0-9]+\.[0-9]+: /) {
			time = substr($0, RSTART + 1, RLENGTH - 3)
			if (/memcg_reclaim_begin:/)
				began = time
			else if (/memcg_reclaim_end:/) {
				++count
				sum += time - began
			}
		}
		END { printf "%d %.6f\n", count, sum }' "$trace/trace"
}

# Sets trace, where the kernel writes down what it does about memory of cgroups.
start_trace() {
	local mount=/sys/kernel/tracing event
	[[ -d $mount/events ]] || mount -t tracefs tracefs $mount 2>/dev/null || return
	trace=$mount/instances/seismo-e2e-$$
	mkdir "$trace" && at_exit rmdir "$trace" || return
	for event in begin end; do
		echo 1 >"$trace/events/vmscan/mm_vmscan_memcg_reclaim_$event/enable" || return
	done
}

if [[ ${loop-} ]] && limit_memory "w-cache-$$.service" 16 && start_trace; then
	program=$(workload memory "w-cache-$$")
	blockdev --flushbufs "$loop"
	run_until_said enter_cgroup "$cgroup" "$program" read "$loop"
	pid=$!
	read -r count sum < <(traced_stalls "$(cut -c -15 <<<"w-cache-$$")")
	ok "the workload waited for memory" between 1 1e6 "$count"
	is_metric "$count" "waits for memory to be freed: as many as the kernel's trace has" \
		seismo_memory_reclaim_stall_seconds_count "service=w-cache-$$.service"
	stalled=$(value seismo_memory_reclaim_stall_seconds_sum "service=w-cache-$$.service")
	ok "and as long (the trace has $sum, got $stalled)" \
		between "$(calc "$sum * $((scale > 1 ? 5 : 9)) / 10 - $count * 1e-5")" "$(calc "$sum * 1.1 + $count * 1e-5")" "$stalled"
	page_cache_agrees() { # the kernel may still add up what CPUs have counted
		is_value "$(page_cache "$cgroup")" seismo_memory_page_cache_bytes "service=w-cache-$$.service"
	}
	ok "page cache is what the cgroup says" wait_until page_cache_agrees
	scrape
	ok "and there is some" between 1e6 16777216 "$(value seismo_memory_page_cache_bytes "service=w-cache-$$.service")"
	is 0 "$(value_or_0 seismo_memory_page_cache_bytes "service=w-cache-$$")" "of the service that the cgroup names"
	end_process "$pid" 2>/dev/null
else
	skip_one "a cgroup at its limit" "no memory cgroup, loop device or trace on this host"
fi

# --- the OOM killer takes another process than the one that wanted memory

# Becomes a command in a cgroup, of which the OOM killer thinks badly.
enter_as_victim() { # CGROUP COMMAND...
	echo 1000 >"/proc/$BASHPID/oom_score_adj" && enter_cgroup "$@"
}

# Sets more, how many kills the kernel has counted that the daemon has not: those from before it.
kills_compare() {
	scrape
	more=$(($(awk '$1 == "oom_kill" { print $2 }' /proc/vmstat) - $(value_or_0 seismo_oom_kills_total)))
}

# Twice the same: no kill came in between.
kills_are_compared() {
	local last=$more
	kills_compare
	[[ $more == "$last" ]]
}

kills_are_kernels() {
	kills_compare
	[[ $more == "$before" ]]
}

if limit_memory "seismo-oom-$$" 40; then
	more=
	wait_until kills_are_compared
	before=$more
	victim=$(workload memory "w-victim-$$")
	killer=$(workload memory "w-killer-$$")
	run_until_said enter_as_victim "$cgroup" "$victim" hold 1 25
	pid=$!
	{ in_cgroup "$cgroup" "$killer" take 25; } 2>/dev/null
	# A slow machine may ask for a second victim before the first has given its memory back.
	also=$(($? == 137))
	{ wait "$pid"; } 2>/dev/null
	is 137 $? "another one is killed"
	is_metric 1 "OOM kills: the victim" seismo_oom_kills_total "service=w-victim-$$"
	is 1 "$(value seismo_process_exits_total "service=w-victim-$$" reason=oom)" "which ended by it"
	is "$also" "$(value_or_0 seismo_oom_kills_total "service=w-killer-$$")" "and not who wanted memory, unless it was killed"
	is "$(cat "$cgroup"/memory.{events,oom_control} 2>/dev/null | awk '$1 == "oom_kill" { print $2 }')" \
		$((1 + also)) "as many as the cgroup says"
	# Others on this machine may have victims as well.
	ok "and nobody else, by the kernel's own count" wait_until kills_are_kernels
else
	skip_one "the OOM killer" "no memory cgroup on this host"
fi
stop_seismo
