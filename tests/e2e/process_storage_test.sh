#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Nothing is lost of processes to which the kernel gives no storage, as on CPUs where somebody who looks into it is preempted.
# alone: it loads the machine
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

looks_or_ended() {
	[[ -s $TMP/looks ]] || ! is_child "$looks"
}

n=$((100 / scale))
start_seismo --probes process

program=$(workload storage "w-look-$$")
background "$program" tasks >"$TMP/looks"
looks=$!
wait_until looks_or_ended
is_child "$looks" || skip "this kernel has no task storage"

program=$(workload process "w-storage-$$")
parents=()
for _ in 1 2 3 4; do
	"$program" end "ok:$((10 * n))" "error:$((10 * n))" >/dev/null &
	parents+=($!)
done
wait "${parents[@]}"
end_process "$looks" 2>/dev/null

is_metric $((80 * n + 4)) "starts" seismo_process_starts_total "service=w-storage-$$"
is_metric $((40 * n + 4)) "exits with 0" seismo_process_exits_total "service=w-storage-$$" reason=ok
is_metric $((40 * n)) "exits with an error" seismo_process_exits_total "service=w-storage-$$" reason=error
is_metric $((80 * n + 4)) "lives" seismo_process_lifetime_seconds_count "service=w-storage-$$"
is_metric 0 "none is left" seismo_processes "service=w-storage-$$"
is_metric 0 "no task had no service" seismo_service_events_lost_total service=other probe=core
stop_seismo
