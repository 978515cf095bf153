#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Random conversations of each protocol in which not every message is a request or a response: both ends count what
# the client counts, and no request takes longer than the slowest that the client saw.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

# Each in its own direction, since `mark`.
sequence_timed() { # TEXT SERVICE DIRECTION
	local mean
	mean=$(mean seismo_request_duration_seconds service="$2" direction="$3")
	is 0 "$(slower_than "$(said max)" service="$2" direction="$3")" "$1: $2 has none slower than the client, $(said max) s"
	ok "$1: $2 took as long as the server waited, and no longer than the client saw" \
		between "$(calc "$(said least) * 0.9")" "$(calc "$(said mean) * 1.09 + 0.0001")" "$mean"
}

sequence() { # PROTOCOL SEED
	local steps=$((60 / scale)) lines pid
	server=q-$1-server-$$ client=q-$1-client-$$
	workload reqseq "$server" >/dev/null
	workload reqseq "$client" >/dev/null
	: >"$TMP/$server"
	background "$TMP/bin/$server" server "$1" "$2" $steps >"$TMP/$server"
	pid=$!
	wait_until test -s "$TMP/$server" || bail "$server did not start"
	mark
	timeout --foreground 60 "$TMP/bin/$client" client "$1" "$2" $steps "$(<"$TMP/$server")" 8 >"$TMP/$client" || bail "$client failed"
	mapfile -t lines < <(grep -v = "$TMP/$client")
	is_counted "$server" "$1, seed $2" "${lines[@]/#/inbound }"
	is_counted "$client" "$1, seed $2" "${lines[@]/#/outbound }"
	sequence_timed "$1, seed $2" "$server" inbound
	sequence_timed "$1, seed $2" "$client" outbound
	end_process "$pid" 2>/dev/null
}

start_seismo --probes request
for protocol in redis mysql postgresql memcached mqtt http; do
	sequence $protocol "${SEED:-1}"
done
unanswered=1 # what is never answered had its time in the queue, too
for protocol in http2 kafka mongodb cql amqp nats ldap zookeeper fastcgi unknown; do
	sequence $protocol "${SEED:-1}"
done
stop_seismo
