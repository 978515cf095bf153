#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Healthy load of all kinds at once: no request takes longer than the clients saw, in either direction.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

python=/usr/bin/python3
need redis-server redis-benchmark redis-cli dnsmasq nft $python
own_copy redis-server redis-benchmark redis-cli dnsmasq

none_slower() { # TEXT SECONDS SERVICE DIRECTION
	ok "$1: $3 has requests" between 1 1e9 "$(grown seismo_requests_total service="$3" direction="$4")"
	is 0 "$(slower_than "$2" service="$3" direction="$4")" "$1: of $3 none is slower than the client saw, $2 s"
}

# WebSockets, on which both sides send what they like, and events that one request gets for a while; the client prints the
# longest time until the first byte of an answer.
cat >"$TMP/bin/w-server-$$" <<'END'
import socketserver, sys, time
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                more = self.request.recv(4096)
                if not more: return
                head += more
            if b"GET /ws" in head:
                self.request.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
                for i in range(6):
                    time.sleep(0.3)
                    self.request.sendall(b"\x81\x04news")
                    self.request.recv(4096)
                return
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for i in range(4):
                self.request.sendall(b"a\r\ndata: hi\n\n\r\n")
                time.sleep(0.3)
            self.request.sendall(b"0\r\n\r\n")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
END
cat >"$TMP/bin/w-client-$$" <<'END'
import socket, sys, threading, time
longest = []
def talk(path):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    for _ in range(1 if path == "/ws" else 2):
        begin = time.monotonic()
        s.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\n\r\n")
        data = s.recv(4096)
        longest.append(time.monotonic() - begin)
        if path == "/ws":
            for _ in range(6):
                s.recv(4096)
                s.sendall(b"\x81\x83\1\2\3\4thx")
        else:
            while not data.endswith(b"0\r\n\r\n"): data = data[-8:] + s.recv(4096)
threads = [threading.Thread(target=talk, args=(p,)) for p in ["/ws", "/events"] * 8]
for t in threads: t.start()
for t in threads: t.join()
print("%.9f" % max(longest))
END
# Asks for names one after the other, each again until there is an answer; prints how often it had to, and the longest time.
cat >"$TMP/bin/d-client-$$" <<'END'
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", int(sys.argv[1])))
s.settimeout(0.3)
again, longest = 0, 0
for i in range(int(sys.argv[2])):
    query = struct.pack(">6H", i + 1, 0x100, 1, 0, 0, 0) + b"\5found\4test\0" + struct.pack(">2H", 1, 1)
    begin = time.monotonic()
    s.send(query)
    while True:
        try:
            if s.recv(512)[:2] == query[:2]: break
        except socket.timeout:
            again += 1
            s.send(query)
    longest = max(longest, time.monotonic() - begin)
print(again, "%.9f" % longest)
END
background $python "$TMP/bin/w-server-$$" >"$TMP/w-port"
dns_port=$(free_port)
server_start "$dns_port" dnsmasq-$$ --keep-in-foreground --no-resolv --no-hosts --conf-file=/dev/null --user=root \
	--listen-address=127.0.0.1 --bind-interfaces --port="$dns_port" --pid-file="$TMP/dnsmasq.pid" --address=/found.test/192.0.2.1
nft -f - <<END || bail "nft failed"
table inet healthy-$$ {
	chain in { type filter hook input priority 0; udp sport $dns_port numgen inc mod 50 0 drop; udp dport $dns_port numgen inc mod 50 7 drop; }
}
END
at_exit nft delete table inet healthy-$$
wait_until test -s "$TMP/w-port"
redis_port=$(free_port)
server_start "$redis_port" redis-server-$$ --port "$redis_port" --bind 127.0.0.1 --save '' --dir "$TMP"
port=$(free_port)
postgres_start "$port" ""
pgbench-$$ -h 127.0.0.1 -p "$port" -U postgres -i -q postgres 2>"$TMP/init" || bail "pgbench -i failed"
start_seismo --probes request
mark
# Of its own scripts it would first ask the catalog about partitions, which no log has.
# shellcheck disable=SC2016 # for pgbench
printf '%s\n' '\set aid random(1, 100000)' 'SELECT abalance FROM pgbench_accounts WHERE aid = :aid;' >"$TMP/select.sql"
pgbench-$$ -h 127.0.0.1 -p "$port" -U postgres -n -f "$TMP/select.sql" -c 4 -T 4 -l --log-prefix="$TMP/transactions" postgres >"$TMP/pgbench" 2>&1 &
bench=$!
redis-benchmark-$$ -p "$redis_port" -c 4 -n $((20000 / scale)) -t set,get,lpush --csv >"$TMP/redis" 2>/dev/null &
redis=$!
queries=$((400 / scale))
$python "$TMP/bin/d-client-$$" "$dns_port" $queries >"$TMP/d-said" &
dns=$!
$python "$TMP/bin/w-client-$$" "$(<"$TMP/w-port")" >"$TMP/w-said" || bail "the WebSockets failed"
wait $dns || bail "the DNS client failed"
wait $bench || bail "pgbench: $(tail -n 1 "$TMP/pgbench")"
wait $redis || bail "redis-benchmark failed"
sleep 0.2
scrape
most=$(awk '/^initial connection time/ { most = $5 * 1e3 } FILENAME ~ /transactions/ && $3 > most { most = $3 } END { print most / 1e6 }' \
	"$TMP/pgbench" "$TMP"/transactions.*)
none_slower "pgbench" "$most" pgbench-$$ outbound
none_slower "pgbench" "$most" postgres-$$ inbound
most=$(awk -F '"*,"*' 'NR > 1 { gsub(/"/, ""); if ($8 > most) most = $8 } END { print most / 1e3 }' "$TMP/redis")
none_slower "redis-benchmark" "$most" redis-benchmark-$$ outbound
none_slower "redis-benchmark" "$most" redis-server-$$ inbound
for end in "w-client-$$ outbound" "w-server-$$ inbound"; do
	# shellcheck disable=SC2086 # two words
	none_slower "WebSockets and events" "$(<"$TMP/w-said")" $end
done
is_counted w-client-$$ "WebSockets and events" "outbound http 101 8" "outbound http 200 16"
is_counted w-server-$$ "WebSockets and events" "inbound http 101 8" "inbound http 200 16"
read -r again most <"$TMP/d-said"
ok "DNS: one query in 25 was lost, or its answer ($again)" between $((queries / 30)) $((queries / 15)) "$again"
none_slower "DNS" "$most" d-client-$$ outbound
none_slower "DNS" 0.2 dnsmasq-$$ inbound
is_counted d-client-$$ "DNS" "outbound dns ok $queries"
stop_seismo
