#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# /api/v1/query: what a workload did in a window is what it says itself, and is gone from windows that began later; what is
# asked wrongly is refused with words.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need jq curl

calls=$((20000 / scale))

# What a filter finds in the answer; parameters are not encoded yet.
ask() { # METRIC JQ-FILTER KEY=VALUE...
	local parameter options=()
	for parameter in "metric=$1" "${@:3}"; do
		options+=(--data-urlencode "$parameter")
	done
	curl -sS -G "${options[@]}" "$SEISMO_URL/api/v1/query" >"$TMP/answer" || bail "no answer"
	jq -r "$2" "$TMP/answer"
}

count_of() { # SERVICE WINDOW
	ask seismo_syscalls_total '.groups[0].count_total // 0' "window=$2" by=service "where=service=$1,syscall=getppid"
}

start_seismo --probes syscall=full
first=$(workload syscall "first-$$")
mark
"$first" loop 1 $calls >"$TMP/own"
is_metric "$calls" "the metric" seismo_syscalls_total "service=first-$$" syscall=getppid
scraped=$(value seismo_syscalls_total "service=first-$$" syscall=getppid)
is "$scraped" "$(count_of "first-$$" 10m)" "the count of a window that goes back to the start is the metric's"
is true "$(jq '.groups[0] | (.rate_per_second * 1000 | round) == (.count_total / '"$(jq .window_seconds "$TMP/answer")"' * 1000 | round)' \
	"$TMP/answer")" "the rate is the count by the seconds that the window has"
# newer versions of jq print a number as it is written, unless it is calculated with
is "counter 600 1 true true" "$(jq -r '"\(.type) \(.requested_window_seconds + 0) \(.groups | length) \(.window_seconds < 60) \(.age_seconds < 5)"' \
	"$TMP/answer")" "the answer says what was asked and what it is about"
is "before_start not_known_so_long" "$(jq -r '.groups[0].missing | join(" ")' "$TMP/answer")" "and what it does not cover"

series by=syscall seismo_syscalls_total "service=first-$$" | sort >"$TMP/scraped"
ask seismo_syscalls_total '.groups[] | "\(.labels.syscall) \(.count_total)"' window=10m by=syscall "where=service=first-$$" |
	sort >"$TMP/asked"
is "$(cat "$TMP/scraped")" "$(cat "$TMP/asked")" "by syscall it is what the endpoint exposes"

scrape
series by=class seismo_syscall_duration_seconds_count "service=first-$$" | sort >"$TMP/scraped"
ask seismo_syscall_duration_seconds '.groups[] | "\(.labels.class) \(.count_total)"' window=10m by=class \
	"where=service=\"first-$$\"" | sort >"$TMP/asked"
is "$(cat "$TMP/scraped")" "$(cat "$TMP/asked")" "the same of histograms"
is true "$(jq '[.groups[] | 0 < .p50_seconds and .p50_seconds <= .p90_seconds and .p90_seconds <= .p99_seconds and
	(.mean_seconds - .sum_seconds / .count_total | fabs) < 1e-9] | all' "$TMP/answer")" "percentiles are in order, the mean is the sum by the count"

# Percentiles of one duration: 10 ms and what it takes to wake up, in a bucket of 9 %.
mark
"$(workload syscall "sleep-$$")" sleep 50
is_metric 50 "sleeps" seismo_syscall_duration_seconds_count "service=sleep-$$" class=sleep
took=$(value seismo_syscall_duration_seconds_sum "service=sleep-$$" class=sleep)
ok "the median of 50 sleeps of 10 ms, at most twice the mean" between 0.0095 "$(calc "2 * $took / 50")" "$(ask seismo_syscall_duration_seconds '.groups[0].p50_seconds' \
	window=10m by=service,class "where=class=sleep,service=sleep-$$")"

# Windows move on, and so do the counts.
nothing_of_first() {
	[[ $(count_of "first-$$" 1s) == 0 ]]
}
ok "the last second has nothing of it, soon" wait_until nothing_of_first
about_a_second() {
	count_of "first-$$" 1s >"$TMP/count"
	json_is '.window_seconds > 0.5 and .window_seconds < 2' "$TMP/answer"
}
ok "that second is about one" wait_until about_a_second
ask seismo_syscalls_total .age_seconds window=5s >"$TMP/age"
ok "the answer says how old it is" between 0.000001 15 "$(cat "$TMP/age")"
is "$scraped" "$(count_of "first-$$" 1h)" "a long window has all of it"
"$(workload syscall "second-$$")" loop 1 $calls >"$TMP/own"
scrape
is "$calls" "$(count_of "second-$$" 1m)" "one that came later counts from its own start"
is "$((scraped + calls))" "$(ask seismo_syscalls_total "[.groups[] | select(.labels.service | endswith(\"t-$$\") or endswith(\"d-$$\")) |
	.count_total] | add" window=10m by=service where=syscall=getppid)" "both are there, each in its group"

# Units
is "1 1 1" "$(ask seismo_build_info '.groups[0] | "\(.last_value + 0) \(.mean_value + 0) \(.max_value + 0)"' window=5s)" "a gauge that never changes"
is true "$(ask process_resident_memory_bytes '.groups[0] | .last_bytes > 1e6 and .max_bytes >= .last_bytes' window=1m)" \
	"bytes have their unit in the key"
is true "$(ask process_cpu_seconds_total '.groups[0] | .count_seconds > 0 and .rate_seconds_per_second < 10' window=1m)" "so have seconds"

# Errors
refused() { # STATUS TEXT PARAMETERS
	is "$1 application/json" "$(curl -sS -o "$TMP/answer" -w '%{http_code} %{content_type}' "$SEISMO_URL/api/v1/query$3")" "refused: '$3'"
	ok "and told what is right: $2" grep -qF "$2" <(jq -r .error "$TMP/answer")
}
refused 400 "metric=NAME" ""
refused 400 "did you mean 'seismo_syscalls_total'?" "?metric=seismo_syscall_total"
refused 400 "is no duration such as 30s" "?metric=seismo_syscalls_total&window=10"
refused 400 "is not between 1s and 24h" "?metric=seismo_syscalls_total&window=48h"
refused 400 "did you mean 'syscall'?" "?metric=seismo_syscalls_total&by=sycall"
refused 400 'LABEL="VALUE"' "?metric=seismo_syscalls_total&where=service"
stop_seismo
