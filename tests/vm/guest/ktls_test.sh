#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Where the kernel makes the records of TLS, as OpenSSL has it do with its option KTLS: with TLS 1.2 in both directions, with
# TLS 1.3 before OpenSSL 3.2 of what is sent alone. Each request counts once, and as what is inside as far as that can be
# seen; handshakes that fail count as such, and others do not.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/../../e2e/servers.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/../../e2e/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/../../e2e/waiting.sh"

need nginx openssl python3 curl modprobe strace
if ! modprobe -q tls || [[ ! -r /proc/net/tls_stat ]]; then
	skip "this kernel makes no records of TLS"
fi
own_copy nginx openssl curl
read -r port refusing_port < <(for _ in {1..2}; do free_port; done | xargs)

# --- a server, a client

certificate() { # CERTIFICATE KEY
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
		-days 2 -keyout "$TMP/$2.pem" -out "$TMP/$1.pem" 2>"$TMP/openssl" || bail "openssl: $(<"$TMP/openssl")"
}

certificate cert key
certificate other other-key
mkdir "$TMP/www"
chmod 755 "$TMP"
head -c 300000 /dev/zero >"$TMP/www/file"
nginx_start "$port" "
	ssl_certificate cert.pem;
	ssl_certificate_key key.pem;
	ssl_protocols TLSv1.2 TLSv1.3;
	ssl_conf_command Options KTLS;
	keepalive_timeout 1h;
	server {
		listen $port ssl http2;
		root $TMP/www;
		location = /broken { return 503; }
	}"

# Asks for each path on one connection: PORT VERSION user|kernel PATH..., where "wait" stands for a line of input that it
# waits for, "upload" for an upload, and "goodbye" for the end that the protocol wants.
cat >"$TMP/client-$$" <<END
import http.client, ssl, sys
port, version, records = sys.argv[1:4]
context = ssl.create_default_context(cafile="$TMP/cert.pem")
context.minimum_version = context.maximum_version = ssl.TLSVersion["TLSv" + version.replace(".", "_")]
if records == "kernel":
    context.options |= 1 << 3 # SSL_OP_ENABLE_KTLS
connection = http.client.HTTPSConnection("localhost", int(port), context=context)
connection.connect()
for path in sys.argv[4:]:
    if path == "wait":
        print("ready", flush=True)
        sys.stdin.readline()
    elif path == "goodbye":
        connection.sock.settimeout(2)
        try:
            connection.sock.unwrap()
        except OSError:
            pass
    else:
        connection.request(*(["POST", "/file", b"x" * 100000] if path == "upload" else ["GET", path]))
        response = connection.getresponse()
        response.read()
        print(response.status)
connection.close()
END

paths=(/file /broken /file upload /file /broken /none)
statuses=("200 3" "404 1" "405 1" "503 2")
cnt=${#paths[@]}

# How often the kernel was told to make the records so far: of what is sent, of what is received.
records_made() {
	awk '/^Tls[TR]x(Sw|Device) / { n[$1 ~ /Tx/] += $2 } END { print n[1] + 0, n[0] + 0 }' /proc/net/tls_stat
}

# The same for each side of a connection that has been opened since.
records_made_since() { # BEFORE user|kernel
	local sent received sides=1
	[[ $2 == user ]] || sides=2
	read -r sent received < <(records_made)
	echo $(((sent - ${1% *}) / sides)) $(((received - ${1#* }) / sides))
}

# By the way that it is made in, what a side of these connections counts as.
counts_as() { # DIRECTION SENT RECEIVED
	local requests=$2 responses=$3
	[[ $1 == outbound ]] || requests=$3 responses=$2
	if ((!requests && !responses)); then
		echo "$1 tls unknown $cnt"
	elif [[ $on_functions ]]; then
		return
	elif ((responses)); then
		printf "$1 http %s\n" "${statuses[@]}"
	else
		echo "$1 http unknown $cnt"
	fi
}

# Both sides of one connection.
are_counted() { # TEXT user|kernel "SENT RECEIVED"
	local lines end service by_client=0\ 0
	[[ $2 == user ]] || by_client=$3
	for end in "nginx-$$ inbound $3" "client-$$ outbound $by_client"; do
		read -ra end <<<"$end"
		service=${end[0]}
		mapfile -t lines < <(counts_as "${end[@]:1}")
		is_counted "$service" "$1" "${lines[@]}"
		is_unanswered "$service" "$1, without a response"
	done
}

nothing_else() { # TEXT
	local service
	for service in nginx-$$ client-$$; do
		is_metric 0 "$1: $service, waiting" seismo_requests_in_flight service="$service"
		is_metric 0 "$1: $service, not understood" seismo_request_parser_lost_total service="$service"
	done
}

has_answers() { # FILE NUMBER
	(($(wc -l <"$1") == $2))
}

# --- connections older than the daemon: each waits until it is its turn

declare -A holds made
for version in 1.2 1.3; do
	for records in user kernel; do
		mkfifo "$TMP/hold-$version-$records"
		exec {hold}<>"$TMP/hold-$version-$records"
		holds[$version-$records]=$hold
		before=$(records_made)
		python3 "$TMP/client-$$" "$port" $version $records /file wait "${paths[@]}" goodbye <&"$hold" >"$TMP/older-$version-$records" &
		at_exit end_process $!
		WAIT=120 wait_until test -s "$TMP/older-$version-$records" || bail "the client is not ready"
		made[$version-$records]=$(records_made_since "$before" $records)
	done
done
start_seismo --probes request,tcp
scrape
on_functions=$(grep '^seismo_probe_attached{probe="request",hook="send_fexit"} 1$' "$METRICS")

for way in "${!holds[@]}"; do
	mark
	echo >&"${holds[$way]}"
	wait_until has_answers "$TMP/older-$way" $((1 + 1 + cnt)) || bail "the client got $(xargs <"$TMP/older-$way")"
	are_counted "older, TLS $way" "${way#*-}" "${made[$way]}"
done
nothing_else "older"

# --- connections that are seen to open

for version in 1.2 1.3; do
	for records in user kernel; do
		mark
		before=$(records_made)
		python3 "$TMP/client-$$" "$port" $version $records "${paths[@]}" >"$TMP/answers" || bail "the client failed"
		are_counted "TLS $version-$records" $records "$(records_made_since "$before" $records)"
	done
done
nothing_else "seen to open"
comment "by the kernel, sent and received: $(declare -p made)"

# --- as many bytes as the programs have sent and received by their calls

mark
traced "$(pgrep -P "$server_pid")" python3 "$TMP/client-$$" "$port" 1.2 user "${paths[@]}" goodbye >"$TMP/answers"
for direction in sent received; do
	[[ ! $on_functions ]] || break
	bytes=$(traced_bytes $direction)
	wait_until grown_to "$bytes" seismo_tcp_bytes_total service=nginx-$$ direction=$direction
	is "$bytes" "$(grown seismo_tcp_bytes_total service=nginx-$$ direction=$direction)" "bytes $direction"
done

# --- HTTP/2

mark
curl-$$ -sS --http2 --tls-max 1.2 --cacert "$TMP/cert.pem" -o "$TMP/body" "https://localhost:$port/file?[1-4]" \
	-o "$TMP/body" "https://localhost:$port/broken?[1-2]" 2>"$TMP/curl" || bail "curl: $(<"$TMP/curl")"
lines=()
[[ $on_functions ]] || lines=("inbound http2 200 4" "inbound http2 503 2")
is_counted nginx-$$ "HTTP/2 in TLS 1.2" "${lines[@]}"

# --- handshakes that fail: the client refuses what it is shown, or is refused since it shows nothing

fails() { # TEXT SERVER PORT STATUS OPTION...
	local counted owed had end
	mark
	curl-$$ -sS -m 9 -o "$TMP/body" --cacert "$TMP/other.pem" "${@:5}" "https://localhost:$3/file?[1-3]" --fail-early 2>"$TMP/curl"
	[[ $? == "$4" ]] || bail "curl, $1: $(<"$TMP/curl")"
	for end in "$2-$$ inbound" "curl-$$ outbound"; do
		if [[ $on_functions && $end == openssl* && $1 == *1.3 ]]; then # its alert is in such a record
			skip_one "$1: ${end% *}" "before Linux 6.3 no program sees what the kernel makes a record of"
			continue
		fi
		wait_until requests_are "${end% *}" "${end#* } tls error 1"
		is "${end#* } tls error 1" "$counted" "$1: ${end% *}"
	done
}

cat >"$TMP/openssl.cnf" <<END
openssl_conf = whole
[whole]
ssl_conf = ssl
[ssl]
system_default = all
[all]
Options = KTLS
END
OPENSSL_CONF=$TMP/openssl.cnf server_start "$refusing_port" openssl-$$ s_server -accept "$refusing_port" \
	-cert "$TMP/cert.pem" -key "$TMP/key.pem" -www -Verify 1 -verify_return_error
for version in 1.2 1.3; do
	fails "an unknown certificate, TLS $version" nginx "$port" 60 --tls-max $version
done
fails "no client certificate, TLS 1.2" openssl "$refusing_port" 35 --tls-max 1.2 --cacert "$TMP/cert.pem"
fails "no client certificate, TLS 1.3" openssl "$refusing_port" 56 --cacert "$TMP/cert.pem"
stop_seismo
