#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Silences and expected alerts: who pages hears nothing, who looks sees everything.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/alerts.sh
. "$(dirname "$0")/alerts.sh"
need prometheus-alertmanager python3

hook=$(free_port) one=$(free_port)
receiver_start "$hook" "$TMP/received"
alertmanager_start "$one" "$hook" "$TMP/one"
targets="alertmanagers: [ { url: http://127.0.0.1:$one } ]
webhooks: [ { url: http://127.0.0.1:$hook/hook } ]"
alert_config "$targets"
start_seismo --probes process

silence() { # ARGUMENT...
	timeout 60 "$SEISMO" silence "$@" --config "$CONFIG" --state-dir "$TMP/state" >"$TMP/run.out" 2>"$TMP/run.err"
}

alerts() { # JQ
	http_get /api/v1/alerts "$TMP/alerts" && jq -r "$1" "$TMP/alerts"
}

# --- silenced before it fires

silence add "TooMany" "service=~w-alert.*" --duration 1h --reason "a test"
is "0 8" "$? $(tr -d '\n' <"$TMP/run.out" | wc -c)" "a silence has an id"
id=$(<"$TMP/run.out")
silence list
ok "it is listed" grep -qE "^$id +0:59:[0-9]+ +alertname=\"TooMany\",service=~\"w-alert.\*\"  a test$" "$TMP/run.out"
alert_begin
ok "it fires" wait_until grep -q "alert TooMany fires (page, silenced)" "$TMP/seismo.err"
sleep 1
is "" "$(received "$TMP/received")" "a webhook hears nothing"
is 0 "$(active "$one" | jq length)" "nor does Alertmanager"
is true "$(alerts '.alerts[] | select(.rule == "TooMany") | .silenced')" "the API says so"
scrape
is 1 "$(value seismo_silences)" "silences are counted"

# --- it outlives the daemon, and ends by hand

wait_until grep -q "a test" "$TMP/data/notifications" # a busy disk takes its time
kill_seismo
start_seismo --probes process
silence list --format json
is "$id a test" "$(jq -r '.silences[] | "\(.id) \(.reason)"' "$TMP/run.out")" "a silence outlives the daemon"
sleep 1
is "" "$(received "$TMP/received")" "nobody hears of it then either"
silence end "$id"
is 0 $? "it is ended"
ok "then the alert is told" wait_until received_is firing "$TMP/received"
ok "to Alertmanager, too" wait_until active_is 1 "$one"
silence end "$id"
is 2 $? "there is nothing to end any more"

# --- silenced while it fires, for some seconds

starts_at=$(of_active "$one" .startsAt)
silence add "service=$subject" --duration 8s --reason "a moment" --format json
is 0 $? "silenced while it fires"
ok "it is resolved for Alertmanager" wait_until received_begins "firing resolved" "$TMP/received" /one
ok "and for webhooks" wait_until received_begins "firing resolved" "$TMP/received"
ok "by itself the silence ends, and it is told again" wait_until received_is "firing resolved firing" "$TMP/received"
ok "to Alertmanager, too" wait_until received_is "firing resolved firing" "$TMP/received" /one
is "$starts_at" "$(of_active "$one" .startsAt)" "with the same start"

# --- expected by the configuration

alert_config "$targets
expect: [ { match: { alertname: TooMany }, daily: \"00:00-24:00\", reason: \"a drill\" } ]"
kill -HUP "$seismo_pid"
ok "an expected one is resolved for who pages" wait_until received_is "firing resolved firing resolved" "$TMP/received"
ok "and for Alertmanager" wait_until active_is 0 "$one"
is true "$(alerts '.alerts[] | select(.rule == "TooMany") | .expected')" "the API says so"
alert_end
ok "its end is in the log" wait_until grep -q "alert TooMany is resolved after .* (page, expected)" "$TMP/seismo.err"

silence add 'service=~(x|a b, "c"\.d){1,2}' alertname=None --duration 1h --reason "a line"
is 0 $? "values may have spaces, quotes and braces"
silence list
ok "and are written as they were meant" grep -qF 'service=~"(x|a b, \"c\"\\.d){1,2}",alertname="None"' "$TMP/run.out"

# --- what is no silence

for words in "add" "add a=b --duration 1h" "add a=b --reason x" "add service!=x --duration 1h --reason x" "add a=~( --duration 1h --reason x" \
	"add a=b --duration 0s --reason x" "add a=b --duration 9000h --reason x" "end" "shout"; do
	# shellcheck disable=SC2086 # words
	silence $words
	is 2 $? "refused: silence $words ($(head -c 120 "$TMP/run.err"))"
done
is 403 "$(curl -s -o /dev/null -w '%{http_code}' -X POST "$SEISMO_URL/api/v1/silences?matchers=a%3Db&duration=1h&reason=x")" "nobody silences from the network"
stop_seismo
silence list
is 3 $? "without a daemon there are no silences"
