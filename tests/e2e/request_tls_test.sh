#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# TLS: a request is a turn of application data; handshakes and session tickets are none.
# alone: what answers an upload inside TLS is told by when it comes
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"

need nginx ab wrk openssl
own_copy nginx ab wrk curl
port=$(free_port)
url=https://127.0.0.1:$port

both_counted() { # TEXT CLIENT REQUESTS
	is_counted nginx-$$ "$1" "inbound tls unknown $3"
	is_counted "$2" "$1" "outbound tls unknown $3"
}

ab_counted() { # REQUESTS OPTION...
	local requests=$(($1 / scale))
	mark
	ab-$$ -q -n "$requests" "${@:2}" "$url/file" >"$TMP/ab" 2>&1 || bail "ab: $(tail -n 1 "$TMP/ab")"
	is "$requests" "$(awk '/^Complete requests:/ { print $3 }' "$TMP/ab")" "ab ${*:2} made its requests"
	both_counted "ab ${*:2}" ab-$$ "$requests"
}

# With a connection for each request ab begins more handshakes than it needs, and drops them at its end.
ab_alone_counted() { # REQUESTS CONNECTIONS OPTION...
	local requests=$(($1 / scale)) end name
	mark
	ab-$$ -q -n "$requests" -c "$2" "${@:3}" "$url/file" >"$TMP/ab" 2>&1 || bail "ab: $(tail -n 1 "$TMP/ab")"
	for end in nginx:inbound ab:outbound; do
		name=${end%:*}-$$
		wait_until grown_to "$requests" seismo_requests_total service="$name" status=unknown
		is "$requests" "$(grown seismo_requests_total service="$name" direction="${end#*:}" protocol=tls status=unknown)" \
			"ab ${*:3}, a connection each: $name"
		ok "ab ${*:3}: handshakes that it dropped: $name" between 0 "$2" \
			"$(grown seismo_requests_total service="$name" direction="${end#*:}" protocol=tls status=error)"
	done
}

curl_counted() { # REQUESTS TEXT OPTION...
	mark
	is "$1" "$(curl-$$ -ksS -w '\n%{http_code}\n' "${@:3}" | grep -c '^20[014]$')" "curl made its requests: $2"
	both_counted "$2" curl-$$ "$1"
}

mkdir "$TMP/www"
chmod 755 "$TMP"
head -c 1000 /dev/zero >"$TMP/www/file"
head -c 10M /dev/zero >"$TMP/www/big"
head -c 4M /dev/urandom >"$TMP/upload"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -keyout "$TMP/key.pem" -out "$TMP/cert.pem" 2>/dev/null
tls_port=$port
reqserver_start slow 127.0.0.1 size=100
nginx_start "$tls_port" "
	ssl_certificate cert.pem;
	ssl_certificate_key key.pem;
	ssl_protocols TLSv1.2 TLSv1.3;
	server {
		listen ${url#https://} ssl;
		root $TMP/www;
		client_max_body_size 100m;
		location /50/ { proxy_pass http://127.0.0.1:$port; }
		location /store { dav_methods PUT; create_full_put_path on; root $TMP/work; }
	}"
start_seismo --probes request

for version in 1.2 1.3; do
	ab_counted 2000 -f TLS$version -k -c 1
	ab_counted 4000 -f TLS$version -k -c 64
	ab_alone_counted 200 8 -f TLS$version
	curl_counted 20 "TLS $version, answers of 10 MB" --tls-max $version -o /dev/null "$url/big?[1-20]"
	[[ $version == 1.3 ]] ||
		curl_counted 8 "TLS $version, requests of 4 MB from the first on" --tls-max $version -H 'Expect:' -T "$TMP/upload" "$url/store/[1-8]"
	# not first on their connection: tickets of TLS 1.3 that come during an upload are told apart by time alone
	curl_counted 9 "TLS $version, requests of 4 MB" --tls-max $version -o /dev/null "$url/big?1" --next -ksS -w '\n%{http_code}\n' --tls-max $version \
		-H 'Expect:' -T "$TMP/upload" "$url/store/[1-8]"
	# Connections of one request, which takes its time: in TLS 1.3 tickets come first
	mark
	for ((i = 0; i < 10; i++)); do
		curl-$$ -ksS --tls-max $version -w '%{time_total}\n' -o /dev/null "$url/50/200"
	done >"$TMP/took"
	longest=$(sort -g "$TMP/took" | tail -n 1)
	is_counted nginx-$$ "TLS $version, slow" "inbound tls unknown 10" "outbound http 200 10"
	is_counted curl-$$ "TLS $version, slow" "outbound tls unknown 10"
	for end in nginx:inbound curl:outbound; do
		labels=("service=${end%:*}-$$" "direction=${end#*:}" protocol=tls)
		is "0 0" "$(grown seismo_request_duration_seconds_bucket "${labels[@]}" le=0.03125) $(slower_than "$longest" "${labels[@]}")" \
			"TLS $version, slow: as long as the server took, and no longer than for curl, $longest s, ${end%:*}"
	done
done

# A handshake alone
mark
for ((i = 0; i < 10; i++)); do
	openssl s_client -connect "${url#https://}" -no_ign_eof </dev/null >"$TMP/s_client" 2>&1
done
ab-$$ -q -n 10 -c 1 "$url/file" >"$TMP/ab" 2>&1
both_counted "handshakes are no requests" ab-$$ 10

# wrk drops the answers under way when its time is over, one per connection at most.
cat >"$TMP/count.lua" <<'END'
done = function(summary) io.write(string.format("counted %d\n", summary.requests)) end
END
mark
wrk-$$ -t 2 -c 16 -d 1 -s "$TMP/count.lua" "$url/file" >"$TMP/wrk"
requests=$(sed -n 's/^counted //p' "$TMP/wrk")
sleep 0.2
scrape
for end in nginx:inbound wrk:outbound; do
	ok "wrk's requests, $requests and at most 16 more: ${end%:*}" between "$requests" $((requests + 16)) \
		"$(grown seismo_requests_total service=${end%:*}-$$ direction=${end#*:} protocol=tls status=unknown)"
done
stop_seismo
