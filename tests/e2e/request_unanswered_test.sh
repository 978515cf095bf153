#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Requests that wait, as long as they do, and those that get no answer, by who ended the wait, at both ends and as the
# client counts them itself.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/waiting.sh"

both_unanswered() { # TEXT PROTOCOL REASON-AT-CLIENT REASON-AT-SERVER
	ok "$1: some requests got no answer" test "$(said lost)" -gt 0
	is_unanswered "$client" "$1" "outbound $2 $3 $(said lost)"
	is_unanswered "$server" "$1" "inbound $2 $4 $(said lost)"
}

# Requests to the server that are over, with an answer or without.
ended() {
	calc "$(value_or_0 seismo_requests_total "service=$server") + $(value_or_0 seismo_requests_unanswered_total "service=$server")"
}

ended_to() { # NUMBER
	scrape
	[[ $(ended) == "$1" ]]
}

exchange() { # NAME ADDRESS SERVER-OPTIONS CLIENT-OPTIONS
	# shellcheck disable=SC2086 # options are words
	reqserver_start "$1" "$2" $3
	mark
	# shellcheck disable=SC2086
	reqserver_ask "$1" "$2" $4
}

# Starts a client in the background, $! is its pid.
ask_background() { # NAME ADDRESS OPTION...
	client=r-$1-client-$$
	workload reqserver "$client" >/dev/null
	"$TMP/bin/$client" client "$2" "$port" "${@:3}" >"$TMP/$client" 2>&1 &
	client_pid=$!
	at_exit end_process "$client_pid"
}

start_seismo --probes request,tcp
n=$((20 / scale))

# --- who ends the wait

for protocol in http line; do
	name=${protocol/line/unknown} line=${protocol/http/}
	exchange "late-$protocol" 127.0.0.1 "$line" "$line connections=$n delay=600 giveup=200"
	is_unanswered "$client" "$name: the client gives up" "outbound $name client_closed $(said lost)"
	wait_until ended_to "$n"
	is "$n" "$(ended)" "$name: what is answered, but to nobody, is one or the other: $server"
	exchange "client-$protocol" 127.0.0.1 "$line" "$line connections=$n delay=2000 giveup=200 status=0"
	both_unanswered "$name: the client gives up, then the server" "$name" client_closed client_closed
	exchange "abort-$protocol" 127.0.0.1 "$line" "$line connections=$n delay=2000 giveup=200 status=0 reset"
	both_unanswered "$name: the client resets" "$name" client_closed reset
	exchange "server-$protocol" 127.0.0.1 "$line" "$line connections=$n delay=100 status=0"
	both_unanswered "$name: the server closes" "$name" server_closed server_closed
	exchange "reset-$protocol" 127.0.0.1 "$line" "$line connections=$n delay=100 status=1"
	both_unanswered "$name: the server resets" "$name" reset server_closed
	exchange "unix-$protocol" "$TMP/socket-$protocol" "$line" "$line connections=$n delay=100 status=0"
	both_unanswered "$name: the server closes its Unix socket" "$name" server_closed server_closed
	exchange "unix-client-$protocol" "$TMP/socket-client-$protocol" "$line" "$line connections=$n delay=2000 giveup=200 status=0"
	both_unanswered "$name: the client closes its Unix socket" "$name" client_closed client_closed
	exchange "half-$protocol" 127.0.0.1 "$line" "$line connections=$n delay=200 half"
	is "$n" "$(said answers)" "$name: who has shut its sending side down gets its answer"
	is_unanswered "$client" "$name: half closed, but answered"
	is_unanswered "$server" "$name: half closed, but answered"
	exchange "half-close-$protocol" 127.0.0.1 "$line" "$line connections=$n delay=200 half status=0"
	is_unanswered "$client" "$name: half closed, then closed by the server" "outbound $name server_closed $n"
	exchange "idle-$protocol" 127.0.0.1 "$line" "$line connections=$n requests=2 idle=200"
	is_unanswered "$client" "$name: idle connections end"
	is_unanswered "$server" "$name: idle connections end"
done

# --- what waits now

# A server at work is killed
reqserver_start killed 127.0.0.1
killed=$!
mark
began=${EPOCHREALTIME/./}
ask_background killed 127.0.0.1 connections=$n delay=60000
are_waiting $n 0.3 "a server at work" "$client" direction=outbound protocol=http
are_waiting $n 0.3 "a server at work" "$server" direction=inbound protocol=http
kill -KILL $killed
is_unanswered "$client" "the server is killed" "outbound http server_closed $n"
is_unanswered "$server" "the server is killed" "inbound http server_closed $n"
none_waits "the server is killed" "$client"

# A server that is stopped reads nothing; then its clients are killed, and it is, too
reqserver_start stopped 127.0.0.1
stopped=$!
kill -STOP $stopped
mark
began=${EPOCHREALTIME/./}
ask_background stopped 127.0.0.1 connections=$n
are_waiting $n 0.3 "a server that is stopped" "$client" direction=outbound protocol=http
are_waiting $n 0.3 "a server that is stopped" "$server" direction=inbound protocol=unknown
end_process "$client_pid" 2>/dev/null
is_unanswered "$client" "a server that is stopped" "outbound http client_closed $n"
none_waits "a server that is stopped" "$client"
kill -KILL $stopped
is_unanswered "$server" "a server that is stopped, then killed" "inbound unknown client_closed $n"

# --- what only seems to wait

# Who goes on sending without an answer does not wait for one, nor who closes at once
reqserver_start oneway 127.0.0.1 line
mark
ask_background oneway 127.0.0.1 line oneway connections=$n requests=20 idle=300 status=2
is_metric $n "who goes on sending is there" seismo_tcp_connections_open service="$client" direction=outbound
wait_until waits 0 "$client"
sleep 1
scrape
is "0 0" "$(value seismo_requests_in_flight service="$client") $(value seismo_requests_in_flight service="$server")" \
	"who goes on sending does not wait"
wait "$client_pid"
is_unanswered "$client" "who goes on sending did not wait"
is_unanswered "$server" "who goes on sending did not wait"
exchange goodbye 127.0.0.1 line "line connections=$n oneway status=2"
is_unanswered "$client" "who closes at once did not wait"
is_unanswered "$server" "who closes at once did not wait"

# Messages that nobody asked for, and a connection that has become a WebSocket
exchange push 127.0.0.1 "line push=5 pause=20" "line push=5 connections=$n"
is_unanswered "$client" "what is pushed"
is_unanswered "$server" "what is pushed"
reqserver_start socket 127.0.0.1
mark
ask_background socket 127.0.0.1 connections=$n requests=2 status=101 idle=60000
is_metric $n "WebSockets are open" seismo_tcp_connections_open service="$client" direction=outbound
sleep 0.5
scrape
for who in "$client" "$server"; do
	is_apart_but_lost 0 "$(value_or_0 seismo_requests_in_flight service="$who")" "WebSockets do not wait" "$who"
done
end_process "$client_pid" 2>/dev/null
is_unanswered "$client" "WebSockets end"
is_unanswered "$server" "WebSockets end"
stop_seismo

# Long polls do not wait, where it is said what they are; with the peer, what waits is told apart by callee
echo "probes: { request: { long_poll: 1s, peer: on } }" >"$CONFIG"
start_seismo --probes request,tcp
reqserver_start poll 127.0.0.1
mark
ask_background poll 127.0.0.1 connections=$n delay=60000
wait_until is_value $n seismo_tcp_connections_open service="$client" direction=outbound "peer=$server"
WAIT=2 wait_until waits $n "$client" "peer=$server" # unless they have long waited
wait_until waits 0 "$client" "peer=$server"
is "$n" "$(value seismo_tcp_connections_open service="$client" direction=outbound "peer=$server")" "connections, by callee, which wait no more"
end_process "$client_pid" 2>/dev/null
is_unanswered "$client" "long polls are given up"
stop_seismo
