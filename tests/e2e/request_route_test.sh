#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Who asks whom, where it is not plain to see: connections older than the daemon whose listener has gone, Unix clients that have a
# name of their own, MPTCP, destinations and clients that the kernel translates.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/waiting.sh"

need nft curl nsenter unshare

# Starts a client that goes on; `ask_wait` awaits its end.
ask_background() { # NAME ADDRESS OPTION...
	client=r-$1-client-$$
	workload reqserver "$client" >/dev/null
	background "$TMP/bin/$client" client "$2" "$port" "${@:3}" >"$TMP/$client"
	client_pid=$!
}

# --- older than the daemon, and nobody listens any more

reqserver_start older 127.0.0.1 accepts=3
older=$server
ask_background older 127.0.0.1 connections=3 requests=1000 idle=100
older_client=$client older_pid=$client_pid
gone() {
	! ss -Hltn "sport = :$port" | grep -q .
}
wait_until gone || bail "it still listens"
reqserver_start named "$TMP/named.sock" # what follows needs the daemon
named=$server named_port=$port
echo 'probes: { request: { peer: on } }' >>"$CONFIG"
start_seismo --probes request,tcp
mark
asked() {
	scrape
	(($(grown seismo_requests_total service="$older") + $(grown seismo_requests_total service="$older_client") > 20))
}
wait_until asked
end_process "$older_pid"
scrape
inbound=$(grown seismo_requests_total service="$older" direction=inbound)
ok "whoever accepted a connection from before the daemon is asked" test "$inbound" -ge 10
is 0 "$(grown seismo_requests_total service="$older" direction=outbound)" "and asks nobody"
# a request of each of the three connections may be under way at either end of what is looked at
ok "the client asks as often" between $((inbound - 3)) $((inbound + 3)) \
	"$(grown seismo_requests_total service="$older_client" direction=outbound)"
is 0 "$(grown seismo_requests_total service="$older_client" direction=inbound)" "and is not asked"

# --- a Unix client with a name

mark
port=$named_port
reqserver_ask named "$TMP/named.sock" requests=7 bind="$TMP/client.sock"
is_counted "$client" "its socket has a name" "outbound http 200 7"
is_counted "$named" "its client's socket has a name" "inbound http 200 7"

# --- MPTCP

if [[ $(cat /proc/sys/net/mptcp/enabled 2>/dev/null) == 1 ]]; then
	reqserver_start multi 127.0.0.1 mptcp size=100000
	mark
	reqserver_ask multi 127.0.0.1 mptcp connections=4 requests=5 fail=5
	is_counted "$client" MPTCP "outbound http 200 16" "outbound http 500 4"
	is_counted "$server" MPTCP "inbound http 200 16" "inbound http 500 4"
	sent=$(grown seismo_tcp_bytes_total service="$server" direction=sent)
	is "$sent" "$(grown seismo_tcp_bytes_total service="$client" direction=received)" "MPTCP: the client has all bytes"
	ok "MPTCP: which are at least the bodies" test "$sent" -gt 2000000
	mark
	reqserver_ask multi 127.0.0.1 mptcp connections=4 delay=100 status=0
	is_unanswered "$client" "MPTCP: the server closes" "outbound http server_closed 4"
	is_unanswered "$server" "MPTCP: the server closes" "inbound http server_closed 4"
else
	for ((i = 0; i < 8; i++)); do skip_one "MPTCP" "no MPTCP here"; done
fi

# --- a destination that is translated

translate() {
	nft -f - <<-END
		table ip route-$$ {
			chain out { type nat hook output priority -100; ip daddr 10.96.0.1 tcp dport 80 dnat to 127.0.0.1:$port; }
		}
	END
}

reqserver_start route 127.0.0.1
ip addr add 10.96.7.7/32 dev lo && at_exit ip addr del 10.96.7.7/32 dev lo
ip route add 10.96.0.1/32 dev lo && at_exit ip route del 10.96.0.1/32 dev lo
if translate; then
	at_exit nft delete table ip "route-$$"
	scrape # from a reading on, tracked connections are known to be there
	mark
	reqserver_ask route 127.0.0.1 requests=2
	address=10.96.0.1 direct=$port
	port=80
	reqserver_ask route "$address" connections=3 requests=4
	port=$direct
	wait_until grown_to 14 seismo_requests_total service="$client" direction=outbound
	is 14 "$(grown seismo_requests_total service="$client" peer="$server")" "a translated destination: one callee"
	is 14 "$(grown seismo_requests_total service="$server" direction=inbound)" "which was asked as often"
else
	skip_one "a translated destination: one callee" "nft does not translate here"
	skip_one "which was asked as often" "nft does not translate here"
fi

# --- a destination that a program of the client's cgroup changes, as service meshes do it

mesh_answers() {
	[[ -s $TMP/mesh || -s $TMP/mesh.err ]]
}

mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
reqserver_start mesh 127.0.0.1
if [[ $mount ]] && cgroup_make "$mount/mesh-$$"; then
	workload connect4 "mesh-$$" >/dev/null
	background "$TMP/bin/mesh-$$" "$mount/mesh-$$" 10.96.0.3 80 127.0.0.1 "$port" >"$TMP/mesh" 2>"$TMP/mesh.err"
	wait_until mesh_answers
fi
if [[ -s $TMP/mesh ]]; then
	mark
	client=r-mesh-client-$$ port=80
	(echo "$BASHPID" >"$mount/mesh-$$/cgroup.procs" && reqserver_ask mesh 10.96.0.3 connections=3 requests=4)
	wait_until grown_to 12 seismo_requests_total service="$client" direction=outbound
	is 12 "$(grown seismo_requests_total service="$client" peer="$server")" "a program changes the destination: one callee"
	is 12 "$(grown seismo_requests_total service="$server" direction=inbound)" "which was asked as often"
else
	skip_one "a program changes the destination: one callee" "no programs of cgroups here: $(tail -n 1 "$TMP/mesh.err" 2>/dev/null)"
	skip_one "which was asked as often" "no programs of cgroups here"
fi

# --- to another network, which does not see the client's own address and port

far_begin() {
	background unshare --net sleep 1000
	far_pid=$! far=/proc/$!/ns/net
	wait_until far_is_apart || return
	ip link add far-$$ type veth peer name near netns "$far_pid" || return
	at_exit ip link del far-$$
	ip addr add 10.77.1.1/24 dev far-$$ && ip link set far-$$ up && ip route add 10.96.0.2/32 via 10.77.1.2 src 10.96.7.7 &&
		nsenter --net="$far" sh -c 'ip addr add 10.77.1.2/24 dev near && ip link set near up'
}

far_is_apart() {
	local net # nothing, while the process starts a program
	net=$(readlink "$far") && [[ $net != $(readlink /proc/self/ns/net) ]]
}

far_translate() {
	nft -f - <<-END
		table ip far-$$ {
			chain out { type nat hook output priority -100; ip daddr 10.96.0.2 tcp dport 80 dnat to 10.77.1.2:$port; }
			chain post { type nat hook postrouting priority 100; oifname "far-$$" meta l4proto tcp snat to 10.77.1.1:2000-2999; }
		}
	END
}

if far_begin >"$TMP/far.log" 2>&1; then
	server=r-far-server-$$
	workload reqserver "$server" >/dev/null
	background nsenter --net="$far" "$TMP/bin/$server" server 10.77.1.2 >"$TMP/$server"
	wait_until test -s "$TMP/$server" || bail "$server did not start"
	port=$(<"$TMP/$server")
fi
if [[ $server == r-far-* ]] && far_translate; then
	at_exit nft delete table ip "far-$$"
	scrape
	mark
	port=80
	reqserver_ask far 10.96.0.2 connections=3 requests=4
	wait_until grown_to 12 seismo_requests_total service="$client" direction=outbound
	is 12 "$(grown seismo_requests_total service="$client" peer="$server")" "both addresses are translated: one callee"
	is 12 "$(grown seismo_requests_total service="$server" direction=inbound)" "which was asked as often"
else
	skip_one "both addresses are translated: one callee" "no networks between which to translate: $(tail -n 1 "$TMP/far.log")"
	skip_one "which was asked as often" "no networks between which to translate"
fi

stop_seismo
