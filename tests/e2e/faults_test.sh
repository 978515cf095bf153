#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Three of the faults of tests/faults, one after the other in one world: nothing is wrong, the disk is slow, a callee is slow. The
# clients' own numbers say that they suffer, and `seismo diagnose` says why, and no longer when it is over.
# quiet: it needs what is usual to stay usual
# long: each fault, and what is usual, takes its time
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"
# shellcheck source=tests/faults/world.sh
. "$ROOT/tests/faults/world.sh"
# shellcheck source=tests/faults/live.sh
. "$ROOT/tests/faults/live.sh"

need nginx redis-server pg_ctlcluster /usr/bin/python3

workload_load busy
prepare() { :; }
world_start
daemon_start
begin=$EPOCHREALTIME
pause 20
diagnose "$TMP/before.json" 20
is "" "$(causes "$TMP/before.json")" "nothing is wrong, and nothing is said"
is "" "$(pages)" "nobody is paged"
magnitude=20
for fault in slow-disk slow-callee; do
	[[ $fault == slow-disk ]] || pause 8 # what is over is not looked back at
	fault_load $fault
	fault_judge "$TMP" "$begin"
	# shellcheck disable=SC2154 # set by fault_judge
	comment <<<"$fault: client before $said_before, during $said_during; $verdict"
	ok "$fault: the client suffers" client_suffers "$said_before" "$said_during"
	[[ $state == right ]] || comment <"$TMP/during.txt"
	# shellcheck disable=SC2154
	is right "$state" "$fault: it is named as the cause, and no longer when it is over ($verdict)"
	begin=$EPOCHREALTIME
done
stop_seismo
