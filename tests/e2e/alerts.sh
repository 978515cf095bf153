# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# An alert that a test begins and ends as it likes, and those who are told of it: real Alertmanagers, and a server that notes
# what it is sent. After lib.sh and servers.sh.

subject=w-alert-$$ # the service of the alert

# Writes the configuration: the rule, which fires as long as the program runs, and these lines.
alert_config() { # LINES
	cat >"$CONFIG" <<-END
		data_dir: $TMP/data
		builtin_rules: off
		short_commands: name
		buckets: fine
		limits: { series: $series_max }
		events: { file: off }
		alert_resend: 3s
		external_url: http://seismo.test/
		alert_labels: { datacenter: test }
		rules:
		  - alert: TooMany
		    metric: seismo_processes
		    where: { service: $subject }
		    by: [service]
		    value: last
		    above: 0.5
		    window: 1s
		    severity: page
		    labels: { team: storage }
		    summary: "{{service}} has {{value}} processes"
		    annotations: { note: "{{service}} is at it" }
		    runbook_url: http://runbooks/TooMany
		$1
	END
}

alert_begin() {
	[[ -x $TMP/bin/$subject ]] || cp "$(command -v sleep)" "$TMP/bin/$subject"
	"$subject" 1000 &
	subject_pid=$!
	at_exit end_process $subject_pid
}

alert_end() {
	end_process "$subject_pid" 2>/dev/null
}

# --- a server that notes what is posted, a line of JSON for each message; the path says what is answered

receiver_start() { # PORT FILE
	cat >"$TMP/receiver.py" <<-'END'
		import http.server, json, sys, time

		class Handler(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"

		    def do_POST(self):
		        body = self.rfile.read(int(self.headers["Content-Length"]))
		        with open(sys.argv[2], "a") as out:
		            out.write(json.dumps({"path": self.path, "body": json.loads(body)}) + "\n")
		        status = {"/fails": 500, "/refuses": 400, "/moved": 302}.get(self.path, 200)
		        answer = b"x" * 10000000 if self.path == "/endless" else b"because\n"
		        if self.path == "/slow":
		            time.sleep(30)
		        self.send_response(status)
		        if status == 302:
		            self.send_header("Location", "/elsewhere")
		        self.send_header("Content-Length", str(len(answer)))
		        self.end_headers()
		        self.wfile.write(answer)

		    def log_message(self, *args):
		        pass

		http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
	END
	: >>"$2"
	server_start "$1" python3 "$TMP/receiver.py" "$1" "$2"
}

# What it was sent: "firing" and "resolved", in order.
received() { # FILE [PATH]
	jq -r --arg path "${2:-/hook}" 'select(.path == $path) | .body.status' "$1" | paste -sd' '
}

received_is() { # EXPECTED FILE [PATH]
	[[ $(received "${@:2}") == "$1" ]]
}

# What it has been sent so far, and perhaps more: what does not last is not missed.
received_begins() { # EXPECTED FILE [PATH]
	[[ $(received "${@:2}") == "$1"* ]]
}

# --- Alertmanager, which tells the receiver above at once and never again of the same

alertmanager_start() { # PORT RECEIVER-PORT FOLDER
	mkdir -p "$3"
	cat >"$3/alertmanager.yml" <<-END
		route: { receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h }
		receivers: [ { name: hook, webhook_configs: [ { url: "http://127.0.0.1:$2/$(basename "$3")" } ] } ]
	END
	server_start "$1" prometheus-alertmanager --config.file="$3/alertmanager.yml" --storage.path="$3/data" \
		--web.listen-address="127.0.0.1:$1" --cluster.listen-address= --log.level=debug
	wait_until curl -sf -o /dev/null "http://127.0.0.1:$1/-/ready" || bail "no Alertmanager"
}

# The alerts that are active there, as JSON.
active() { # PORT
	curl -sS --max-time 60 "http://127.0.0.1:$1/api/v2/alerts?active=true"
}

active_is() { # COUNT PORT
	[[ $(active "$2" | jq length) == "$1" ]]
}

of_active() { # PORT JQ-PATH
	active "$1" | jq -r ".[0]$2"
}
