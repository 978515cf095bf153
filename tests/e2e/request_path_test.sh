#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A callee that is frozen, and a path that drops what is sent on it: nothing ends, so that only what is under way tells.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/request.sh
. "$(dirname "$0")/request.sh"
# shellcheck source=tests/e2e/waiting.sh
. "$(dirname "$0")/waiting.sh"

need nft

ask_background() { # NAME OPTION...
	[[ -e $TMP/bin/$1 ]] || workload reqserver "$1" >/dev/null
	background "$TMP/bin/$1" client 127.0.0.1 "$port" "${@:2}" >"$TMP/$1" 2>&1
}

reqserver_start path 127.0.0.1
server_pid=$!
start_seismo --probes request,tcp

# --- frozen

while read -r mount; do
	cgroup=$mount/w-frozen-$$
	cgroup_make "$cgroup"
	if [[ ! -e $cgroup/freezer.state && ! -e $cgroup/cgroup.freeze ]]; then
		skip_one "frozen in $mount" "no freezer there"
		continue
	fi
	echo "$server_pid" >"$cgroup/cgroup.procs"
	at_exit freeze "$cgroup" no
	freeze "$cgroup" yes
	mark
	began=${EPOCHREALTIME/./}
	ask_background r-cold-$$ connections=3
	are_waiting 3 0.3 "the callee is frozen" r-cold-$$ direction=outbound protocol=http
	freeze "$cgroup" no
	wait "$!"
	is_counted r-cold-$$ "the callee goes on" "outbound http 200 3"
	is_unanswered r-cold-$$ "the callee goes on"
	none_waits "the callee goes on" r-cold-$$
	ok "they took as long as it was frozen" \
		between 1.5 "$(calc "3 * (${EPOCHREALTIME/./} - $began) / 1e6")" "$(grown seismo_request_duration_seconds_sum service=r-cold-$$)"
	echo "$server_pid" >"$mount/cgroup.procs"
done < <(freezers)

# --- a path that drops

dropped() {
	nft -j list counter inet path-$$ dropped | jq '.nftables[] | select(.counter) | .counter.packets'
}

has_dropped() {
	(($(dropped)))
}

answered() {
	scrape
	(($(grown seismo_requests_total service=r-open-$$) == 2))
}

mark
ask_background r-open-$$ connections=2 requests=2 idle=3000 giveup=4000
client_pid=$!
wait_until answered
began=${EPOCHREALTIME/./}
nft -f - <<END || bail "nft failed"
table inet path-$$ {
	counter dropped { }
	chain out { type filter hook output priority 0; tcp dport $port counter name dropped drop; }
}
END
wait_until has_dropped
are_waiting 2 0.3 "what is sent is dropped" r-open-$$ direction=outbound protocol=http
began=${EPOCHREALTIME/./} clients=()
for ((i = 0; i < 4; i++)); do
	ask_background r-new-$$
	clients+=($!)
done
is_metric 4 "connects whose SYN is dropped" seismo_tcp_connects_in_flight service=r-new-$$
ok "as old as they are" between 0 "$(calc "(${EPOCHREALTIME/./} - $began) / 1e6")" \
	"$(value seismo_tcp_connect_oldest_seconds service=r-new-$$)"
is "" "$(grep '^seismo_requests_total' "$METRICS" | grep "r-new-$$")" "they have sent no request"
wait "$client_pid"
is_unanswered r-open-$$ "the client gives up" "outbound http client_closed 2"
none_waits "the client gives up" r-open-$$
ok "segments were sent again" between 2 1000 \
	"$(calc "$(grown seismo_tcp_retransmits_total service=r-open-$$) + $(value_or_0 seismo_tcp_retransmits_total service=r-new-$$)")"
nft delete table inet path-$$
wait_until is_value 0 seismo_tcp_connects_in_flight service=r-new-$$
wait "${clients[@]}"
is_counted r-new-$$ "the path is there again" "outbound http 200 4"
is 0 "$(value seismo_tcp_connect_oldest_seconds service=r-new-$$)" "no connect waits any more"
stop_seismo
