#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Inside TLS: of services that are named requests count by protocol and status, as their clients say; of others as exchanges.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

[[ -e /sys/bus/event_source/devices/uprobe ]] || skip "this kernel has no uprobes"
need nginx curl openssl ab gnutls-cli gnutls-serv redis-server node
own_copy nginx curl ab gnutls-cli gnutls-serv redis-server redis-cli node
mkdir "$TMP/www"
chmod 755 "$TMP"
head -c 1000 /dev/zero >"$TMP/www/file"
head -c 3M /dev/zero >"$TMP/www/big"
head -c 1M /dev/urandom >"$TMP/upload"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -keyout "$TMP/key.pem" -out "$TMP/cert.pem" 2>/dev/null
port=$(free_port)
url=https://127.0.0.1:$port
nginx_start "$port" "
	ssl_certificate cert.pem;
	ssl_certificate_key key.pem;
	ssl_protocols TLSv1.2 TLSv1.3;
	server {
		listen $port ssl http2;
		root $TMP/www;
		client_max_body_size 100m;
		location /busy { return 503; }
		location /store { dav_methods PUT; create_full_put_path on; root $TMP/work; }
	}"
redis_port=$(free_port)
server_start "$redis_port" redis-server-$$ --port 0 --tls-port "$redis_port" --tls-cert-file "$TMP/cert.pem" --tls-key-file "$TMP/key.pem" \
	--tls-auth-clients no --save '' --dir "$TMP"
gnutls_port=$(free_port)
server_start "$gnutls_port" gnutls-serv-$$ --http -p "$gnutls_port" --x509certfile "$TMP/cert.pem" --x509keyfile "$TMP/key.pem"
node_port=$(free_port)
cat >"$TMP/node-server-$$" <<END
const fs = require('fs');
require('https').createServer({ key: fs.readFileSync('$TMP/key.pem'), cert: fs.readFileSync('$TMP/cert.pem') }, (req, res) => {
	res.statusCode = req.url.startsWith('/file') ? 200 : 500;
	res.end('x'.repeat(3000));
}).listen($node_port);
END
server_start "$node_port" node-$$ "$TMP/node-server-$$"
echo "probes: { tls: { services: [ nginx-$$, 'curl-$$', 'redis-*-$$', 'gnutls-*-$$', node-$$ ] } }" >>"$CONFIG"
start_seismo --probes request,tls

# A library is looked into from the first reading after a process has it, a program from the one after its first start.
is_looked_into() {
	mark
	curl-$$ -ksS -o "$TMP/body" "$url/file" && scrape &&
		[[ $(grown seismo_requests_total service=nginx-$$ protocol=http2) == 1 ]] &&
		[[ $(grown seismo_requests_total service=curl-$$ protocol=http2) == 1 ]]
}
WAIT=60 wait_until is_looked_into || bail "nobody looks into TLS: $(tail -n 3 "$TMP/seismo.err")"

curl_counted() { # TEXT CURL-OPTIONS -- LINE...
	local options=() text=$1
	shift
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	mark
	curl-$$ -ksS "${options[@]}" -w '%{http_code}\n' >"$TMP/codes" || bail "curl, $text"
	is_counted nginx-$$ "$text" "${@/#/inbound }"
	is_counted curl-$$ "$text" "${@/#/outbound }"
}

for version in 1.2 1.3; do
	curl_counted "TLS $version" --http1.1 --tls-max $version -o "$TMP/body" "$url/file?[1-20]" -- "http 200 20"
	curl_counted "TLS $version, errors" --http1.1 --tls-max $version -o "$TMP/body" "$url/{file,none,busy}?[1-5]" -- \
		"http 200 5" "http 404 5" "http 503 5"
	curl_counted "TLS $version, large responses" --http1.1 --tls-max $version -o "$TMP/body" "$url/big?[1-5]" -- "http 200 5"
	curl_counted "TLS $version, uploads" --http1.1 --tls-max $version -o "$TMP/body" -T "$TMP/upload" "$url/store/$version-[1-5]" -- \
		"http 201 5"
	curl_counted "TLS $version, HTTP/2" --http2 --tls-max $version -o "$TMP/body" "$url/{file,none,busy}?[1-5]" -- \
		"http2 200 5" "http2 404 5" "http2 503 5"
done

# Many at a time; a client that is not named has exchanges
mark
ab-$$ -q -k -n 500 -c 20 "$url/file" >"$TMP/ab" 2>&1 || bail "ab: $(tail -n 1 "$TMP/ab")"
is_counted nginx-$$ "many connections" "inbound http 200 500"
is_counted ab-$$ "a client that is not named" "outbound tls unknown 500"

# Clients that are first seen now: from their second start on they are looked into
told_apart() { # SERVICE PROTOCOL COMMAND...
	mark
	"${@:3}" >"$TMP/first" && scrape && [[ $(grown seismo_requests_total service="$1" protocol="$2") -gt 0 ]]
}

redis() { # COMMAND...
	redis-cli-$$ --tls --insecure -p "$redis_port" "$@" 2>"$TMP/redis.err"
}
wait_until told_apart redis-cli-$$ redis redis PING
mark
# shellcheck disable=SC2086 # words
for command in "SET a 1" "GET a" "LPUSH a 1"; do
	redis $command
done >"$TMP/redis"
is 1 "$(grep -c WRONGTYPE "$TMP/redis")" "Redis said what is wrong"
is_counted redis-server-$$ "Redis" "inbound redis ok 2" "inbound redis error 1"
is_counted redis-cli-$$ "Redis" "outbound redis ok 2" "outbound redis error 1"

gnutls_get() { # PORT PATH
	printf 'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' "$2" |
		gnutls-cli-$$ --insecure --no-ca-verification --alpn http/1.1 -p "$1" 127.0.0.1 2>"$TMP/gnutls.err" | grep -a '^HTTP/1.1 '
}
wait_until told_apart gnutls-cli-$$ http gnutls_get "$port" /file
mark
for path in file none busy; do
	gnutls_get "$port" /$path
done >"$TMP/gnutls"
is "200 404 503" "$(cut -d ' ' -f 2 "$TMP/gnutls" | xargs)" "GnuTLS' client got its responses"
is_counted nginx-$$ "GnuTLS' client" "inbound http 200 1" "inbound http 404 1" "inbound http 503 1"
is_counted gnutls-cli-$$ "GnuTLS' client" "outbound http 200 1" "outbound http 404 1" "outbound http 503 1"

curl_of() { # PORT COUNT PATH
	curl-$$ -ksS --http1.1 -o "$TMP/body" -w '%{http_code}\n' "https://127.0.0.1:$1/$3?[1-$2]"
}
for server in "gnutls-serv-$$ $gnutls_port" "node-$$ $node_port"; do
	wait_until told_apart "${server% *}" http curl_of "${server#* }" 2 file
	mark
	is 5 "$(curl_of "${server#* }" 5 file | grep -c 200)" "curl got its responses: ${server% *}"
	is_counted "${server% *}" "five requests" "inbound http 200 5"
	is_counted curl-$$ "five requests of ${server% *}" "outbound http 200 5"
done
stop_seismo
