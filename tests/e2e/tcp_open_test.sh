#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP sockets as they are now: open connections as `ss` lists them, connects without an answer, listeners whose queue is
# full as the kernel counts them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

need ss

# What listeners dropped: connections that have no room, and SYNs while there are as many that wait for their last segment.
drops() {
	awk '$1 != "TcpExt:" { next }
	!column { for (i = 2; i <= NF; i++) if ($i == "ListenDrops") column = i; next }
	{ print $column }' /proc/net/netstat
}

ask_background() { # NAME OPTION...
	[[ -e $TMP/bin/$1 ]] || workload reqserver "$1" >/dev/null
	"$TMP/bin/$1" client 127.0.0.1 "$port" "${@:2}" >/dev/null 2>&1 &
	clients+=($!)
	at_exit end_process $!
}

drops_are() { # NUMBER
	(($(drops) >= $1))
}

# Lists ss so many open connections to, or of, the server?
listed() { # NUMBER dport|sport
	(($(ss -Htn state established "$2" = ":$port" | wc -l) == $1))
}

# Of the clients' side, in this state.
ss_count() { # STATE
	ss -Htn state "$1" "dport = :$port" | wc -l
}

# Each client has sent its SYN.
all_under_way() { # NUMBER
	(($(ss_count syn-sent) + $(ss_count established) == $1))
}

# Sets listed and counted, "SYN-SENT ESTABLISHED" of the clients, as ss and the daemon have them; are they the same?
same_as_listed() { # SERVICE
	scrape
	counted="$(value_or_0 seismo_tcp_connects_in_flight "service=$1") $(value_or_0 seismo_tcp_connections_open "service=$1")"
	listed="$(ss_count syn-sent) $(ss_count established)"
	[[ $counted == "$listed" ]]
}

is_open() { # NUMBER TEXT SERVICE DIRECTION
	is_metric "$1" "$2: $3" seismo_tcp_connections_open "service=$3" "direction=$4"
}

# Open before the daemon starts, and after
clients=()
reqserver_start open 127.0.0.1
ask_background "t-before-$$" connections=7 requests=2 idle=60000
wait_until listed 7 dport
start_seismo --probes tcp
ask_background "t-after-$$" connections=30 requests=2 idle=60000
is_open 30 "open connections" "t-after-$$" outbound
is_open 7 "connections older than the daemon" "t-before-$$" outbound
is_open 37 "both" "$server" inbound
ok "ss lists as many, out" listed 37 dport
ok "ss lists as many, in" listed 37 sport
end_process "${clients[1]}" 2>/dev/null
is_open 0 "closed connections" "t-after-$$" outbound
is_open 7 "those of others" "$server" inbound
end_process "${clients[0]}" 2>/dev/null

# A listener that accepts nothing: its queue is full, and connects wait. Of several at once, one more than has room may be
# answered: its SYN came before the others were in the queue.
clients=()
reqserver_start full 127.0.0.1 backlog=1
kill -STOP $!
mark
before=$(drops)
began=${EPOCHREALTIME/./}
for ((i = 0; i < 6; i++)); do
	ask_background "t-full-$$"
done
wait_until all_under_way 6
wait_until same_as_listed "t-full-$$"
is "$listed" "$counted" "connects that are not answered, and connections in the queue, are those that ss lists"
ok "of both there are some" between 1 4 "${counted% *}"
wait_until drops_are $((before + 8)) # SYNs come again
scrape
ok "as old as the first of them" between 0.5 "$(calc "(${EPOCHREALTIME/./} - $began) / 1e6")" \
	"$(value seismo_tcp_connect_oldest_seconds "service=t-full-$$")"
for pid in "${clients[@]}"; do
	end_process "$pid" 2>/dev/null
done
is_metric 0 "connects are given up" seismo_tcp_connects_in_flight "service=t-full-$$"
ok "the kernel counted drops" test "$(drops)" -gt "$before"
# Sets dropped, by the kernel, and counted; are they the same? What clients that have ended left is sent again and again.
same_drops() {
	dropped=$(($(drops) - before))
	scrape
	counted=$(value_or_0 seismo_tcp_listen_overflows_total "service=$server")
	[[ $counted == "$dropped" ]]
}
wait_until same_drops
is "$dropped" "$counted" "what the full queue dropped is the kernel's count"
stop_seismo
