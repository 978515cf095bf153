#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Redis: system calls, connections and bytes per request, one at a time and pipelined, against strace.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"

need redis-server redis-benchmark strace
own_copy redis-server redis-benchmark
port=$(free_port)
clients=5
batches=2000
ping_bytes=14 # *1 $4 ping
pong_bytes=7  # +PONG

# What a client sends at once is a batch: one read and one write of the server.
load() { # PIPELINE BATCHES
	redis-benchmark-$$ -p "$port" -c $clients -P "$1" -n $(($1 * $2)) -q ping >/dev/null
}

# Ten times a second the server looks at its memory, with one openat and one read.
traced_counts() {
	echo "reads $(($(traced_calls read) - $(traced_calls openat)))"
	echo "writes $(traced_calls write)"
	echo "connections $(traced_calls accept4 '= [0-9]')"
	echo "received $(traced_bytes received)"
	echo "sent $(traced_bytes sent)"
}

reads() {
	calc "$(calls redis-server-$$ read) - $(calls redis-server-$$ openat)"
}

# On a busy machine a batch may come in two parts.
reads_fit() {
	between "$(expected reads $batches)" "$(calc "$(expected reads $batches) + 5")" "$(reads)"
}

reads_done() {
	scrape
	reads_fit
}

compare() { # PIPELINE
	local title="$batches batches of $1"
	learn "$server_pid" 40 load "$1"
	is "$(($1 * ping_bytes)) $(($1 * pong_bytes))" "${per_request[received]} ${per_request[sent]}" \
		"a batch of $1: bytes received and sent, by strace"
	mark
	load "$1" $batches
	wait_until reads_done
	ok "$title: reads" reads_fit
	is "$(expected writes $batches)" "$(calls redis-server-$$ write)" "$title: writes"
	is "$(expected connections $batches)" "$(tcp connections_total redis-server-$$ direction=inbound)" \
		"$title: connections accepted"
	is "$(expected received $batches)" "$(tcp bytes_total redis-server-$$ direction=received)" \
		"$title: bytes received"
	is "$(expected sent $batches)" "$(tcp bytes_total redis-server-$$ direction=sent)" "$title: bytes sent"
	is "$(expected connections $batches)" "$(tcp connections_total redis-benchmark-$$ direction=outbound)" \
		"$title: connections of the client"
	is "$(expected sent $batches)" "$(tcp bytes_total redis-benchmark-$$ direction=received)" \
		"$title: bytes that the client got"
}

# The package's redis-server is a link to redis-check-rdb; a service is named after what was started.
server_start "$port" redis-server-$$ --port "$port" --bind 127.0.0.1 --save '' --dir "$TMP"
start_seismo --probes syscall=count,tcp,process
compare 1
compare 16
stop_seismo
