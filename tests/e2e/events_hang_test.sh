#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The disk of the event log hangs: nothing else waits for it, what finds no room is counted, and it is said once.
# alone: it starts 18,000 processes, and those that are quiet want others to be
# shellcheck disable=SC2016 # of jq

# A copy of the mount in a namespace that somebody makes meanwhile would keep the disk in use.
[[ ${MOUNTS_OF_ITS_OWN-} ]] || MOUNTS_OF_ITS_OWN=1 exec unshare --mount "$0"
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"
# shellcheck source=tests/e2e/events.sh
. "$(dirname "$0")/events.sh"
need mkfs.ext4 mount

slow_disk 64
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$loop" || bail "no ext4"
mkdir "$TMP/mnt"
# each write waits for the disk
mount -o sync "$loop" "$TMP/mnt" || bail "cannot mount $loop"
at_exit wait_until umount "$TMP/mnt"
at_exit speed stall=0
EVENTS=$TMP/mnt/events.jsonl
echo "events: { file: $EVENTS, journald: off }" >"$CONFIG"
program=$(workload process "w-load-$$")
start_seismo --probes process

"$program" end error:10 >"$TMP/ended"
is_events 10 "the disk answers" '.kind == "process_exit" and .code == 3' --service "w-load-$$"

speed stall=1
m=$((9000 / scale)) # more than what is kept until it answers
for _ in 1 2; do
	"$program" end "error:$m" >"$TMP/ended" &
done
slowest=0
while [[ $(jobs -rp | wc -l) -gt 2 ]]; do # slowfuse and the daemon
	began=${EPOCHREALTIME/./}
	scrape
	took=$((${EPOCHREALTIME/./} - began))
	((took <= slowest)) || slowest=$took
done
is_metric $((2 * m + 10)) "all that happens meanwhile is counted" seismo_process_exits_total "service=w-load-$$" reason=error
ok "scrapes do not wait (the longest took $((slowest / 1000)) ms)" test "$slowest" -lt 3000000
ok "it is told that the disk does not answer" wait_until grep -q "disk of the event log has not answered" "$TMP/seismo.err"
scrape
ok "what found no room is counted" test "$(value_or_0 seismo_events_lost_total buffer=log kind=process_exit)" -ge 1

speed stall=0
ok "and that it does again" wait_until grep -q "can be written again" "$TMP/seismo.err"
is "1 1" "$(said "has not answered") $(said "can be written again")" "once each"
wait_until exits_told_all $((2 * m + 10)) "w-load-$$"
ok "every process is told, or counted as lost ($(exits_told "w-load-$$") of $((2 * m + 10)))" exits_told_all $((2 * m + 10)) "w-load-$$"
wait_until lost_agrees
is "$logged" "$counted" "what the log says to be lost is what the metric counts"
is "" "$(seq_faults "$EVENTS")" "no number is missing"
stop_seismo

# --- it hangs at the end

# The kernel lets go of what is left of the process when the disk answers.
daemon_left() {
	grep -q '^State:.Z' "/proc/$seismo_pid/status"
}

start_seismo --probes process
speed stall=1
"$program" end error:10 >"$TMP/ended"
began=$SECONDS
kill -TERM "$seismo_pid"
wait_until daemon_left
ok "a daemon that is ended does not wait for ever ($((SECONDS - began)) s)" daemon_left
speed stall=0
wait "$seismo_pid"
