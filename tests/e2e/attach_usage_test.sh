#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo attach: what a process uses, against /usr/bin/time -v; and its calls, against perf trace -s.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/attach.sh
. "$(dirname "$0")/attach.sh"
need jq /usr/bin/time

found=$TMP/found.json

what() { # FILTER
	jq -r "$1" "$found"
}

# The figure that time says with these words.
said() { # WORDS
	awk -F': ' -v words="$1" 'index($1, words) { print $2 }' "$TMP/time"
}

# shellcheck disable=SC2119 # without options
start_seismo

# --- time -v: it runs in the attachment, and what it tells is of its child alone

/usr/bin/time -o "$TMP/time" sh -c 'dd if=/dev/null of=/dev/null 2>/dev/null; exec sleep 0' # now they are in memory
# shellcheck disable=SC2016 # the other shell's
attach --format json --output "$found" -- /usr/bin/time -v -o "$TMP/time" \
	sh -c 'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; dd if=/dev/zero of=/dev/null bs=40M count=3 2>/dev/null; sleep 0.2; exec sleep 0.1'
is 1 "$(what .processes.exit_status.\"0\" | sed 's/[2-9]/1/')" "it has ended"
kib=$(said 'Maximum resident set size')
near "$kib" "$(what '.memory.resident_max_bytes / 1024')" 1 "the most memory that one of its processes had"
cpu=$(calc "$(said 'User time') + $(said 'System time')")
ok "CPU time: $cpu s, and time's own $(what .cpu_seconds)" between "$(calc "$cpu - 0.02")" "$(calc "$cpu * 1.05 + 0.05")" "$(what .cpu_seconds)"
minor=$(said 'Minor (reclaiming a frame) page faults')
ok "minor faults: $minor, and those of time itself $(what .memory.minor_faults_total)" \
	between "$minor" $((minor + 400)) "$(what .memory.minor_faults_total)"
is "$(said 'Major (requiring I/O) page faults')" "$(what .memory.major_faults_total)" "major faults"
voluntary=$(said 'Voluntary context switches') involuntary=$(said 'Involuntary context switches')
ok "voluntary context switches: $voluntary, and some of time itself $(what .context_switches.voluntary_total)" \
	between $((voluntary - 5)) $((voluntary + 15)) "$(what .context_switches.voluntary_total)"
ok "involuntary ones: $involuntary, and some of time itself $(what .context_switches.involuntary_total)" \
	between $((involuntary - 5)) $((involuntary * 2 + 20)) "$(what .context_switches.involuntary_total)"
user=$(said 'User time') # in hundredths
ok "user time: $user s, and $(what .cpu_user_seconds)" between "$(calc "$user * .7 - 0.02")" "$(calc "$user * 1.3 + 0.02")" "$(what .cpu_user_seconds)"

# --- perf trace -s

if ! command -v perf >/dev/null || ! perf trace -s -o "$TMP/perf" true 2>/dev/null || ! grep -q execve "$TMP/perf"; then
	skip_one "the same calls as perf trace -s" "perf trace does not work here"
else
	syscall=$BUILD/workload/syscall calls=$((500 / scale))
	# "CALL COUNT ERRORS" of those that it loops over
	attach --format json --output "$found" -- "$syscall" loop 1 $calls >"$TMP/calls"
	looped=$(awk '{ print $1 }' "$TMP/calls" | sort -u)
	ours=$(what '.calls[] | "\(.call) \(.calls_total) \(.errors_total)"' | grep -wF "$looped" | sort)
	theirs='' # perf may lose what is told at the end, without a word
	for ((i = 0; i < 10; i++)); do
		[[ $theirs != "$ours" ]] || break
		perf trace -s -o "$TMP/perf" "$syscall" loop 1 $calls >"$TMP/calls" 2>/dev/null
		theirs=$(awk 'NF >= 8 && $2 ~ /^[0-9]+$/ { print $1, $2, $3 }' "$TMP/perf" | grep -wF "$looped" | sort)
	done
	is "$theirs" "$ours" "calls and errors are those of perf trace -s"
fi
