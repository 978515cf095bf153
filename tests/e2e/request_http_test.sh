#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# HTTP/1 requests of nginx and its clients: as many, with the status, as the clients count themselves.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

need nginx ab wrk /usr/bin/python3
own_copy nginx ab wrk curl dd
port=$(free_port)
url=http://127.0.0.1:$port

mkdir "$TMP/www"
chmod 755 "$TMP"
head -c 1000 /dev/zero >"$TMP/www/file"
head -c 10M /dev/zero >"$TMP/www/big"
head -c 4M /dev/urandom >"$TMP/upload"

# Both ends count the same.
both_counted() { # TEXT CLIENT LINE...
	local lines=("${@:3}")
	is_counted nginx-$$ "$1" "${lines[@]/#/inbound }"
	is_counted "$2" "$1" "${lines[@]/#/outbound }"
}

ab_counted() { # REQUESTS PATH STATUS OPTION...
	local requests=$(($1 / scale))
	mark
	ab-$$ -q -n "$requests" "${@:4}" "$url/$2" >"$TMP/ab" 2>&1 || bail "ab: $(tail -n 1 "$TMP/ab")"
	is "$requests" "$(awk '/^Complete requests:/ { print $3 }' "$TMP/ab")" "ab ${*:4} made its requests of /$2"
	both_counted "ab ${*:4}, /$2" ab-$$ "http $3 $requests"
}

# Prints "http STATUS NUMBER" of what curl says it got.
curl_said() {
	sort "$TMP/curl" | uniq -c | awk '{ print "http", $2, $1 }'
}

curl_counted() { # TEXT OPTION...
	local said
	mark
	curl-$$ -sS -w '%{http_code}\n' "${@:2}" >"$TMP/curl" || bail "curl failed: $1"
	mapfile -t said < <(curl_said)
	both_counted "$1" curl-$$ "${said[@]}"
}

# A list of N URLs for curl, one of ten answered with 500, one of seven of the others with 404.
urls() { # N
	local i path
	for ((i = 1; i <= $1; i++)); do
		path=0/200
		((i % 7)) || path=missing
		((i % 10)) || path=0/500
		printf 'url = "%s/%s"\noutput = /dev/null\n' "$url" $path
	done
}

wrk_counted() { # CONNECTIONS
	local requests got
	mark
	wrk-$$ -t 1 -c "$1" -d 1 -s "$TMP/count.lua" "$url/file" >"$TMP/wrk"
	requests=$(sed -n 's/^counted //p' "$TMP/wrk")
	sleep 0.2
	scrape
	got=$(grown seismo_requests_total service=nginx-$$ direction=inbound protocol=http status=200)
	# when its time is over it drops the answers under way, one per connection at most
	ok "wrk's requests on $1 connections, $requests and at most $1 more" between "$requests" $((requests + $1)) "$got"
	is "$got" "$(grown seismo_requests_total service=nginx-$$)" "and nothing else is counted"
	got=$(grown seismo_requests_total service=wrk-$$ direction=outbound protocol=http status=200)
	ok "the same, seen from wrk" between "$requests" $((requests + $1)) "$got"
}

# wrk's own count
cat >"$TMP/count.lua" <<'END'
done = function(summary) io.write(string.format("counted %d\n", summary.requests)) end
END

reqserver_start late 127.0.0.1 size=100
late=$port
reqserver_start up 127.0.0.1 size=100
upstream=$server
nginx_start "${url##*:}" "
	log_format status '\$status';
	upstream up { server 127.0.0.1:$port; keepalive 16; }
	server {
		listen ${url#http://};
		listen unix:$TMP/nginx.sock;
		root $TMP/www;
		if_modified_since before;
		client_max_body_size 100m;
		location /0/200 { return 200 ok; }
		location /0/500 { return 500 broken; }
		location /closing { return 500; }
		location /999 { return 999; }
		location /204 { return 204; }
		location /post { return 200 got; }
		location /store { dav_methods PUT; create_full_put_path on; root $TMP/work; }
		location /copied/ { sendfile off; alias $TMP/www/; }
		location /late/ { proxy_pass http://127.0.0.1:$late/; }
		location /up/ { proxy_pass http://up/; proxy_http_version 1.1; proxy_set_header Connection ''; }
	}"
start_seismo --probes request

ab_counted 2000 file 200 -k -c 1
ab_counted 8000 file 200 -k -c 64
ab_counted 500 file 200 -c 1
ab_counted 1000 file 200 -c 64
ab_counted 60 big 200 -k -c 4
ab_counted 40 big 200 -c 4
ab_counted 60 copied/big 200 -k -c 4
ab_counted 2000 missing 404 -k -c 8
ab_counted 2000 0/500 500 -k -c 8
ab_counted 400 closing 500 -k -c 8
# nginx answers before it has read the body, and reads it then: no request of its own
curl_counted "answers that do not wait for the body" -H 'Expect:' -T "$TMP/upload" "$url/post?[1-20]" -o /dev/null
wrk_counted 1
wrk_counted 64

urls $((1000 / scale)) >"$TMP/urls"
curl_counted "200, 404 and 500, mixed" -K "$TMP/urls"
curl_counted "the same over a Unix socket" -K "$TMP/urls" --unix-socket "$TMP/nginx.sock"
# Answers without a body; a head that tells a length and has none
curl_counted "HEAD, 204 and GET by turns" -I "$url/big" -o /dev/null --next -sS -w '%{http_code}\n' "$url/204" \
	--next -sS -w '%{http_code}\n' -I "$url/file" -o /dev/null --next -sS -w '%{http_code}\n' "$url/file" -o /dev/null
curl_counted "a status that nobody has defined" -o /dev/null "$url/999?[1-5]"
curl_counted "304" -z "$(date -R -d tomorrow)" -o /dev/null "$url/file"
# curl sends the head, waits for "100 Continue" and then sends the body
curl_counted "PUT with 100 Continue" -H "Expect: 100-continue" -T "$TMP/upload" "$url/store/[1-8]" -o /dev/null
curl_counted "PUT in chunks" -H "Transfer-Encoding: chunked" -T "$TMP/upload" "$url/store/[1-8]" -o /dev/null

port=${url##*:}
mark
reqserver_ask pipeline 127.0.0.1 connections=4 requests=$((1600 / scale)) pipeline=16 fail=10
is_counted nginx-$$ "pipelined by 16" "inbound http 200 $(said ok)" "inbound http 500 $(said failed)"
is_counted "$client" "pipelined by 16" "outbound http 200 $(said ok)" "outbound http 500 $(said failed)"

# Pipelined, of which some have responses without the body that these tell of; behind one that waited for "100 Continue"; and one that
# takes long, behind a response that takes many reads. Prints what was answered.
cat >"$TMP/bin/pipelined-$$" <<'END'
import collections, socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
answers, statuses = connection.makefile("rb"), collections.Counter()
def ask(*requests):
    connection.sendall(b"".join(b"%s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (name, field) for name, field in requests))
def answer(has_body=True):
    status, length = int(answers.readline().split()[1]), 0
    while (line := answers.readline().lower()) != b"\r\n":
        if line.startswith(b"content-length:"):
            length = int(line.split()[1])
    answers.read(length if has_body and status not in (204, 304) else 0)
    if status != 100:
        statuses[status] += 1
def bodies():
    ask((b"GET /file", b""), (b"HEAD /big", b""), (b"GET /missing", b""), (b"HEAD /missing", b""), (b"GET /204", b""), (b"GET /file", b""))
    for has_body in True, False, True, False, True, True:
        answer(has_body)
def continues():
    ask((b"PUT /store/continued", b"Expect: 100-continue\r\nContent-Length: 5\r\n"))
    answer()
    connection.sendall(b"hello")
    ask((b"GET /missing", b""), (b"GET /file", b""))
    for _ in range(3):
        answer()
def behind():
    ask((b"GET /big", b""), (b"GET /late/300/500", b""))
    answer(), answer()
for _ in range(5):
    globals()[sys.argv[2]]()
for status, cnt in statuses.items():
    print("http", status, cnt)
END
while read -r what upstream_said; do
	mark
	/usr/bin/python3 "$TMP/bin/pipelined-$$" "$port" "$what" >"$TMP/pipelined" || bail "no client that sends several at once"
	mapfile -t said <"$TMP/pipelined"
	is_counted pipelined-$$ "several at once, $what" "${said[@]/#/outbound }"
	is_counted nginx-$$ "several at once, $what" "${said[@]/#/inbound }" ${upstream_said:+"$upstream_said"}
done <<-END
	bodies
	continues
	behind outbound http 500 5
END
is 5 "$(grown seismo_request_duration_seconds_bucket service=pipelined-$$ le=0.25)" "five of ten took long, behind others"

# Whatever order and pieces they come in
mixed=r-mixed-$$
workload reqmix "$mixed" >/dev/null
for seed in 1 2 3; do
	mark
	timeout 60 "$TMP/bin/$mixed" 127.0.0.1 "$port" /204 $seed 8 $((120 / scale)) >"$TMP/mixed" || bail "reqmix failed"
	answers=$(sed 's/^answers=//' "$TMP/mixed")
	both_counted "mixed, seed $seed" "$mixed" "http 204 $answers"
done

# On a connection where each request so far came in one piece: what is left of one that was answered early, more than a
# second of nothing, and another, in two pieces
ask() { # BYTES...
	local line
	for line; do
		printf '%b' "$line" | cat >&3 # in one piece: the shell writes line by line
		sleep 0.05
	done
	while read -r line <&3 && [[ $line != $'\r' ]]; do :; done
}
mark
exec 3<>"/dev/tcp/127.0.0.1/$port"
for _ in {1..12}; do
	ask 'GET /204 HTTP/1.1\r\nHost: x\r\n\r\n'
done
ask 'POST /204 HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n0123456789'
printf 0123456789 >&3
sleep 1.2
ask 'GET /204 HTTP/1.1\r\nHost: x\r\n' '\r\n'
exec 3>&-
is_counted nginx-$$ "answered early" "inbound http 204 14"
is 14 "$(grown seismo_request_duration_seconds_bucket service=nginx-$$ le=1)" "what follows an early answer is not slow"

# Lengths as some clients write them
mark
exec 3<>"/dev/tcp/127.0.0.1/$port"
for length in ': 20 ' ':0000000000020'; do
	ask "POST /204 HTTP/1.1\r\nHost: x\r\nContent-Length$length\r\n\r\nGET / HTTP/1.0\n\nabcd"
done
ask 'POST /204 HTTP/1.1\nHost: x\nContent-Length: 20\n\nGET / HTTP/1.0\n\nabcd'
exec 3>&-
is_counted nginx-$$ "odd lengths" "inbound http 204 3"

# Answers that one process reads while another is still in the call that sends the request, and one more request later
mark
exec 3<>"/dev/tcp/127.0.0.1/$port"
for _ in 1 2; do
	{
		printf 'POST /204 HTTP/1.1\r\nHost: x\r\nContent-Length: 33554432\r\n\r\n'
		head -c 33554432 /dev/zero
	} | dd-$$ bs=64M iflag=fullblock status=none >&3 &
	dd-$$ bs=64K count=1 status=none <&3
	wait $!
	sleep 1.2
	printf 'GET /204 HTTP/1.1\r\nHost: x\r\n\r\n' | dd-$$ bs=1M iflag=fullblock status=none >&3
	dd-$$ bs=64K count=1 status=none <&3
done >"$TMP/answers"
exec 3>&-
is 4 "$(grep -c '^HTTP/1.1 204' "$TMP/answers")" "four requests are answered, two of them early"
is_counted dd-$$ "answered before the call that asks is at its end" "outbound http 204 4"
is 4 "$(grown seismo_request_duration_seconds_bucket service=dd-$$ le=1)" "none is slow"

# What the map of calls says of a service, of which everybody of this name is a part
calls_of() { # SERVICE JQ-FILTER
	curl -fsS --unix-socket "$TMP/state/api.sock" http://x/api/v1/services >"$TMP/services" && jq -r --arg service "$1" \
		".services[] | select(.service == \$service) | $2" "$TMP/services"
}

# A proxy is both: its clients' server and its server's client.
mark
before=$(calls_of "$upstream" '.requests[0].requests_total')
ab-$$ -q -k -n $((1000 / scale)) -c 8 "$url/up/0/200" >"$TMP/ab"
ab-$$ -q -k -n $((100 / scale)) -c 8 "$url/up/0/503" >"$TMP/ab"
is_counted nginx-$$ "a proxy" "inbound http 200 $((1000 / scale))" "inbound http 503 $((100 / scale))" \
	"outbound http 200 $((1000 / scale))" "outbound http 503 $((100 / scale))"
is_counted "$upstream" "behind the proxy" "inbound http 200 $((1000 / scale))" "inbound http 503 $((100 / scale))"
is "http $((${before:-0} + 1100 / scale)) true true" "$(calls_of "$upstream" '.requests[0] |
	"\(.protocol) \(.requests_total) \(.p50_seconds > 0 and .p50_seconds <= .p99_seconds) \(.requests_per_second > 0)"')" \
	"/api/v1/services says what was asked of the upstream"
is "http $((1100 / scale)) $((100 / scale))" "$(calls_of nginx-$$ ".calls[] | select(.peer == \"$upstream\") |
	\"\(.protocol) \(.requests_total) \(.errors_total)\"")" "and that it was nginx who called it"
is true "$(jq '.window_seconds > 0 and .window_seconds < 120' "$TMP/services")" "in a window of at most two minutes"
stop_seismo

echo "probes: { request: { status: class, peer: on } }" >"$CONFIG"
start_seismo --probes request
mark
curl-$$ -sS -K "$TMP/urls" || bail "curl failed"
ok_count=$(grep -c 0/200 "$TMP/urls")
both_counted "status: class" curl-$$ "http 2xx $ok_count" "http 4xx $(grep -c missing "$TMP/urls")" \
	"http 5xx $(grep -c 0/500 "$TMP/urls")"
is "$ok_count" "$(grown seismo_requests_total service=curl-$$ status=2xx peer=nginx-$$)" "the peer is named: it lives on this host"
stop_seismo
