#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Alertmanagers: what they are told, by TLS and with a password too; one that is away, one that is dead, and a daemon that is killed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/alerts.sh
. "$(dirname "$0")/alerts.sh"
need prometheus-alertmanager amtool nginx openssl python3
own_copy nginx

# Alertmanager is away for longer than what is between two tellings, or for three minutes with that as it is shipped.
away=5
((${SEISMO_LONG:-0})) && away=180 WAIT=120

hook=$(free_port) one=$(free_port) two=$(free_port) tls=$(free_port) dead=$(free_port) hung=$(free_port)

# --- two Alertmanagers, one behind TLS and a password; nobody at one address, and one who takes connections and says nothing

receiver_start "$hook" "$TMP/received"
alertmanager_start "$one" "$hook" "$TMP/one"
alertmanager_pid=$server_pid
alertmanager_start "$two" "$hook" "$TMP/two"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca -keyout "$TMP/ca.key" \
	-out "$TMP/ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout "$TMP/server.key" \
	-out "$TMP/server.csr" 2>/dev/null
openssl x509 -req -in "$TMP/server.csr" -CA "$TMP/ca.pem" -CAkey "$TMP/ca.key" -CAcreateserial -days 2 \
	-extfile <(echo subjectAltName=DNS:localhost,IP:127.0.0.1) -out "$TMP/server.pem" 2>/dev/null
echo "seismo:$(openssl passwd -apr1 right)" >"$TMP/users"
nginx_start "$tls" "server {
	listen 127.0.0.1:$tls ssl;
	ssl_certificate $TMP/server.pem;
	ssl_certificate_key $TMP/server.key;
	auth_basic alerts;
	auth_basic_user_file $TMP/users;
	location / { proxy_pass http://127.0.0.1:$two; }
}"
background python3 -c "
import socket, time
s = socket.socket()
s.bind(('127.0.0.1', $hung))
s.listen(100)
time.sleep(1000)"
wait_until port_open "$hung"
echo wrong >"$TMP/password"

alert_config "alertmanagers:
  - url: http://127.0.0.1:$dead
  - url: http://127.0.0.1:$hung
  - url: http://127.0.0.1:$one
  - { url: \"https://127.0.0.1:$tls\", tls: { ca_file: $TMP/ca.pem }, basic_auth: { username: seismo, password_file: $TMP/password } }"
((away == 5)) || sed -i '/^alert_resend:/d' "$CONFIG"
start_seismo --probes process

# --- it fires

alert_begin
ok "an alert is told" wait_until active_is 1 "$one"
starts_at=$(of_active "$one" .startsAt)
took=$(($(date +%s%3N) - $(date -d "$starts_at" +%s%3N)))
is "TooMany page $subject test storage $(hostname)" \
	"$(of_active "$one" '.labels | "\(.alertname) \(.severity) \(.service) \(.datacenter) \(.team) \(.instance)"')" "with its labels"
is "$subject has 1 processes|$subject is at it|http://runbooks/TooMany" \
	"$(of_active "$one" '.annotations | "\(.summary)|\(.note)|\(.runbook_url)"')" "with its annotations"
is 1 "$(amtool --alertmanager.url="http://127.0.0.1:$one" alert query -o simple TooMany | grep -c TooMany)" "amtool finds it"
ok "the end that it would have by itself is four intervals ahead and more" test \
	"$(jq -n --argjson a "$(active "$one")" '$a[0] | (.endsAt | sub("\\.[0-9]+"; "") | fromdate) - (.updatedAt | sub("\\.[0-9]+"; "") | fromdate) >= 4')" = true
ok "who told it is linked" test "$(of_active "$one" .generatorURL)" = "http://seismo.test/api/v1/alerts"

# --- those who cannot be told keep nobody waiting

is 1 "$((took < 8000))" "with a dead and a silent one beside it, which is given up after 10 s, an alert was told at once ($took ms, with the looking)"
ok "a dead one is complained of" wait_until grep -q "alertmanager 'http://127.0.0.1:$dead'" "$TMP/seismo.err"
sleep 1
is 1 "$(said "alertmanager 'http://127.0.0.1:$dead'")" "once"
ok "the wrong password is said" wait_until grep -q "https://127.0.0.1:$tls'.*status 401" "$TMP/seismo.err"
ok "the others have none to be told" wait_until is_value 0 seismo_notification_queue_length target="http://127.0.0.1:$one"
is 1 "$(value seismo_notification_queue_length target="http://127.0.0.1:$dead")" "the dead one has one"
ok "failures are counted" test "$(value seismo_notifications_failed_total target="http://127.0.0.1:$dead" kind=alertmanager)" -ge 1

# --- TLS with our own authority, and a password that is put right without a reload

is 0 "$(active "$two" | jq length)" "nobody comes in with the wrong password"
echo right >"$TMP/password"
ok "the right one is read" wait_until active_is 1 "$two"
is 1 "$(said "https://127.0.0.1:$tls' again")" "which is said"

# --- killed and started again

kill_seismo
start_seismo --probes process
sleep 2
is "$starts_at" "$(of_active "$one" .startsAt)" "kill -9 and a start: the same alert as before"
is firing "$(received "$TMP/received" /one)" "nobody is told anew"

# --- Alertmanager away for several intervals

kill -TERM "$alertmanager_pid"
wait "$alertmanager_pid"
sleep "$away"
is 1 "$(active "$two" | jq length)" "while one is away for $away s the other one knows it still"
alertmanager_start "$one" "$hook" "$TMP/one"
alertmanager_pid=$server_pid
ok "it is back: it is told" wait_until active_is 1 "$one"
sleep 1
is firing "$(received "$TMP/received" /one)" "not twice"
is "$starts_at" "$(of_active "$one" .startsAt)" "with the same start"

# --- it ends while neither is there

kill -TERM "$alertmanager_pid"
wait "$alertmanager_pid"
alert_end
ok "the end is told to the other one" wait_until active_is 0 "$two"
wait_until grep -q '"firing":false' "$TMP/data/notifications" # a busy disk takes its time
kill_seismo
alertmanager_start "$one" "$hook" "$TMP/one"
alertmanager_pid=$server_pid
start_seismo --probes process
ok "what ended while Alertmanager was away, before the daemon was killed, is told" wait_until received_is "firing resolved" "$TMP/received" /one
wait_until received_is "firing resolved" "$TMP/received" /two
is "firing resolved" "$(received "$TMP/received" /two)" "once to each"
is 0 "$(active "$one" | jq length)" "nothing is left"
stop_seismo
