#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The endpoint with a web configuration: TLS, users, clients' certificates, headers, limits; certificates that change while a real
# Prometheus scrapes; files that are wrong. Clients are curl, openssl and Prometheus.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need jq curl openssl htpasswd prometheus promtool
chmod 755 "$TMP"
web=$TMP/web.yml api=$TMP/state/api.sock port=9471
url=https://localhost:$port

# --- certificates

authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/$1.key" -out "$TMP/$1.crt" -days 2 \
		-subj "/CN=$1" 2>/dev/null
}

certificate() { # NAME AUTHORITY PURPOSE SANS [KEY-OPTION...]
	local key=("${@:5}")
	((${#key[@]})) || key=(ec -pkeyopt ec_paramgen_curve:P-256)
	openssl req -newkey "${key[@]}" -nodes -keyout "$TMP/$1.key.new" -out "$TMP/$1.csr" -subj "/CN=$1" 2>/dev/null
	openssl x509 -req -in "$TMP/$1.csr" -CA "$TMP/$2.crt" -CAkey "$TMP/$2.key" -days 2 -out "$TMP/$1.crt.new" \
		-extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=%s\n' "$4" "$3") 2>/dev/null
	mv "$TMP/$1.key.new" "$TMP/$1.key"
	mv "$TMP/$1.crt.new" "$TMP/$1.crt"
}

authority ca
authority others
certificate server ca serverAuth DNS:localhost,IP:127.0.0.1
certificate client ca clientAuth DNS:prometheus.test
certificate guest ca clientAuth DNS:guest.test,IP:192.0.2.1
certificate stranger others clientAuth DNS:prometheus.test
certificate wrong ca serverAuth DNS:prometheus.test
certificate rsa ca serverAuth DNS:localhost rsa:2048

hash_of() { # PASSWORD
	htpasswd -nbBC "${2:-5}" "" "$1" | tr -d ':\n'
}

# --- the daemon and its clients

daemon() { # OPTION...
	"$SEISMO" run --config "$CONFIG" --state-dir "$TMP/state" --probes process "$@" >"$TMP/seismo.out" 2>"$TMP/seismo.err" &
	seismo_pid=$!
	at_exit end_process "$seismo_pid"
	wait_until curl -sf --unix-socket "$api" http://seismo/-/ready
}

# What curl is answered with, or 000 and its exit status: of 60 it does not trust the server, of 35 and 56 the server refuses.
ask() { # CURL-OPTION... PATH
	local code status
	code=$(curl -sS --cacert "$TMP/ca.crt" --max-time 60 -o "$TMP/body" -w '%{http_code}' "${@:1:$#-1}" "$url${*: -1}" 2>"$TMP/curl.err")
	status=$?
	((status)) && code+=" $status"
	echo "$code"
}

refused() { # CURL-OPTION... PATH
	[[ $(ask "$@") == "000 "* ]]
}

# Writes the web configuration, and waits until it is in effect.
web_is() { # TEXT
	local before
	before=$(grep -c 'reload: ' "$TMP/seismo.err")
	printf '%s\n' "$1" >"$web.new"
	mv "$web.new" "$web"
	kill -HUP "$seismo_pid"
	wait_until reloaded "$before" || bail "no reload: $(tail -n 3 "$TMP/seismo.err")"
}

reloaded() { # COUNT
	(($(grep -c 'reload: ' "$TMP/seismo.err") > $1))
}

tls="tls_server_config: { cert_file: server.crt, key_file: server.key"
cat >"$CONFIG" <<-END
	listen: [ 127.0.0.1:$port, unix:$TMP/public.sock ]
	web: $web
	events: { file: off }
END
cat >"$web" <<-END
	# what node_exporter has
	tls_server_config:
	  cert_file: server.crt
	  key_file: server.key
	basic_auth_users:
	  alice: $(hash_of secret 10)
	  "bob@example.org": $(hash_of 'c:olon' 4)
	http_server_config:
	  http2: true
	  headers:
	    X-Frame-Options: deny
	    Strict-Transport-Security: max-age=31536000
END
daemon
ok "the daemon says that it is https" grep -qF "https://127.0.0.1:$port/metrics" "$TMP/seismo.out"

# --- who comes in

is "000 60" "$(curl -sS --max-time 60 -o /dev/null -w '%{http_code}' "$url/metrics" 2>/dev/null; echo " $?")" \
	"a client that does not know the authority does not trust it"
ok "no HTTP without TLS" test "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/metrics")" = 000
for path in / /metrics /-/healthy /api/v1/services /nothing; do
	is 401 "$(ask "$path")" "$path: not without a name"
done
is 200 "$(ask -u alice:secret /metrics)" "with name and password"
ok "it is the metrics" grep -q ^seismo_build_info "$TMP/body"
is 200 "$(ask -u 'bob@example.org:c:olon' /metrics)" "another user; a password may have a colon"
for login in alice:wrong alice: alice:secretx bob:secret nobody:secret 'bob@example.org:secret'; do
	is 401 "$(ask -u "$login" /metrics)" "not as $login"
done
is 401 "$(ask -H 'Authorization: Basic !!!' /metrics)" "nor with nonsense"
is 401 "$(ask -H 'Authorization: Bearer x' /metrics)" "nor in another way"
is 'Basic realm="seismo", charset="UTF-8"' "$(curl -s --cacert "$TMP/ca.crt" -o /dev/null -w '%header{www-authenticate}' "$url/metrics")" \
	"who has no name is asked for one"
ok "the daemon warns of it" grep -q "a login as 'alice' was refused" "$TMP/seismo.err"
is "" "$(grep -e secret -e 'c:olon' "$TMP/seismo.err" "$TMP/seismo.out")" "and writes no password"
curl -s --cacert "$TMP/ca.crt" -u alice:secret -D "$TMP/head" -o /dev/null "$url/metrics"
is "deny max-age=31536000" "$(tr -d '\r' <"$TMP/head" | sed -n 's/^X-Frame-Options: //p') $(tr -d '\r' <"$TMP/head" |
	sed -n 's/^Strict-Transport-Security: //p')" "the headers are there"
ok "a body that waits for a login is read after it" test "$(head -c 100000 /dev/zero | curl -s --cacert "$TMP/ca.crt" -u 'bob@example.org:c:olon' \
	--data-binary @- -o /dev/null -w '%{http_code}' "$url/-/reload")" = 200

# --- what is for whom

for path in /api/v1/services /api/v1/diagnosis /api/v1/events /api/v1/processes /api/v1/config /api/v1/silences; do
	is 200 "$(ask -u alice:secret $path)" "$path is for those who have logged in"
done
is "403 403" "$(ask -u alice:secret "/api/v1/config?file=/etc/hostname") $(ask -u alice:secret '/api/v1/rules/test?file=/etc/hostname')" \
	"files of the machine are for the control socket"
is "200 403" "$(ask -u alice:secret -X POST '/api/v1/silences?matchers=a%3Db&duration=1m&reason=x') $(ask -u alice:secret -X POST \
	-H 'Origin: https://elsewhere.example' '/api/v1/silences?matchers=a%3Db&duration=1m&reason=y')" "a silence, but not from another page"
is "x" "$(curl -s --unix-socket "$api" http://x/api/v1/silences | jq -r '.silences[].reason')" "which was added"
is "401 200" "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$TMP/public.sock" http://x/metrics) $(curl -s -o /dev/null \
	-w '%{http_code}' --unix-socket "$TMP/public.sock" -u alice:secret http://x/metrics)" "a Unix socket: the same without TLS"
is 200 "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$api" http://x/api/v1/processes)" "the control socket: as ever"

# --- users change; too many wrong ones

web_is "$tls }
basic_auth_users: { alice: $(hash_of other) }"
is "401 200" "$(ask -u alice:secret /metrics) $(ask -u alice:other /metrics)" "a new password is the only one from then on"
is 401 "$(ask -u 'bob@example.org:c:olon' /metrics)" "who is no user any more"
# What each of 30 guesses is answered with. An address of its own, as how often it was wrong keeps it from logging in for a while; and one
# process: those who guess slowly need not wait.
guess() {
	local i
	for ((i = 0; i < 30; i++)); do
		printf '%s\n' "url = $url/metrics" "user = alice:guess$i" "cacert = $TMP/ca.crt" "interface = 127.0.0.2" "max-time = 60" \
			"output = /dev/null" 'write-out = "%{http_code}\n"'
		((i < 29)) && echo next
	done | curl -s -K -
}
codes=$(guess | sort | uniq -c | tr -s ' \n' ' ')
ok "who guesses has to wait after a few ($codes)" grep -q ' 429 ' <<<"$codes "
is 200 "$(ask -u alice:other /metrics)" "but not who was right before"

# --- versions, suites, curves

shake() { # OPENSSL-OPTION...: what was agreed upon
	openssl s_client -connect "127.0.0.1:$port" -CAfile "$TMP/ca.crt" "$@" </dev/null 2>/dev/null |
		sed -n 's/^New, \(TLSv[0-9.]*\), Cipher is \(.*\)/\1 \2/p; s/^Server Temp Key: \([^,]*, [^,]*\).*/\1/p' | sort | tr '\n' ' '
}

agreed() { # PATTERN OPENSSL-OPTION...
	# shellcheck disable=SC2053 # it is a pattern
	[[ $(shake "${@:2}") == $1 ]]
}

web_is "$tls }"
is 200 "$(ask /metrics)" "without users everybody comes in"
is "403 403" "$(ask /api/v1/services) $(ask -X POST /-/reload)" "but is not trusted"
ok "TLS 1.2 and 1.3" agreed '*TLSv1.2 *' -tls1_2
ok "TLS 1.3" agreed '*TLSv1.3 *' -tls1_3
ok "but not 1.1" refused --tls-max 1.1 --tlsv1.0 --ciphers DEFAULT@SECLEVEL=0 /metrics
web_is "$tls, min_version: TLS13 }"
ok "min_version" refused --tls-max 1.2 /metrics
web_is "$tls, max_version: TLS12, cipher_suites: [ TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 ], curve_preferences: [ CurveP384 ] }"
ok "max_version, the suite, the curve" agreed '*384*TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 *'
ok "no other suite" refused --ciphers ECDHE-ECDSA-AES128-GCM-SHA256 /metrics
ok "no other curve" refused --curves P-256 /metrics
web_is "tls_server_config: { cert_file: rsa.crt, key_file: rsa.key, max_version: TLS12,
  cipher_suites: [ TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 ] }"
ok "an RSA certificate: of two suites the one that it can" agreed '*TLSv1.2 ECDHE-RSA-CHACHA20-POLY1305 *'
ok "not what their parts could make" refused --ciphers ECDHE-RSA-AES128-GCM-SHA256 /metrics

# --- clients' certificates

client() { # NAME
	printf -- '--cert\n%s\n--key\n%s\n' "$TMP/$1.crt" "$TMP/$1.key"
}
mapfile -t as_client < <(client client)
mapfile -t as_guest < <(client guest)
mapfile -t as_stranger < <(client stranger)
mapfile -t as_server < <(client wrong)

web_is "$tls, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt }"
ok "a client without a certificate" refused /metrics
ok "with one of another authority" refused "${as_stranger[@]}" /metrics
ok "with one for servers" refused "${as_server[@]}" /metrics
is "200 200" "$(ask "${as_client[@]}" /metrics) $(ask "${as_client[@]}" /api/v1/services)" "with a good one it is trusted"
web_is "$tls, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt, client_allowed_sans: [ 192.0.2.1, prometheus.test ] }"
is "200 200" "$(ask "${as_client[@]}" /metrics) $(ask "${as_guest[@]}" /metrics)" "client_allowed_sans: a name, an address"
web_is "$tls, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt, client_allowed_sans: [ prometheus.test ] }"
ok "and nobody else" refused "${as_guest[@]}" /metrics
web_is "$tls, client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.crt }"
is "200 403 200" "$(ask /metrics) $(ask /api/v1/services) $(ask "${as_client[@]}" /api/v1/services)" "VerifyClientCertIfGiven: trusted is who has one"
ok "but not a wrong one" refused "${as_stranger[@]}" /metrics
web_is "$tls, client_auth_type: RequireAnyClientCert }"
is "200 403" "$(ask "${as_stranger[@]}" /metrics) $(ask "${as_stranger[@]}" /api/v1/services)" "RequireAnyClientCert: any, and nobody is trusted for it"
ok "but not none" refused /metrics
web_is "$tls, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt }
basic_auth_users: { alice: $(hash_of secret) }"
is "401 200" "$(ask "${as_client[@]}" /metrics) $(ask "${as_client[@]}" -u alice:secret /metrics)" "certificate and user: both are needed"

# --- what needs no user; a limit

web_is "$tls }
auth_excluded_paths: [ /-/healthy, /metrics, /api/v1/services ]
basic_auth_users: { alice: $(hash_of secret) }"
is "200 401 403" "$(ask /-/healthy) $(ask /-/ready) $(ask /api/v1/services)" "auth_excluded_paths need no user, and make nobody trusted"
web_is "$tls }
rate_limit: { interval: 1m, burst: 3 }"
is "200 200 200 429" "$(ask /-/healthy) $(ask /-/healthy) $(ask /-/healthy) $(ask /-/healthy)" "rate_limit"
is 200 "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$api" http://x/-/healthy)" "is not for the control socket"

# --- what is wrong with a file

wrong() { # LINE TEXT WEB-CONFIG...
	local expected="$TMP/wrong.yml:$1: $2"
	printf '%s\n' "${@:3}" >"$TMP/wrong.yml"
	echo "web: $TMP/wrong.yml" >"$TMP/wrong.yaml"
	"$SEISMO" check --config "$TMP/wrong.yaml" --state-dir "$TMP/nothing" >/dev/null 2>"$TMP/err"
	is "2 seismo: error: $expected" "$? $(head -n 1 "$TMP/err" | cut -c-$((${#expected} + 15)))" "check: line $1: $2"
}

wrong 1 "unknown key 'tls_server_confg', did you mean 'tls_server_config'?" "tls_server_confg: {}"
wrong 3 "unknown key 'certfile' in 'tls_server_config', did you mean 'cert_file'?" tls_server_config: "  key_file: server.key" "  certfile: x"
wrong 2 "'tls_server_config' needs 'key_file' or 'key'" tls_server_config: "  cert_file: server.crt"
wrong 3 "'key_file': cannot read $TMP/nothing.key: No such file or directory" tls_server_config: "  cert_file: server.crt" "  key_file: nothing.key"
wrong 3 "'key_file': client.key: " tls_server_config: "  cert_file: server.crt" "  key_file: client.key"
wrong 2 "'cert_file': seismo.yaml: " tls_server_config: "  cert_file: seismo.yaml" "  key_file: server.key"
wrong 5 "'client_ca_file': server.key: " tls_server_config: "  cert_file: server.crt" "  key_file: server.key" \
	"  client_auth_type: RequireAndVerifyClientCert" "  client_ca_file: server.key"
wrong 2 "'client_ca_file' needs a 'client_auth_type'" tls_server_config: "  { cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt }"
wrong 2 "'client_allowed_sans' needs" tls_server_config: "  { cert_file: server.crt, key_file: server.key, client_allowed_sans: [ a ] }"
wrong 1 "'client_auth_type' is 'Always', must be NoClientCert" "tls_server_config: { client_auth_type: Always }"
wrong 1 "'cipher_suites' has 'TLS_RSA_WITH_RC4_128_SHA', which is not known here" "tls_server_config: { cipher_suites: [ TLS_RSA_WITH_RC4_128_SHA ] }"
wrong 1 "'min_version' is above 'max_version'" "tls_server_config: { min_version: TLS13, max_version: TLS12 }"
wrong 2 "the password of 'alice' is no bcrypt hash" basic_auth_users: "  alice: secret"
wrong 1 "unknown key 'Server' in 'headers'" "http_server_config: { headers: { Server: x } }"
wrong 1 "'X-Frame-Options' is 'all', must be deny or sameorigin" "http_server_config: { headers: { X-Frame-Options: all } }"
wrong 1 "'burst' must be at least 1" "rate_limit: { interval: 1s }"
is 0 "$(grep -c secret "$TMP/err")" "no password is shown"
printf '%s\n' "$tls }" >"$TMP/wrong.yml"
ok "and what is right is right" "$SEISMO" check --config "$TMP/wrong.yaml" --state-dir "$TMP/nothing"
for empty in "" "tls_server_config:" "basic_auth_users: {}" "tls_server_config: { cert_file: '', client_allowed_sans: [] }" "http_server_config: { http2: no }"; do
	echo "$empty" >"$TMP/wrong.yml"
	ok "'$empty' says nothing, which is right" "$SEISMO" check --config "$TMP/wrong.yaml" --state-dir "$TMP/nothing"
done

web_is "$tls }"
echo "interval: 1s" >>"$CONFIG"
web_is "$tls, cert_file: x }"
ok "a wrong one is refused at a reload" grep -q "reload: $web:1: duplicate key 'cert_file'; the configuration stays" "$TMP/seismo.err"
is "5s 200" "$("$SEISMO" config --state-dir "$TMP/state" interval | awk '{ print $2 }') $(ask /metrics)" "nothing of that reload is in effect"

# --- a real Prometheus, and certificates that change

sed "s|seismo.crt|server.crt|; s|seismo.key|server.key|" "$ROOT/tools/deploy/web.yml" >"$TMP/deploy.yml"
web_is "$(<"$TMP/deploy.yml")"
printf change-me >"$TMP/password"
sed "s|/etc/prometheus/seismo-ca.crt|$TMP/ca.crt|; s|/etc/prometheus/seismo-password|$TMP/password|; s|host1.example:9469|localhost:$port|; s|15s|3s|" \
	"$ROOT/tools/deploy/prometheus-tls.yml" >"$TMP/prometheus.yml"
ok "promtool checks the example" promtool check config "$TMP/prometheus.yml"
prometheus --config.file="$TMP/prometheus.yml" --storage.tsdb.path="$TMP/prometheus" --web.listen-address=127.0.0.1:9472 >"$TMP/prometheus.log" 2>&1 &
at_exit end_process $!

query() { # PROMQL
	curl -fsS --max-time 60 --data-urlencode "query=$1" http://127.0.0.1:9472/api/v1/query | jq -r '.data.result[0].value[1] // 0'
}

# Scrapes so far, and those of them that failed.
scrapes() {
	query 'count_over_time(up[5m])'
}

# Who is answered too late on a busy machine is not meant: whose connection is dropped knows it at once.
failures() {
	query 'count_over_time((up == 0 and on () scrape_duration_seconds < 0.9)[5m:1s])'
}

is_up() {
	[[ $(query up) == 1 ]]
}

scraped() { # COUNT
	[[ $(scrapes) -ge $1 ]]
}

serial() {
	openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null | openssl x509 -noout -serial
}

serial_is() { # SERIAL
	[[ $(serial) == "$1" ]]
}

wait_until is_up || { tail -n 20 "$TMP/prometheus.log" | comment; bail "prometheus does not scrape"; }
ok "Prometheus scrapes" is_up
before=$(failures) # the first ones may be: a login takes long
served=0
for ((i = 0; i < 3; i++)); do
	certificate server ca serverAuth DNS:localhost,IP:127.0.0.1
	wait_until serial_is "$(openssl x509 -noout -serial -in "$TMP/server.crt")" && ((++served))
done
is 3 "$served" "a certificate that changes is served without being asked to"
echo "no certificate" >"$TMP/server.crt"
ok "one that is none is told" wait_until grep -q "server.crt: .*; the web configuration stays as it was" "$TMP/seismo.err"
: >"$web"
ok "an empty file does not open the endpoint" wait_until grep -q "$web: without tls_server_config, which only a reload takes away; the web configuration stays as it was" \
	"$TMP/seismo.err"
count=$(scrapes)
wait_until scraped $((count + 2))
is "$before" "$(failures)" "no scrape failed meanwhile, of $(scrapes)"
stop_seismo

# --- the command line

certificate server ca serverAuth DNS:localhost,IP:127.0.0.1
sed -i '/^web:/d' "$CONFIG"
echo "$tls }" >"$web"
daemon --web-config "$web"
is "200 $web --web-config" "$(ask /metrics) $("$SEISMO" config --state-dir "$TMP/state" web | awk '{ print $2, $NF }')" "--web-config"
stop_seismo
"$SEISMO" run --config "$CONFIG" --state-dir "$TMP/state" --web-config "$TMP/nothing.yml" 2>"$TMP/err"
is "2 seismo: error: $TMP/nothing.yml: No such file or directory" "$? $(<"$TMP/err")" "one that is not there"
