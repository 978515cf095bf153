#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Rules in a real daemon, on a service that really does what they are about: alerts fire in time, resolve, and outlive the daemon
# and reloads; nothing fires because the daemon could not run.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

need jq curl
service=restless-$$
data=$TMP/data
alerts=$TMP/alerts

# Some 100 signals a second that nobody gets, while there is a file `on`; they cost nothing.
cat >"$TMP/bin/$service" <<-'END'
	#!/bin/bash
	exec {silence}<> <(:)
	while :; do
		for ((i = 0; i < 10; i++)); do kill -0 $$; done
		read -rt 0.1 -u "$silence"
		until [[ -e $1 ]]; do read -rt 0.1 -u "$silence"; done
	done
END
chmod +x "$TMP/bin/$service"

rule() { # NAME ABOVE FOR SUMMARY
	cat <<-END
		  - alert: $1
		    metric: seismo_syscalls_total
		    where: { service: "$service|nobody", syscall: kill }
		    by: [service]
		    value: rate
		    above: $2
		    window: ${second}s
		    for: $3
		    keep_firing_for: ${second}s
		    severity: page
		    summary: "$4"
	END
}

configure() { # SUMMARY
	cat >"$CONFIG" <<-END
		limits: { series: $series_max }
		builtin_rules: off
		rules:
		$(rule Restless 5 ${second}s "$1")
		$(rule RestlessForLong 5 $((12 * second))s "for long")
		$(rule NeverSoRestless 1000000 0s "never")
	END
}

alerts_get() {
	curl -fsS --max-time 60 "$SEISMO_URL/api/v1/alerts" >"$alerts"
}

alert() { # RULE JQ-FILTER
	alerts_get && jq -r --arg rule "$1" ".alerts[] | select(.rule == \$rule) | $2" "$alerts"
}

state_is() { # RULE STATE
	[[ $(alert "$1" .state) == "$2" ]]
}

# Times of the kernel's, which nobody sets back.
uptime_ms() {
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0"
}

second=$((scale < 3 ? 1 : scale / 2))
configure "first"
start_seismo --probes syscall=count
background "$service" "$TMP/on"
seen() {
	scrape
	[[ $(value seismo_syscalls_total "service=$service") ]]
}
wait_until seen
sleep $((2 * second))
ok "no alert while nothing is wrong" alerts_get
is '[]' "$(jq -c .alerts "$alerts")" "the list of alerts is empty"

# --- it fires

began=$(uptime_ms)
: >"$TMP/on"
wait_until state_is Restless firing
took=$(($(uptime_ms) - began))
ok "the alert fires after its \`for\`, and soon after it (${took} ms)" between $((900 * second)) $((12000 * second)) "$took"
is pending "$(alert RestlessForLong .state)" "one with a longer \`for\` is still pending"
is "" "$(alert NeverSoRestless .state)" "one with another threshold is not there"
started=$(alert Restless .starts_at)

# --- the daemon is stopped

kill -STOP "$seismo_pid"
sleep $((12 * second))
kill -CONT "$seismo_pid"
wait_until alerts_get
is pending "$(alert RestlessForLong .state)" "what is pending does not fire because the daemon was stopped"
scrape
is 1 "$(value seismo_alert_pending rule=RestlessForLong severity=page "service=$service")" "it is a metric"
is "firing $started" "$(alert Restless '"\(.state) \(.starts_at)"')" "what fires goes on"

# --- what is told of it

known() {
	[[ $(alert Restless '"\(.state) \(.unknown)"') == "firing null" ]]
}
wait_until known
is "page $service" "$(alert Restless '"\(.severity) \(.labels.service)"')" "it has its severity and labels"
ok "its value is what the service does" between 5 200 "$(alert Restless .value_per_second)"
is "$(alert Restless .fingerprint)" "$(curl -fsS --unix-socket "$TMP/state/api.sock" http://seismo/api/v1/alerts |
	jq -r '.alerts[] | select(.rule == "Restless") | .fingerprint')" "the control socket has the same alert"
scrape
is 1 "$(value seismo_alert_firing rule=Restless severity=page "service=$service")" "it is a metric"
if command -v promtool >/dev/null; then
	is "" "$(promtool check metrics <"$METRICS" 2>&1)" "promtool finds nothing to say"
else
	skip_one "promtool finds nothing to say" "no promtool on this host"
fi
ok "the log says so" grep -q "alert Restless fires (page): first" "$TMP/seismo.err"

# --- reloads

reloads() { # SUMMARY
	configure "$1"
	: >"$TMP/seismo.err"
	kill -HUP "$seismo_pid"
	wait_until grep -q "is in effect" "$TMP/seismo.err"
}
reloads "second"
is "firing second $started" "$(alert Restless '"\(.state) \(.summary) \(.starts_at)"')" "after a reload the same alert has the new words"
ok "nothing is told anew" eval "! grep -q 'alert Restless ' '$TMP/seismo.err'"

# --- it is killed

wait_until test -s "$data/rule-states"
sleep 0.5
kill -KILL "$seismo_pid"
wait "$seismo_pid" 2>/dev/null
start_seismo --probes syscall=count
wait_until state_is Restless firing
is "$started" "$(alert Restless .starts_at)" "after kill -9 and a start it fires since when it did"
ok "nothing is told anew" eval "! grep -q 'alert Restless fires' '$TMP/seismo.err'"
ok "soon it is known to fire" wait_until known
is "$started" "$(alert Restless .starts_at)" "it has not begun anew"

# --- it resolves

rm "$TMP/on"
wait_until state_is Restless resolved
is "resolved $started" "$(alert Restless '"\(.state) \(.starts_at)"')" "it resolves when the service is quiet"
ok "and says since when" test "$(alert Restless .ends_at)" \> "$started"
scrape
is "" "$(value seismo_alert_firing rule=Restless)" "it is no metric any more"
stop_seismo

# --- the file is not what was written

echo garbage >>"$data/rule-states"
start_seismo --probes syscall=count
ok "a file that is damaged is told of" wait_until grep -q "rule-states: this is not what was written" "$TMP/seismo.err"
wait_until alerts_get
is '[]' "$(jq -c .alerts "$alerts")" "and not used"
stop_seismo
