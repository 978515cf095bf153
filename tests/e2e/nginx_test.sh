#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# nginx: system calls, connections and bytes per request, against strace and the clients' own counts.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"

need nginx ab wrk strace
own_copy nginx ab wrk
port=$(free_port)
url=http://127.0.0.1:$port/file
connections=8
requests=4000
# Made a fixed number of times per request and connection, unlike epoll_wait.
names="recvfrom writev sendfile openat newfstatat close accept4 epoll_ctl setsockopt"

mkdir "$TMP/www"
head -c 1000 /dev/zero >"$TMP/www/file"
# wrk's own count: requests and bytes.
cat >"$TMP/count.lua" <<'END'
done = function(summary) io.write(string.format("counted %d %d\n", summary.requests, summary.bytes)) end
END

load() { # REQUESTS
	ab-$$ -q -k -c $connections -n "$1" "$url" >"$TMP/ab"
}

traced_counts() {
	local name
	for name in $names; do
		echo "$name $(traced_calls "$name")"
	done
	echo "received $(traced_bytes received)"
}

nginx_start "$port" "server { listen 127.0.0.1:$port; root www; }"
learn "$(pgrep -P "$server_pid")" 100 load

start_seismo --probes syscall=count,tcp,process
mark
load $requests
wait_until grown_to "$(expected close $requests)" seismo_syscalls_total service=nginx-$$ syscall=close
for name in $names; do
	is "$(expected "$name" $requests)" "$(calls nginx-$$ "$name")" "$requests requests: $name"
done
transferred=$(awk '/^Total transferred:/ { print $3 }' "$TMP/ab")
is $connections "$(tcp connections_total nginx-$$ direction=inbound)" "connections accepted"
is $connections "$(tcp accept_duration_seconds_count nginx-$$)" "time from handshake to accept, of each"
is "$transferred" "$(tcp bytes_total nginx-$$ direction=sent)" "bytes sent are those that ab got"
is "$(expected received $requests)" "$(tcp bytes_total nginx-$$ direction=received)" "bytes received"
is $connections "$(tcp connections_total ab-$$ direction=outbound)" "ab's connections"
is $connections "$(tcp connect_duration_seconds_count ab-$$)" "time to connect, of each"
is "$transferred" "$(tcp bytes_total ab-$$ direction=received)" "bytes that ab got"
is 1 "$(grown seismo_process_starts_total service=ab-$$)" "ab started once"

# When its time is over, wrk drops the answers under way, which nginx has sent: one per connection at
# most. One more connection is its test of the address.
mark
wrk-$$ -t 2 -c 16 -d 1 -s "$TMP/count.lua" "$url" >"$TMP/wrk"
read -r requests bytes < <(sed -n 's/^counted //p' "$TMP/wrk")
wait_until grown_to 17 seismo_tcp_connections_total service=nginx-$$ direction=inbound
is 17 "$(tcp connections_total nginx-$$ direction=inbound)" "wrk's 16 connections and its test"
is 17 "$(tcp connections_total wrk-$$ direction=outbound)" "the same, seen from wrk"
ok "wrk's requests, $requests and at most 16 more" \
	between "$requests" $((requests + 16)) "$(calls nginx-$$ writev)"
ok "bytes that wrk got, $bytes and at most 16 answers more" \
	between "$bytes" $((bytes + 16 * bytes / requests)) "$(tcp bytes_total nginx-$$ direction=sent)"
stop_seismo
