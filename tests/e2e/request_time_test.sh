#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Requests whose time is known: by each way to read and to answer, in the queue and in all, slow ones among
# fast ones, idle connections, what is pushed. The client tells what it saw itself.
# alone: it compares times
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

# Both ends count what the client says.
both_counted() { # TEXT PROTOCOL STATUS
	is_counted "$server" "$1" "inbound $2 $3 $(said answers)"
	is_counted "$client" "$1" "outbound $2 $3 $(said answers)"
}

# Mean time of both ends: the client's own within a bucket, of which there are eight to a power of two, and not less
# than LEAST seconds.
both_timed() { # TEXT LEAST
	is_mean "$2" "$1: mean time, outbound" "service=$client" direction=outbound
	is_mean "$2" "$1: mean time, inbound" "service=$server" direction=inbound
}

# A request whose response was lost lasts until the next one.
is_mean() { # LEAST TEXT LABEL=VALUE...
	local seen mean
	seen=$(said mean)
	mean=$(mean seismo_request_duration_seconds "${@:3}")
	if (($(lost seismo_requests_total))) && ! between "$1" "$(calc "$seen * 1.09")" "$mean"; then
		skip_one "$2 (the program saw $seen, got $mean)" "the kernel kept events from programs, which are told of as lost"
	else
		near_seen "$seen" "$mean" 9 "$1" "$2"
	fi
}

# None took longer than that, or than the client saw where this machine is late.
none_slower() { # SECONDS TEXT
	local most slow
	most=$(calc "($(said max) > $1) ? $(said max) : $1")
	slow=$(calc "$(slower_than "$most" service="$server") + $(slower_than "$most" service="$client")")
	if between 1 "$(lost seismo_requests_total)" "$slow"; then
		skip_one "$2 ($slow were)" "the kernel kept events from programs, which are told of as lost"
	else
		is 0 "$slow" "$2"
	fi
}

exchange() { # NAME ADDRESS SERVER-OPTIONS CLIENT-OPTIONS
	# shellcheck disable=SC2086 # options are words
	reqserver_start "$1" "$2" $3
	mark
	# shellcheck disable=SC2086
	reqserver_ask "$1" "$2" $4
}

start_seismo --probes request
n=$((100 / scale))

for way in read readv recv recvmsg recvmmsg peek bytes; do
	exchange "$way" 127.0.0.1 "read=$way" "requests=$n connections=2 delay=2"
	both_counted "the server reads by $way" http 200
	is 0 "$(grown seismo_request_duration_seconds_bucket service="$server" le=0.001953125)" \
		"the server reads by $way: none took less than its 2 ms"
done
for way in write writev sendmsg sendmmsg sendfile splice; do
	exchange "$way" 127.0.0.1 "answer=$way size=100000 epoll" "requests=$n connections=4"
	both_counted "the server answers by $way" http 200
done
exchange unix "$TMP/socket" "answer=sendmsg" "requests=$n connections=4 delay=5"
both_counted "over a Unix socket" http 200
both_timed "over a Unix socket" 0.005
exchange six ::1 "epoll" "requests=$n delay=5"
both_counted "IPv6" http 200

# An answer begins with its first byte; a request does too
exchange parts 127.0.0.1 "answer=parts pause=60" "requests=10 delay=10"
both_counted "answers in parts, 60 ms apart" http 200
none_slower 0.055 "answers in parts take the time of the first"
exchange body 127.0.0.1 "" "requests=$((n / 5)) connections=2 body=4000000 delay=10"
both_counted "requests of 4 MB" http 200
both_timed "requests of 4 MB" 0.01

# 10 ms of work after 30 ms in which nobody reads
exchange late 127.0.0.1 "late=30" "requests=$((n / 2)) delay=10"
both_counted "read 30 ms late" http 200
both_timed "read 30 ms late" 0.04
ok "of this, the queue has 30 ms" between 0.03 "$(calc "$(said mean) - 0.009")" \
	"$(mean seismo_request_queue_seconds service="$server")"

# One in ten takes 50 ms: the share that is slow is exact, on both ends, but for those that this machine was late with
exchange slow 127.0.0.1 "" "requests=$n connections=2 delay=1 slow=50 every=10"
both_counted "one in ten is slow" http 200
both_timed "one in ten is slow" 0.0059
asked=$((2 * (n / 10)))
for service in "$server" "$client"; do
	ok "as many are slow as were asked to be, $asked, or as the client saw, $(said late): $service" \
		between $asked "$(said late)" "$(slower_than 0.028 service="$service")"
done

# A protocol that nobody knows, by turns; connections that are idle; a server that speaks first, or unasked
exchange line 127.0.0.1 "line" "line requests=$n connections=2 delay=5"
both_counted "an unknown protocol" unknown unknown
both_timed "an unknown protocol" 0.005
exchange idle 127.0.0.1 "" "requests=2 connections=3 delay=5 idle=400"
both_counted "idle connections" http 200
none_slower 0.22 "to be idle is not to be slow"
exchange greet 127.0.0.1 "line greet" "line greet requests=$n delay=5"
both_counted "a server that speaks first" unknown unknown
both_timed "a server that speaks first" 0.005
exchange push 127.0.0.1 "line push=20 pause=20" "line push=20 requests=5 delay=5"
is 100 "$(said pushed)" "the client got what was pushed"
both_counted "what is pushed" unknown unknown
none_slower 0.22 "what is pushed is no slow request"
stop_seismo

# Who says what a long poll is does not hear of slow requests
echo "probes: { request: { long_poll: 1s } }" >"$CONFIG"
start_seismo
exchange poll 127.0.0.1 "" "requests=1 connections=4 delay=1200"
is_counted_untimed "$server" "long polls" "inbound http 200 4"
is_counted_untimed "$client" "long polls" "outbound http 200 4"
exchange short 127.0.0.1 "" "requests=4 connections=2 delay=5"
both_counted "beside them, what is short" http 200
stop_seismo
