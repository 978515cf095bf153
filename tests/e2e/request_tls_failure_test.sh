#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TLS handshakes that fail, whichever side refuses and however it says so, are requests with an error; those that do not, and
# goodbyes, are none.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

need nginx curl openssl faketime node
own_copy nginx curl openssl
read -r good_port expired_port none_port refusing_port client_port < <(for _ in {1..5}; do free_port; done | xargs)
n=5

# Those that nothing was said of have no duration, and what a client says as it closes may come after the end.
are_counted() { # SERVICE TEXT LINE
	# shellcheck disable=SC2034 # owed and had are for is_counted
	local counted owed had
	wait_until requests_are "$1" "$3"
	is "$3" "$counted" "$2: $1"
}

curl_fails() { # TEXT PORT STATUS OPTION...
	mark
	for ((i = 0; i < n; i++)); do
		curl-$$ -sS -m 5 -o "$TMP/body" "${@:4}" "https://localhost:$2/file" 2>"$TMP/curl"
		[[ $? == "$3" ]] || bail "curl, $1: $(<"$TMP/curl")"
	done
	are_counted "${server:-nginx}-$$" "$1" "inbound tls error $n"
	are_counted curl-$$ "$1" "outbound tls error $n"
	wait_until grown_to $n seismo_request_duration_seconds_count service=curl-$$
	is $n "$(grown seismo_request_duration_seconds_count service=curl-$$)" "$1: how long it took"
}

certificate() { # NAME COMMAND...
	"${@:2}" openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 1 \
		-keyout "$TMP/$1.key" -out "$TMP/$1.pem" 2>"$TMP/$1.log" || bail "openssl: $(<"$TMP/$1.log")"
}

mkdir "$TMP/www"
chmod 755 "$TMP"
head -c 1000 /dev/zero >"$TMP/www/file"
certificate good
certificate expired faketime '2020-01-01 12:00:00'
nginx_start "$good_port" "
	ssl_protocols TLSv1.2 TLSv1.3;
	server {
		listen $good_port ssl;
		client_header_timeout 4s;
		root $TMP/www;
		ssl_certificate good.pem;
		ssl_certificate_key good.key;
	}
	server {
		listen $expired_port ssl;
		ssl_certificate expired.pem;
		ssl_certificate_key expired.key;
	}
	server {
		listen $none_port ssl;
		ssl_ciphers ECDHE-ECDSA-AES128-SHA256;
		ssl_protocols TLSv1.2;
		ssl_certificate good.pem;
		ssl_certificate_key good.key;
	}
	server {
		listen $refusing_port ssl;
		ssl_reject_handshake on;
	}"
start_seismo --probes request

for version in 1.2 1.3; do
	curl_fails "a certificate that has expired, TLS $version" "$expired_port" 60 --tls-max $version --cacert "$TMP/expired.pem"
	curl_fails "a certificate of nobody known, TLS $version" "$good_port" 60 --tls-max $version --cacert "$TMP/expired.pem"
	curl_fails "a server that refuses the name, TLS $version" "$refusing_port" 35 --tls-max $version
done
curl_fails "no version in common" "$none_port" 35 --tlsv1.3
curl_fails "no cipher in common" "$none_port" 35 --tls-max 1.2

# The server wants a certificate: in TLS 1.3 it says so after the client has sent its request
server=openssl
server_start "$client_port" openssl-$$ s_server -accept "$client_port" -cert "$TMP/good.pem" -key "$TMP/good.key" -www \
	-Verify 1 -verify_return_error
curl_fails "no client certificate, TLS 1.2" "$client_port" 35 --tls-max 1.2 --cacert "$TMP/good.pem"
curl_fails "no client certificate, TLS 1.3" "$client_port" 56 --cacert "$TMP/good.pem"

# Clients that say nothing: one finishes the handshake first, and closes; one closes in the middle of it
mark
echo "require('https').get({host: '127.0.0.1', port: $expired_port, servername: 'localhost'}).on('error', e => console.log(e.code))" >"$TMP/refuses-$$"
for ((i = 0; i < n; i++)); do
	node "$TMP/refuses-$$"
done >"$TMP/node"
is $n "$(grep -c CERT "$TMP/node")" "Node.js does not like the certificate"
are_counted nginx-$$ "closed without a word" "inbound tls error $n"
are_counted refuses-$$ "closed without a word" "outbound tls error $n"
cat >"$TMP/hello-$$" <<END
import socket, ssl
for i in range($n):
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(into, out, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    with socket.create_connection(("localhost", $good_port)) as s:
        s.sendall(out.read())
        assert s.recv(65536)
END
mark
python3 "$TMP/hello-$$" || bail "the client that says hello alone failed"
are_counted nginx-$$ "closed in the middle" "inbound tls error $n"
are_counted hello-$$ "closed in the middle" "outbound tls error $n"

# Connections for later, which the server closes after a while
cat >"$TMP/idle-$$" <<END
import socket, ssl
context = ssl.create_default_context(cafile="$TMP/good.pem")
idle = []
for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3] * $n:
    context.maximum_version = version
    idle.append(context.wrap_socket(socket.create_connection(("localhost", $good_port)), server_hostname="localhost", suppress_ragged_eofs=True))
for s in idle:
    assert not s.recv(1)
    s.close()
END
mark
python3 "$TMP/idle-$$" || bail "the client that asks nothing failed"
is_counted nginx-$$ "not used, and closed"
is_counted idle-$$ "not used, and closed"

# What is well
mark
for ((i = 0; i < n; i++)); do
	openssl-$$ s_client -connect "localhost:$good_port" -no_ign_eof </dev/null >"$TMP/s_client" 2>&1
	curl-$$ -sS -o "$TMP/body" --cacert "$TMP/good.pem" "https://localhost:$good_port/file?[1-2]"
done
is_counted nginx-$$ "handshakes and goodbyes" "inbound tls unknown $((2 * n))"
is_counted curl-$$ "handshakes and goodbyes" "outbound tls unknown $((2 * n))"
is_counted openssl-$$ "handshakes and goodbyes"
stop_seismo
