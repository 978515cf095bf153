#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Protocols whose requests have numbers, with real servers and clients: each request and its status, as the clients count them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

need /usr/bin/python3
n=20

has() { # COMMAND|FILE...
	local what
	for what in "$@"; do
		[[ -e $what ]] || command -v "$what" >/dev/null || {
			echo "# no $what on this host"
			return 1
		}
	done
}

# A program of Python, which is a service named after it. Its output is in $TMP/said.
py() { # NAME TEXT ARGUMENT...
	printf '%s\n' "$2" >"$TMP/$1-$$"
	timeout --foreground 60 /usr/bin/python3 "$TMP/$1-$$" "${@:3}" >"$TMP/said" 2>"$TMP/complaint" || bail "$1: $(tail -n 3 "$TMP/complaint")"
}



# --- FastCGI: nginx and php-fpm

fastcgi() {
	local port fpm
	fpm=$(PATH=$PATH:/usr/sbin compgen -c php-fpm | sort | head -n 1)
	has nginx curl "${fpm:-php-fpm}" || return 0
	cp -L "$(PATH=$PATH:/usr/sbin command -v "$fpm")" "$TMP/bin/fpm-$$"
	own_copy nginx curl
	port=$(free_port)
	mkdir "$TMP/www"
	chmod 755 "$TMP"
	# shellcheck disable=SC2016 # for PHP
	echo '<?php if (isset($_GET["code"])) http_response_code((int)$_GET["code"]); echo str_repeat("x", 20000);' >"$TMP/www/a.php"
	cat >"$TMP/fpm.conf" <<-END
		[global]
		error_log = $TMP/fpm.log
		[www]
		user = root
		listen = $TMP/fpm.sock
		pm = static
		pm.max_children = 2
	END
	background "$TMP/bin/fpm-$$" -R -F -y "$TMP/fpm.conf"
	wait_until test -S "$TMP/fpm.sock" || bail "php-fpm: $(tail -n 3 "$TMP/fpm.log")"
	# shellcheck disable=SC2016 # of nginx
	nginx_start "$port" 'upstream fpm { server unix:'"$TMP"'/fpm.sock; keepalive 2; }
server { listen 127.0.0.1:'"$port"'; root '"$TMP"'/www;
	location / { fastcgi_keep_conn on; fastcgi_pass fpm; fastcgi_param SCRIPT_FILENAME $document_root$uri;
		fastcgi_param QUERY_STRING $args; fastcgi_param REQUEST_METHOD $request_method; fastcgi_param CONTENT_LENGTH $content_length; } }'
	mark
	"curl-$$" -s "http://127.0.0.1:$port/a.php?[1-$n]" "http://127.0.0.1:$port/a.php?code=500&[1-5]" \
		"http://127.0.0.1:$port/none.php?[1-3]" >"$TMP/body"
	is_counted "fpm-$$" "FastCGI" "inbound fastcgi 200 $n" "inbound fastcgi 404 3" "inbound fastcgi 500 5"
	is_counted "nginx-$$" "FastCGI" "inbound http 200 $n" "inbound http 404 3" "inbound http 500 5" \
		"outbound fastcgi 200 $n" "outbound fastcgi 404 3" "outbound fastcgi 500 5"
	# shellcheck disable=SC2016 # for PHP
	echo '<?php echo str_repeat("x", 100000); flush(); usleep(50000); exec("kill -9 " . getmypid());' >"$TMP/www/killed.php"
	mark
	"curl-$$" -s "http://127.0.0.1:$port/killed.php" >"$TMP/body" # part of it
	is_counted "nginx-$$" "FastCGI, the worker dies amid its response" "inbound http 200 1" "outbound fastcgi error 1"
}

# --- MQTT: mosquitto

mqtt() {
	local port i sub
	has mosquitto mosquitto_pub || return 0
	own_copy mosquitto mosquitto_pub mosquitto_sub
	port=$(free_port)
	printf 'listener %s 127.0.0.1\nallow_anonymous true\nuser root\nacl_file %s\n' "$port" "$TMP/acl" >"$TMP/mosquitto.conf"
	echo 'topic readwrite open/#' >"$TMP/acl"
	server_start "$port" mosquitto-$$ -c "$TMP/mosquitto.conf"
	mark
	mosquitto_sub-$$ -h 127.0.0.1 -p "$port" -V 5 -q 1 -t open/a -C $((2 * n)) >"$TMP/got" &
	sub=$!
	at_exit end_process $sub
	wait_until grown_to 2 seismo_requests_total service=mosquitto_sub-$$
	for ((i = 0; i < n; i++)); do
		mosquitto_pub-$$ -h 127.0.0.1 -p "$port" -q 1 -t open/a -m one
		mosquitto_pub-$$ -h 127.0.0.1 -p "$port" -V 5 -q 2 -t open/a -m two
		mosquitto_pub-$$ -h 127.0.0.1 -p "$port" -V 5 -q 1 -t closed/a -m none
		mosquitto_pub-$$ -h 127.0.0.1 -p "$port" -t open/b -m unacknowledged
	done 2>"$TMP/refused"
	wait $sub
	is_counted mosquitto_sub-$$ "MQTT" "outbound mqtt ok 2"
	is_counted mosquitto_pub-$$ "MQTT" "outbound mqtt error $n" "outbound mqtt ok $((6 * n))"
	is_counted mosquitto-$$ "MQTT" "inbound mqtt error $n" "inbound mqtt ok $((6 * n + 2))"
}

# --- NATS

nats_client='
import socket, sys
port, n = int(sys.argv[1]), int(sys.argv[2])
s = socket.create_connection(("127.0.0.1", port))
r = s.makefile("rb")
def line():
    text = r.readline()
    while text.startswith(b"PING"):
        s.sendall(b"PONG\r\n")
        text = r.readline()
    return text
assert line().startswith(b"INFO")
s.sendall(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nPING\r\nSUB _INBOX.abcdefghijklmnopqrstuv.* 1\r\nSUB echo 2\r\n")
assert line() == b"PONG\r\n"
for i in range(n):
    s.sendall(b"PUB news 5\r\nhello\r\nPUB echo _INBOX.abcdefghijklmnopqrstuv.%d 2\r\nhi\r\n" % i)
    assert line().startswith(b"MSG echo 2 _INBOX"), "asked"
    line()
    s.sendall(b"PUB _INBOX.abcdefghijklmnopqrstuv.%d 3\r\nyes\r\n" % i)
    assert line().startswith(b"MSG _INBOX")
    line()
    s.sendall(b"PUB nobody _INBOX.abcdefghijklmnopqrstuv.x%d 2\r\nhi\r\n" % i)
    assert line().startswith(b"HMSG _INBOX")
    line(), line(), line()
s.close()
'

nats() {
	local port
	has nats-server || return 0
	own_copy nats-server
	port=$(free_port)
	server_start "$port" nats-server-$$ -a 127.0.0.1 -p "$port"
	mark
	py nats "$nats_client" "$port" $n
	is_counted nats-server-$$ "NATS" "inbound nats error $n" "inbound nats ok $((n + 1))"
	is_counted nats-$$ "NATS" "outbound nats error $n" "outbound nats ok $((n + 1))"
}

# --- LDAP

ldap() {
	local port
	has slapd ldapsearch || return 0
	own_copy slapd ldapsearch
	port=$(free_port)
	mkdir "$TMP/ldap"
	cat >"$TMP/slapd.conf" <<-END
		include /etc/ldap/schema/core.schema
		modulepath /usr/lib/ldap
		moduleload back_mdb
		pidfile $TMP/slapd.pid
		database mdb
		suffix dc=test
		directory $TMP/ldap
	END
	printf 'dn: dc=test\nobjectClass: dcObject\nobjectClass: organization\ndc: test\no: test\n' |
		PATH=$PATH:/usr/sbin slapadd -f "$TMP/slapd.conf" 2>"$TMP/slapadd" || bail "slapadd: $(tail -n 3 "$TMP/slapadd")"
	server_start "$port" slapd-$$ -h "ldap://127.0.0.1:$port" -f "$TMP/slapd.conf" -d 0
	mark
	for ((i = 0; i < n; i++)); do # each binds first
		ldapsearch-$$ -x -H "ldap://127.0.0.1:$port" -b dc=test >"$TMP/found" || bail "ldapsearch"
		ldapsearch-$$ -x -H "ldap://127.0.0.1:$port" -b dc=none >"$TMP/none"
	done
	grep -q '^dn: dc=test' "$TMP/found" || bail "ldapsearch found nothing"
	is_counted slapd-$$ "LDAP" "inbound ldap error $n" "inbound ldap ok $((3 * n))"
	is_counted ldapsearch-$$ "LDAP" "outbound ldap error $n" "outbound ldap ok $((3 * n))"
}

# --- ZooKeeper

zookeeper_client='
import sys, time
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
c = KazooClient("127.0.0.1:" + sys.argv[1], timeout=60)
c.start()
n = int(sys.argv[2])
c.create("/a", b"x")
changes = []
for i in range(n):
    c.get("/a", watch=changes.append)
    c.set("/a", b"y")
    assert c.exists("/none") is None
    try:
        c.get("/none")
    except NoNodeError:
        pass
while len(changes) < n:
    c.exists("/a")
    time.sleep(0.1)
c.stop()
'

zookeeper() {
	local port jars
	has java /usr/lib/python3/dist-packages/kazoo /usr/share/java/zookeeper.jar || return 0
	port=$(free_port)
	printf 'dataDir=%s/zk\nclientPort=%s\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\ntickTime=30000\n' "$TMP" "$port" >"$TMP/zoo.cfg"
	jars=$(printf '%s:' /usr/share/java/{zookeeper,zookeeper-jute,netty-*,slf4j-api,slf4j-simple,log4j-1.2,snappy-java,metrics-core,jcl-over-slf4j,commons-cli,jackson-*,jetty9-*,servlet-api,json_simple,jline2}.jar)
	server_start "$port" java -Xmx128m -cp "$jars" org.apache.zookeeper.server.quorum.QuorumPeerMain "$TMP/zoo.cfg"
	mark
	py zookeeper "$zookeeper_client" "$port" $n
	scrape
	# a session, of which the end is a request, too
	ok "ZooKeeper: kazoo asks as often as it should" between $((3 * n + 3)) $((3 * n + 60)) "$(grown seismo_requests_total service=zookeeper-$$ status=ok)"
	is $n "$(grown seismo_requests_total service=zookeeper-$$ protocol=zookeeper status=error)" "ZooKeeper: those of nodes that are not there"
}

# --- MongoDB: its driver, and a server of few words

mongodb_talk='
import socket, struct, sys, threading
import bson, pymongo
from pymongo.errors import PyMongoError
server = socket.create_server(("127.0.0.1", 0))
answered = [0, 0]
def reply(command):
    if "isMaster" in command or "ismaster" in command or "hello" in command:
        return {"ismaster": True, "maxWireVersion": 8, "minWireVersion": 0, "maxBsonObjectSize": 1 << 24, "ok": 1.0}
    if "find" in command:
        return {"cursor": {"id": 0, "ns": "a.b", "firstBatch": [{"text": "x" * 50000}]}, "ok": 1.0}
    if "insert" in command:
        return {"n": 0, "writeErrors": [{"index": 0, "code": 11000, "errmsg": "there"}], "ok": 1.0}
    if "fail" in command:
        return {"ok": 0.0, "errmsg": "no", "code": 59}
    return {"n": 1, "ok": 1.0}
def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data
def serve(s):
    number = 0
    try:
        while True:
            length, request, _, op = struct.unpack("<iiii", exactly(s, 16))
            body = exactly(s, length - 16)
            number += 1
            if op == 2004:
                at = body.index(b"\0", 4) + 9
                document = bson.encode(reply(bson.decode(body[at:])))
                data = struct.pack("<iqii", 8, 0, 0, 1) + document
                op = 1
            else:
                size = struct.unpack("<i", body[5:9])[0]
                answer = reply(bson.decode(body[5:5 + size]))
                data = struct.pack("<iB", 0, 0) + bson.encode(answer)
            failed = op != 1 and (not answer["ok"] or "writeErrors" in answer)
            answered[failed] += 1
            s.sendall(struct.pack("<iiii", 16 + len(data), number, request, op) + data)
    except (EOFError, ConnectionError):
        pass
def accept():
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
client = pymongo.MongoClient("127.0.0.1", server.getsockname()[1], retryWrites=False)
for i in range(int(sys.argv[1])):
    assert len(list(client.a.b.find())) == 1
    client.a.command("count", "b")
    for fails in lambda: client.a.b.insert_one({"a": 1}), lambda: client.a.command("fail"):
        try:
            fails()
            raise SystemExit("no error")
        except PyMongoError:
            pass
client.close()
print(*answered)
'

mongodb() {
	local ok failed
	has /usr/lib/python3/dist-packages/pymongo || return 0
	mark
	py mongodb "$mongodb_talk" $n
	read -r ok failed <"$TMP/said"
	ok "MongoDB: as many failures as there should be" test "$failed" = $((2 * n))
	is_counted mongodb-$$ "MongoDB" "inbound mongodb error $failed" "inbound mongodb ok $ok" \
		"outbound mongodb error $failed" "outbound mongodb ok $ok"
}

# --- Kafka: librdkafka with its own broker of mocks, which is both ends, and knows no newer question for versions

kafka() {
	local answers
	has kcat || return 0
	own_copy kcat
	mark
	seq $n | while read -r line; do echo "$line"; sleep 0.02; done |
		timeout --foreground 60 "$TMP/bin/kcat-$$" -P -t topic -X test.mock.num.brokers=1 -X linger.ms=0 -b none -d protocol 2>"$TMP/kcat" ||
		bail "kcat: $(tail -n 3 "$TMP/kcat")"
	answers=$(grep -c 'Received .*Response (' "$TMP/kcat")
	ok "Kafka: several answers" between 5 1000 "$answers"
	is_counted kcat-$$ "Kafka" "inbound kafka error 1" "inbound kafka ok $((answers - 1))" \
		"outbound kafka error 1" "outbound kafka ok $((answers - 1))"
}

start_seismo --probes request
fastcgi
mqtt
nats
ldap
kafka
mongodb
zookeeper
stop_seismo
