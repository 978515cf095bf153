#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo attach: a row for each TCP connection, against what its ends did, and against ss -ti.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/attach.sh
. "$(dirname "$0")/attach.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
need jq ss python3

found=$TMP/found.json
tcp=$BUILD/workload/tcp

# How many connections fit the filter of jq.
connections() { # FILTER
	jq "[.connections[] | select($1)] | length" "$found"
}

# shellcheck disable=SC2119 # without options
start_seismo

# --- from begin to end, on both sides

# Segments that were sent again, by all in this network.
resent() {
	awk '$1 != "Tcp:" { next }
	!column { for (i = 2; i <= NF; i++) if ($i == "RetransSegs") column = i; next }
	{ print $column }' /proc/net/snmp
}

n=50
before=$(resent)
"$tcp" server 127.0.0.1 $n 1000 300 >"$TMP/port" &
wait_until test -s "$TMP/port"
port=$(<"$TMP/port")
attach --format json --output "$found" -- "$tcp" client 127.0.0.1 "$port" $n 1000 300 >/dev/null
is "$n $n" "$(jq '.connections_total' "$found") $(connections '.direction == "outbound" and .state == "ended" and (.since_before | not)')" \
	"$n connections were made, and have ended"
is $n "$(connections '.sent_bytes == 1000 and .received_bytes == 300')" "with all of their bytes"
is $n "$(connections ".peer == \"127.0.0.1:$port\" and .local_port > 0")" "to this server"
is $n "$(connections '.connect_seconds > 0 and .rtt_seconds > 0 and .duration_seconds >= .connect_seconds')" \
	"each with the time of its connect, its round trip, its duration"
ok "and what was sent again, of what the kernel sent again at both ends" between 0 "$(($(resent) - before))" "$(jq '[.connections[].retransmits_total] | add' "$found")"

attach --format json --output "$found" -- sh -c "'$tcp' server 127.0.0.1 $n 1000 300 >'$TMP/port2' & until [ -s '$TMP/port2' ]; do sleep 0.02; done
	'$tcp' client 127.0.0.1 \$(cat '$TMP/port2') $n 1000 300 >/dev/null; wait"
is "$n $n" "$(connections '.direction == "inbound" and .received_bytes == 1000 and .sent_bytes == 300') $(connections '.direction == "outbound"')" \
	"both ends of $n connections, of a process and its child"

attach --format json --output "$found" -- "$tcp" client 127.0.0.1 "$(free_port)" 1 1 1 >/dev/null 2>&1
is 1 "$(connections '.state == "failed" and .errno == "ECONNREFUSED" and .sent_bytes == 0')" "one that was refused"

# --- open ones, as ss has them

"$tcp" server 127.0.0.1 1 5000 40000 >"$TMP/port3" &
server=$!
at_exit end_process $server
wait_until test -s "$TMP/port3"
port=$(<"$TMP/port3")
exec {out}<>"/dev/tcp/127.0.0.1/$port"
printf '%04000d' 0 >&$out
received() {
	ss -tinH "sport = :$port" | grep -q 'bytes_received:4000'
}
wait_until received

# "received sent RTT retransmits" by ss, of the socket with this filter; sent: without what was sent again
theirs() { # FILTER
	ss -tinH "$1" | tail -n +2 | awk '{
		for (i = 1; i <= NF; i++) { split($i, part, ":"); v[part[1]] = part[2] }
		split(v["rtt"], rtt, "/"); split(v["retrans"], again, "/")
		printf "%d %d %d %d\n", v["bytes_received"], v["bytes_sent"] - v["bytes_retrans"], rtt[1] * 1000 + 0.5, again[2] }'
}
ours() { # FILTER
	jq -r ".connections[] | select($1) | \"\(.received_bytes) \(.sent_bytes) \(.rtt_seconds // 0 | . * 1e6 | round) \(.retransmits_total)\"" "$found"
}
attach --format json --output "$found" --duration 200ms $server
is "1 true" "$(connections .) $(jq .connections[0].since_before "$found")" "a connection that was there before"
is "$(theirs "sport = :$port")" "$(ours '.direction == "inbound" and .state == "open"')" "accepted: bytes, round-trip time and retransmits are those of ss"
attach --format json --output "$found" --duration 200ms $$
is "$(theirs "dport = :$port")" "$(ours '.direction == "outbound" and .state == "open"')" "made: the same"
exec {out}>&-

# --- accepted by a parent, which alone listens

forker() {
	exec python3 -c '
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
made = socket.create_connection(listener.getsockname())
accepted, _ = listener.accept()
pid = os.fork()
if not pid:
	listener.close()
	made.close()
	time.sleep(1000)
accepted.close()
print(pid, listener.getsockname()[1], flush=True)
os.wait()'
}
forker >"$TMP/forked" &
at_exit end_process $!
wait_until test -s "$TMP/forked"
read -r child port <"$TMP/forked"
at_exit kill "$child"
attach --format json --output "$found" --duration 200ms "$child" 2>/dev/null
is "1 inbound $port true" "$(connections .) $(jq -r '.connections[0] | "\(.direction) \(.local_port) \(.since_before)"' "$found")" \
	"a connection that its parent has accepted: who made it is known"

# --- passed to it while it is watched, and used by nobody: the last reading finds it

passer() {
	exec python3 -c '
import os, socket, sys, time
os.chdir(sys.argv[1])
ours, theirs = socket.socketpair()
pid = os.fork()
if not pid:
	ours.close()
	socket.recv_fds(theirs, 1, 1)
	open("passed", "w")
	theirs.recv(1)
	sys.exit()
theirs.close()
print(pid, flush=True)
while not os.path.exists("pass"):
	time.sleep(0.01)
listener = socket.create_server(("127.0.0.1", 0))
made = socket.create_connection(listener.getsockname())
socket.send_fds(ours, [b"x"], [made.fileno()])
time.sleep(60)' "$TMP"
}
passer >"$TMP/receiver" &
at_exit end_process $!
wait_until test -s "$TMP/receiver"
attach_to --format json --output "$found" "$(<"$TMP/receiver")"
touch "$TMP/pass"
wait_until test -e "$TMP/passed"
detach
is "1 true" "$(connections .) $(jq .connections[0].since_before "$found")" "a connection that was passed to it"

# --- the end of one that there is not

end_of() { # ID
	curl -sS --max-time 60 -o /dev/null -w '%{http_code}' -X POST --unix-socket "$TMP/state/api.sock" "http://x/api/v1/attach/end?id=$1"
}
is 404 "$(end_of 1)" "an attachment that there is not has no end"
