#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `seismo diagnose`: requests that wait for a lock, and the thread that holds it.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

need python3 jq

sock=$TMP/state/api.sock server=locked-$$

# Each request needs a lock, which a thread holds for 60 ms at a time once it is told to. It says its number.
cat >"$TMP/bin/$server" <<'END'
import os, socketserver, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder, lock = sys.argv[1], threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        with lock:
            pass
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def hold():
    with open(folder + "/holder", "w") as f:
        f.write(str(threading.get_native_id()))
    while True:
        if os.path.exists(folder + "/hold"):
            with lock:
                time.sleep(0.06)
        time.sleep(0.002)


threading.Thread(target=hold, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(folder + "/port", "w") as f:
    f.write(str(server.server_address[1]))
server.serve_forever()
END
cat >"$TMP/bin/asker-$$" <<'END'
import http.client, sys, time

connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
while True:
    connection.request("GET", "/")
    connection.getresponse().read()
    time.sleep(0.02)
END

diagnose() { # FILE OPTION...
	"$SEISMO" diagnose --socket "$sock" --since 20s --service "$server" "${@:2}" >"$1" 2>"$1.err"
}

holder() {
	diagnose "$TMP/doc" --format json
	json_is '[.causes[] | select(.cause == "locks" and .holder)][0].holder' "$TMP/doc" >"$TMP/said"
}

# Where everybody waits for a CPU, that is what is wrong: these do not.
background nice -n -20 python3 -B "$TMP/bin/$server" "$TMP"
server_pid=$!
wait_until test -s "$TMP/port" -a -s "$TMP/holder" || bail "no server"
background nice -n -20 python3 -B "$TMP/bin/asker-$$" "$(<"$TMP/port")"
# shellcheck disable=SC2119 # without options
start_seismo
read -rt 12 -u "$silence"
is_fine() {
	diagnose "$TMP/fine" --format json
	[[ $(jq -c .causes "$TMP/fine") == "[]" ]]
}
wait_until is_fine # others may be in its way at any moment
is "[]" "$(jq -c .causes "$TMP/fine")" "no lock is waited for: nothing is wrong"

touch "$TMP/hold"
wait_until holder || { jq -c ".causes[] | {cause, text, time, do, holder}" "$TMP/doc"; jq -c ".symptoms[].text" "$TMP/doc"; http_get /metrics "$TMP/m"; grep -E "$server.*(wait|request)" "$TMP/m" ; grep -E "(lock|run_queue_wait_seconds_sum|request_duration_seconds_sum|blocked).*$server" "$TMP/m"; } | comment
is "$server_pid $(<"$TMP/holder")" "$(jq -r '"\(.pid) \(.tid)"' "$TMP/said")" "the thread that holds the lock is named"
ok "it has ended most of the waits" json_is '.ratio > 0.5' "$TMP/said"
is futex "$(jq -r .wait "$TMP/said")" "they wait in futex"
text_says() {
	diagnose "$TMP/text"
	grep -qE "^DO     1\. see what thread .*\[$(<"$TMP/holder")\] does" "$TMP/text"
}
ok "so says the text" wait_until text_says || comment <"$TMP/text"
is "" "$(awk 'length > 120' "$TMP/text")" "no line is longer than 120 columns"
