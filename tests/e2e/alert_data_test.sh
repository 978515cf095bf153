#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The folder for what outlives the daemon, on a disk that is full, and on one that hangs: alerts are told all the same, and at once.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"
# shellcheck source=tests/e2e/alerts.sh
. "$(dirname "$0")/alerts.sh"
need mkfs.ext4 mount python3

hook=$(free_port) received=$TMP/received
receiver_start "$hook" "$received"
mkdir "$TMP/data"
alert_config "webhooks: [ { url: http://127.0.0.1:$hook/hook } ]"

# --- full

mount -t tmpfs -o size=64k none "$TMP/data" || skip "cannot mount"
at_exit umount "$TMP/data"
start_seismo --probes process
head -c 100000 /dev/zero >"$TMP/data/fills" 2>/dev/null
alert_begin
ok "disk full: an alert is told" wait_until received_is firing "$received"
ok "and why it would be lost with the daemon" wait_until grep -q "cannot write $TMP/data/notifications;.*: No space left on device" "$TMP/seismo.err"
alert_end
ok "its end is told, too" wait_until received_is "firing resolved" "$received"
is 1 "$(said "cannot write $TMP/data/notifications")" "the disk is complained of once"
rm "$TMP/data/fills"
alert_begin
ok "there is room again, which is said" wait_until grep -q "$TMP/data/notifications can be written again" "$TMP/seismo.err"
wait_until received_is "firing resolved firing" "$received"
alert_end
wait_until received_is "firing resolved firing resolved" "$received"
stop_seismo

# --- hanging

slow_disk 64
mkfs.ext4 -q "$loop" || bail "no ext4"
umount "$TMP/data"
mount "$loop" "$TMP/data" || skip "cannot mount"
at_exit umount "$TMP/data"
: >"$received"
start_seismo --probes process
sync -f "$TMP/data"
speed stall=1
at_exit speed stall=0
begun=$(date +%s%3N)
alert_begin
ok "disk hangs: an alert is told" wait_until received_is firing "$received"
took=$(($(date +%s%3N) - begun))
is 1 "$((took < 12000))" "soon ($took ms)"
ok "the daemon answers" http_get /-/healthy "$TMP/healthy"
alert_end
ok "its end is told, too" wait_until received_is "firing resolved" "$received"
speed stall=0
ok "what was to be written is written then" wait_until grep -q '"firing":false' "$TMP/data/notifications"
stop_seismo
