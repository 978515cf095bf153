#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The built-in rules while things break: a callee that is slow, one that is stopped, one that is gone, one that crashes, one that is
# killed at its memory limit, one that has too small a part of a CPU. Each has a front that asks it and clients of its own,
# whose own numbers say that they suffer; a seventh pair is healthy. Before anything breaks nobody is paged. The windows of
# the rules are a fifth of what they are shipped with, and so is the time that they take.
# shellcheck disable=SC2317 # functions that wait_until calls
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/faults/world.sh
. "$ROOT/tests/faults/world.sh"
# shellcheck source=tests/faults/live.sh
. "$ROOT/tests/faults/live.sh"

need nginx /usr/bin/python3

faults=(slow frozen gone crash oom quota)
healthy_seconds=$((${SEISMO_LONG:-0} ? 600 : 26))

# A front, a callee and a client.
system_start() { # NAME NUMBER RATES
	local port=$((8100 + 10 * $2))
	: >"$TMP/callee-$1.settings"
	service_supervise "callee-$1" /usr/bin/python3 -B "$FAULTS/services/price.py" $port "$TMP/callee-$1.settings"
	mkdir -p "$TMP/work"
	cat >"$TMP/front-$1.conf" <<-END
		user root;
		daemon off;
		worker_processes 1;
		pid front-$1.pid;
		error_log front-$1.log;
		events { worker_connections 500; }
		http {
			access_log off;
			client_body_temp_path work; proxy_temp_path work; fastcgi_temp_path work;
			uwsgi_temp_path work; scgi_temp_path work;
			upstream callee { server 127.0.0.1:$port max_fails=0; keepalive 50; }
			server {
				listen 127.0.0.1:$((port + 1));
				location / {
					proxy_pass http://callee;
					proxy_http_version 1.1;
					proxy_set_header Connection "";
				}
			}
		}
	END
	wait_until port_open $port || bail "callee-$1 does not start: $(tail -n 3 "$TMP/callee-$1.log")"
	service_start "front-$1" nginx -p "$TMP" -c "front-$1.conf"
	wait_until port_open $((port + 1)) || bail "front-$1 does not start"
	PREFIX=x$$- service_start "client-$1" /usr/bin/python3 -B "$FAULTS/services/client.py" "http://127.0.0.1:$((port + 1))/" "$3" \
		"$TMP/client-$1.requests"
}

break_all() {
	tell callee-slow delay_ms=300
	at_exit kill -CONT "$(supervised_pid callee-frozen)"
	kill -STOP "$(supervised_pid callee-frozen)"
	supervise_end callee-gone
	tell callee-crash crash_ms=150
	kill -TERM "$(supervised_pid callee-crash)"
	tell callee-oom leak_kb=2000
	limit callee-oom memory 48M
	tell callee-quota burn_ms=5
	limit callee-quota cpu 0.1
}

# --- what the daemon says

# Lines "ALERT SERVICE SEVERITY", of what fires for the services of this test.
firing() {
	http_get /api/v1/alerts "$TMP/alerts" || return
	jq -r --arg prefix "$PREFIX" '.alerts[] |
		select(.state == "firing" and (.labels.service // "" | startswith($prefix))) |
		"\(.rule) \(.labels.service | ltrimstr($prefix) | rtrimstr(".service")) \(.severity)"' "$TMP/alerts" | sort -u
}

fires() { # PATTERN
	firing | grep -qxE "$1"
}

pages() {
	firing | grep ' page$'
}

# Pages about others than those that are broken.
pages_wrong() {
	pages_groundless | grep -vE " (front|callee)-($(IFS='|' && echo "${faults[*]}")), "
}

# Pages whose client does not suffer, by its own account of the last seconds and of those before: others on this machine may disturb.
pages_groundless() {
	local page service recent
	recent=$(calc "$EPOCHREALTIME - 8")
	while read -r page service _; do
		if between 8 1000 "$(calc "$recent - $began")" &&
			client_suffers "$(client_says "client-${service#*-}" "$began" "$recent")" \
				"$(client_says "client-${service#*-}" "$recent" "$EPOCHREALTIME")"; then
			echo "# $page of $service, whose client suffers" >&2
		else
			echo "$page of $service, "
		fi
	done < <(pages)
}

# The client's own count since the moment: does it suffer, by errors or by time?
suffers() { # NAME FROM
	local requests errors p50
	read -r requests errors p50 _ < <(client_says "client-$1" "$2" "$EPOCHREALTIME")
	((requests && (errors * 20 > requests || ${p50%.*} >= 100))) ||
		# it has waited since then, for a while
		[[ $requests == 0 ]] && between 5 1000 "$(calc "$EPOCHREALTIME - $2")"
}

# --- all is well

{
	echo "rules:"
	rules_scaled 5 50 | sed '1,/^rules:/d'
} >"$CONFIG"
number=0
for name in "${faults[@]}"; do
	system_start "$name" $((number++)) 25:1
done
system_start well $number 8:4,60:2
start_seismo --interval 500ms
began=$EPOCHREALTIME
paged=
for ((second = 0; second < healthy_seconds; second++)); do
	sleep 1
	paged+=$(pages_groundless)
done
is "" "$paged" "$healthy_seconds s of healthy work, some of it in bursts: nobody is paged"

# --- six things break at once

broken=$EPOCHREALTIME
break_all
for name in "${faults[@]}"; do
	ok "the client of $name suffers, by its own account" wait_until suffers "$name" "$broken"
done

# Each is a page, by which of these rules, and the cause that is told beside it.
while read -r name page cause; do
	ok "$name: somebody is paged" wait_until fires "($page) (front|callee)-$name page"
	ok "$name: the cause is told" wait_until fires "($cause) (front|callee)-$name .*"
done <<-END
	slow HighLatency SlowDependency|HighLatency
	frozen FrozenService|NoAnswer StoppedTasks|FrozenService
	gone HighErrorRatio ConnectFailures
	crash HighErrorRatio|RequestsDropped CrashLoop
	oom HighErrorRatio|RequestsDropped OomKill
	quota HighLatency|NoAnswer|RequestsPileUp CpuQuota
END
is "" "$(pages_wrong)" "nobody is paged for what is not broken"
firing | comment
stop_seismo
