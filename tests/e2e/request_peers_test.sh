#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A service that asks very many others, as one that scrapes or crawls: what services that come later count is not less for it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

need /usr/bin/python3
cp -L /usr/bin/python3 "$TMP/bin/peers-$$"
asked=1000

# Listens on as many ports, and asks each of them once in HTTP and once as Redis does.
cat >"$TMP/peers.py" <<'END'
import socket, sys
for _ in range(int(sys.argv[1])):
    listener = socket.create_server(("127.0.0.1", 0))
    for request, response in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"):
        client = socket.create_connection(listener.getsockname())
        server = listener.accept()[0]
        client.sendall(request)
        server.recv(1000)
        server.sendall(response)
        client.recv(1000)
        client.close()
        server.close()
    listener.close()
END

start_seismo --probes request
mark
"$TMP/bin/peers-$$" "$TMP/peers.py" $asked
is_counted peers-$$ "each peer" "inbound http 200 $asked" "inbound redis ok $asked" "outbound http 200 $asked" "outbound redis ok $asked"
reqserver_start late 127.0.0.1
client=r-late-client-$$
workload reqserver "$client" >/dev/null
mark
"$TMP/bin/$client" client 127.0.0.1 "$port" requests=20 fail=5 >"$TMP/client"
is_counted "$server" "who comes later" "inbound http 200 16" "inbound http 500 4"
is_counted "$client" "who comes later" "outbound http 200 16" "outbound http 500 4"
is 0 "$(value_or_0 seismo_series_dropped_total family=seismo_requests_total)" "no request is without a series"
is 0 "$(value_or_0 seismo_series_dropped_total family=seismo_request_duration_seconds)" "nor a duration"
stop_seismo
