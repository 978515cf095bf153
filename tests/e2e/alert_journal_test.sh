#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Alerts in the journal, of a journald that is this test's own: a folder /run of its own is where everybody looks for it.
[[ ${OWN_MOUNTS-} ]] || OWN_MOUNTS=yes exec unshare --mount "$0"
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/alerts.sh
. "$(dirname "$0")/alerts.sh"
need /lib/systemd/systemd-journald journalctl python3

mount -t tmpfs none /run || skip "cannot mount"
mkdir -p /run/systemd/journald.conf.d /run/log/journal
printf '%s\n' "[Journal]" ReadKMsg=no Audit=no Storage=volatile >/run/systemd/journald.conf.d/test.conf
background /lib/systemd/systemd-journald
journald=$!
wait_until test -S /run/systemd/journal/socket || skip "no journald here"

hook=$(free_port) received=$TMP/received
receiver_start "$hook" "$received"
alert_config "webhooks: [ { url: http://127.0.0.1:$hook/hook } ]"
start_seismo --probes process

entries() { # JQ
	journalctl -D /run/log/journal -o json --no-pager SEISMO_ALERT=TooMany | jq -r "$1"
}

entries_are() { # STATES
	[[ $(entries .SEISMO_STATE | paste -sd' ') == "$1" ]]
}

alert_begin
ok "an alert is in the journal" wait_until entries_are firing
is "2 page $subject storage $subject has 1 processes" \
	"$(entries '"\(.PRIORITY) \(.SEISMO_SEVERITY) \(.SEISMO_SERVICE) \(.SEISMO_TEAM) \(.SEISMO_SUMMARY)"')" "with fields, and an alarming priority"
is "alert TooMany fires (page): $subject has 1 processes" "$(entries .MESSAGE)" "and a line for people"
is 32 "$(entries .MESSAGE_ID | tr -d '\n' | wc -c)" "which has an id"
ok "the line is in the daemon's own log, too" grep -q "alert TooMany fires (page): $subject has 1 processes" "$TMP/seismo.err"
alert_end
ok "so is its end" wait_until entries_are "firing resolved"
is 5 "$(entries .PRIORITY | tail -n 1)" "with a priority that is not"

# A journal that hangs
kill -STOP "$journald"
at_exit kill -CONT "$journald"
states="firing resolved"
for ((n = 0; n < 3; n++)); do
	alert_begin
	wait_until received_is "$states firing" "$received"
	alert_end
	states+=" firing resolved"
	wait_until received_is "$states" "$received"
done
is "$states" "$(received "$received")" "a journal that hangs keeps nobody waiting"
ok "not the daemon" http_get /-/healthy "$TMP/healthy"
kill -CONT "$journald"
ok "and gets the rest then" wait_until entries_are "$states"
stop_seismo
