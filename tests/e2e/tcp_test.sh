#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP: connections, failures, resets, bytes and times equal the workload's own and, in a network namespace
# where nothing else runs, the kernel's /proc/net/snmp.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/tcp.sh
. "$(dirname "$0")/tcp.sh"
need ip

namespace_make "$server_in"

declare -A snmp_start

snmp_mark() {
	local name
	for name in ActiveOpens PassiveOpens AttemptFails OutRsts RetransSegs; do
		snmp_start[$name]=$(snmp "$server_in" "$name")
	done
}

snmp_grown() { # NAME
	echo $(($(snmp "$server_in" "$1") - snmp_start[$1]))
}

start_seismo --probes tcp

# --- connections that succeed: both families, blocking and not

while read -r name address up down options; do
	connections=$((200 / scale))
	mark
	connect "$name" "$address" "$connections" "$up" "$down" "" "$options"
	is_metric "$connections" "$name: connections in" \
		seismo_tcp_connections_total "service=$server" direction=inbound
	is_metric "$connections" "$name: connections out" \
		seismo_tcp_connections_total "service=$client" direction=outbound
	is "0 0" "$(value_or_0 seismo_tcp_connections_total "service=$server" direction=outbound) $(
		value_or_0 seismo_tcp_connections_total "service=$client" direction=inbound)" \
		"$name: none the other way round"
	is "$connections" "$(value seismo_tcp_connect_duration_seconds_count "service=$client")" \
		"$name: connects timed"
	took=$(said "$TMP/$client" connect_seconds)
	ok "$name: their time is a part of what the workload saw ($took s)" \
		between "$(calc "$took / 1000")" "$took" \
		"$(value seismo_tcp_connect_duration_seconds_sum "service=$client")"
	is "$connections" "$(value seismo_tcp_accept_duration_seconds_count "service=$server")" \
		"$name: accepts timed"
	for side in "$server" "$client"; do
		is "$(said "$TMP/$side" sent)" "$(value_or_0 seismo_tcp_bytes_total "service=$side" direction=sent)" \
			"$name: bytes sent by $side"
		is "$(said "$TMP/$side" received)" \
			"$(value_or_0 seismo_tcp_bytes_total "service=$side" direction=received)" \
			"$name: bytes received by $side"
	done
	is 0 "$(calc "$(value_or_0 seismo_tcp_connect_failures_total "service=$client") +
		$(value_or_0 seismo_tcp_resets_total "service=$client") +
		$(value_or_0 seismo_tcp_resets_total "service=$server")")" "$name: no failures, no resets"
done <<END
v4 127.0.0.1 1000 3000
v6 ::1 1 1
bulk 127.0.0.1 300000 200000
nonblocking 127.0.0.1 100 100 nonblock
nonblocking6 ::1 100 100 nonblock
empty 127.0.0.1 0 0
END

# --- nobody listens

port=9
refused=$((150 / scale))
for options in "" nonblock; do
	mark
	client_run "refused$options" 127.0.0.1 "$refused" 1 1 $options
	is "$refused" "$(said "$TMP/$client" refused)" "refused${options:+, }$options: the workload's connects fail"
	is_metric "$refused" "refused${options:+, }$options: failures" \
		seismo_tcp_connect_failures_total "service=$client" errno=ECONNREFUSED
	is "$refused" "$(value_or_0 seismo_tcp_connect_failures_total "service=$client")" \
		"refused${options:+, }$options: no other failures"
	is 0 "$(calc "$(value_or_0 seismo_tcp_connections_total "service=$client") +
		$(value_or_0 seismo_tcp_connect_duration_seconds_count "service=$client")")" \
		"refused${options:+, }$options: no connections, no times"
done

# --- resets: the server sends one for each connection, the client receives it

resets=$((120 / scale))
mark
connect reset 127.0.0.1 "$resets" 100 0 reset ""
is "$resets" "$(said "$TMP/$client" resets)" "reset: the client sees them"
is_metric "$resets" "reset: sent, on connections in" seismo_tcp_resets_total "service=$server" direction=inbound
is_metric "$resets" "reset: received, on connections out" seismo_tcp_resets_total "service=$client" direction=outbound

# --- sockets that are numbered like TCP

other=w-nottcp-$$
workload nottcp "$other" >/dev/null
ok "not TCP: messages go and come" grep -q '^raw=100 ' <("$TMP/bin/$other" 100)
scrape
is 0 "$(value_or_0 seismo_tcp_bytes_total "service=$other")" "not TCP: no bytes of TCP"

# --- a server that is slow to accept

mark
began=${EPOCHREALTIME/./}
connect slow 127.0.0.1 20 10 10 delay=20 ""
took=$(calc "(${EPOCHREALTIME/./} - $began) / 1e6")
is_metric 20 "slow: accepts timed" seismo_tcp_accept_duration_seconds_count "service=$server"
# The server begins to measure when it is woken.
waited=$(value seismo_tcp_accept_duration_seconds_sum "service=$server")
saw=$(said "$TMP/$server" wait_seconds)
if ((scale > 1)); then
	ok "slow: the time to accept is what the server took, and at most all of it" \
		between "$(calc "20 * 0.02")" "$took" "$waited"
elif between "$(calc "$saw * 1.05")" "$took" "$waited"; then
	skip_one "slow: the time to accept is the workload's" "this machine was late to wake the program"
else
	near_seen "$saw" "$waited" 5 "$(calc "20 * 0.02")" "slow: the time to accept is the workload's"
fi
ok "slow: connects do not wait for it" between 0 "$(calc "$took - $saw")" \
	"$(value seismo_tcp_connect_duration_seconds_sum "service=$client")"

# --- all together against the kernel's own counters, which have nothing but these connections

mark
snmp_mark
connect sum 127.0.0.1 $((100 / scale)) 500 500 "" ""
names=("$server" "$client")
connect sum-reset ::1 $((50 / scale)) 500 0 reset ""
names+=("$server" "$client")
port=9
client_run sum-refused 127.0.0.1 70 1 1
names+=("$client")

sum() { # METRIC LABEL=VALUE...
	local name total=0
	for name in "${names[@]}"; do
		((total += $(value_or_0 "$1" "service=$name" "${@:2}")))
	done
	echo "$total"
}

is_metric 70 "sum: failures" seismo_tcp_connect_failures_total "service=$client"
# The kernel counts an open for each end of a handshake, also where that came twice and was then dropped.
accepted=$((100 / scale + 50 / scale)) opens=$(snmp_grown PassiveOpens)
if ((opens > accepted && $(snmp_grown RetransSegs) > 0)); then
	skip_one "connections in are the kernel's PassiveOpens" "it opened some of $accepted twice"
else
	is "$opens" "$(sum seismo_tcp_connections_total direction=inbound)" \
		"connections in are the kernel's PassiveOpens"
fi
is "$accepted" "$(sum seismo_tcp_connections_total direction=inbound)" "connections in are the workload's"
is "$(snmp_grown ActiveOpens)" "$(($(sum seismo_tcp_connections_total direction=outbound) +
	$(sum seismo_tcp_connect_failures_total)))" "connections out and failures are its ActiveOpens"
is "$(snmp_grown AttemptFails)" "$(sum seismo_tcp_connect_failures_total)" "failures are its AttemptFails"
is "$(snmp_grown OutRsts)" "$(sum seismo_tcp_resets_total direction=outbound)" \
	"resets received are the resets sent, its OutRsts"
is "$(snmp_grown RetransSegs)" "$(sum seismo_tcp_retransmits_total)" "retransmissions are its RetransSegs"

# --- round-trip time: sampled as a connection is made and as it ends

rtt=$(calc "$(said "$TMP/w-v4-client-$$" rtt_seconds) / $connections")
mean=$(calc "$(value seismo_tcp_rtt_seconds_sum "service=w-v4-client-$$") /
	$(value seismo_tcp_rtt_seconds_count "service=w-v4-client-$$")")
is $((2 * connections)) "$(value seismo_tcp_rtt_seconds_count "service=w-v4-client-$$")" \
	"two samples of the round-trip time for each connection"
ok "the mean round-trip time ($mean s) is of the order of what TCP_INFO said last" \
	between "$(calc "$rtt / 5")" "$(calc "$rtt * 5")" "$mean"
stop_seismo
