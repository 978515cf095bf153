#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The file of the event log, when things go wrong: rotation under load, a disk that is full, kill -9, a line that is torn.
# shellcheck disable=SC2016 # of jq
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/events.sh
. "$(dirname "$0")/events.sh"
need mkfs.ext4 losetup

program=$(workload process "w-load-$$")
n=$((500 / scale))

exits() {
	events_count '.kind == "process_exit" and .code == 3' --service "w-load-$$"
}

# --- rotation under load, while somebody follows

mkdir "$TMP/log"
EVENTS=$TMP/log/events.jsonl
echo "events: { file: $EVENTS, max_size: 64KiB, keep: 1000, journald: off }" >"$CONFIG"
start_seismo --probes process
"$SEISMO" events --file "$EVENTS" --follow --kind process_exit --service "w-load-$$" --format json >"$TMP/followed" &
at_exit end_process $!
for _ in 1 2; do
	"$program" end "error:$n" >"$TMP/ended" &
done
wait -n
wait -n
# Sets told. The kernel has room for some 500 until a busy machine lets the daemon read them.
all_told() {
	told=$(exits)
	exits_told_all $((2 * n)) "w-load-$$" && [[ $(exits) == "$told" ]]
}
wait_until all_told
ok "every process is there, over many files, or was lost ($told of $((2 * n)))" exits_told_all $((2 * n)) "w-load-$$"
mapfile -t files < <(events_files)
ok "there are ${#files[@]} files" test "${#files[@]}" -gt 5
# by the reader: others on this machine may have it rotated at any moment
is "" "$(events | seq_faults)" "no number is missing over all files"
is "" "$(find "$TMP/log" -size +64k)" "none is too large"
wait_until grep -c . "$TMP/followed"
followed() { [[ $(jq -c 'select(.code == 3)' "$TMP/followed" | wc -l) == "$told" ]]; }
wait_until followed
is "$told" "$(jq -c 'select(.code == 3) | .seq' "$TMP/followed" | sort -u | wc -l)" "a follower has got each of them"
is "$(jq .seq "$TMP/followed")" "$(jq .seq "$TMP/followed" | sort -n -u)" "once, in order"

# --- kill -9, and a line that is torn

kill -KILL "$seismo_pid"
wait "$seismo_pid" 2>/dev/null
last=$(events | tail -n 1 | jq .seq)
printf '{"seq":%d,"time":"2026-01-' $((last + 1)) >>"$EVENTS"
start_seismo --probes process
"$program" end error:10 >"$TMP/ended"
is_events $((told + 10)) "after kill -9 it goes on" '.kind == "process_exit" and .code == 3' --service "w-load-$$"
gaps='.kind == "lost" and (.where | IN("torn", "restart"))' # and not what others on this machine lose
is "torn restart" "$(events | jq -r "select($gaps) | .where" | xargs)" "the gap is told, and the line that was torn"
is "$((last + 2)) $((last + 3))" "$(events | jq -r "select($gaps) | .seq" | xargs)" "with the numbers that follow"
stop_seismo
grep -q "lines of .* are no events" <("$SEISMO" events --file "$EVENTS" 2>&1 >/dev/null)
is 0 $? "whoever reads it is told of the line that is none"
start_seismo --probes process
is_events 2 "after an end that was in order there is no gap" "$gaps"
stop_seismo

# --- a disk that is full

truncate -s 64M "$TMP/disk" # room for this test's events, and three times as many of others on this machine
mkfs.ext4 -q -m 0 -O ^has_journal "$TMP/disk"
mkdir "$TMP/full"
loop=$(losetup --find --show "$TMP/disk") || skip "no loop device"
at_exit losetup --detach "$loop"
mount "$loop" "$TMP/full" || skip "cannot mount ext4"
at_exit umount -l "$TMP/full"
EVENTS=$TMP/full/events.jsonl
echo "events: { file: $EVENTS, journald: off }" >"$CONFIG"
start_seismo --probes process
"$program" end error:10 >"$TMP/ended"
is_events 10 "the disk has room" '.kind == "process_exit" and .code == 3' --service "w-load-$$"
dd if=/dev/zero of="$TMP/full/ballast" bs=64k 2>/dev/null
m=$((9000 / scale)) # more than what is kept until there is room again
for _ in 1 2; do
	"$program" end "error:$m" >"$TMP/ended" &
done
wait -n
wait -n
ok "a full disk is told" wait_until grep -q "cannot write the event log" "$TMP/seismo.err"
loses() {
	scrape
	(($(value_or_0 seismo_events_lost_total buffer=log) > 0))
}
wait_until loses
ok "and the daemon goes on" test "$(value seismo_process_exits_total "service=w-load-$$" reason=error)" -ge $((2 * m))
rm "$TMP/full/ballast"
wait_until grep -q "can be written again" "$TMP/seismo.err"
ok "so is that there is room again" grep -q "can be written again" "$TMP/seismo.err"
is "1 1" "$(grep -c "cannot write the event log" "$TMP/seismo.err") $(grep -c "can be written again" "$TMP/seismo.err")" "once each"
wait_until exits_told_all $((2 * m + 10)) "w-load-$$"
ok "every process is told, or counted as lost ($(exits_told "w-load-$$") of $((2 * m + 10)))" exits_told_all $((2 * m + 10)) "w-load-$$"
wait_until lost_agrees
is "$logged" "$counted" "what the log says to be lost is what the metric counts"
ok "some were lost" test "$(events_count '.kind == "lost" and .where == "queue"')" -ge 1
is "" "$(seq_faults "$EVENTS")" "no number is missing"
is 0 "$(jq -rR 'fromjson? // "no event" | select(. == "no event")' "$EVENTS" | wc -l)" "no line is torn"
stop_seismo
