#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The real rsyslogd ships the event log, with the configuration of tools/deploy: the sink is away for a while, Seismo and rsyslogd are
# killed, the log is rotated. Every event arrives once, or the gap is told.
# alone: imfile does not keep up with a log that is rotated every second or two, as by what other tests do
# shellcheck disable=SC2016 # of jq
# shellcheck disable=SC2317 # functions that wait_until calls
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/events.sh
. "$(dirname "$0")/events.sh"
need rsyslogd python3

n=$((1000 / scale))
program=$(workload process "w-ship-$$")
mkdir "$TMP/log" "$TMP/rsyslog"
EVENTS=$TMP/log/events.jsonl
echo "events: { file: $EVENTS, max_size: 1MiB, keep: 200, journald: off }" >"$CONFIG"

# --- the sink: whatever comes, to a file

port=
sink_start() {
	python3 -c '
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[2] or 0)))
s.listen()
print(s.getsockname()[1], flush=True)
out = open(sys.argv[1], "ab", buffering=0)
while True:
    c = s.accept()[0]
    while True:
        data = c.recv(65536)
        if not data:
            break
        out.write(data)
' "$TMP/shipped" "$port" >"$TMP/sink" &
	sink=$!
	at_exit end_process "$sink"
	wait_until test -s "$TMP/sink"
	port=$(<"$TMP/sink")
}
sink_start

# --- rsyslogd, with a folder and a process id file of its own

{
	echo "global(workDirectory=\"$TMP/rsyslog\")"
	sed "s|/var/log/seismo/events.jsonl|$EVENTS|; s|logs.example.com|127.0.0.1|; s|6514|$port|" "$ROOT/tools/deploy/rsyslog.conf"
} >"$TMP/rsyslog.conf"
rsyslog_start() {
	rsyslogd -n -f "$TMP/rsyslog.conf" -i "$TMP/rsyslogd.pid" >"$TMP/rsyslogd.out" 2>&1 &
	rsyslog=$!
	at_exit end_process "$rsyslog"
}
ok "the configuration is right" rsyslogd -N 1 -f "$TMP/rsyslog.conf"

shipped() {
	[[ $(shipped_count) -ge $1 ]]
}
shipped_count() {
	jq -R 'fromjson? | select(.kind == "process_exit" and .code == 3) | .seq' "$TMP/shipped" | sort -u | wc -l
}
is_shipped() { # NUMBER TEXT
	wait_until shipped "$1"
	is "$1" "$(shipped_count)" "$2"
}

# The last of our processes that ended, or the daemon's end.
is_last_shipped() { # TEXT
	last=$(events --kind process_exit,stop | jq 'select(.kind == "stop" or .code == 3) | .seq' | tail -n 1)
	wait_until grep -q "^{\"seq\":$last," "$TMP/shipped"
	ok "$1" grep -q "^{\"seq\":$last," "$TMP/shipped"
}

start_seismo --probes process
rsyslog_start
"$program" end "error:$n" >"$TMP/ended"
is_shipped "$n" "events arrive at the sink"

# What TCP had on its way to the sink is lost.
cp "$TMP/shipped" "$TMP/shipped.sink"
end_process "$sink" 2>/dev/null
sleep 1
away=$(events | tail -n 1 | jq .seq)
"$program" end "error:$n" >"$TMP/ended"
is_events $((2 * n)) "the sink is away, and events go on" '.kind == "process_exit" and .code == 3'
sleep 2
sink_start
is_shipped $((2 * n)) "it is back, and what came meanwhile arrives"

cp "$TMP/shipped" "$TMP/shipped.before"
"$program" end "error:$n" >"$TMP/ended" &
load=$!
read -rt 0.1 -u "$silence"
end_process "$rsyslog" 2>/dev/null
wait "$load"
killed=$(events | tail -n 1 | jq .seq) # what was read by then may be lost, or come again
rsyslog_start
is_events $((3 * n)) "and what went on meanwhile is in the log" '.kind == "process_exit" and .code == 3'
is_last_shipped "after a kill -9 of rsyslogd it goes on"
before=$(shipped_count)

kill -KILL "$seismo_pid"
wait "$seismo_pid" 2>/dev/null
start_seismo --probes process
"$program" end "error:$n" >"$TMP/ended"
is_shipped $((before + n)) "after a kill -9 of Seismo nothing is missing"
stop_seismo
is_last_shipped "the end arrives"

mapfile -t files < <(events_files)
ok "over ${#files[@]} files" test "${#files[@]}" -gt 1
highest() { # FILE
	jq -R 'fromjson? | .seq' "$1" | sort -n | tail -n 1
}
begun=$(highest "$TMP/shipped.before")
# The number of an event, and whether it is missing (1), or has come again (3 or more): from where rsyslogd had noted its place.
faults=$(cat "${files[@]}" "$TMP/shipped" | jq -R 'fromjson? | .seq' | sort -n | uniq -c | awk '$1 != 2 { print $2, $1 }')
echo "# $(wc -l <<<"$faults") events are missing or come again since the kill of rsyslogd: $(head -n 1 <<<"$faults") to $(tail -n 1 <<<"$faults") of $begun to $killed"
is "" "$(awk -v from="$begun" -v to="$killed" -v from_sink="$(highest "$TMP/shipped.sink")" -v to_sink="$away" '
	$2 > 2 && $1 <= to { next }
	$1 && ($1 < from || $1 > to) && ($1 < from_sink || $1 > to_sink)' <<<"$faults" | head -n 3)" \
	"every event arrives once, but for those that were under way when the sink or rsyslogd was killed, whose numbers tell"
is 1 "$(jq -R 'fromjson? | select(.kind == "lost" and .where == "restart")' -c "$TMP/shipped" | wc -l)" "the gap of the kill is told"
