#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Requests of servers and clients that are not ours, which wait or get no answer: HTTP/2 streams, TLS, DNS, Redis. And what
# only seems to wait.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/waiting.sh"

need nginx h2load openssl dig redis-server
own_copy nginx h2load curl dig redis-server redis-cli
n=$((20 / scale))

reqserver_start backend 127.0.0.1
backend_port=$port
port=$(free_port)
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -keyout "$TMP/key.pem" -out "$TMP/cert.pem" 2>/dev/null
chmod 755 "$TMP"
nginx_start "$port" "
	proxy_read_timeout 600s;
	ssl_certificate cert.pem;
	ssl_certificate_key key.pem;
	server { listen 127.0.0.1:$port http2; location / { proxy_pass http://127.0.0.1:$backend_port; } }
	server { listen 127.0.0.2:$port ssl; location / { proxy_pass http://127.0.0.1:$backend_port; } }"
redis_port=$(free_port)
server_start "$redis_port" redis-server-$$ --port "$redis_port" --save "" --dir "$TMP"
start_seismo --probes request,tcp

# --- HTTP/2

mark
began=${EPOCHREALTIME/./}
background h2load-$$ -n "$n" -c 2 -m 10 "http://127.0.0.1:$port/60000/200" >"$TMP/h2load" 2>&1
h2load=$!
are_waiting "$n" 0.3 "HTTP/2 streams" h2load-$$ direction=outbound protocol=http2
are_waiting "$n" 0.3 "HTTP/2 streams" nginx-$$ direction=inbound protocol=http2
are_waiting "$n" 0.3 "what they wait for" nginx-$$ direction=outbound protocol=http
end_process $h2load 2>/dev/null
is_unanswered h2load-$$ "an HTTP/2 client is killed" "outbound http2 client_closed $n"
is_unanswered nginx-$$ "an HTTP/2 client is killed" "inbound http2 client_closed $n" "outbound http client_closed $n"
none_waits "an HTTP/2 client is killed" nginx-$$

# Five clients that give up, when they have long asked: by how long one takes here that is answered.
give_up() { # URL CURL-OPTION...
	local i took clients=()
	took=$(curl-$$ -s -o /dev/null -w '%{time_total}' "${@:2}" "$1/0/200") || bail "curl, $1"
	mark
	for ((i = 0; i < 5; i++)); do
		curl-$$ -s -m "$(calc "0.5 + 50 * $took")" "${@:2}" "$1/60000/200" &
		clients+=($!)
	done
	wait "${clients[@]}"
}

give_up "http://127.0.0.1:$port" --http2-prior-knowledge
is_unanswered curl-$$ "HTTP/2, timeouts of curl" "outbound http2 client_closed 5"
is_unanswered nginx-$$ "HTTP/2, timeouts of curl" "inbound http2 client_closed 5" "outbound http client_closed 5"

# --- TLS, and HTTP/1

give_up "https://127.0.0.2:$port" -k
is_unanswered curl-$$ "TLS, timeouts of curl" "outbound tls client_closed 5"
is_unanswered nginx-$$ "TLS, timeouts of curl" "inbound tls client_closed 5" "outbound http client_closed 5"
give_up "http://127.0.0.1:$backend_port"
is_unanswered curl-$$ "HTTP/1, timeouts of curl" "outbound http client_closed 5"

# --- DNS

dns_port=$(free_port)
workload reqdns "d-silent-$$" >/dev/null
"$TMP/bin/d-silent-$$" server 127.0.0.1 delay=600000 >"$TMP/dns"  &
at_exit end_process $!
wait_until test -s "$TMP/dns"
dns_port=$(<"$TMP/dns")
mark
began=${EPOCHREALTIME/./}
background dig-$$ @127.0.0.1 -p "$dns_port" +time=300 +tries=1 name.test >/dev/null
dig=$!
are_waiting 1 0.3 "a DNS query" dig-$$ direction=outbound protocol=dns
are_waiting 1 0.3 "a DNS query" "d-silent-$$" direction=inbound protocol=dns
end_process $dig 2>/dev/null
is_unanswered dig-$$ "a DNS query without answer" "outbound dns client_closed 1"
none_waits "a DNS query without answer" dig-$$
mark
dig-$$ @127.0.0.1 -p "$dns_port" +time=1 +tries=3 other.test >/dev/null
is_unanswered dig-$$ "three tries of dig, from a socket each, are one query" "outbound dns client_closed 1"

# --- what only seems to wait

redis=(redis-cli-$$ -p "$redis_port")
mark
background "${redis[@]}" BLPOP nothing 0 >/dev/null
background "${redis[@]}" SUBSCRIBE channel >/dev/null
background "${redis[@]}" MONITOR >/dev/null
background "${redis[@]}" XREAD BLOCK 0 STREAMS stream \$ >/dev/null
is_metric 4 "Redis clients" seismo_tcp_connections_open service=redis-server-$$ direction=inbound
sleep 0.5
scrape
is "0 0" "$(value_or_0 seismo_requests_in_flight service=redis-cli-$$) $(value_or_0 seismo_requests_in_flight service=redis-server-$$)" \
	"subscribers and blocking commands do not wait"
mapfile -t pids < <(jobs -p | tail -n 4)
kill "${pids[@]}"
is_metric 0 "Redis clients" seismo_tcp_connections_open service=redis-server-$$ direction=inbound
is_unanswered redis-cli-$$ "subscribers and blocking commands end"
is_unanswered redis-server-$$ "subscribers and blocking commands end"
stop_seismo
