#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Bytes that go past the usual calls: those of TCP are the program's own count and the kernel's, and requests whose heads
# are read and written are counted by status, however their bodies go. What nobody can read is counted by exchanges.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

by_status=("inbound http 200 4" "inbound http 503 2" "outbound http 200 4" "outbound http 503 2")
by_exchange=("inbound unknown unknown 6" "outbound unknown unknown 6")

# The bytes of a service are those that it says.
bytes_are() { # sent=N received=N kernel=N
	local number
	for number in "$1" "$2"; do
		is_metric "${number#*=}" "$name: bytes ${number%=*}" \
			seismo_tcp_bytes_total service="$service" direction="${number%=*}"
	done
}

# Sends and receives so. Sets name, service and said; false where this kernel has not what it takes.
bypass() { # SEND RECEIVE OPTION...
	name="$*"
	service=b-${name//[^a-z0-9]/-}-$$
	workload bypass "$service" >/dev/null
	read -ra said < <(timeout 60 "$TMP/bin/$service" "$@" 2>"$TMP/failed") && return
	skip_one "$name: requests" "$(head -n 1 "$TMP/failed")"
	return 1
}

spliced() { # is the program for them in place?
	scrape
	grep -q '^seismo_probe_attached{probe="request",hook="splice_[a-z]*"} 1$' "$METRICS"
}

# Programs on functions see calls of TCP and of Unix sockets, but none of what is between those and the program.
on_functions() {
	grep -q '^seismo_probe_attached{probe="request",hook="send_fexit"} 1$' "$METRICS"
}

start_seismo --probes request,tcp

# --- before anybody has spliced, no program looks: the socket tells

mark
if bypass send splice; then
	is_counted "$service" "$name, the first" "${by_status[@]}"
	bytes_are "${said[@]}"
fi
wait_until spliced
ok "from then on a program does" spliced

# --- one way after the other

while read -ra way; do
	mark
	if [[ " ${way[*]} " =~ \ (mptcp|ktls)\  ]] && on_functions; then
		skip_one "${way[*]}: requests" "before Linux 6.3 no program sees this"
		continue
	fi
	bypass "${way[@]}" || continue
	expected=("${by_status[@]}")
	[[ ! $name =~ ^(uring|splice).*whole ]] || expected=("${by_exchange[@]}")
	is_counted "$service" "$name" "${expected[@]}"
	[[ $name == *local* ]] || bytes_are "${said[@]}"
	[[ $name =~ local|mptcp|ktls ]] ||
		is "${said[1]#*=}" "${said[2]#*=}" "$name: the kernel has as many"
done <<END
send recv
sendmmsg recvmmsg
sendmmsg recvmmsg up whole
zerocopy peek whole
vmsplice trunc
sendfile recv
sendfile map
sendfile map up
splice splice
splice splice up
uring uring-read
uring-write uring up
uring-zerocopy recv
oob oob size=1000
oob oob size=1000 up
sendmmsg recvmmsg mptcp
sendfile splice mptcp up
splice splice local
sendfile recv ktls
uring uring whole
splice splice whole
END

# --- a connection that is only spliced, and goes on: its bytes are there before it ends

service=b-open-$$
workload bypass "$service" >/dev/null
mkfifo "$TMP/hold"
exec {hold}<>"$TMP/hold"
mark
"$TMP/bin/$service" splice splice whole open <"$TMP/hold" >"$TMP/open" &
at_exit end_process $!
wait_until test -s "$TMP/open"
name=open
read -ra said <"$TMP/open"
bytes_are "${said[@]}"
is_metric 2 "it is open" seismo_tcp_connections_open service="$service"
is_metric 0 "and nobody waits" seismo_requests_in_flight service="$service"
exec {hold}>&-

# --- a proxy that passes everything on by splice, heads too where it can

if command -v haproxy >/dev/null; then
	own_copy haproxy curl
	reqserver_start behind 127.0.0.1 size=500000
	cat >"$TMP/haproxy.cfg" <<-END
		defaults
			mode tcp
			timeout connect 5s
			timeout client 30s
			timeout server 30s
			option splice-request
			option splice-response
		listen in
			bind 127.0.0.1:$(free_port)
			server s 127.0.0.1:$port
	END
	port=$(sed -n 's/.*bind 127.0.0.1://p' "$TMP/haproxy.cfg")
	server_start "$port" haproxy-$$ -db -f "$TMP/haproxy.cfg"
	mark
	curl-$$ -sS "http://127.0.0.1:$port/0/200?[1-12]" "http://127.0.0.1:$port/0/503?[1-3]" >"$TMP/got" || bail "curl failed"
	is_counted "$server" "behind haproxy" "inbound http 200 12" "inbound http 503 3"
	for direction in inbound outbound; do
		is_metric 15 "haproxy: requests, $direction" seismo_requests_total service=haproxy-$$ direction=$direction
	done
	ends=$(calc "$(grown seismo_tcp_bytes_total service=curl-$$) + $(grown seismo_tcp_bytes_total service="$server")")
	is_metric "$ends" "haproxy: its bytes are those of the others" seismo_tcp_bytes_total service=haproxy-$$
	is_metric 0 "haproxy: nothing waits" seismo_requests_in_flight service=haproxy-$$
else
	skip_one "a proxy that splices" "no haproxy on this host"
fi
stop_seismo
