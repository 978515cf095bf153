#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The event log tells of requests that a disk fails, and of what was slow: the request, the system call and its file.
# shellcheck disable=SC2016 # of jq
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/block.sh
. "$(dirname "$0")/block.sh"
# shellcheck source=tests/e2e/events.sh
. "$(dirname "$0")/events.sh"
need dd python3 curl

slow_disk 64
own_copy dd curl
cp "$TMP/bin/dd-$$" "$TMP/bin/dd-pipe-$$"
start_seismo --probes block,syscall,process,request

# --- errors

speed err=5
for ((i = 1; i <= 3; i++)); do
	"dd-$$" if="$loop" of=/dev/null bs=4096 count=1 skip="$((i * 100))" iflag=direct 2>/dev/null
	is 1 $? "a read of the bad disk fails"
done
speed err=0
is_events 3 "each is an event" ".kind == \"block_error\" and .device == \"$device\" and .operation == \"read\" and .error == \"EIO\"" \
	--service "dd-$$"
is "800 1600 2400" "$(events --service "dd-$$" --kind block_error | jq -r .sector | xargs)" "with its sector"
is "4096" "$(events --service "dd-$$" --kind block_error | jq -r .size_bytes | sort -u)" "and its size"

# --- what is slow

# Three reads, and the slowest of a window of 1.2 s is told: of each, where one ends amid them, and then they are made again.
attempts=0
slow_reads() {
	slow=dd-slow$((++attempts))-$$
	cp "$TMP/bin/dd-$$" "$TMP/bin/$slow"
	"$slow" if="$loop" of=/dev/null bs=8192 count=3 iflag=direct 2>/dev/null &
	reader=$!
	wait "$reader"
	wait_until slow_told
	sleep $((2 * scale))
	((attempts == 5)) || events_counted 2 true --kind slow --service "$slow"
}
slow_told() {
	! events_counted 0 true --kind slow --service "$slow"
}

speed read_us=$((60000 * scale))
until slow_reads; do :; done
speed read_us=0
is_events 1 "the slowest request" ".kind == \"slow\" and .what == \"io\" and .device == \"$device\" and .operation == \"read\" and .size_bytes == 8192" \
	--service "$slow"
is_events 1 "the slowest call" ".kind == \"slow\" and .what == \"syscall\" and .syscall == \"read\" and .class == \"read\" and .pid == $reader" \
	--service "$slow"
is "dev/$device" "$(events --service "$slow" --kind slow | jq -r 'select(.syscall == "read") | .file' | sed 's|^/|dev/|')" "and its file"
for what in '.what == "io"' '.syscall == "read"'; do
	ok "$what: took as long as the disk" between "$(calc "0.06 * $scale")" "$(calc "0.6 * $scale")" \
		"$(events --service "$slow" --kind slow | jq -r "select($what) | .duration_seconds")"
done
ok "which was the device" between "$(calc "0.06 * $scale")" "$(calc "0.6 * $scale")" \
	"$(events --service "$slow" --kind slow | jq -r 'select(.what == "io") | .device_seconds')"

# --- a request, to the client and to the server

cat >"$TMP/bin/w-server-$$.py" <<'END'
import http.server, sys, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.2)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Slow)
print(server.server_port, flush=True)
server.serve_forever()
END
python3 "$TMP/bin/w-server-$$.py" >"$TMP/server" &
server=$!
at_exit end_process "$server"
wait_until test -s "$TMP/server"
"curl-$$" -s "http://127.0.0.1:$(<"$TMP/server")/"
is_events 1 "the slowest request of a server" ".what == \"request\" and .direction == \"inbound\" and .protocol == \"http\" and .duration_seconds >= 0.2" \
	--service "w-server-$$.py" --kind slow
is_events 1 "and of its client, with the peer" '.what == "request" and .direction == "outbound" and .peer == "w-server-'$$'.py"' \
	--service "curl-$$" --kind slow

# --- what waits for others is not slow

(sleep 0.3; echo x) | "dd-pipe-$$" of=/dev/null bs=1 count=1 2>/dev/null
"$(workload process "w-marker-$$")"
is_events 1 "later" '.kind == "process_exit"' --service "w-marker-$$"
sleep $((2 * scale))
is 0 "$(events_count '.syscall == "read" and .duration_seconds > 0.2' --service "dd-pipe-$$" --kind slow)" "a read of a pipe that waits for its writer is not slow"
stop_seismo
