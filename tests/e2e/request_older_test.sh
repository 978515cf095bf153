#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Connections that are older than the daemon, of protocols whose first message says what they are: their requests are
# known again within a few messages, and none is missed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

python=/usr/bin/python3
need $python
n=40

# Says a request and its answer of a protocol, by their number; both ends go on in turns.
cat >"$TMP/speak" <<'END'
import os, socket, sys, time
def number(i, size):
    return i.to_bytes(size, "big")
def frame(body):
    return b"\1\0\1" + number(len(body), 4) + body + b"\xce"
def ldap(i, body):
    body = b"\2\2" + number(1000 + i, 2) + body
    return b"\x30" + number(len(body), 1) + body
def zookeeper(body):
    return number(len(body), 4) + body
def mqtt(first, body):
    return first + number(len(body), 1) + body
search = b"\4\x11dc=example,dc=com\x0a\1\2\x0a\1\0\2\1\0\2\1\0\1\1\0\x87\x0bobjectClass\x30\0"
says = {
    "amqp": lambda i: (frame(b"\0\x3c\0\x46\0\0\4work\0"), frame(b"\0\x3c\0\x48\0")),
    "ldap": lambda i: (ldap(i, b"\x63" + number(len(search), 1) + search), ldap(i, b"\x65\7\x0a\1\0\4\0\4\0")),
    "zookeeper": lambda i: (zookeeper(number(i, 4) + b"\0\0\0\4\0\0\0\x0c/some/thing1\0"),
                            zookeeper(number(i, 4) + b"\0" * 12 + b"\0\0\0\2ok" + b"\0" * 68)),
    "mqtt": lambda i: (mqtt(b"\x32", b"\0\5topic" + number(i, 2) + b"hello"), mqtt(b"\x40", number(i, 2))),
}
def exactly(connection, want):
    data = b""
    while len(data) < len(want):
        more = connection.recv(len(want) - len(data))
        if not more:
            sys.exit()
        data += more
    assert data == want
role, protocol, where, times = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
if role == "server":
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
    for i in range(1, times + 4):
        request, answer = says[protocol](i)
        exactly(connection, request)
        connection.sendall(answer)
    connection.recv(1)
else:
    connection = socket.create_connection(("127.0.0.1", int(where)))
    for i in range(1, times + 4):
        if i == 4:
            print("begun", flush=True)
            while not os.path.exists(sys.argv[5]):
                time.sleep(0.05)
        request, answer = says[protocol](i)
        connection.sendall(request)
        exactly(connection, answer)
    print("answered", flush=True)
    time.sleep(60)
END

protocols="amqp ldap zookeeper mqtt"
for protocol in $protocols; do
	cp "$TMP/speak" "$TMP/bin/$protocol-server-$$"
	cp "$TMP/speak" "$TMP/bin/$protocol-client-$$"
	background $python "$TMP/bin/$protocol-server-$$" server "$protocol" 0 $n >"$TMP/$protocol-port"
	wait_until test -s "$TMP/$protocol-port" || bail "no server of $protocol"
	background $python "$TMP/bin/$protocol-client-$$" client "$protocol" "$(<"$TMP/$protocol-port")" $n "$TMP/go" >"$TMP/$protocol-said"
	wait_until grep -q begun "$TMP/$protocol-said" || bail "no client of $protocol"
done
start_seismo --probes request,tcp
mark
touch "$TMP/go"
for protocol in $protocols; do
	wait_until grep -q answered "$TMP/$protocol-said" || bail "$protocol did not end"
	for end in server:inbound client:outbound; do
		service=$protocol-${end%:*}-$$ direction=${end#*:}
		is_metric $n "$protocol: all requests of the ${end%:*}" seismo_requests_total service="$service"
		known=$(grown seismo_requests_total service="$service" direction="$direction" protocol="$protocol" status=ok)
		ok "$protocol: the ${end%:*} is known within a few messages ($known of $n)" between $((n - 5)) $n "$known"
	done
done
stop_seismo
