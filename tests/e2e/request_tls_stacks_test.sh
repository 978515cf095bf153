#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TLS as different libraries speak it: each request is one exchange at both ends, as long as its server took and its client saw;
# handshakes, with certificates of clients or early data, renegotiation and any number of tickets are none. Refused handshakes are errors.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/clients.sh
. "$(dirname "$0")/clients.sh"

boring=(/usr/lib/*/android)
need nginx curl openssl node go gnutls-cli gnutls-serv selfserv tstclnt tldr gcc "${boring[0]}/libssl.so"
# shellcheck source=tests/e2e/tls.sh
. "$(dirname "$0")/tls.sh"
own_copy nginx gnutls-serv selfserv
mkdir "$TMP/nss"
{ certutil -N -d "sql:$TMP/nss" --empty-password && pk12util -i "$TMP/store" -d "sql:$TMP/nss" -W secret -K ''; } >"$TMP/pk12util" ||
	bail "no store for NSS: $(<"$TMP/pk12util")"
go_build gohttp "$TMP/go"
gcc -I/usr/include/android "$ROOT/tests/clients/boring.c" -o "$TMP/boring" -Wl,-rpath,"${boring[0]}" "${boring[0]}"/lib{ssl,crypto}.so ||
	bail "no program of BoringSSL"

# --- servers

own_begin go "$(copy go "$TMP/go")" server tls
own_begin go-mutual "$(copy go-mutual "$TMP/go")" server mutual
own_begin boring "$(copy boring "$TMP/boring")" server "$cert" "$key"
own_begin node node "$(copy node "$ROOT/tests/clients/secure.js")" server "$cert" "$key"
reqserver_start slow 127.0.0.1 size=100
for name in plain one four none mutual h2 selfserv gnutls; do
	ports[$name]=$(free_port)
done
nginx_start "${ports[plain]}" "
	$nginx_tls
	$(nginx_server "${ports[plain]} ssl" 'ssl_early_data on;')
	$(nginx_server "${ports[one]} ssl" 'ssl_conf_command NumTickets 1;')
	$(nginx_server "${ports[four]} ssl" 'ssl_conf_command NumTickets 4;')
	$(nginx_server "${ports[none]} ssl" 'ssl_conf_command NumTickets 0;')
	$(nginx_server "${ports[mutual]} ssl" 'ssl_verify_client optional_no_ca;')
	$(nginx_server "443 ssl" "rewrite ^ /$ms/200;")
	$(nginx_server "${ports[h2]} ssl http2")"
server_start "${ports[selfserv]}" selfserv-$$ -d "sql:$TMP/nss" -n me -p "${ports[selfserv]}" -u -V tls1.2:tls1.3
server_start "${ports[gnutls]}" gnutls-serv-$$ --http --x509certfile "$cert" --x509keyfile "$key" -p "${ports[gnutls]}"
own_ready
start_seismo --probes request
mark

# --- clients

# One that sends what it reads, of which there is no end: a request on each connection, which the server closes.
mkfifo "$TMP/pipe"
exec {pipe}<>"$TMP/pipe"
request() {
	printf 'GET /%s/200?ms=%s HTTP/1.0\r\n\r\n' $ms $ms
}

is_answered() {
	grep -aq '^HTTP/1.[01] 200' "$TMP/out"
}

lines_run() { # SERVICE SERVER FEED COMMAND...
	local began=$EPOCHREALTIME client
	: >"$TMP/out"
	$3 >&"$pipe"
	timeout --foreground 100 "${@:4}" <&"$pipe" >"$TMP/out" 2>&1 &
	client=$!
	wait_until is_answered || bail "$1 asks $2: $(tail -n 3 "$TMP/out")"
	asked "$1" "$2" 1 "$(calc "$EPOCHREALTIME - $began")"
	kill "$client" 2>"$TMP/log"
	wait "$client"
}

lines_ask() { # SERVICE SERVER COMMAND...
	local i
	for ((i = 0; i < n; i++)); do
		lines_run "$1" "$2" request "${@:3}"
	done
}

for name in go go-mutual boring node one four none; do
	curl_ask $name
done
curl_ask mutual --cert "$cert" --key "$key"
curl_ask selfserv
curl_ask gnutls

program=$(copy client-go "$TMP/go")
for name in plain node go-mutual mutual; do
	ask client-go-$$ $name "$program" client "$(url $name)" $n 1 "$cert" "$key"
done

refuse go "$TMP/go" strict "$(url selfserv)" 1 1

ask client-node-$$ "plain mutual go-mutual" node "$(copy client-node "$ROOT/tests/clients/secure.js")" client "$cert" "$key" $n \
	"$(url plain)" "$(url mutual)" "$(url go-mutual)"
ask again-$$ node node "$(copy again "$ROOT/tests/clients/secure.js")" renegotiate "$cert" "$key" $n "$(url node)"

program=$(copy client-boring "$TMP/boring")
ask client-boring-$$ plain "$program" client "${ports[plain]}" $n "/$ms/200"
ask client-boring-$$ boring "$program" client "${ports[boring]}" $n "/$ms/200"
ask client-boring-$$ mutual "$program" client "${ports[mutual]}" $n "/$ms/200" "$cert" "$key"

program=$(copy gnutls-cli gnutls-cli)
lines_ask gnutls-cli-$$ plain "$program" --insecure -p "${ports[plain]}" localhost
refuse gnutls gnutls-cli -p "${ports[selfserv]}" localhost
lines_ask gnutls-cli-$$ mutual "$program" --insecure -p "${ports[mutual]}" --x509certfile "$cert" --x509keyfile "$key" localhost

tstclnt=("$(copy tstclnt tstclnt)" -d "sql:$TMP/nss" -V tls1.2:tls1.3 -h 127.0.0.1)
lines_ask tstclnt-$$ plain "${tstclnt[@]}" -p "${ports[plain]}" -o
lines_ask tstclnt-$$ one "${tstclnt[@]}" -p "${ports[one]}" -o -e
refuse nss tstclnt -d "sql:$TMP/nss" -V tls1.2:tls1.3 -h localhost -p "${ports[selfserv]}"
lines_ask tstclnt-$$ mutual "${tstclnt[@]}" -p "${ports[mutual]}" -o -n me

# Early data is the request; before that the client has been there once.
s_client=("$(copy s_client openssl)" s_client -connect "localhost:${ports[plain]}" -ign_eof)
request >"$TMP/early"
lines_run s_client-$$ plain request "${s_client[@]}" -sess_out "$TMP/session"
for ((i = 0; i < n; i++)); do
	lines_run s_client-$$ plain true "${s_client[@]}" -sess_in "$TMP/session" -early_data "$TMP/early"
	grep -aq 'Early data was accepted' "$TMP/out" || bail "no early data: $(tail -n 3 "$TMP/out")"
done

# A client of rustls, which knows one name only, and does not like what it gets there.
echo "127.0.0.1 localhost tldr.sh" >"$TMP/hosts"
# shellcheck disable=SC2016 # of the other shell
tldr=(env HOME="$TMP/home" unshare -m sh -c 'mount --bind "$1" /etc/hosts && SSL_CERT_FILE=$2 exec "$3" --update' - "$TMP/hosts")
program=$(copy tldr tldr)
rustls=$(grep -ac 'https://tldr.sh/' "$program")
((rustls)) || skip_one "rustls" "this version of tldr asks somebody else"
for ((i = 0; rustls && i < n; i++)); do
	began=$EPOCHREALTIME
	timeout --foreground 100 "${tldr[@]}" "$cert" "$program" >"$TMP/out" 2>&1
	asked tldr-$$ 443 1 "$(calc "$EPOCHREALTIME - $began")"
done

asked_are_counted
stop_seismo
