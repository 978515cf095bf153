#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo attach --slow: each call, I/O and request above it is told as it happens, with what it was about and whom it waited for.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/attach.sh
. "$(dirname "$0")/attach.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
need jq fio

told=$TMP/told.json

# How many of the lines fit the filter of jq.
lines() { # FILTER
	jq -s "[.[] | select(.what != null) | select($1)] | length" "$told"
}

# shellcheck disable=SC2119 # without options
start_seismo

# --- I/O, of which the families tell nobody else: it takes less than what they call slow

slow_disk 64
speed read_us=12000
ios=20
attach --slow 10ms --format json --output "$told" -- fio --name=x --filename="$loop" --rw=randread --bs=4k --ioengine=psync \
	--direct=1 --number_ios=$ios --size=32m --thread --output-format=json --output="$TMP/fio.json" >/dev/null
is "$ios" "$(jq '.jobs[0].read.total_ios' "$TMP/fio.json")" "fio has made its reads"
read_of_fio='.what == "io" and .operation == "read" and .size_bytes == 4096 and .device == "'$device'"'
is "$ios" "$(lines "$read_of_fio")" "each read of the disk is told, with its device and its size"
is "$ios" "$(lines "$read_of_fio and .command == \"fio\" and .tid != .pid and .sector % 8 == 0")" "... its thread and its place"
is "$ios" "$(lines "$read_of_fio and .duration_seconds >= 0.012 and .device_seconds >= 0.012 and .device_seconds <= .duration_seconds")" \
	"... and how long it took, in the device"
# On a busy machine some have waited longer for a CPU before they slept, or slept for the rest of the time only.
is "$ios" "$(lines '.call == "pread64" and .duration_seconds >= 0.012 and
	((.waits_for == "disk" and .waker.kind != "thread") or (.waits_for == "cpu" and .wait_seconds < .off_cpu_seconds))')" \
	"and each call that waited for it"
ok "most for as long as it took" between $((ios / 2)) $ios "$(lines '.call == "pread64" and .waits_for == "disk" and .wait_seconds >= 0.01')"
is 0 "$(lines '.waker.kind == "interrupt" and (.waker.command != null or .waker.pid != null)')" "an interrupt is nobody"
is 0 "$(lines '.duration_seconds < 0.01')" "nothing is told that took less"
is "$ios" "$(jq -s "map(select($read_of_fio) | .time) | unique | length" "$told")" "each at its own time"
is 0 "$(jq -s '.[-1].lost.events_total' "$told")" "nothing is lost"

if stamps_delay; then
	attach --slow 10ms --format json --output "$told" -- fio --name=x --filename="$loop" --rw=randread --bs=4k --direct=1 \
		--number_ios=$ios --size=32m --output=/dev/null
	is "$ios" "$(lines "$read_of_fio and .command == \"fio\" and .tid != null")" \
		"who submits an I/O is its thread, also where the kernel's own stamp is late"
	stamps_in_time
else
	skip_one "late stamps" "nothing can be attached to the submission"
fi

attach --slow 10ms --output "$TMP/text" -- fio --name=x --filename="$loop" --rw=randread --bs=4k --direct=1 --number_ios=3 \
	--size=32m --output=/dev/null
is 3 "$(grep -cE "^[0-9:.]+ fio\[[0-9]+\] I/O $device read 4.0 KiB at sector [0-9]+ [0-9]+ ms, of it [0-9]+ ms in the device" "$TMP/text")" \
	"as text: who, what, where, how long" || comment <"$TMP/text"

# --- locks

attach --slow 20ms --format json --output "$told" -- "$BUILD/workload/waits" lock "$scale" >"$TMP/waits"
holder=$(awk '$1 == "holder" { print $2 }' "$TMP/waits")
ok "a lock: who holds it ends the wait" test "$(lines ".call == \"futex\" and .waits_for == \"lock\" and .waker.tid == $holder")" -gt 3

# --- requests

if ! command -v redis-server redis-cli >/dev/null; then
	skip_one "requests" "no Redis"
else
	own_copy redis-server
	port=$(free_port)
	server_start "$port" "redis-server-$$" --port "$port" --save ''
	server=$server_pid
	mark
	attach_to --slow 50ms --format json --output "$told" "$server"
	busy='local s = redis.call("TIME") repeat local n = redis.call("TIME") until (n[1] - s[1]) * 1000000 + n[2] - s[2] > 60000'
	for ((i = 0; i < 4; i++)); do redis-cli -p "$port" eval "$busy" 0 >/dev/null; done
	detach
	scrape
	is_but_lost 4 "$(lines '.what == "request" and .direction == "inbound" and .protocol == "redis" and (.remote | startswith("127.0.0.1:")) and
		.local_port == '"$port"' and .duration_seconds >= 0.06 and .pid == '$server)" "each slow request is told, with its client" \
		seismo_requests_total

	# On a busy machine it may wait for a CPU between its question and its look for the answer, or longer for that than for it.
	waits() {
		attach --slow 50ms --format json --output "$told" -- redis-cli -p "$port" eval "$busy" 0 >/dev/null
		[[ $(lines "$read_of_cli") == 1 ]]
	}
	read_of_cli='(.call // "" | test("^(read|recvfrom)$")) and .waits_for == "network" and .peer == "127.0.0.1:'"$port"'"'
	wait_until waits
	is 1 "$(lines '.what == "request" and .direction == "outbound" and .remote == "127.0.0.1:'"$port"'" and .duration_seconds >= 0.06')" \
		"and one that is made, with its server"
	is 1 "$(lines "$read_of_cli")" "and the call that waited for it"
fi
