#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# gRPC: each call by its own status, as the client has it, at both ends; calls that are cancelled, that take too long, that
# nobody answers; connections that are older than the daemon.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/waiting.sh"

python=/usr/bin/python3
need $python /usr/lib/python3/dist-packages/grpc
n=$((8 / scale + 1))

# A request is what the server is to do: the number of a status, "sleep", or how many messages to send before which status.
# The services are the scripts' names.
cat >"$TMP/bin/g-server-$$" <<'END_'
import sys, time
from concurrent import futures
import grpc

codes = {code.value[0]: code for code in grpc.StatusCode}

def call(request, context):
    if request == b"sleep":
        time.sleep(min(60, (context.time_remaining() or 60) + 0.2))
    elif int(request):
        context.abort(codes[int(request)], "as asked: " + "x" * (int(request) * 10))
    return request

def stream(request, context):
    cnt, code = request.split()
    for i in range(int(cnt)):
        yield b"%d" % i
        time.sleep(0.01)
    if code == b"wait":
        time.sleep(1)
    elif int(code):
        context.abort(codes[int(code)], "as asked")

class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/test.Test/Stream":
            return grpc.unary_stream_rpc_method_handler(stream)
        if details.method == "/test.Test/Call":
            return grpc.unary_unary_rpc_method_handler(call)

server = grpc.server(futures.ThreadPoolExecutor(64))
server.add_generic_rpc_handlers([Handler()])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
END_

# Prints each status that calls ended with, and how often.
cat >"$TMP/bin/g-client-$$" <<'END_'
import collections, os, signal, sys
import grpc

port, what, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
channel = grpc.insecure_channel("127.0.0.1:" + port)
call, stream = channel.unary_unary("/test.Test/Call"), channel.unary_stream("/test.Test/Stream")
statuses = collections.Counter()

def end(future):
    try:
        statuses[future.code().name] += 1
    except grpc.RpcError as error:
        statuses[error.code().name] += 1

if what == "statuses": # each, one after the other, then all at once
    for code in range(17):
        for i in range(n):
            end(call.future(b"%d" % code))
    calls = [call.future(b"%d" % (i % 17)) for i in range(n * 17)]
    for i in calls:
        end(i)
    end(channel.unary_unary("/test.Test/Nothing").future(b"")) # trailers only
elif what == "streams":
    for code in b"0", b"15", b"4":
        for i in range(n):
            messages = stream(b"3 " + code)
            try:
                for message in messages:
                    pass
            except grpc.RpcError:
                pass
            end(messages)
    for i in range(n): # after the first message
        messages = stream(b"1 wait")
        next(messages)
        messages.cancel()
        end(messages)
elif what == "left": # with answers that nobody has read
    calls = [stream(b"1000 wait") for i in range(n)]
    for messages in calls:
        next(messages)
    print(flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
elif what == "late": # than the calls before the daemon
    for i in range(50):
        end(call.future(b"%d" % (i % 3)))
    print(flush=True)
    sys.stdin.readline()
    statuses.clear()
    for i in range(n):
        end(call.future(b"%d" % (i % 3)))
else: # they are given up
    calls = [call.future(b"sleep", timeout=float(what) if float(what) else None) for i in range(n)]
    for i in calls:
        end(i)
for status, cnt in statuses.items():
    print(status, cnt)
END_

client() { # WHAT NUMBER
	timeout --foreground 120 $python "$TMP/bin/g-client-$$" "$(<"$TMP/g-port")" "$@" >"$TMP/statuses" || bail "the client failed"
}

# The statuses are those that the client had, and no others.
both_counted() { # TEXT
	local said
	mapfile -t said < <(awk '{ print "grpc", $1, $2 }' "$TMP/statuses")
	is_counted g-client-$$ "$1" "${said[@]/#/outbound }"
	is_counted g-server-$$ "$1" "${said[@]/#/inbound }"
}

server_start() {
	: >"$TMP/g-port"
	$python "$TMP/bin/g-server-$$" >"$TMP/g-port" &
	server_pid=$!
	at_exit end_process $server_pid
	wait_until test -s "$TMP/g-port" || bail "the gRPC server did not start"
}

server_start
mkfifo "$TMP/go"
exec 9<>"$TMP/go"
$python "$TMP/bin/g-client-$$" "$(<"$TMP/g-port")" late 100 <&9 >"$TMP/late" &
late=$!
at_exit end_process $late
wait_until test -s "$TMP/late" || bail "the client did not start"
start_seismo --probes request,tcp

# --- connections that are older

mark
echo >&9
wait $late
told() { # DIRECTION
	calc "$(grown seismo_requests_total service="g-$1-$$" protocol=grpc)"
}
told_most() {
	scrape
	(($(told client) >= 95 && $(told server) >= 95))
}
wait_until told_most
ok "an older connection is recognised after a few calls by the client ($(told client) of 100)" between 95 100 "$(told client)"
ok "and by the server ($(told server))" between 95 100 "$(told server)"
for end in client server; do
	while read -r status cnt; do
		ok "no more $status than there were, by the $end" between 0 "$cnt" "$(grown seismo_requests_total service="g-$end-$$" status="$status")"
	done < <(sed 1d "$TMP/late")
	is "$(grown seismo_requests_total service="g-$end-$$")" "$(calc "$(grown seismo_requests_total service="g-$end-$$" status=OK) + $(
		grown seismo_requests_total service="g-$end-$$" status=CANCELLED) + $(
		grown seismo_requests_total service="g-$end-$$" status=UNKNOWN) + $(
		grown seismo_requests_total service="g-$end-$$" status=unknown)")" "and no others, by the $end"
done

# --- statuses

mark
client statuses $n
is $((34 * n + 1)) "$(awk '{ sum += $2 } END { print sum }' "$TMP/statuses")" "the client made its calls"
is 17 "$(wc -l <"$TMP/statuses")" "they ended with all statuses"
both_counted "each status"
mark
client streams $n
both_counted "streams that end, fail, and are cancelled"

# A client that ends with answers unread resets the connection: its calls were cancelled.
mark
$python "$TMP/bin/g-client-$$" "$(<"$TMP/g-port")" left $n >"$TMP/left" &
left=$!
at_exit end_process $left
wait_until test -s "$TMP/left"
sleep 0.3
end_process $left 2>/dev/null
is_counted g-server-$$ "the client is gone" "inbound grpc CANCELLED $n"
is_counted g-client-$$ "the client is gone" "outbound grpc CANCELLED $n"

# --- no answer

deadline_ended() { # END
	scrape
	ended=$(calc "$(value_or_0 seismo_requests_total service="g-$1-$$" status=DEADLINE_EXCEEDED) - $before + $(
		grown seismo_requests_unanswered_total service="g-$1-$$" protocol=grpc reason=client_closed)")
	[[ $ended == "$n" ]]
}
mark
client 2 $n
is "DEADLINE_EXCEEDED $n" "$(<"$TMP/statuses")" "calls take too long"
for end in client server; do
	before=$(awk -v service="service=\"g-$end-$$\"" 'index($0, service) && /^seismo_requests_total.*DEADLINE_EXCEEDED/ { sum += $NF } END { print sum + 0 }' "$TMP/metrics.mark")
	wait_until deadline_ended $end
	is $n "$ended" "calls that take too long: the server says so, or the client gives up, by the $end"
done

# --- a server that is stopped

kill -STOP "$server_pid"
mark
began=${EPOCHREALTIME/./}
background $python "$TMP/bin/g-client-$$" "$(<"$TMP/g-port")" 0 5 >"$TMP/statuses"
stopped=$!
sleep 0.5
kill -CONT "$server_pid" # it has to greet before calls are sent
wait_until waits 5 g-client-$$ direction=outbound protocol=grpc
wait_until waits 5 g-server-$$ direction=inbound protocol=grpc # it has read them
kill -STOP "$server_pid"
are_waiting 5 0.3 "the server is stopped" g-client-$$ direction=outbound protocol=grpc
are_waiting 5 0.3 "the server is stopped" g-server-$$ direction=inbound protocol=grpc
kill -KILL "$server_pid"
wait $stopped
is "UNAVAILABLE 5" "$(<"$TMP/statuses")" "the server is killed"
is_unanswered g-client-$$ "the server is killed" "outbound grpc server_closed 5"
is_unanswered g-server-$$ "the server is killed" "inbound grpc server_closed 5"
none_waits "the server is killed" g-client-$$
stop_seismo
