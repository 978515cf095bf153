# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the tests of the event log share. Source it after lib.sh.
# shellcheck disable=SC2034 # for the tests
EVENTS=$TMP/events.jsonl # where start_seismo has it

events() { # OPTION...
	"$SEISMO" events --file "$EVENTS" --format json "$@" 2>>"$TMP/events.err"
}

# How many lines fulfil the condition of jq.
events_count() { # CONDITION OPTION...
	events "${@:2}" | jq -c "select($1)" | wc -l
}

events_counted() { # NUMBER CONDITION OPTION...
	[[ $(events_count "${@:2}") == "$1" ]]
}

# Waits until as many lines are there: what happened is written a moment later.
is_events() { # NUMBER TEXT CONDITION OPTION...
	wait_until events_counted "$1" "${@:3}" || true
	is "$1" "$(events_count "${@:3}")" "$2"
}

# Prints what is wrong with the numbers of all lines: each is one more than the one before, over all files.
seq_faults() { # [FILE...]
	jq -rR 'fromjson? // {seq: "no event"} | .seq' "$@" | awk '
		NR > 1 && $1 != last + 1 { print "line " NR ": " $1 " after " last }
		{ last = $1 }'
}

# The files of the log, the oldest first.
events_files() {
	find "$(dirname "$EVENTS")" -name "$(basename "$EVENTS")*" | sort -rV
}

# How many ends with an error of the service's processes are told, or counted where they are not.
exits_told() { # SERVICE
	events --kind process_exit,lost,suppressed | jq -s --arg name "$1" '
		([.[] | select(.kind == "process_exit" and .service == $name and .code == 3)] | length) +
		([.[] | select(.kind == "lost" and .what == "process_exit") | .count] | add // 0) +
		([.[] | select(.kind == "suppressed" and .of == "process_exit" and .service == $name) | .count] | add // 0)'
}

# More, since what others on this machine did is lost as well.
exits_told_all() { # NUMBER SERVICE
	(($(exits_told "$2") >= $1))
}

# Sets logged and counted, how many events found no room, by the log and by the metric; are they the same?
lost_agrees() {
	logged=$(events --kind lost | jq -s '[.[] | select(.where == "queue") | .count] | add')
	scrape
	counted=$(value seismo_events_lost_total buffer=log)
	[[ $logged == "$counted" ]]
}
