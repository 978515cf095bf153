#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The event log tells of each process what its parent was told by wait(2), of victims of the OOM killer, of programs that are
# replaced; and `seismo events` finds it.
# alone: the daemon has the last events only, and other tests start many processes
# shellcheck disable=SC2016 # of jq
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/events.sh
. "$(dirname "$0")/events.sh"

n=$((20 / scale))

# A program and a script that run already when the daemon starts.
printf '#!/bin/bash\nread -rt "$1" <> <(:)\n' >"$TMP/bin/w-there-$$.sh"
chmod +x "$TMP/bin/w-there-$$.sh"
cp /bin/sleep "$TMP/bin/w-there-$$" # in a guest, what PATH finds does nothing under another name
background "w-there-$$" 1000
background "$TMP/bin/w-there-$$.sh" 1000
began=$SECONDS
start_seismo --probes process

# A path as the log has it: from the root of the file system on, of which the mount may show a part only.
path_within() { # PATH
	local mount root
	mount=$(stat -c %m "$1")
	root=$(awk -v mount="$mount" '$5 == mount { root = $4 } END { print root }' /proc/self/mountinfo)
	echo "${root%/}${1#"${mount%/}"}"
}

# --- ends of every kind, as wait(2) told the parent

name=w-events-$$
program=$(workload process "$name")
"$program" end "ok:$((3 * n))" "error:$((2 * n))" "kill:$n" "term:$n" "segv:$n" "thread:$n" >"$TMP/ended" &
parent=$!
wait "$parent"
is_events $((9 * n + 1)) "a line for each process that ended" '.kind == "process_exit"' --service "$name"
is "$(printf '%s\n' "$((2 * n)) error 3 null" "$((4 * n + 1)) ok 0 null" "$n signal null 11" "$n signal null 15" "$n signal null 9")" \
	"$(events --service "$name" --kind process_exit | jq -r '"\(.reason) \(.code) \(.signal)"' | sort | uniq -c | awk '{ print $1, $2, $3, $4 }' | sort -k2)" \
	"with its reason, and the status or the signal that wait(2) tells"
is $((9 * n)) "$(events_count ".kind == \"process_start\" and .by == \"fork\" and .parent_pid == $parent" --service "$name")" \
	"a line for each that was forked, with its parent"
is "1 $(path_within "$program")" "$(events --pid "$parent" --kind process_start | jq -r 'select(.by == "exec") | .executable' | uniq -c | awk '{ print $1, $2 }')" \
	"and one for the program that was executed, with its path"
is "$(events --service "$name" --kind process_exit | jq .pid | sort)" \
	"$( (events --service "$name" --kind process_start | jq 'select(.by == "fork") | .pid'; echo "$parent") | sort)" \
	"the same processes start and end"
is "$name" "$(events --service "$name" --kind process_exit | jq -r .command | cut -c -15 | sort -u | sed "s/\$/${name:15}/")" \
	"they have their names"
is 0 "$(events_count '.life_seconds > 60 or .life_seconds <= 0' --service "$name" --kind process_exit)" "and lived for a moment"

# the daemon itself has the last ones; others on this machine may soon have pushed them out
is 3 "$(curl -s --unix-socket "$TMP/state/api.sock" "http://x/api/v1/events?kind=process_exit&limit=3&service=$name" | jq '.events | length')" \
	"the control socket has the last ones"
is "$(events --service "$name" | tail -n 1 | jq .seq)" \
	"$(curl -s --unix-socket "$TMP/state/api.sock" "http://x/api/v1/events?service=$name" | jq '.events[-1].seq')" "the last one last"

program=$(workload process "w-slept-$$")
"$program" end sleep:5 >"$TMP/slept"
is_events 5 "they live as long as they sleep" '.kind == "process_exit" and .life_seconds >= 0.05 and .life_seconds < 5 and (.parent_command | startswith("w-slept"))' \
	--service "w-slept-$$"

# --- threads are no processes

program=$(workload process "w-threads-$$")
"$program" threads 20
is_events 1 "a process of many threads ends once" '.kind == "process_exit"' --service "w-threads-$$"
is 1 "$(events_count '.kind == "process_start"' --service "w-threads-$$")" "and starts once, under its own name"

# --- programs that are replaced

program=$(workload process "w-deploy-$$")
before=$(stat -c %i "$program")
"$program" && "$program"
cp "$program" "$program.new" && mv "$program.new" "$program"
"$program" && "$program"
is_events 1 "a program that is another file than before" '.kind == "replaced"' --service "w-deploy-$$"
is "$(path_within "$program") $before $(stat -c %i "$program") $(stat -c %s "$program")" \
	"$(events --service "w-deploy-$$" --kind replaced | jq -r '"\(.executable) \(.inode_before) \(.inode) \(.size_bytes)"')" \
	"with the inodes of both"

# A script is looked at once a second.
script_is_due() {
	((SECONDS - looked >= 2))
}

build_id() { # FILE
	readelf -n "$1" 2>/dev/null | sed -n 's/.*Build ID: //p'
}

# It is read while the program runs.
built_as() { # PROGRAM ARGUMENT...
	cp "$(command -v "$1")" "$TMP/bin/new" && mv "$TMP/bin/new" "$TMP/bin/w-build-$$"
	background "w-build-$$" "${@:2}"
	wait_until events_counted "$((++builds))" '.kind == "process_start" and .by == "exec"' --service "w-build-$$"
}
builds=0 before=$(build_id "$(command -v sleep)") now=$(build_id "$(command -v tail)")
if [[ $before && $now && $before != "$now" ]]; then
	built_as sleep 1000
	read -rt 1.5 -u "$silence" # those that follow are told when they were read
	built_as tail -f /dev/null
	is_events 1 "another build of a program" ".build_id_before == \"$before\" and .build_id == \"$now\"" --service "w-build-$$" --kind replaced
	built_as tail -f /dev/null
	is_events 1 "the same build of it in another file" ".build_id_before == .build_id" --service "w-build-$$" --kind replaced
else
	skip_one "builds" "no readelf on this host, or programs have none"
fi

# It runs until it was looked at.
is_replaced() { # PROGRAM TEXT CONDITION
	"$1" 1000 &
	is_events 1 "$2" "$3" --service "${1##*/}" --kind replaced
	end_process $! 2>/dev/null
}

# The daemon looks at what runs two seconds after it has started.
has_looked() {
	((SECONDS - began >= 4 * scale))
}
wait_until has_looked
for program in "w-there-$$" "w-there-$$.sh"; do
	cp "$TMP/bin/$program" "$TMP/bin/new" && mv "$TMP/bin/new" "$TMP/bin/$program"
	is_replaced "$TMP/bin/$program" "what runs since before the daemon is replaced: $program" \
		".executable == \"$(path_within "$TMP/bin/$program")\" or .executable == \"$TMP/bin/$program\""
done
looked=$SECONDS script=$TMP/bin/w-there-$$.sh
echo "# another version" >>"$script"
wait_until script_is_due
is_replaced "$script" "a script that is written anew" ".size_bytes == $(stat -c %s "$script")"

# --- the OOM killer

oom_cgroup() {
	local mount
	mount=$(cgroup_controller memory) || return
	cgroup=$mount/seismo-events-$$
	cgroup_make "$cgroup"
	limit=memory.max
	[[ -e $cgroup/$limit ]] || limit=memory.limit_in_bytes
}

if oom_cgroup && echo 20M >"$cgroup/$limit"; then
	program=$(workload process "w-oom-$$")
	[[ -e $cgroup/memory.swap.max ]] && echo 0 >"$cgroup/memory.swap.max"
	enter_cgroup "$cgroup" "$program" memory 200 >/dev/null 2>&1 &
	victim=$!
	wait "$victim"
	is_events 1 "a victim of the OOM killer" ".kind == \"oom\" and .pid == $victim" --service "w-oom-$$"
	is "cgroup seismo-events-$$ $((20 << 20)) $victim" \
		"$(events --service "w-oom-$$" --kind oom | jq -r '"\(.scope) \(.cgroup) \(.limit_bytes) \(.trigger_pid)"')" \
		"because of the limit of its cgroup, and who needed memory"
	is_events 1 "and how it ended" ".kind == \"process_exit\" and .pid == $victim and .reason == \"oom\" and .signal == 9" \
		--service "w-oom-$$"
else
	skip_one "the OOM killer" "no memory cgroup on this host"
fi

# --- what is asked for

is "" "$(events | jq -r --slurpfile reference <("$SEISMO" events --kinds --format json) '
	.kind as $kind | ($reference[0].fields + $reference[0].kinds[$kind].fields) as $known |
	keys[] | select($known[.] == null) | "\($kind) \(.)"' | sort -u)" "every key of every line is in the reference"
is "" "$(seq_faults "$EVENTS")" "the numbers of the lines have no gap"
is "start" "$(events | head -n 1 | jq -r .kind)" "the first line tells of the start"
is 0 "$(events --since 1h --until 50m | wc -l)" "nothing of before"
ok "in text" grep -qE "^20[0-9T:.-]+Z process_exit  w-slept-$$ .*reason=ok .*life_seconds=[0-9]+\\.[0-9]+" \
	<("$SEISMO" events --file "$EVENTS" --service "w-slept*")
is 400 "$(curl -s -o "$TMP/answer" -w '%{http_code}' --unix-socket "$TMP/state/api.sock" 'http://x/api/v1/events?kind=nonsense')" \
	"a kind that does not exist is refused"
is 403 "$(curl -s -o "$TMP/answer" -w '%{http_code}' "$SEISMO_URL/api/v1/events")" "and the endpoint has no events"

# --- following

"$SEISMO" events --file "$EVENTS" --follow --kind process_exit --service "w-follow-$$" --format json >"$TMP/followed" &
follower=$!
at_exit end_process "$follower"
program=$(workload process "w-follow-$$")
"$program"
wait_until test -s "$TMP/followed"
is 1 "$(jq -c 'select(.code == 0)' "$TMP/followed" | wc -l)" "a follower gets what comes"
kill -INT "$follower"
wait "$follower"
is 0 $? "and ends with 0 when it is interrupted"

# --- the daemon itself

kill -HUP "$seismo_pid"
is_events 1 "a reload" '.kind == "reload" and .successful == true'
echo "nonsense: 1" >>"$CONFIG"
kill -HUP "$seismo_pid"
is_events 1 "a reload that was refused" '.kind == "reload" and .successful == false'
stop_seismo
is "stop 0 $seismo_pid" "$(events | tail -n 1 | jq -r '"\(.kind) \(.status) \(.pid)"')" "the last line tells of the end"
