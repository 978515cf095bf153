#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo top as lines: rates are what a real client made, also when they are asked for later; what it prints where there is no
# terminal, no reader, no daemon; /api/v1/top.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"

need redis-server redis-benchmark redis-cli jq curl
own_copy redis-server redis-benchmark
server=redis-server-$$
port=$(free_port)
requests=$((20000 / scale))

top() { # OPTION...
	"$SEISMO" top --config "$CONFIG" --state-dir "$TMP/state" "$@"
}

# What a filter finds in the answer to these parameters.
ask() { # JQ-FILTER PARAMETERS
	curl -sS --unix-socket "$TMP/state/api.sock" "http://seismo/api/v1/top?$2" >"$TMP/answer" || bail "no answer"
	jq -r "$1" "$TMP/answer"
}

# Requests of the server in the window that ended so long ago, as the table tells them.
made() { # PARAMETERS
	ask "([.services[] | select(.service == \"$server\")][0].in_per_second // 0) * .window_seconds | round" "$1"
}

load() {
	redis-benchmark-$$ -p "$port" -c 4 -n "$requests" -q ping >/dev/null
}

# What the server says itself, with this question, which it counts when it has answered.
commands() {
	redis-cli -p "$port" info stats | tr -d '\r' | awk -F: '$1 == "total_commands_processed" { print $2 + 1 }'
}

milliseconds() {
	echo $(($(date +%s%N) / 1000000))
}

# Sets got, the requests in the window that began so early and ended at END, or now. How late the question comes moves it.
is_made_since() { # COUNT MILLISECONDS [END]
	local now
	now=$(milliseconds)
	got=$(made "window=$((${3:-$now} - $2))ms${3:+&ago=$((now - ${3:-0}))ms}")
	[[ $got == "$1" ]]
}

is_made() { # COUNT MILLISECONDS TEXT [END]
	wait_until is_made_since "$1" "$2" "${@:4}"
	is "$1" "$got" "$3"
}

# shellcheck disable=SC2119 # it has no options
start_seismo
server_start "$port" "$server" --port "$port" --save '' --appendonly no
began_ms=$(milliseconds)
sleep 1 # rates are by the seconds in which the probe has run
load
count=$(commands)
is_made "$count" "$began_ms" "the rate times the window is what the server has answered"
ok "which is what the client asked ($count)" test "$count" -ge "$requests"
kind_of() { # SERVICE
	ask ".services[] | select(.service == \"$1\").kind" window=1m
}
is_kind() { # KIND SERVICE
	[[ $(kind_of "$2") == "$1" ]]
}
cgroups=$(cgroup_mounts | head -n 1)
container=$(printf '%08x%056x' $$ 7)
cgroup_make "$cgroups/system.slice/top-$$.service"
cgroup_make "$cgroups/docker/$container"
enter_cgroup "$cgroups/system.slice/top-$$.service" sleep 1000 &
at_exit end_process $!
enter_cgroup "$cgroups/docker/$container" sleep 1000 &
at_exit end_process $!
wait_until is_kind unit "top-$$.service"
wait_until is_kind container "${container:0:12}"
is "command unit container" "$(kind_of "$server") $(kind_of "top-$$.service") $(kind_of "${container:0:12}")" \
	"each service has what gave it its name"
is "null" "$(ask ".services[] | select(.service == \"$server\").out_p99_seconds" window=1m)" "what is not there is null"
has_values() {
	[[ $(ask "[.services[] | select(.service == \"$server\") | (.in_p99_seconds > 0) and (.memory_bytes > 1e6) and (.processes_total == 1)] | all" window=1m) == true ]]
}
ok "times, memory and processes have their values" wait_until has_values
# shellcheck disable=SC2016 # of jq
is true "$(ask '[.services[] | .hurt_points] | . == (sort | reverse)' window=1m)" "what hurts most comes first"
is "$server" "$(ask '.services[].service' "window=1m&filter=$server&limit=1")" "filter and limit"
is "true" "$(ask '.services_total > .matching_services_total and .matching_services_total == 1' "filter=$server")" "how many are left out is told"
is true "$(ask '[.services[] | .in_per_second | select(. != null)] | . == sort' 'sort=in_per_second&reverse=1')" "sort and reverse"
is 400 "$(curl -sS -o "$TMP/answer" -w '%{http_code}' "$SEISMO_URL/api/v1/top?sort=beauty")" "no such column"
ok "and told what there is" grep -q hurt_points "$TMP/answer"

# The past: the same window, asked for when other things have happened.
sleep $((2 * scale))
load_ms=$(milliseconds)
sleep 1
load
total=$(commands)
count=$((total - count))
wait_until is_made_since "$total" "$began_ms"
sleep $((2 * scale))
is 0 "$(made window=1s)" "the last second has nothing of it"
end_ms=$(milliseconds)
is_made "$count" "$load_ms" "a window from before the load on has it"
sleep 1
load
load
is_made "$count" "$load_ms" "it has the same after more load" "$end_ms"
is 404 "$(curl -sS -o "$TMP/answer" -w '%{http_code}' "$SEISMO_URL/api/v1/top?ago=20h")" "nothing is known before the start"

# Lines
top --batch 2 --interval 500ms --window 1m --filter "$server" >"$TMP/lines"
is "0 2 2" "$? $(grep -c '^seismo ' "$TMP/lines") $(grep -c "^  $server " "$TMP/lines")" "--batch 2 prints two tables and ends"
column() { # TITLE: of the first table
	awk -v title="$1" '/^  SERVICE/ { sub(/IN p99/, "INp99"); sub(/DISK B/, "DISKB"); for (i = 1; i <= NF; i++) if ($i == title) at = i; next }
		at { print $at; exit }' "$TMP/lines"
}
ok "the rate is there with its unit ($(column IN/s))" grep -qE '^[0-9.]+k?$' <<<"$(column IN/s)"
is "- 1" "$(column OUTp99) $(column PROCS)" "what is not there is -, and not 0"
is "0 1" "$(COLUMNS=40 top >"$TMP/lines" 2>&1; echo "$? $(grep -c '^seismo ' "$TMP/lines")")" "without a terminal it prints one table"
is 0 "$(awk 'length($0) > 40 && !/^(seismo|no alert|!|\*|only)/ { n++ } END { print n + 0 }' "$TMP/lines")" "COLUMNS limits how wide it is"
is "true" "$({ timeout 60 "$SEISMO" top --config "$CONFIG" --state-dir "$TMP/state" --batch 100000 --interval 100ms; echo $? >"$TMP/status"; } 2>/dev/null |
	head -n 1 | grep -q '^seismo ' && echo true)" "a reader that goes away"
ok "ends it" test "$(cat "$TMP/status")" != 124
top --replay "-$((($(milliseconds) - load_ms) / 1000 - 2))s" --window 4s --batch 1 --filter "$server" >"$TMP/lines"
is "1 1" "$(grep -c '^REPLAY .* ago' "$TMP/lines") $(grep -cE "^  $server .* [0-9.]+k? " "$TMP/lines")" "--replay shows what was"
top --replay -20h --batch 1 >"$TMP/out" 2>&1
is "2" "$?" "before the start there is nothing to replay"
ok "which it says" grep -q "nothing is known of that time" "$TMP/out"
top --sort beauty >"$TMP/out" 2>&1
is "2" "$?" "no such column to sort by"

# By others than root
setpriv --reuid 65534 --regid 65534 --clear-groups "$SEISMO" top --state-dir "$TMP/state" --batch 1 >"$TMP/out" 2>&1
is 3 $? "another user cannot ask"
ok "and is told who may" grep -q "only root" "$TMP/out"
stop_seismo

# Without a daemon
top --replay -15m --batch 1 >"$TMP/out" 2>&1
is 3 $? "without a daemon there is no past"
"$server" --port "$(free_port)" --save '' >/dev/null &
at_exit end_process $!
top --batch 1 --interval 1s >"$TMP/lines" 2>"$TMP/err"
is "0 1" "$? $(grep -c '^seismo ' "$TMP/lines")" "but it collects by itself"
ok "and sees who is there" grep -q "^[ !*] $server " "$TMP/lines"
