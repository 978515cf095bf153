#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The real rsyslogd ships the event log, with the configuration of tools/deploy: the sink is away for a while, Seismo and rsyslogd are
# killed, the log is rotated. Every event arrives once, or the gap is told.
# shellcheck disable=SC2016 # of jq
# shellcheck disable=SC2317 # functions that wait_until calls
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/events.sh
. "$(dirname "$0")/events.sh"
need rsyslogd python3

n=$((300 / scale))
program=$(workload process "w-ship-$$")
mkdir "$TMP/log" "$TMP/rsyslog"
EVENTS=$TMP/log/events.jsonl
echo "events: { file: $EVENTS, max_size: 32KiB, keep: 200, journald: off }" >"$CONFIG"

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
	[[ $(jq -R 'fromjson? | select(.kind == "process_exit" and .code == 3)' -c "$TMP/shipped" | wc -l) -ge $1 ]]
}
is_shipped() { # NUMBER TEXT
	WAIT=40 wait_until shipped "$1"
	is "$1" "$(jq -R 'fromjson? | select(.kind == "process_exit" and .code == 3)' -c "$TMP/shipped" | wc -l)" "$2"
}

start_seismo --probes process
rsyslog_start
"$program" end "error:$n" >"$TMP/ended"
is_shipped "$n" "events arrive at the sink"

end_process "$sink" 2>/dev/null
"$program" end "error:$n" >"$TMP/ended"
is_events $((2 * n)) "the sink is away, and events go on" '.kind == "process_exit" and .code == 3'
sleep 2
sink_start
is_shipped $((2 * n)) "it is back, and what came meanwhile arrives"

"$program" end "error:$n" >"$TMP/ended" &
load=$!
read -rt 0.1 -u "$silence"
end_process "$rsyslog" 2>/dev/null
wait "$load"
rsyslog_start
is_shipped $((3 * n)) "after a kill -9 of rsyslogd"

kill -KILL "$seismo_pid"
wait "$seismo_pid" 2>/dev/null
start_seismo --probes process
"$program" end "error:$n" >"$TMP/ended"
is_shipped $((4 * n)) "after a kill -9 of Seismo"
stop_seismo
stopped() { jq -R 'fromjson? | select(.kind == "stop")' -c "$TMP/shipped" | grep -q .; }
WAIT=40 wait_until stopped

mapfile -t files < <(events_files)
ok "over ${#files[@]} files" test "${#files[@]}" -gt 3
is "" "$(jq -R 'fromjson? | .seq' "$TMP/shipped" | sort -n | uniq -d)" "no event arrives twice"
is "$(cat "${files[@]}" | jq .seq)" "$(jq -R 'fromjson? | .seq' "$TMP/shipped" | sort -n)" "every event arrives"
is 1 "$(jq -R 'fromjson? | select(.kind == "lost" and .where == "restart")' -c "$TMP/shipped" | wc -l)" "the gap of the kill is told"
