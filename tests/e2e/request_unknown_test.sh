#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What no parser understands counts by exchanges, all of it; and what is taken for another protocol than it is, is so only until its
# bytes make no sense, which is told.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/waiting.sh"

need nginx curl haproxy python3
own_copy nginx curl
# shellcheck disable=SC2034 # for is_counted: what is told apart by its response has no time in the queue of its protocol
unanswered=1
port=$(free_port)
proxy_port=$(free_port)
n=20

losses() {
	grown seismo_request_parser_lost_total "$@"
}

# A server and a client that say these lines by turns, on one connection; a service each.
talk_counted() { # TEXT STATUS REQUEST RESPONSE TIMES
	cat >"$TMP/talk-$$" <<-END
		import socket, sys, threading
		request, response, times = sys.argv[1].encode().decode("unicode_escape").encode("latin1"), \
			sys.argv[2].encode().decode("unicode_escape").encode("latin1"), int(sys.argv[3])
		server = socket.create_server(("127.0.0.1", 0))
		def serve():
		    s = server.accept()[0]
		    while s.recv(4096):
		        s.sendall(response)
		threading.Thread(target=serve, daemon=True).start()
		client = socket.create_connection(server.getsockname())
		for i in range(times):
		    client.sendall(request)
		    assert client.recv(4096) == response
		client.close()
	END
	mark
	python3 "$TMP/talk-$$" "$3" "$4" "$5" || bail "$1"
	is_counted talk-$$ "$1" "inbound $2 $5" "outbound $2 $5"
}

mkdir "$TMP/www"
chmod 755 "$TMP"
head -c 1000 /dev/zero >"$TMP/www/file"
nginx_start "$port" "server {
	listen 127.0.0.1:$port;
	root $TMP/www;
	location /dav { return 207 multi; }
	location /gone { return 410 gone; }
}
server {
	listen 127.0.0.1:$proxy_port proxy_protocol;
	location /gone { return 410 gone; }
}"
start_seismo --probes request

talk_counted "a protocol of nobody" "unknown unknown" '\x01\x02\x03hello' 'world' $n
talk_counted "SMTP-like lines" "unknown unknown" 'NOOP now\r\n' '250 ok\r\n' $n
is 0 "$(losses service=talk-$$)" "nothing of it was taken for a protocol"
# Taken for Redis and for memcached, and answered in another way
# shellcheck disable=SC2016 # of Redis
talk_counted "like Redis" "unknown unknown" '*1\r\n$4\r\nPING\r\n' '\x01\x02\x03\x04' $n
is 2 "$(losses service=talk-$$ protocol=redis)" "both ends say so, once"
talk_counted "like Redis as people type it" "unknown unknown" 'SET a b\r\n' 'done\r\n' $n
is 2 "$(losses service=talk-$$ protocol=redis)" "both ends say so, once"
# Lines that go one way, like those of a log, and begin so; and a command to a server that hangs
cat >"$TMP/oneway-$$" <<-END
	import os, socket, sys, threading, time
	lines, times = [l.encode() for l in sys.argv[2:]], int(sys.argv[1])
	server = socket.create_server(("127.0.0.1", 0))
	def serve(s):
	    while s.recv(4096):
	        pass
	clients = []
	for line in lines:
	    clients.append(socket.create_connection(server.getsockname()))
	    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
	for i in range(times):
	    for c, line in zip(clients, lines):
	        c.sendall(line + b"\n")
	    time.sleep(0.1)
	open(sys.argv[0] + ".sent", "w").write("all")
	while not os.path.exists(sys.argv[0] + ".end"):
	    time.sleep(0.1)
	for c in clients:
	    c.close()
END
cp "$TMP/oneway-$$" "$TMP/hangs-$$"
mark
background python3 "$TMP/oneway-$$" 20 "INFO started" "SET up" "AUTH failed" "EVAL of it" "PING"
oneway=$!
background python3 "$TMP/hangs-$$" 1 "INFO"
hangs=$!
wait_until test -s "$TMP/oneway-$$.sent"
wait_until test -s "$TMP/hangs-$$.sent"
wait_until waits 0 oneway-$$
for direction in inbound outbound; do
	is "0 1" "$(value_or_0 seismo_requests_in_flight service=oneway-$$ direction=$direction protocol=redis) $(
		value_or_0 seismo_requests_in_flight service=hangs-$$ direction=$direction protocol=redis)" \
		"$direction: lines that go one way do not wait, a command to a server that hangs does"
done
touch "$TMP/oneway-$$.end" "$TMP/hangs-$$.end"
wait $oneway $hangs
is_unanswered hangs-$$ "a server hangs" "inbound redis client_closed 1" "outbound redis client_closed 1"
is_unanswered oneway-$$ "lines that go one way"
talk_counted "like memcached" "unknown unknown" 'get a\r\n' '{"a": 1}\n' $n
is 2 "$(losses service=talk-$$ protocol=memcached)" "both ends say so, once"
talk_counted "like Kafka" "unknown unknown" '\x00\x00\x00\x0c\x00\x12\x00\x00\x00\x00\x00\x01\x00\x02me' '\xff\xff\xff\xffno, no' $n
is 2 "$(losses service=talk-$$ protocol=kafka)" "both ends say so, once"
talk_counted "like LDAP" "unknown unknown" '\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00' 'what do you mean?' $n
is 2 "$(losses service=talk-$$ protocol=ldap)" "both ends say so, once"
talk_counted "like HTTP/0.9, of another version" "unknown unknown" 'GET / RTSP/1.0\r\n\r\n' 'RTSP/1.0 200 OK\r\n\r\n' $n

# Methods that are not those of everyday, among some that are
mark
for ((i = 0; i < n; i++)); do
	printf 'next\nurl = http://127.0.0.1:%d/%s\nrequest = %s\noutput = /dev/null\nsilent\n' "$port" dav PROPFIND "$port" dav REPORT \
		"$port" file GET "$port" gone PURGE
done | sed 1d >"$TMP/methods"
curl-$$ -K "$TMP/methods"
for end in nginx:inbound curl:outbound; do
	is_counted "${end%:*}-$$" "WebDAV and PURGE among GET" "${end#*:} http 200 $n" "${end#*:} http 207 $((2 * n))" "${end#*:} http 410 $n"
done

# TLS, and what is nothing, to a server of HTTP, which says what it thinks of that in HTTP
mark
for ((i = 0; i < n; i++)); do
	curl-$$ -ks "https://127.0.0.1:$port/file"
done
is_counted nginx-$$ "TLS to a server of HTTP" "inbound http 400 $n"
is_counted curl-$$ "TLS to a server of HTTP, of whose answer it reads five bytes" "outbound tls error $n"
mark
cat >"$TMP/garbage-$$" <<END
import socket
for i in range($n):
    s = socket.create_connection(("127.0.0.1", $port))
    s.sendall(b"\x05\x01\x00\x07\x09\r\n\r\n")
    assert s.recv(4096).startswith(b"HTTP/1.1 400")
END
python3 "$TMP/garbage-$$" || bail "nginx does not mind"
is_counted nginx-$$ "garbage" "inbound http 400 $n"
is_counted garbage-$$ "garbage" "outbound http 400 $n"
cat >"$TMP/old-$$" <<-END
	import socket, threading
	server = socket.create_server(("127.0.0.1", 0))
	def serve():
	    while True:
	        s = server.accept()[0]
	        s.recv(4096)
	        s.sendall(b"<html>hello, world</html>\n")
	        s.close()
	threading.Thread(target=serve, daemon=True).start()
	for i in range($n):
	    s = socket.create_connection(server.getsockname())
	    s.sendall(b"GET /a/page\r\n")
	    while s.recv(4096):
	        pass
	    s.close()
END
mark
python3 "$TMP/old-$$" || bail "HTTP 0.9"
is_counted old-$$ "HTTP 0.9, which has no status" "inbound http unknown $n" "outbound http unknown $n"
mark
curl-$$ -s "http://127.0.0.1:$port/file?[1-$n]" -o "$TMP/body"
is_counted nginx-$$ "others are counted as ever" "inbound http 200 $n"
is 0 "$(losses service=nginx-$$)" "and nobody is lost"

# The PROXY protocol before the first request of each connection: version 1 of curl, and both of haproxy
proxied() { # TEXT PROXY-OPTION
	local via=haproxy-$2-$$ listen
	listen=$(free_port)
	cp "$(command -v haproxy)" "$TMP/bin/$via"
	cat >"$TMP/$via.cfg" <<-END
		defaults
		 mode http
		 timeout client 10s
		 timeout server 10s
		 timeout connect 5s
		listen l
		 bind 127.0.0.1:$listen
		 server s 127.0.0.1:$proxy_port $2
	END
	server_start "$listen" "$via" -db -f "$TMP/$via.cfg"
	mark
	for ((i = 0; i < n; i++)); do
		curl-$$ -s -o "$TMP/body" "http://127.0.0.1:$listen/gone"
	done
	is_counted nginx-$$ "$1" "inbound http 410 $n"
	is_counted "$via" "$1" "inbound http 410 $n" "outbound http 410 $n"
}
mark
for ((i = 0; i < n; i++)); do
	curl-$$ -s -o "$TMP/body" --haproxy-protocol "http://127.0.0.1:$proxy_port/gone?[1-2]"
done
is_counted nginx-$$ "PROXY protocol of curl" "inbound http 410 $((2 * n))"
is_counted curl-$$ "PROXY protocol of curl" "outbound http 410 $((2 * n))"
proxied "PROXY protocol, version 1" send-proxy
proxied "PROXY protocol, version 2" send-proxy-v2
stop_seismo
