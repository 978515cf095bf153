#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Tables that are too small for the limits are reported. Counts stay exact where CPUs have to share memory, and where
# they reuse memory that others had.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need jq

check() { # FORMAT
	# shellcheck disable=SC2086 # options are words
	timeout $((60 * scale)) "$SEISMO" check --config "$CONFIG" --format "$1" --probes syscall ${SEISMO_OPTIONS-}
}

table() { # KEY
	jq ".tables.$1" "$TMP/check.json"
}

# --- the default limits: everything has room, on any machine

check json >"$TMP/check.json"
cpus=$(table possible_cpus)
jq -c .tables "$TMP/check.json" | comment
is "50000 4032 null" "$(table counters) $(table histograms) $(table problem)" \
	"$cpus possible CPUs: room for all series and histograms"

# --- less memory than the limits promise

echo "limits: { memory: 10MiB }" >"$CONFIG"
check text >"$TMP/check.txt"
is 1 $? "too little memory is a problem"
line=$(grep limits.memory "$TMP/check.txt")
ok "check says how much has room" grep -qE "room for [0-9]{3,5} of 50000 series, [0-9]{2,4} of 4032 histograms" <<<"$line"
start_seismo --probes syscall=count
ok "so does the daemon" grep -qF "${line#*: }" <(sed 's/\\"/"/g' "$TMP/seismo.err")
stop_seismo

# --- as much as is said to be enough: there is hardly any for CPUs to have for themselves

# The configuration with other limits, and no more memory than these need. Where it is too little to start at all, what is
# enough for that is told first.
configure() { # LIMIT,...
	local told=8MiB
	while [[ $told ]]; do
		least=$told
		echo "limits: { memory: $least${1:+, $1} }" >"$CONFIG"
		check text >"$TMP/check.txt" 2>&1
		told=$(sed -nE 's/.*; set (it|limits\.memory) to at least ([0-9]+[KM]iB)(;.*)?$/\2/p' "$TMP/check.txt" | head -n 1)
		[[ $told != "$least" ]] || bail "$least is not enough, which was said to be"
	done
}

configure ""
check json >"$TMP/check.json"
is "50000 4032 null" "$(table counters) $(table histograms) $(table problem)" "with $least there is room for all"
cells=$(table histogram_cells)
jq -c .tables "$TMP/check.json" | comment

cells_used() {
	value seismo_map_entries map=hist_cells
}

# Several threads make every kind of call; each service has a dozen histograms, on each CPU.
run() { # NAME
	"$(workload syscall "$1")" loop 8 $((1000 / scale)) >"$TMP/own"
	names+=("$1")
}

# Every call of every service was counted, and timed.
durations_are_calls() { # TEXT
	local name calls durations=0 off=""
	is_metric $((1000 / scale)) "$1: getppid of the last one" \
		seismo_syscalls_total "service=${names[-1]}" syscall=getppid
	for name in "${names[@]}"; do
		calls=$(value seismo_syscalls_total "service=$name")
		durations=$(value seismo_syscall_duration_seconds_count "service=$name")
		((calls >= 18 * 1000 / scale && calls == durations)) || off+="$name: $calls calls, $durations durations"$'\n'
	done
	is "" "$off" "$1: ${#names[@]} services have as many durations as calls"
}

names=()
start_seismo --probes syscall=full
start_scraping
for ((i = 0; i < cells / 20 && i < 60; i++)); do
	run "w-$i-$$"
	scrape
	used=$(cells_used) # some are given back when those who had them have long ended
	((used < cells)) || break
done
for ((i = 0; i < 5; i++)); do
	run "w-late-$i-$$"
done
durations_are_calls "CPUs share histograms"
is "$cells" "$used" "no CPU had one of its own left to get"
stop_scraping 5
stop_seismo

# --- a service of many identities that come and go: the cells that they had are used again, and empty

cgroup=$(cgroup_controller cpu || cgroup_controller pids) || skip "no cgroups"
cgroup+=/seismo-tables-$$
cgroup_make "$cgroup"
configure "services: 256, series: 20000"
start_seismo --probes process
start_scraping
again=$(workload process "w-again-$$")
runs=$((400 / scale))
for ((i = 0; i < runs; i++)); do
	mkdir "$cgroup/$i"
	in_cgroup "$cgroup/$i" "$again" end ok:100 >/dev/null
	rmdir "$cgroup/$i" 2>/dev/null || at_exit cgroup_remove "$cgroup/$i"
done
is_metric $((101 * runs)) "$runs identities of one service: exits" \
	seismo_process_exits_total "service=w-again-$$"
is "$(value seismo_process_exits_total "service=w-again-$$")" \
	"$(value seismo_process_lifetime_seconds_count "service=w-again-$$")" "as many lifetimes"

# A service of its own that gets cells: more are in use than before.
gets_cells() {
	local before
	scrape
	before=$(cells_used)
	"$(workload process "w-$((++service))-$$")" end ok:400 >/dev/null
	scrape
	(($(cells_used) > before))
}
service=0
ok "of $(value seismo_map_capacity map=hist_cells) cells there are some to get" wait_until gets_cells
# Others on this machine may have more services than these limits allow: who has gone then gives way, and begins anew.
end_process "$scraper" 2>/dev/null
sed -i "/service=/{/-$$\"/!d}" "$TMP"/scrapes/*
stop_scraping 5
stop_seismo
