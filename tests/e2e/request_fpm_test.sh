#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# PHP behind nginx, on connections that are kept: as the client saw it while all is well, and its workers stopped. What protocol the
# requests to it are taken for does not matter here.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/waiting.sh"

need nginx h2load
own_copy nginx h2load curl
n=$((2000 / scale)) workers=4
fpm_port=$(free_port)
fpm_start "$fpm_port" $workers
fpm=$server_pid
port=$(free_port)
nginx_start "$port" "
	upstream fpm { $(fpm_upstream "$fpm_port") }
	server { listen 127.0.0.1:$port; location / { $(fpm_location) } }"
url=http://127.0.0.1:$port
start_seismo --probes request,tcp
mark

# --- all is well: quick pages, slow ones, long ones; and rests in between

slowest=0
# Asks so often with so many clients; the longest that it took is in `slowest`, in seconds.
load() { # REQUESTS CLIENTS QUERY
	local most
	h2load-$$ --h1 -n "$1" -c "$2" -t 1 "$url/?$3" >"$TMP/h2load" || bail "h2load: $(tail -n 3 "$TMP/h2load")"
	is "$1" "$(sed -n 's/^requests: .* \([0-9]*\) succeeded.*/\1/p' "$TMP/h2load")" "$1 requests by $2 clients, $3"
	most=$(h2load_longest)
	slowest=$(calc "($most > $slowest) ? $most : $slowest")
}
asked=0
load "$n" $workers bytes=100
load $((n / 10)) $workers us=5000
load $((n / 20)) 2 bytes=200000
sleep 2
load $((n / 10)) 1 us=100
asked=$((n + n / 10 + n / 20 + n / 10))

counted() { # SERVICE DIRECTION
	scrape
	[[ $(grown seismo_requests_total service="$1" direction="$2") == "$asked" ]]
}
for end in "h2load-$$ outbound" "nginx-$$ inbound" "nginx-$$ outbound" "php-fpm-$$ inbound"; do
	read -r service direction <<<"$end"
	wait_until counted "$service" "$direction"
	is "$asked" "$(grown seismo_requests_total service="$service" direction="$direction")" "$end: each request is one"
	is 0 "$(slower_than "$slowest" service="$service" direction="$direction")" "$end: none took longer than for the client, $slowest s"
done
# Of a protocol that is not known nobody knows whether anybody waits: PHP reads the end of a request when it has answered.
known_waiting() {
	scrape
	awk '/^seismo_requests_in_flight[{]/ && /service="(nginx|php-fpm)-'$$'"/ && !/protocol="unknown"/ { sum += $NF }
		END { print sum + 0 }' "$METRICS"
}
none_known_waits() {
	[[ $(known_waiting) == 0 ]]
}
ok "what rests does not wait" wait_until none_known_waits
is "" "$(unanswered nginx-$$)$(unanswered php-fpm-$$)" "all were answered"

# --- its workers are stopped, and go on

mapfile -t stopped < <(pgrep -P "$fpm")
is $workers "${#stopped[@]}" "there are the workers"
at_exit kill -CONT "${stopped[@]}"
kill -STOP "${stopped[@]}"
began=${EPOCHREALTIME/./} clients=()
for ((i = 0; i < 3; i++)); do
	background curl-$$ -s -o "$TMP/answer.$i" "$url/"
	clients+=($!)
done
are_waiting 3 0.3 "workers are stopped" nginx-$$ direction=inbound
are_waiting 3 0.3 "workers are stopped" nginx-$$ direction=outbound
kill -CONT "${stopped[@]}"
answered=0
for client in "${clients[@]}"; do
	wait "$client" && ((++answered))
done
is 3 $answered "they go on, and answer"
none_waits "they go on" nginx-$$

# --- they are stopped, and the clients give up

kill -STOP "${stopped[@]}"
mark
for ((i = 0; i < 3; i++)); do
	curl-$$ -s -m 2 "$url/" &
	clients[i]=$!
done
wait "${clients[@]}"
is_unanswered curl-$$ "clients give up" "outbound http client_closed 3"
given_up() {
	scrape
	[[ $(unanswered nginx-$$ | awk '{ sum[$1] += $NF } END { print sum["inbound"], sum["outbound"] }') == "3 3" ]]
}
ok "nginx tells of both sides" wait_until given_up
kill -CONT "${stopped[@]}"
none_waits "clients gave up" nginx-$$
stop_seismo
