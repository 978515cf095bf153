#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `seismo diagnose`: a disk whose speed is known is named as the first cause, with and without a daemon; bad usage; what people and
# scripts get.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"

need fio jq

sock=$TMP/state/api.sock

# Others run on this machine: of what it says only this test's disk and program count. Sets status.
diagnose() { # FILE OPTION...
	"$SEISMO" diagnose --socket "$sock" --format json "${@:2}" >"$1" 2>"$1.err"
	status=$?
}

# The kind of the first cause that is this disk.
disk_cause() { # FILE
	jq -r --arg device "$device" '[.causes[] | select(.subject.device == $device)][0].kind' "$1"
}

shares_add_up() { # FILE
	json_is '[.causes[].time | select(length > 0) | map(.ratio) | add | . > 0.97 and . < 1.03] | all' "$1"
}

is_wrong() { # and of this disk
	diagnose "$TMP/wrong" --since 30s --service "$reader"
	((status == 1)) && [[ $(disk_cause "$TMP/wrong") != null ]]
}

is_fine() { # others may be in its way at any moment
	diagnose "$TMP/fine" --since 30s --service "$reader"
	((status == 0))
}

# --- usage

for arguments in "--since 0s" "--since x" "--duration 0s" "--format xml" "--service" "too much"; do
	# shellcheck disable=SC2086 # words
	"$SEISMO" diagnose --socket "$sock" $arguments >"$TMP/out" 2>"$TMP/err"
	is 2 $? "bad usage: $arguments"
done
ok "--help teaches how to read it" grep -q "CAUSE is where it begins" <("$SEISMO" diagnose --help)

# --- a daemon that knows what is usual

own_copy fio
reader=fio-$$
slow_disk 64
speed read_us=1000
background "$reader" --name=reader --filename="$loop" --direct=1 --rw=randread --bs=4k --rate_iops=60 --ioengine=psync --time_based \
	--runtime=600 --output="$TMP/fio"
# shellcheck disable=SC2119 # without options
start_seismo
read -rt 13 -u "$silence"
wait_until is_fine
is "0 nothing wrong" "$status $(jq -r .verdict "$TMP/fine")" "a disk as usual: nothing is wrong with what uses it"
"$SEISMO" diagnose --socket "$sock" --service "$reader" >"$TMP/text"
ok "so says the text" grep -q "^nothing wrong: " "$TMP/text"

speed read_us=40000
wait_until is_wrong
is "1 wrong" "$status $(jq -r .verdict "$TMP/wrong")" "it is slow: something is wrong"
is hardware "$(disk_cause "$TMP/wrong")" "the disk is the cause, and the hardware" || jq -c .causes "$TMP/wrong" | comment
# shellcheck disable=SC2016 # of jq
ok "who waits for it is the victim" json_is --arg name "$reader" '[.causes[].victims[].service] | index($name)' "$TMP/wrong"
ok "each second is accounted for" shares_add_up "$TMP/wrong"
"$SEISMO" diagnose --socket "$sock" --since 30s --service "$reader" >"$TMP/text"
is 1 $? "the text has the same exit status"
ok "it names the disk, its time now and usually" grep -qE "in $device, usually .* ms" "$TMP/text"
ok "it says what to do" grep -q '^DO     1\. ' "$TMP/text"
is "" "$(awk 'length > 120' "$TMP/text")" "no line is longer than 120 columns"
api() { # PATH
	curl -fsS --unix-socket "$sock" "http://x$1" >"$TMP/route"
}
# The kinds of what is wrong, of either; time goes on between the two.
both_say() {
	diagnose "$TMP/wrong" --since 30s --service "$reader"
	api "/api/v1/diagnosis?since=30&service=$reader"
	[[ $(jq -S '[.causes[].cause]' "$TMP/wrong") == "$(jq -S '[.causes[].cause]' "$TMP/route")" ]]
}
ok "the API says the same" wait_until both_say
api "/api/v1/diagnosis?since=x" 2>/dev/null
is 22 $? "a refusal of what is no time"
stop_seismo

# --- without one

speed read_us=150000
for seconds in 5 10 20; do # a busy machine may have begun to look at the disk when the first ones are over
	diagnose "$TMP/own" --duration ${seconds}s
	[[ $(disk_cause "$TMP/own") == null ]] || break
done
is 1 "$status" "without a daemon it watches, and finds a disk that is slow for any disk"
is hardware "$(disk_cause "$TMP/own")" "the disk is the cause" || jq -c .causes "$TMP/own" | comment
ok "it says that nothing tells what is usual" json_is '.unknown | map(test("what is usual")) | any' "$TMP/own"
is "" "$(<"$TMP/own.err")" "no progress where there is no terminal"
"$SEISMO" diagnose --socket "$sock" --duration 600s >"$TMP/out" 2>"$TMP/err" &
pid=$!
# Until it catches the signal, that is ignored, as in any background of a script.
catches() {
	grep -q '^SigCgt:.*[2367abef]$' "/proc/$pid/status"
}
wait_until catches
read -rt 2 -u "$silence"
kill -INT $pid
wait $pid
ok "interrupted, it says what was seen until then" test -s "$TMP/out"
is "" "$(pgrep -P $pid)" "it leaves nothing running"
