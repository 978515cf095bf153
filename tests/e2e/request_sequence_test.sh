#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Random conversations of each protocol in which not every message is a request or a response: both ends count what
# the client counts, and no request takes longer than the slowest that the client saw.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

seed=${SEED:-1} steps=$((60 / scale))

# Sets server and client, which are services by these names.
sequence_of() { # PROTOCOL
	server=q-$1-server-$$ client=q-$1-client-$$
}

sequence_start() { # PROTOCOL
	sequence_of "$1"
	workload reqseq "$server" >/dev/null
	workload reqseq "$client" >/dev/null
	background "$TMP/bin/$server" server "$1" "$seed" $steps >"$TMP/$server"
	wait_until test -s "$TMP/$server" || bail "$server did not start"
	timeout --foreground 120 "$TMP/bin/$client" client "$1" "$seed" $steps "$(<"$TMP/$server")" 8 >"$TMP/$client" &
	clients+=($!)
}

# Each in its own direction, since `mark`.
sequence_timed() { # TEXT SERVICE DIRECTION
	local mean
	mean=$(mean seismo_request_duration_seconds service="$2" direction="$3")
	is 0 "$(slower_than "$(said max)" service="$2" direction="$3")" "$1: $2 has none slower than the client, $(said max) s"
	ok "$1: $2 took as long as the server waited, and no longer than the client saw" \
		between "$(calc "$(said least) * 0.9")" "$(calc "$(said mean) * 1.09 + 0.0001")" "$mean"
}

sequence_counted() { # PROTOCOL
	local lines
	sequence_of "$1"
	mapfile -t lines < <(grep -v = "$TMP/$client")
	is_counted "$server" "$1, seed $seed" "${lines[@]/#/inbound }"
	is_counted "$client" "$1, seed $seed" "${lines[@]/#/outbound }"
	sequence_timed "$1, seed $seed" "$server" inbound
	sequence_timed "$1, seed $seed" "$client" outbound
}

# All at once: most of the time they wait.
start_seismo --probes request
answered=(redis mysql postgresql memcached mqtt http)
others=(http2 kafka mongodb cql amqp nats ldap zookeeper fastcgi unknown)
mark
clients=()
for protocol in "${answered[@]}" "${others[@]}"; do
	sequence_start "$protocol"
done
for client in "${clients[@]}"; do
	wait "$client" || bail "a client failed"
done
for protocol in "${answered[@]}"; do
	sequence_counted "$protocol"
done
unanswered=1 # what is never answered had its time in the queue, too
for protocol in "${others[@]}"; do
	sequence_counted "$protocol"
done
stop_seismo
