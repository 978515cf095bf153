#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Times that would be those of something else: of a first try, of a stream that was given up, of a body, of the rest of a
# request, of what was under way before. The clients tell what they saw.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/waiting.sh"

python=/usr/bin/python3
need nginx haproxy h2load $python
own_copy nginx haproxy h2load curl

# A program of ours, a service by its name.
program() { # NAME
	cat >"$TMP/bin/$1-$$"
}

# The client has said how long each took, in lines.
longest() { # FILE
	sort -g "$1" | tail -n 1
}

all_between() { # TEXT LOW CLIENT-FILE LABEL=VALUE...
	is "0 0" "$(grown seismo_request_duration_seconds_bucket "${@:4}" le="$2") $(slower_than "$(longest "$3")" "${@:4}")" \
		"$1: all took from $2 s to what the client saw, $(longest "$3") s"
}

# --- what is under way when the daemon starts: the answer of before is not that of the next request, and a connect of
# before has no time. The queue of this listener is full.

program w-client <<'END'
import os, select, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0), backlog=0)
connections = [socket.socket() for _ in range(4)]
for c in connections:
    c.setblocking(False)
    c.connect_ex(listener.getsockname())
time.sleep(0.2)
waiting = [c for c in connections if not select.select([], [c], [], 0)[1]]
print(len(waiting), flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.05)
accepted = [listener.accept() for _ in connections]
for c in waiting: select.select([], [c], [])
print("connected", flush=True)
time.sleep(60)
END
background $python "$TMP/bin/w-client-$$" "$TMP/w.go" >"$TMP/w-said"
wait_until test -s "$TMP/w-said"

program o-server <<'END'
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
for number in range(4):
    while b"\r\n\r\n" not in connection.recv(4096): pass
    while number == 1 and not os.path.exists(sys.argv[1]): time.sleep(0.05)
    time.sleep(0.3)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
connection.recv(1)
END
program o-client <<'END'
import os, socket, sys, time
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def ask():
    connection.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
def answer():
    while not connection.recv(4096).endswith(b"ok"): pass
ask(); answer(); ask()
open(sys.argv[2] + ".asked", "w")
answer()
took = []
for _ in range(2):
    time.sleep(0.2); begin = time.monotonic(); ask(); answer()
    took.append("%.9f\n" % (time.monotonic() - begin))
with open(sys.argv[2] + ".took", "w") as f: f.writelines(took)
time.sleep(60)
END
background $python "$TMP/bin/o-server-$$" "$TMP/o.go" >"$TMP/o-port"
wait_until test -s "$TMP/o-port"
background $python "$TMP/bin/o-client-$$" "$(<"$TMP/o-port")" "$TMP/o"
wait_until test -e "$TMP/o.asked"
start_seismo --probes request,tcp
touch "$TMP/w.go" "$TMP/o.go" # until here a request was under way
wait_until test -s "$TMP/o.took"
is_counted o-client-$$ "under way at the start" "outbound http 200 2"
all_between "under way at the start, outbound" 0.25 "$TMP/o.took" service=o-client-$$

wait_until test -s "$TMP/w-said"
waiting=$(head -n 1 "$TMP/w-said")
ok "connects are under way as the daemon starts ($waiting)" test "$waiting" -gt 0
is_metric "$waiting" "they are connections" seismo_tcp_connections_total service=w-client-$$ direction=outbound
is 0 "$(value_or_0 seismo_tcp_connect_duration_seconds_count service=w-client-$$)" "but nobody knows for how long they waited"

# --- DNS: of two packets the first is lost, the other one comes from the same socket or another; the same id again, much later; several
# sockets with the same ids

program n-server <<'END'
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
seen = set()
while True:
    query, peer = s.recvfrom(512)
    name = query[12:]
    lost = (peer, name) if b"lost" in name else name if b"moved" in name else None
    if b"never" in name or (lost and lost not in seen):
        seen.add(lost)
        continue
    s.sendto(query[:2] + b"\x81\x80" + query[4:], peer)
END
program n-client <<'END'
import select, socket, sys, time
def query(id, name, kind=1):
    return bytes([id >> 8, id & 255]) + b"\1\0\0\1\0\0\0\0\0\0" + bytes([len(name)]) + name + b"\4test\0\0" + bytes([kind]) + b"\0\1"
def open_socket():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", int(sys.argv[1])))
    return s
def retried(s, id, name, wait, other=None, anew=0):
    begin = time.monotonic()
    s.send(query(id, name))
    select.select([s], [], [], wait)
    if other:
        s.close()
        s = other
    s.send(query(id + anew, name))
    s.recv(512)
    return time.monotonic() - begin
sockets = [open_socket() for _ in range(4)]
if sys.argv[2] == "lost":
    for n in range(3):
        print(retried(sockets[0], 7, b"lost%d" % n, 1.1), flush=True)
elif sys.argv[2] == "moved":
    for n in range(3):
        print(retried(open_socket(), 7, b"moved%d" % n, 1.1, open_socket()), flush=True)
elif sys.argv[2] == "anew":
    print(retried(open_socket(), 7, b"moved-anew", 1.1, open_socket(), 1), flush=True)
elif sys.argv[2] == "never":
    s = sockets[0]
    s.send(query(7, b"a-long-name-that-is-never-answered"))
    time.sleep(1)
    begin = time.monotonic()
    s.send(query(7, b"a-long-name-that-is-answered"))
    s.recv(512)
    print(time.monotonic() - begin)
else:
    for n in range(20):
        begin = time.monotonic()
        for s in sockets:
            s.send(query(n % 5, b"same"))
            s.send(query(n % 5, b"same", 28))
        for s in sockets:
            s.recv(512); s.recv(512)
        print("%.9f" % (time.monotonic() - begin))
        time.sleep(0.05)
END
background $python "$TMP/bin/n-server-$$" >"$TMP/n-port"
wait_until test -s "$TMP/n-port"
dns() { # WHAT NUMBER
	mark
	$python "$TMP/bin/n-client-$$" "$(<"$TMP/n-port")" "$1" >"$TMP/n-said" || bail "the DNS client failed"
	unanswered=1 is_counted n-client-$$ "DNS, $1" "outbound dns ok $2"
	unanswered=1 is_counted n-server-$$ "DNS, $1" "inbound dns ok $2"
}
none_slower() { # SERVICE TEXT
	is 0 "$(slower_than "$(longest "$TMP/n-said")" service="$1")" "$2 takes no longer than the client saw, $(longest "$TMP/n-said") s"
}
dns lost 3
none_slower n-client-$$ "a query asked again"
is 0 "$(grown seismo_request_duration_seconds_bucket service=n-client-$$ le=1)" "and not less, from the first try"
dns moved 3
none_slower n-client-$$ "a query asked again from another socket"
is 0 "$(grown seismo_request_duration_seconds_bucket service=n-client-$$ le=1)" "and not less, from the first try on another socket"
is_unanswered n-client-$$ "a query asked again from another socket"
mark
$python "$TMP/bin/n-client-$$" "$(<"$TMP/n-port")" anew >"$TMP/n-said" || bail "the DNS client failed"
is_unanswered n-client-$$ "asked again with another id, it is another one" "outbound dns client_closed 1"
dns never 1
none_slower n-client-$$ "one with the id of one that is never answered"
dns same 160
none_slower n-client-$$ "several sockets with the same ids, two queries at once: each"
none_slower n-server-$$ "the same, inbound: each"

# --- HTTP/2: streams that the client gives up, then good ones on other connections

reqserver_start late 127.0.0.1 size=100
slow=$port
port=$(free_port)
url=http://127.0.0.1:$port
nginx_start "$port" "server {
	listen 127.0.0.1:$port http2;
	location /good { return 200 ok; }
	location / { proxy_pass http://127.0.0.1:$slow; }
}"
mark
for ((i = 0; i < 10; i++)); do
	curl-$$ -sS --http2-prior-knowledge -m 0.2 --parallel --parallel-immediate "$url/[1000-1009]/200" -o /dev/null 2>/dev/null
done
sleep 1.5
h2load-$$ -n 200 -c 20 -m 2 "$url/good" >"$TMP/h2load" 2>&1
unanswered=1 is_counted h2load-$$ "streams after those that were given up" "outbound http2 200 200"
is 200 "$(grown seismo_requests_total service=nginx-$$ direction=inbound protocol=http2)" "the server counts these alone"
h2load_longest >"$TMP/h2load-said"
is 0 "$(slower_than "$(<"$TMP/h2load-said")" service=nginx-$$ direction=inbound)" "none of them took longer than for h2load, $(<"$TMP/h2load-said") s"

# --- a body that haproxy moves without a call that is seen

program b-server <<'END'
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(0.3)
        self.send_response(200)
        self.send_header("Content-Length", "300000")
        self.end_headers()
        self.wfile.write(b"x" * 300000)
    do_PUT = do_GET
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
END
background $python "$TMP/bin/b-server-$$" >"$TMP/b-port"
wait_until test -s "$TMP/b-port"
head -c 500000 /dev/zero >"$TMP/upload"
port=$(free_port)
cat >"$TMP/haproxy.cfg" <<END
global
	maxconn 100
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
	option splice-response
	option splice-request
frontend in
	bind 127.0.0.1:$port
	default_backend out
backend out
	http-reuse always
	server s 127.0.0.1:$(<"$TMP/b-port")
END
server_start "$port" haproxy-$$ -db -f "$TMP/haproxy.cfg"
mark
curl-$$ -sS -w '%{time_starttransfer}\n' "http://127.0.0.1:$port/[1-8]" -o /dev/null >"$TMP/said"
curl-$$ -sS -w '%{time_starttransfer}\n' -H Expect: -T "$TMP/upload" "http://127.0.0.1:$port/[1-8]" -o /dev/null >>"$TMP/said"
is_counted haproxy-$$ "bodies that are spliced" "inbound http 200 16" "outbound http 200 16"
all_between "bodies that are spliced, outbound" 0.25 "$TMP/said" service=haproxy-$$ direction=outbound
all_between "bodies that are spliced, inbound" 0.25 "$TMP/said" service=haproxy-$$ direction=inbound

# --- FastCGI on connections that stay open: the record that ends the request is read when it is answered

program f-server <<'END'
import socket, struct, sys, threading, time
def serve(c):
    def exactly(n):
        data = b""
        while len(data) < n:
            more = c.recv(n - len(data))
            if not more: raise EOFError
            data += more
        return data
    def record():
        _, kind, id, size, pad, _ = struct.unpack(">BBHHBB", exactly(8))
        return kind, id, exactly(size + pad)[:size]
    def out(kind, id, data):
        return struct.pack(">BBHHBB", 1, kind, id, len(data), 0, 0) + data
    try:
        while True:
            kind, id, data = record()
            while not (kind == 4 and not data): kind, id, data = record()
            time.sleep(0.02)
            c.sendall(out(6, id, b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nok") + out(3, id, b"\0" * 8))
            record()
    except EOFError:
        c.close()
listener = socket.socket(socket.AF_UNIX if sys.argv[1] != "0" else socket.AF_INET)
listener.bind(sys.argv[1] if sys.argv[1] != "0" else ("127.0.0.1", 0))
listener.listen(16)
print(listener.getsockname()[1] if sys.argv[1] == "0" else 1, flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
END
background $python "$TMP/bin/f-server-$$" 0 >"$TMP/f-port"
background $python "$TMP/bin/f-server-$$" "$TMP/f.sock" >"$TMP/f-unix"
wait_until test -s "$TMP/f-port" -a -s "$TMP/f-unix"
server_stop "$server_pid" 2>/dev/null
port=$(free_port)
nginx_start "$port" "
	upstream tcp { server 127.0.0.1:$(<"$TMP/f-port"); keepalive 4; }
	upstream unix { server unix:$TMP/f.sock; keepalive 4; }
	server {
		listen 127.0.0.1:$port;
		fastcgi_keep_conn on;
		location /tcp { fastcgi_pass tcp; fastcgi_param REQUEST_METHOD GET; }
		location /unix { fastcgi_pass unix; fastcgi_param REQUEST_METHOD GET; }
	}"
for way in tcp unix; do
	mark
	for ((i = 0; i < 6; i++)); do
		curl-$$ -sS -w '%{stderr}%{time_total}\n' "http://127.0.0.1:$port/$way"
		sleep 0.3
	done >"$TMP/f-answers" 2>"$TMP/f-said"
	is okokokokokok "$(<"$TMP/f-answers")" "FastCGI, $way: six requests are answered"
	unanswered=1 is_counted f-server-$$ "FastCGI, $way" "inbound fastcgi 200 6"
	all_between "FastCGI, $way, inbound" 0.015625 "$TMP/f-said" service=f-server-$$ direction=inbound
	all_between "FastCGI, $way, outbound" 0.015625 "$TMP/f-said" service=nginx-$$ direction=outbound
done
stop_seismo
