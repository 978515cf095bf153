#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# HTTP/2 and gRPC: a request for each stream, whatever shares the connection, as the clients count themselves.
# alone: how long streams take is compared with half a second
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

python=/usr/bin/python3
need nginx h2load nghttpx curl $python /usr/lib/python3/dist-packages/grpc
own_copy nginx h2load
port=$(free_port)
url=http://127.0.0.1:$port

h2load_counted() { # REQUESTS PATH STATUS OPTION...
	local requests=$(($1 / scale))
	mark
	h2load-$$ -n "$requests" "${@:4}" "$url/$2" >"$TMP/h2load" 2>&1
	is "$requests" "$(sed -n 's/^requests: .*, \([0-9]*\) done,.*/\1/p' "$TMP/h2load")" \
		"h2load ${*:4} made its requests of /$2"
	is_counted nginx-$$ "h2load ${*:4}, /$2" "inbound http2 $3 $requests"
	is_counted h2load-$$ "h2load ${*:4}, /$2" "outbound http2 $3 $requests"
}

log_has() { # LINES
	(($(wc -l <"$TMP/status.log") >= $1))
}

mkdir "$TMP/www"
chmod 755 "$TMP"
head -c 1000 /dev/zero >"$TMP/www/file"
head -c 1M /dev/zero >"$TMP/www/big"
head -c 100000 /dev/zero >"$TMP/upload"
nginx_start "$port" "log_format status '\$status'; server {
	listen ${url#http://} http2;
	root $TMP/www;
	access_log status.log status;
	location /200 { return 200 ok; }
	location /404 { return 404 missing; }
	location /500 { return 500 broken; }
	location /503 { return 503 later; }
	location /418 { return 418 teapot; }
}"
start_seismo --probes request

h2load_counted 100 file 200 -c 1 -m 1
h2load_counted 8000 file 200 -c 4 -m 32
h2load_counted 40 big 200 -c 2 -m 10
h2load_counted 200 200 200 -c 2 -m 4 -d "$TMP/upload"
# a status that HPACK has no entry for, and one that it has
h2load_counted 1000 503 503 -c 4 -m 8
h2load_counted 1000 404 404 -c 4 -m 8

# One that sends and receives on a connection at the same time, in pieces of other sizes
relay=r-relay-$$
workload relay "$relay" >/dev/null
"$TMP/bin/$relay" "${url##*:}" 1 >"$TMP/relay" &
at_exit end_process $!
wait_until test -s "$TMP/relay"
for connections in 4 40 4 40; do
	requests=$((4000 / scale))
	mark
	h2load-$$ -n $requests -c $connections -m 10 "http://127.0.0.1:$(<"$TMP/relay")/file" >"$TMP/h2load" 2>&1
	is_counted "$relay" "relayed, $connections connections" "inbound http2 200 $requests" "outbound http2 200 $requests"
done

# By turns, and headers that fill the dynamic table: what was answered is in the server's log
for path in 200 200 404 200 500 418 200 200 503 200; do
	echo "$url/$path?$RANDOM"
done >"$TMP/urls"
: >"$TMP/status.log"
mark
h2load-$$ -n $((1000 / scale)) -c 2 -m 4 -i "$TMP/urls" >"$TMP/h2load" 2>&1
wait_until log_has $((1000 / scale))
mapfile -t said < <(sort "$TMP/status.log" | uniq -c | awk '{ print "http2", $2, $1 }')
is_counted nginx-$$ "200, 404, 418, 500 and 503, mixed" "${said[@]/#/inbound }"
is_counted h2load-$$ "200, 404, 418, 500 and 503, mixed" "${said[@]/#/outbound }"

# --- a connection of HTTP/1 that becomes one of HTTP/2: the request that asked for it is its first stream

own_copy nghttpx curl
server_port=$(free_port)
nginx_port=$(free_port)
sed "s/listen ${url#http://} http2/listen 127.0.0.1:$nginx_port/" "$TMP/nginx.conf" >"$TMP/http1.conf"
server_start "$nginx_port" nginx-$$ -p "$TMP" -c http1.conf
server_start "$server_port" nghttpx-$$ --conf=/dev/null --workers=1 \
	--frontend="127.0.0.1,$server_port;no-tls" --backend="127.0.0.1,$nginx_port"
mark
for ((i = 0; i < 10; i++)); do
	curl-$$ -s --http2 -o "$TMP/body-#1" -w '%{http_version} %{http_code}\n' "http://127.0.0.1:$server_port/{200,404,503}"
done >"$TMP/upgraded"
is "10 2 200,10 2 404,10 2 503" "$(sort "$TMP/upgraded" | uniq -c | awk '{ print $1, $2, $3 }' | paste -sd,)" \
	"curl upgrades its connections"
is_counted curl-$$ "after an upgrade" "outbound http2 "{200,404,503}" 10"
# what asks for the upgrade has waited in the queue as a request of HTTP/1
unanswered=1 is_counted nghttpx-$$ "after an upgrade" "inbound http2 "{200,404,503}" 10" "outbound http "{200,404,503}" 10"

# --- gRPC

# Calls that succeed, calls that fail, and one whose answer is a stream of messages for a second: its service
# is the script's name.
cat >"$TMP/bin/g-server-$$" <<'END'
import sys, time
from concurrent import futures
import grpc

def echo(request, context):
    if request == b"fail":
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "as asked")
    return request

def count(request, context):
    for i in range(10):
        yield b"%d" % i
        time.sleep(0.1)

class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/test.Test/Count":
            return grpc.unary_stream_rpc_method_handler(count)
        return grpc.unary_unary_rpc_method_handler(echo)

server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers([Handler()])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
END
cat >"$TMP/bin/g-client-$$" <<'END'
import sys
import grpc

channel = grpc.insecure_channel("127.0.0.1:" + sys.argv[1])
echo, count = channel.unary_unary("/test.Test/Echo"), channel.unary_stream("/test.Test/Count")
done = failed = 0
for i in range(int(sys.argv[2])):
    try:
        echo(b"fail" if i % 10 == 9 else b"x" * 100)
        done += 1
    except grpc.RpcError as error:
        failed += error.code() == grpc.StatusCode.INVALID_ARGUMENT
futures = [echo.future(b"y" * i) for i in range(int(sys.argv[2]))]
done += sum(len(f.result()) == i for i, f in enumerate(futures))
messages = sum(1 for _ in count(b""))
print(done, failed, messages)
END
background $python "$TMP/bin/g-server-$$" >"$TMP/g-port"
wait_until test -s "$TMP/g-port" || bail "the gRPC server did not start"
calls=$((300 / scale))
mark
read -r good failed messages < <($python "$TMP/bin/g-client-$$" "$(<"$TMP/g-port")" $calls)
is "$((2 * calls - calls / 10)) $((calls / 10)) 10" "$good $failed $messages" "gRPC calls are made, one in ten fails"
total=$((good + failed + 1))
for end in server:inbound client:outbound; do
	wait_until grown_to $total seismo_requests_total service="g-${end%:*}-$$" protocol=grpc direction="${end#*:}"
	is $total "$(grown seismo_requests_total service="g-${end%:*}-$$" protocol=grpc direction="${end#*:}")" \
		"gRPC calls, ${end#*:}"
	is $total "$(grown seismo_requests_total service="g-${end%:*}-$$")" "and nothing else, ${end#*:}"
	is 0 "$(calc "$(grown seismo_request_duration_seconds_count service="g-${end%:*}-$$") - $(
		grown seismo_request_duration_seconds_bucket service="g-${end%:*}-$$" le=0.5)")" \
		"a stream of answers is no slow request, ${end#*:}"
done
stop_seismo
