#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `seismo rules`: what it lists, with a daemon and without; that a real Prometheus fires the exported rules when the daemon
# does; and what a back-test says of what has just happened.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need jq curl

rules() { # ARGUMENT...
	"$SEISMO" rules --state-dir "$TMP/state" "$@"
}

state_of() { # RULE
	rules --format json "$1" | jq -r '.rules[0].state'
}

is_state() { # STATE RULE
	[[ $(state_of "$2") == "$1" ]]
}

# --- without a daemon

builtin=$(grep -c '^  - alert:' "$ROOT/user/rule/builtin.yaml")
rules >"$TMP/text"
is "0 $((builtin + 1))" "$? $(wc -l <"$TMP/text")" "a line for each built-in rule, and a head"
is - "$(awk 'NR > 1 { print $2 }' "$TMP/text" | sort -u)" "nobody evaluates them"
rules --format json >"$TMP/rules.json"
is "$builtin true null" "$(jq -r '"\(.rules | length) \([.rules[].builtin] | all) \([.rules[].state] | unique[0])"' "$TMP/rules.json")" \
	"the same as JSON"
is 0 "$(jq '[.rules[] | select(.summary == null or .reason == null or .runbook == null or .expression == null)] | length' "$TMP/rules.json")" \
	"each has a summary, a reason, a runbook, and a form for Prometheus"
is 0 "$(jq '[.rules[] | select(.severity == "page" and (.cause | not) and (.reason | length) < 100)] | length' "$TMP/rules.json")" \
	"and what pages says why at some length"
rules --format markdown >"$TMP/rules.md"
is "$builtin" "$(grep -c '^### ' "$TMP/rules.md")" "the reference has all of them"
rules SlowDisk >"$TMP/one"
ok "one rule, with what to do" grep -q '^What to do' "$TMP/one"
rules NoSuchRule >/dev/null 2>"$TMP/error"
is 2 $? "there is no such rule"
rules --format tex >/dev/null 2>"$TMP/error"
is 2 $? "there is no such format"
rules test "$TMP/rules.md" >/dev/null 2>"$TMP/error"
is 3 $? "a back-test needs a daemon"

# What is printed as configuration is one, of the same rules.
{
	rules --format yaml
	echo "builtin_rules: off"
} >"$TMP/again.yaml"
rules --config "$TMP/again.yaml" --format json >"$TMP/again.json"
same='[.rules[] | del(.builtin)]'
is "$(jq -c "$same" "$TMP/rules.json")" "$(jq -c "$same" "$TMP/again.json")" "rules that are printed as YAML are read as the same"
if command -v promtool >/dev/null; then
	rules --format prometheus >"$TMP/builtin.rules.yml"
	ok "promtool has nothing against the built-in rules" promtool check rules "$TMP/builtin.rules.yml"
	is "$builtin" "$(grep -c -- '- alert:' "$TMP/builtin.rules.yml")" "and all of them are there"
else
	skip_one "promtool" "no promtool on this host"
fi

# --- with a daemon, and beside it a Prometheus with the same rule

# Prometheus has a second for a scrape.
cat >"$CONFIG" <<-END
	buckets: default
	rules:
	  - alert: BusyWork
	    metric: seismo_syscalls_total
	    where: { service: work-$$, syscall: getppid }
	    by: [service]
	    value: rate
	    above: 5
	    window: 4s
	    for: 1s
	    keep_firing_for: 1s
	    severity: warning
	    summary: "{{service}} is at work: {{value}}"
	  - { alert: SlowDisk, enabled: off }
END
start_seismo --probes syscall=count
is "off inactive" "$(state_of SlowDisk) $(state_of BusyWork)" "the daemon says how they are"

prometheus_started() {
	prometheus=http://$(grep -Eo 'address=127\.0\.0\.1:[1-9][0-9]*' "$TMP/prometheus.log" | head -n 1 | cut -d= -f2)
	curl -fsS --max-time 60 "$prometheus/-/ready"
}

prometheus_alerts() {
	curl -fsS --max-time 60 "$prometheus/api/v1/alerts" | jq -c '[.data.alerts[] | select(.state == "firing" and .labels.alertname == "BusyWork") |
		[.labels.alertname, .labels.severity, .labels.service]]'
}

prometheus_says() { # ALERTS
	[[ $(prometheus_alerts) == "$1" ]]
}

with_prometheus=
if command -v prometheus >/dev/null; then
	with_prometheus=1
	rules --format prometheus --every 1s >"$TMP/seismo.rules.yml"
	cat >"$TMP/prometheus.yml" <<-END
		global: { scrape_interval: 1s, evaluation_interval: 1s }
		rule_files: [ seismo.rules.yml ]
		scrape_configs:
		  - { job_name: seismo, static_configs: [ { targets: [ "${SEISMO_URL#http://}" ] } ] }
	END
	prometheus --config.file="$TMP/prometheus.yml" --storage.tsdb.path="$TMP/prometheus" \
		--web.listen-address=127.0.0.1:0 >"$TMP/prometheus.log" 2>&1 &
	at_exit end_process $!
	wait_until prometheus_started || bail "prometheus does not start"
fi

program=$(workload syscall "work-$$")
work() {
	while :; do
		"$program" loop 1 100 >/dev/null
		sleep 0.1
	done
}
work &
work=$!
at_exit end_process $work
ok "the rule fires" wait_until is_state firing BusyWork
ok "the list shows the alert" grep -q "firing: work-$$ is at work" <(rules)
if [[ $with_prometheus ]]; then
	ok "in Prometheus too" wait_until prometheus_says "[[\"BusyWork\",\"warning\",\"work-$$\"]]"
else
	skip_one "in Prometheus too" "no prometheus on this host"
fi
end_process $work 2>/dev/null
ok "it ends" wait_until is_state inactive BusyWork
if [[ $with_prometheus ]]; then
	ok "in Prometheus too" wait_until prometheus_says "[]"
else
	skip_one "in Prometheus too" "no prometheus on this host"
fi

# --- what would have been

cat >"$TMP/test.yaml" <<-END
	rules:
	  - { alert: WouldHave, metric: seismo_syscalls_total, where: { service: work-$$, syscall: getppid }, by: [service], value: rate, above: 5, window: 4s, for: 1s, keep_firing_for: 4s }
	  - { alert: BusyWork, metric: seismo_syscalls_total, where: { service: work-$$, syscall: getppid }, value: rate, above: 1000000, window: 2s }
	  - { alert: WouldNot, metric: seismo_syscalls_total, where: { service: work-$$, syscall: getppid }, by: [service], value: rate, above: 1000000, window: 2s }
END
back_test() {
	rules test "$TMP/test.yaml" --config "$CONFIG" --format json >"$TMP/test.json"
}
has_ended() {
	back_test && json_is '.rules[0].firings[0].ended_seconds_ago > 0' "$TMP/test.json"
}
wait_until has_ended
back_test
is 0 $? "a back-test"
is "WouldHave 1 BusyWork 0 WouldNot 0" "$(jq -r '[.rules[] | .rule, (.firings | length | tostring)] | join(" ")' "$TMP/test.json")" \
	"one rule would have fired once, the others never"
is "0 1 0" "$(jq -r '[.rules[].fired_total | tostring] | join(" ")' "$TMP/test.json")" "by the event log one of them did, as it was then"
is true "$(jq '.rules[0].firings[0] | (.began_seconds_ago > .ended_seconds_ago) and .ended_seconds_ago > 0 and .began_seconds_ago < 120' "$TMP/test.json")" \
	"when that began and ended"
rules test "$TMP/test.yaml" >"$TMP/test.text"
ok "for people" grep -q '^WouldHave: would have fired 1 time' "$TMP/test.text"
is inactive "$(state_of BusyWork)" "the daemon's own rules are as they were"
echo "rules: [ { alert: A, metric: seismo_nothing, value: rate, above: 1 } ]" >"$TMP/bad.yaml"
rules test "$TMP/bad.yaml" >/dev/null 2>"$TMP/error"
is "2 1" "$? $(grep -c 'bad.yaml:1: .*seismo_nothing' "$TMP/error")" "a file that is wrong is refused, with file and line"
stop_seismo
