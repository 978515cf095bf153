#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A storm of processes, some thousand a second: none is missing in the event log.
# alone: it loads the machine
# shellcheck disable=SC2016 # of jq
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/events.sh
. "$(dirname "$0")/events.sh"

n=$((5000 / scale))
start_seismo --probes process
program=$(workload process "w-storm-$$")
began=${EPOCHREALTIME/./}
for _ in 1 2 3; do
	"$program" end "ok:$n" "error:$n" >/dev/null &
done
wait -n
wait -n
wait -n
took=$(calc "(${EPOCHREALTIME/./} - $began) / 1e6")
echo "# $((6 * n)) processes in $took s: $(calc "int(6 * $n / $took)") a second"

# How many are told, or are counted where they are not: what is suppressed, what was lost.
told() { # KIND CONDITION
	events | jq -n --arg name "w-storm-$$" --arg kind "$1" "
		reduce inputs as \$e (0; . + (\$e |
			if .kind == \$kind and .service == \$name and ($2) then 1
			elif .kind == \"suppressed\" and .of == \$kind and .service == \$name then .count
			elif .kind == \"lost\" and .what == \$kind then .count
			else 0 end))"
}
told_all() {
	[[ $(told process_exit true) -ge $((6 * n + 3)) ]]
}
wait_until told_all
is $((6 * n + 3)) "$(told process_exit true)" "every end"
is $((6 * n + 3)) "$(told process_start '.by == "fork" or .parent_pid == '$$)" "every start"
scrape
echo "# lost: $(value seismo_events_lost_total buffer=ring) $(value seismo_events_lost_total buffer=log), suppressed: $(events_count true --kind suppressed)"
is 0 "$(value seismo_events_lost_total buffer=ring)" "none is lost between kernel and daemon"
is "" "$(seq_faults "$EVENTS")" "no number is missing"
stop_seismo
