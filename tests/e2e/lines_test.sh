#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How many lines a scrape of a large machine has: 200 units under mixed load, with the configuration that users have.
# alone: it loads the machine and has a bound for all that is counted there
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

units=200
any=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[[ $any ]] || any=$(cgroup_mounts | head -n 1)
[[ $any ]] || skip "no cgroups on this host"
slice=$any/seismo-lines-$$.slice
cgroup_make "$slice"

cat >"$CONFIG" <<END
short_commands: fold
buckets: default
END
start_seismo --probes all

# What the units do, by number: answer requests, make them, use files, start processes, compute.
web() {
	"$BUILD/workload/reqserver" server 127.0.0.1 >"$TMP/port-$1"
}

caller() {
	"$BUILD/workload/reqserver" client 127.0.0.1 "$(<"$TMP/port-$(($1 - 1))")" connections=2 requests=20 fail=10
}

files() {
	dd if=/dev/zero of="$TMP/file-$1" bs=4k count=20 conv=fsync
	cat "$TMP/file-$1"
	ls -l "$TMP/bin" /nonexistent
}

processes() {
	/bin/true
	/bin/false
}

compute() {
	"$BUILD/workload/churn" call 1000 2
}

kinds=(web caller files processes compute)

# Long enough that sampled system calls are seen.
unit() { # NUMBER
	echo 0 >"$slice/unit-$1.service/cgroup.procs"
	for _ in 1 2 3; do
		"${kinds[$1 % 5]}" "$1"
		sleep 3
	done
}

for ((n = 0; n < units; n++)); do
	cgroup_make "$slice/unit-$n.service"
done
units_end() {
	cat "$slice"/*/cgroup.procs | xargs -r kill -KILL
}
at_exit units_end
begin=$SECONDS
for ((n = 0; n < units; n++)); do
	unit $n >/dev/null 2>&1 &
done

all_there() {
	scrape
	(($(series by=service seismo_syscalls_total | grep -c "^unit-[0-9]*\.service ") == units))
}
ok "$units units have names" wait_until all_there
while ((SECONDS - begin < 20)); do
	read -rt 1 -u "$silence"
done
scrape
line_cnt=$(wc -l <"$METRICS")
theirs=$(grep -c 'service="unit-' "$METRICS")
ok "the scrape has $line_cnt lines, $theirs of these units, at most 25,000" between $((units * 40)) 25000 "$line_cnt"
is 0 "$(awk '/^seismo_series_dropped_total/ { sum += $NF } END { print sum + 0 }' "$METRICS")" "nothing is dropped"
is "" "$(tables_above 0.9)" "no table gets full"
stop_seismo
