#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Webhooks and commands: what they get, once; those that fail, refuse, redirect, say too much or take too long.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/alerts.sh
. "$(dirname "$0")/alerts.sh"
need python3
chmod 711 "$TMP"

hook=$(free_port) late=$(free_port)
received=$TMP/received
install -m 666 /dev/null "$TMP/told"
install -m 666 /dev/null "$TMP/hanging"
receiver_start "$hook" "$received"
alert_config "webhooks:
  - url: http://127.0.0.1:$hook/hook
  - url: http://127.0.0.1:$hook/fails
  - url: http://127.0.0.1:$hook/refuses
  - url: http://127.0.0.1:$hook/moved
  - url: http://127.0.0.1:$hook/endless
  - url: http://127.0.0.1:$hook/slow
  - url: http://127.0.0.1:$late/late?secret=1
commands:
  - command: [ /bin/sh, -c, \"id -un; cat; echo\" ]
  - command: [ /bin/sh, -c, \"cat >>$TMP/told; echo >>$TMP/told; id >>$TMP/told\" ]
  - { command: [ /bin/sh, -c, \"echo \$\$ >>$TMP/hanging; sleep 1000\" ], timeout: 500ms }"
start_seismo --probes process --verbose
alert_begin
ok "a webhook is told" wait_until received_is firing "$received"
is "4|$subject|page|TooMany|0001-01-01T00:00:00Z|$subject has 1 processes" "$(jq -rs 'map(select(.path == "/hook"))[0].body |
	"\(.version)|\(.commonLabels.service)|\(.commonLabels.severity)|\(.groupLabels.alertname)|\(.alerts[0].endsAt)|\(.alerts[0].annotations.summary)"' \
	"$received")" "in Alertmanager's words"

# --- what speaks to others may do nothing else

poster_find() { # one that waits for the slow one
	poster=$(pgrep -P "$seismo_pid" -x seismo-post | head -n 1) && [[ $poster ]] &&
		posters=$(awk '/^(CapEff|CapPrm|Seccomp|NoNewPrivs|Uid):/ { printf "%s ", $2 }' "/proc/$poster/status") && [[ ${posters% } == *" 1 2" ]]
}
wait_until poster_find
is "$(id -u seismo 2>/dev/null || echo 65534) 0000000000000000 0000000000000000 1 2" "${posters% }" \
	"who posts is a process without capabilities, another user, under seccomp"

# --- commands

ok "a command is told" wait_until grep -q '"status":"firing"' "$TMP/told"
wait_until grep -q '^uid=' "$TMP/told"
is "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)" "$(tail -n 1 "$TMP/told")" "it is nobody"
ok "what a command says is in the log, when asked for" wait_until grep -q 'level=debug msg="/bin/sh: nobody' "$TMP/seismo.err"
ok "one that takes too long is complained of" wait_until grep -q "has not ended after 500 ms and was killed" "$TMP/seismo.err"
sleep 1
is 1 "$(wc -l <"$TMP/hanging")" "and not started again"
ok "nothing of it is left" test ! -e "/proc/$(head -n 1 "$TMP/hanging")"

# --- those who do not take it

failed_often() {
	(($(received "$received" /fails | wc -w) >= 3))
}
ok "one that fails is told again" wait_until failed_often
is 1 "$(said "status 500")" "which is complained of once"
ok "one that refuses is complained of" wait_until grep -q "refuses alerts: it answers with status 400: because" "$TMP/seismo.err"
is firing "$(received "$received" /refuses)" "and is not told again"
is "" "$(received "$received" /elsewhere)" "nobody follows a redirect"
ok "which is said" wait_until grep -q "status 302, and redirects are not followed" "$TMP/seismo.err"
wait_until received_is firing "$received" /endless
is firing "$(received "$received" /endless)" "an endless answer is not read, and is one"
is 0 "$(said "secret=1")" "what may be secret in an address is not in the log"
scrape
is 0 "$(grep -c "secret=1" "$METRICS")" "nor in a metric"
is 1 "$(value seismo_notification_queue_length kind=webhook target="http://127.0.0.1:$late")" "one that is away has something to be told"

# --- the daemon is killed, and what was not told is told by the next one; the end as well

kill_seismo
receiver_start "$late" "$TMP/late"
start_seismo --probes process
ok "who was away is told after a kill and a start" wait_until received_is firing "$TMP/late" "/late?secret=1"
sleep 1
is firing "$(received "$received")" "the others are not told again"
is 1 "$(grep -c '"status":"firing"' "$TMP/told")" "nor are commands"
alert_end
ok "the end is told" wait_until received_is "firing resolved" "$received"
ok "to commands, too" wait_until grep -q '"status":"resolved"' "$TMP/told"
ok "and to who was late" wait_until received_is "firing resolved" "$TMP/late" "/late?secret=1"
is "" "$(jq -rs 'map(select(.path == "/hook")) | .[1].body.alerts[0] | select(.endsAt <= .startsAt)' "$received")" "it ends after it started"
stop_seismo
