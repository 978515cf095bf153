#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP over a link that delays, loses and reorders: times are those of the link, and every segment that was
# sent again is one that the kernel's /proc/net/snmp has.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
# shellcheck source=tests/e2e/tcp.sh
. "$ROOT/tests/e2e/tcp.sh"
need ip tc modprobe
modprobe -a veth sch_netem 2>/dev/null || skip "this kernel has no veth or no netem"

# --- two machines and a link

server_in=seismo-server-$$ client_in=seismo-client-$$
address=10.123.0.1

# Neighbours are known: nothing but TCP is on the link, and what fails fails in TCP.
link_make() {
	namespace_make "$server_in"
	namespace_make "$client_in"
	ip -n "$server_in" link add wire type veth peer name wire netns "$client_in" || bail "no link"
	side_make "$server_in" 1 2
	side_make "$client_in" 2 1
}

side_make() { # NAMESPACE OWN-NUMBER OTHER-NUMBER
	ip -n "$1" link set wire address "02:00:00:00:00:0$2"
	ip -n "$1" address add "10.123.0.$2/24" dev wire
	ip -n "$1" link set wire up
	ip -n "$1" neighbour replace "10.123.0.$3" lladdr "02:00:00:00:00:0$3" nud permanent dev wire
}

# How the link treats what leaves a side.
link_set() { # NAMESPACE NETEM-OPTION...
	tc -n "$1" qdisc replace dev wire root netem "${@:2}" || bail "no netem ${*:2}"
}

link_set_both() { # NETEM-OPTION...
	link_set "$client_in" "$@"
	link_set "$server_in" "$@"
}

# --- what is to come out, collected as the connections are made

expected=$TMP/expected

expect_traffic() {
	local side flow
	echo "inbound $server $(said "$TMP/$server" connected)"
	echo "outbound $client $(said "$TMP/$client" connected)"
	for side in "$server" "$client"; do
		for flow in sent received; do
			echo "$flow $side $(said "$TMP/$side" "$flow")"
		done
	done
} >>"$expected"

expected_traffic() {
	grep -v ' 0$' "$expected" | sort
}

# The same of the last scrape.
traffic() {
	local metric direction
	while read -r metric direction; do
		series by=service "$metric" "direction=$direction" | sed -n "s/^w-/$direction &/p"
	done <<-END | grep -v ' 0$' | sort
		seismo_tcp_connections_total inbound
		seismo_tcp_connections_total outbound
		seismo_tcp_bytes_total sent
		seismo_tcp_bytes_total received
	END
}

traffic_seen() {
	scrape
	[[ $(traffic) == "$(expected_traffic)" ]]
}

check_traffic() {
	wait_until traffic_seen
	is "$(expected_traffic)" "$(traffic)" "connections and bytes of each side are the workloads'"
}

# Segments that were sent again, of the client's side and the server's, since the beginning.
sent_again() {
	echo "client $(snmp "$client_in" RetransSegs)"
	echo "server $(snmp "$server_in" RetransSegs)"
}

retransmits() {
	series by=service seismo_tcp_retransmits_total | awk '
		/^w-.*-client-/ { client += $2 }
		/^w-.*-server-/ { server += $2 }
		END { printf "client %d\nserver %d\n", client, server }'
}

retransmits_seen() {
	scrape
	[[ $(retransmits) == "$(sent_again)" ]]
}

check_retransmits() { # TEXT
	wait_until retransmits_seen
	is_but_lost "$(sent_again)" "$(retransmits)" \
		"$1: segments that clients and servers sent again are the kernel's RetransSegs of both sides" \
		seismo_tcp_retransmits_total
}

# --- times

mean() { # METRIC SERVICE
	calc "$(value "$1_sum" "service=$2") / $(value "$1_count" "service=$2")"
}

# Values of a histogram in the bucket above LOW and not above HIGH; less than none when some are below it.
in_bucket() { # LOW HIGH METRIC SERVICE
	local below
	below=$(value "$3_bucket" "service=$4" "le=$1")
	[[ $below == 0 ]] || { echo "-$below" && return; }
	value "$3_bucket" "service=$4" "le=$2"
}

# A machine that has others on it wakes what waits late, and stretches the times of the link: the bucket has
# at least as many as the program saw to be in time, and the mean is comparable when all were. Of the kernel's round-trip
# times the program cannot ask for the last: what ends the connection is acknowledged later, and where that is late, as on
# an emulated machine, it is an eighth of the time that is counted.
check_times() { # TEXT METRIC SERVICE LOW HIGH IN-TIME COUNT MEAN LEAST
	local actual text="$1: the mean is what the program saw"
	ok "$1: in the bucket of the link's delay, and none below it ($6 of $7 were in time)" \
		between "${6:?}" 1000 "$(in_bucket "$4" "$5" "$2" "$3")"
	(($6 == $7)) || return
	actual=$(mean "$2" "$3")
	if ((scale > 1)) && [[ $2 == seismo_tcp_rtt_seconds ]]; then
		ok "$text, or more, and at least $9 (the program saw $8, got $actual)" between "$9" 1000 "$actual"
	else
		near_seen "$8" "$actual" 5 "$9" "$text"
	fi
}

link_make
start_seismo --probes tcp

# The link delays each way by the half of what a round trip takes.
count=10
while read -r name delay low high; do
	link_set_both delay "${delay}ms"
	least=$(calc "2 * $delay / 1000")
	within=within=$(calc "$high * 1000")
	connect "$name" "$address" $count 100 100 "$within" "$within"
	expect_traffic
	is_metric $count "$name: connects timed" seismo_tcp_connect_duration_seconds_count "service=$client"
	check_times "$name: connects" seismo_tcp_connect_duration_seconds "$client" "$low" "$high" \
		"$(said "$TMP/$client" connect_within)" $count \
		"$(calc "$(said "$TMP/$client" connect_seconds) / $count")" "$least"
	for side in "$client" "$server"; do
		check_times "$name: round-trip times of ${side%-*}" seismo_tcp_rtt_seconds "$side" "$low" "$high" \
			"$(said "$TMP/$side" rtt_within)" $count \
			"$(calc "($(said "$TMP/$side" first_rtt_seconds) + $(said "$TMP/$side" rtt_seconds)) / (2 * $count)")" "$least"
	done
done <<END
far 50 0.0625 0.125
near 10 0.015625 0.03125
END

# --- resets

link_set_both delay 2ms
connect reset "$address" 10 100 0 reset ""
expect_traffic
is_metric 10 "reset: received, on connections out" seismo_tcp_resets_total "service=$client" direction=outbound
is "$(snmp "$server_in" OutRsts)" "$(value_or_0 seismo_tcp_resets_total "service=$server")" \
	"reset: those that the server sent are the kernel's OutRsts"
is "$(snmp "$client_in" EstabResets)" "$(value_or_0 seismo_tcp_resets_total "service=$client")" \
	"reset: those that the client received are the kernel's EstabResets"

# --- segments that come in another order, or not

link_set_both delay 5ms 2ms reorder 50% 50%
connect reordered "$address" 2 100000 100000 "" ""
expect_traffic
check_retransmits reordered

link_set_both loss 10%
connect lossy "$address" 4 50000 50000 "" ""
expect_traffic
ok "lossy: the link lost something" grep -qv ' 0$' <(sent_again)
check_retransmits lossy

# Whether the server, or the client, has sent again since `before`.
has_sent_again() { # NAMESPACE
	(($(snmp "$1" RetransSegs) > before))
}

# Cuts what leaves a side until that has tried again.
cut_until_sent_again() { # NAMESPACE COMMAND...
	local before
	before=$(snmp "$1" RetransSegs)
	link_set "$1" loss 100%
	"${@:2}"
	wait_until has_sent_again "$1"
	link_set "$1" loss 0%
}

client_start() {
	client_run "$name" "$address" 1 1000 1000 &
	client_pid=$! client=w-$name-client-$$
	at_exit end_process "$client_pid"
}

# The link is cut as the connection is made, and once more when it has been.
link_set_both loss 0%
while read -r name cut; do
	serve "$name" "$address" 1 1000 1000 delay=1500
	cut_until_sent_again "$cut" client_start
	is_metric 1 "$name: the connection is made after all" \
		seismo_tcp_connections_total "service=$server" direction=inbound
	cut_until_sent_again "$server_in" true
	wait "$client_pid" "$server_pid"
	expect_traffic
	check_retransmits "$name"
done <<END
syn $client_in
syn-ack $server_in
END
check_traffic

# --- nobody answers

link_set_both loss 100%
ip netns exec "$client_in" sysctl -q net.ipv4.tcp_syn_retries=1
port=9
clients=()
for ((i = 0; i < 5; i++)); do
	client_run silent "$address" 1 1 1 &
	clients+=($!)
done
wait "${clients[@]}"
client=w-silent-client-$$
is_metric 5 "silent: connects time out" seismo_tcp_connect_failures_total "service=$client" errno=ETIMEDOUT
is "$(snmp "$client_in" AttemptFails)" "$(series by=service seismo_tcp_connect_failures_total |
	sed -n 's/^w-.* //p')" "silent: and nothing else fails, which is the kernel's AttemptFails"
check_retransmits silent
stop_seismo
