#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the documentation says that can be tried: queries for Prometheus, commands with their options, links, files.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need jq promtool python3

readme=$ROOT/README.md

# --- queries

mkdir "$TMP/queries"
awk -v folder="$TMP/queries" '
	/^```promql$/ { file = sprintf("%s/%02d", folder, ++cnt); next }
	/^```$/ { file = "" }
	file { print >file }' "$readme"
queries=("$TMP"/queries/*)
ok "there are queries (${#queries[@]})" test "${#queries[@]}" -ge 12
as_rules() {
	local n=0 query
	echo "groups: [ { name: readme, rules: ["
	for query in "${queries[@]}"; do
		printf '{ record: "q:%d", expr: %s },\n' $((n++)) "$(jq -Rs . "$query")"
	done
	echo "] } ]"
}
as_rules >"$TMP/rules.yml"
ok "promtool takes all of them" promtool check rules "$TMP/rules.yml"

"$SEISMO" metrics --format json | jq -r '.[] | .name, (.labels[] | if type == "object" then .name else . end)' | sort -u >"$TMP/known"
printf '%s\n' le peer >>"$TMP/known"
is "" "$(cat "${queries[@]}" | grep -oE 'seismo_[a-z_]+' | sort -u | while read -r name; do
	grep -qx "$name" "$TMP/known" || grep -qx "$(sed -E 's/_(bucket|sum|count)$//' <<<"$name")" "$TMP/known" || echo "$name"
done)" "their metrics exist"
is "" "$({
	cat "${queries[@]}" | grep -oE '[a-z_]+(=|!=|=~|!~)"' | sed 's/[=!~"]*$//'
	cat "${queries[@]}" | grep -oE '\b(by|on) \([a-z, ]*\)' | sed 's/.*(//; s/[,)]/ /g' | tr ' ' '\n' | grep .
} | sort -u | while read -r label; do grep -qx "$label" "$TMP/known" || echo "$label"; done)" "so do their labels"
is "" "$(grep -o '`seismo_[a-z_]*' "$ROOT"/README.md "$ROOT"/user/*/README.md "$ROOT"/include/protocol/README.md | sed 's/.*`//; s/_$//' | sort -u |
	while read -r name; do grep -q "^$name" "$TMP/known" || echo "$name"; done)" "and all metrics that the documentation names"

# The query that begins so, as JSON.
query() { # WORDS
	jq -Rs . "$(grep -lF -- "$1" "${queries[@]}" | head -n 1)"
}

# Worlds in which what is easily got wrong gives another number.
cat >"$TMP/test.yml" <<END
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      # in the device 10 ms, in the queue a second; the volume on it is counted below
      - { series: 'seismo_block_io_duration_seconds_bucket{device="sda",operation="read",phase="device",le="0.01"}', values: "0+60x20" }
      - { series: 'seismo_block_io_duration_seconds_bucket{device="sda",operation="read",phase="device",le="+Inf"}', values: "0+60x20" }
      - { series: 'seismo_block_io_duration_seconds_bucket{device="sda",operation="read",phase="queue",le="0.01"}', values: "0x20" }
      - { series: 'seismo_block_io_duration_seconds_bucket{device="sda",operation="read",phase="queue",le="1"}', values: "0+60x20" }
      - { series: 'seismo_block_io_duration_seconds_bucket{device="sda",operation="read",phase="queue",le="+Inf"}', values: "0+60x20" }
      - { series: 'seismo_block_io_duration_seconds_bucket{device="dm-0",operation="read",phase="total",le="+Inf"}', values: "0+60x20" }
      # it answers in 5 ms, and waits for others for 100 ms each second
      - { series: 'seismo_request_duration_seconds_bucket{service="a",direction="inbound",protocol="http",le="0.005"}', values: "0+60x20" }
      - { series: 'seismo_request_duration_seconds_bucket{service="a",direction="inbound",protocol="http",le="+Inf"}', values: "0+60x20" }
      - { series: 'seismo_request_duration_seconds_bucket{service="a",direction="outbound",protocol="http",le="0.005"}', values: "0x20" }
      - { series: 'seismo_request_duration_seconds_bucket{service="a",direction="outbound",protocol="http",le="0.1"}', values: "0+60x20" }
      - { series: 'seismo_request_duration_seconds_bucket{service="a",direction="outbound",protocol="http",le="+Inf"}', values: "0+60x20" }
      - { series: 'seismo_request_duration_seconds_sum{service="a",direction="inbound",protocol="http"}', values: "0+0.3x20" }
      - { series: 'seismo_request_duration_seconds_sum{service="a",direction="outbound",protocol="http"}', values: "0+6x20" }
      # of 100 answers a second 5 are errors of its own, 5 requests get none, 3 clients give up
      - { series: 'seismo_requests_total{service="a",direction="inbound",protocol="http",status="200"}', values: "0+5400x20" }
      - { series: 'seismo_requests_total{service="a",direction="inbound",protocol="http",status="404"}', values: "0+300x20" }
      - { series: 'seismo_requests_total{service="a",direction="inbound",protocol="http",status="503"}', values: "0+180x20" }
      - { series: 'seismo_requests_total{service="a",direction="inbound",protocol="redis",status="error"}', values: "0+120x20" }
      - { series: 'seismo_requests_total{service="a",direction="outbound",protocol="http",status="500"}', values: "0+6000x20" }
      - { series: 'seismo_requests_unanswered_total{service="a",direction="inbound",protocol="http",reason="reset"}', values: "0+300x20" }
      - { series: 'seismo_requests_unanswered_total{service="a",direction="inbound",protocol="http",reason="client_closed"}', values: "0+180x20" }
      # a disk that hangs, for two services
      - { series: 'seismo_block_io_oldest_seconds{device="sda"}', values: "0x20" }
      - { series: 'seismo_block_io_oldest_seconds{device="sdb"}', values: "60+60x20" }
      - { series: 'seismo_memory_resident_bytes{service="a"}', values: "50x20" }
      - { series: 'seismo_memory_limit_bytes{service="a"}', values: "200x20" }
      - { series: 'seismo_memory_resident_bytes{service="free"}', values: "50x20" }
      - { series: 'seismo_probe_up{probe="tcp"}', values: "0x20" }
      - { series: 'seismo_probe_up{probe="block"}', values: "1x20" }
      - { series: 'seismo_events_lost_total{probe="tcp",buffer="ring",kind=""}', values: "0x20" }
    promql_expr_test:
      - expr: $(query 'seismo_block_io_duration_seconds_bucket')
        eval_time: 10m
        exp_samples: [ { labels: '{device="sda",operation="read"}', value: 0.0099 } ]
      - expr: $(query 'seismo_request_duration_seconds_bucket')
        eval_time: 10m
        exp_samples: [ { labels: '{service="a"}', value: 0.00495 } ]
      - expr: $(query 'seismo_request_duration_seconds_sum')
        eval_time: 10m
        exp_samples: [ { labels: '{service="a"}', value: 0.1 } ]
      - expr: $(query 'seismo_requests_unanswered_total')
        eval_time: 10m
        exp_samples: [ { labels: '{service="a"}', value: $(python3 -c 'print(10/105)') } ]
      - expr: $(query 'seismo_block_io_oldest_seconds')
        eval_time: 10m
        exp_samples: [ { labels: '{device="sdb"}', value: 660 } ]
      - expr: $(query 'seismo_memory_limit_bytes')
        eval_time: 10m
        exp_samples: [ { labels: '{service="a"}', value: 0.25 } ]
      - expr: $(query 'seismo_probe_up == 0')
        eval_time: 16m
        exp_samples: [ { labels: 'seismo_probe_up{probe="tcp"}', value: 0 } ]
END
ok "they say what they are to say" promtool test rules "$TMP/test.yml"

# --- commands and their options

awk '/^```$/ { inside = !inside; next } inside' "$ROOT"/README.md "$ROOT"/user/*/README.md | sed 's/^\$ //; s/#.*//; s/.*; //; s/^sudo //' |
	grep '^seismo [a-z]' | sort -u >"$TMP/commands"
ok "there are commands ($(wc -l <"$TMP/commands"))" test "$(wc -l <"$TMP/commands")" -ge 7
is "" "$(while read -r _ command options; do
	"$SEISMO" help "$command" >"$TMP/help" 2>/dev/null || echo "no $command"
	for option in $options; do
		[[ $option != -- ]] || break
		[[ $option != --* ]] || grep -qE -- "^ .*${option%%=*}\\b" "$TMP/help" || echo "$command $option"
	done
done <"$TMP/commands")" "with options that they have"

# --- links

python3 - "$ROOT" >"$TMP/links" <<'END'
import os, re, subprocess, sys
os.chdir(sys.argv[1])
files = [os.path.join(at, f) for at, folders, names in os.walk(".") for f in names
         if f == "README.md" and not re.match(r"\./(build|\.git)", at)]
def headings(path):
    text = re.sub(r"^```.*?^```", "", open(path).read(), flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in re.findall(r"^#+ (.*)", text, re.M)}
for path in files:
    for target in re.findall(r"\]\(([^)\s]+)\)", open(path).read()):
        name, _, anchor = target.partition("#")
        to = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        to = os.path.join(to, "README.md") if os.path.isdir(to) else to
        if not os.path.exists(to) or (anchor and anchor not in headings(to)):
            print(path, target)
END
is "" "$(<"$TMP/links")" "each link leads somewhere"
