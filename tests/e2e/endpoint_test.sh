#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The HTTP endpoint: formats, compression, what is not there, bad and slow clients, many of them, and a real
# Prometheus.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
need jq gzip

start_seismo --probes all
program=$(workload syscall "w-http-$$")
"$program" loop 1 100 >/dev/null
is_metric 100 "there is something to read" seismo_syscalls_total "service=w-http-$$" syscall=getppid

# A real Prometheus, which looks for its targets 5 s after its start: later it is asked.
if command -v prometheus >/dev/null; then
	cat >"$TMP/prometheus.yml" <<-END
		global: { scrape_interval: 3s }
		scrape_configs:
		  - job_name: seismo
		    static_configs: [ { targets: [ "${SEISMO_URL#http://}" ] } ]
	END
	prometheus --config.file="$TMP/prometheus.yml" --storage.tsdb.path="$TMP/prometheus" \
		--web.listen-address=127.0.0.1:0 >"$TMP/prometheus.log" 2>&1 &
	at_exit end_process $!
fi

get() { # CURL-OPTION... PATH
	curl -sS --max-time 60 "${@:1:$#-1}" "$SEISMO_URL${*: -1}"
}

status() { # CURL-OPTION... PATH
	get -o /dev/null -w '%{http_code}' "$@"
}

# The value of a header of the answer.
header() { # NAME CURL-OPTION... PATH
	get -o /dev/null -D - "${@:2}" | tr -d '\r' | sed -n "s/^$1: //Ip"
}

# One HTTP exchange, byte for byte: prints the status line's code, nothing if the server closes, or waits for more for so long.
raw() { # BYTES SECONDS
	local port=${SEISMO_URL##*:} line=
	exec {socket}<>"/dev/tcp/127.0.0.1/$port"
	printf '%b' "$1" >&"$socket"
	read -r -t "$2" line <&"$socket"
	exec {socket}>&-
	read -r _ line _ <<<"$line"
	echo "$line"
}

# --- formats

is "text/plain; version=0.0.4; charset=utf-8" "$(header Content-Type /metrics)" "plain text by default"
open_metrics='Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5'
case $(header Content-Type -H "$open_metrics" /metrics) in
"application/openmetrics-text; version=1.0.0"*) type=openmetrics ;;
*) type=other ;;
esac
is openmetrics "$type" "OpenMetrics for who asks for it"
is "# EOF" "$(get -H "$open_metrics" /metrics | tail -n 1)" "OpenMetrics ends with its mark"
is 0 "$(get /metrics | grep -c '^# EOF')" "plain text does not"
# Others on this host may be the first of a family between the two.
same_families() {
	[[ $(get /metrics | grep -c '^# TYPE seismo_') == "$(get -H "$open_metrics" /metrics | grep -c '^# TYPE seismo_')" ]]
}
ok "both have the same families" wait_until same_families
is 100 "$(get -H "$open_metrics" /metrics >"$METRICS"; value seismo_syscalls_total "service=w-http-$$" syscall=getppid)" \
	"both have the same values"
is "" "$(get /metrics | awk '/^# (TYPE|HELP) / && seen[$2 $3]++')" "TYPE and HELP once per family"

if command -v promtool >/dev/null; then
	is "" "$(get /metrics | promtool check metrics 2>&1)" "promtool finds nothing to say"
else
	skip_one "promtool finds nothing to say" "no promtool on this host"
fi

# --- transport

is gzip "$(header Content-Encoding -H 'Accept-Encoding: gzip' /metrics)" "gzip for who asks for it"
is 100 "$(get -H 'Accept-Encoding: gzip' /metrics | gzip -dc >"$METRICS"
	value seismo_syscalls_total "service=w-http-$$" syscall=getppid)" "and it unpacks"
is "" "$(header Content-Encoding /metrics)" "none for who does not"
is "" "$(header Content-Encoding -H 'Accept-Encoding: gzip;q=0' /metrics)" "none for who refuses it"
is 200 "$(status --head /metrics)" "HEAD"
is 0 "$(get --head -o /dev/null -w '%{size_download}' /metrics)" "HEAD has no body"
is 200 "$(status /-/healthy)" "/-/healthy"
is 200 "$(status /-/ready)" "/-/ready"
is 404 "$(status /nothing)" "no such path"
is 404 "$(status --path-as-is /../../etc/passwd)" "no way out"
is 405 "$(status -X POST -d x /metrics)" "POST is not for reading"
is 405 "$(status -X DELETE /metrics)" "nor is DELETE"
is 200 "$(raw 'GET /metrics HTTP/1.0\r\n\r\n' 30)" "HTTP/1.0"

# --- bad clients

for bytes in 'nonsense\r\n\r\n' 'GET\r\n\r\n' '\x00\xff\xfe\r\n\r\n' 'GET /metrics HTTP/9.9\r\n\r\n' \
	'GET /metrics HTTP/1.1\r\nHost x\r\n\r\n' 'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n' \
	"GET /$(printf '%070000d' 0) HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"; do
	answer=$(raw "$bytes" 1 2>/dev/null)
	ok "an error, a close or silence for '${bytes:0:40}' (got '$answer')" test "${answer:-400}" -ge 400
done
is 200 "$(status /metrics)" "it answers after that"

# --- slow and many clients

(
	exec {socket}<>"/dev/tcp/127.0.0.1/${SEISMO_URL##*:}"
	printf 'GET /metrics HTTP/1.1\r\nHost: x\r\nX: ' >&"$socket"
	while printf x >&"$socket"; do sleep 0.2; done
) 2>/dev/null &
at_exit end_process $!
(
	exec {socket}<>"/dev/tcp/127.0.0.1/${SEISMO_URL##*:}"
	for ((i = 0; i < 100; i++)); do
		printf 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n' >&"$socket"
	done
	sleep 60 # and never reads
) 2>/dev/null &
at_exit end_process $!
sleep 0.5
ok "a client is served soon beside a slow writer and a slow reader" \
	curl -fsS --max-time 8 -o /dev/null "$SEISMO_URL/metrics"

ulimit -n 2048
sockets=()
for ((i = 0; i < 500; i++)); do
	exec {socket}<>"/dev/tcp/127.0.0.1/${SEISMO_URL##*:}" || break
	sockets+=("$socket")
done
is 500 "${#sockets[@]}" "500 connections are open"
ok "a client is served soon beside them" curl -fsS --max-time 8 -o /dev/null "$SEISMO_URL/metrics"
for socket in "${sockets[@]}"; do
	exec {socket}>&-
done
ok "and after they are gone" curl -fsS --max-time 8 -o /dev/null "$SEISMO_URL/metrics"

# --- the real Prometheus

query() { # PROMQL
	curl -fsS --max-time 60 --data-urlencode "query=$1" "$prometheus/api/v1/query" |
		jq -r '.data.result[].value[1]'
}

prometheus_started() {
	prometheus=http://$(grep -Eo 'address=127\.0\.0\.1:[1-9][0-9]*' "$TMP/prometheus.log" | head -n 1 | cut -d= -f2)
	curl -fsS --max-time 60 "$prometheus/-/ready"
}

query_is() { # VALUE PROMQL
	[[ $(query "$2") == "$1" ]]
}

is_query() { # VALUE PROMQL TEXT: soon, since a scrape may be late on a busy machine
	wait_until query_is "$1" "$2"
	is "$1" "$(query "$2")" "$3"
}

if command -v prometheus >/dev/null; then
	wait_until prometheus_started || bail "prometheus does not start"
	is_query 1 seismo_build_info "Prometheus knows seismo_build_info"
	is_query 1 'up{job="seismo"}' "Prometheus finds it up"
	is_query 100 "seismo_syscalls_total{service=\"w-http-$$\",syscall=\"getppid\"}" "Prometheus has the value"
	sleeper=$(workload process "w-http-sleep-$$")
	"$sleeper" end sleep:20 >/dev/null
	life="seismo_process_lifetime_seconds_bucket{service=\"w-http-sleep-$$\",le=\"+Inf\"}"
	is_query 21 "$life" "Prometheus has the histogram"
	ok "its median is a sleeper's life" between 0.045 5 "$(query \
		"histogram_quantile(0.5, seismo_process_lifetime_seconds_bucket{service=\"w-http-sleep-$$\"})")"
else
	skip_one "a real Prometheus" "no prometheus on this host"
fi
stop_seismo
