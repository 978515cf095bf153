#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The endpoint under attack, with TLS and without: 1,000 idle connections, handshakes and headers that never end, headers of 1 MiB, bodies,
# handshakes without end, renegotiation, 20 scrapers. Others are served in time, and what it costs has a bound.
# alone: it measures times
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need curl openssl pgrep python3
api=$TMP/state/api.sock port=9471
attack_pid=

attack() { # MODE ACTION
	: >"$TMP/attack.out"
	python3 "$ROOT/tests/e2e/attack.py" "$1" $port "$TMP/server.crt" "$2" >"$TMP/attack.out" 2>"$TMP/attack.err" &
	attack_pid=$!
	at_exit end_process "$attack_pid"
	wait_until grep -q attacking "$TMP/attack.out" || bail "no attack: $(tail -n 1 "$TMP/attack.err")"
}

attack_end() {
	end_process "$attack_pid" 2>/dev/null
}

# Sets healthy and scrape, in ms; with limits, again where others were at work on this machine meanwhile.
measure_within() { # MODE HEALTHY SCRAPE
	for _ in {1..5}; do
		measure "$1"
		((healthy > $2 || scrape > $3)) || break
	done
}

measure() { # MODE
	read -r healthy scrape < <(python3 "$ROOT/tests/e2e/attack.py" "$1" $port "$TMP/server.crt" measure 2>"$TMP/measure.err") ||
		bail "$1: no answer: $(tail -n 1 "$TMP/measure.err")"
}

sockets() {
	find "/proc/$front/fd" -lname 'socket:*' | wc -l
}

# CPU time of the front so far, in hundredths of a second.
cpu_time() {
	awk '{ print $14 + $15 }' "/proc/$front/stat"
}

is_free() { # COUNT
	(($(sockets) <= $1 + 2))
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/server.key" -out "$TMP/server.crt" -days 2 \
	-subj "/CN=localhost" -addext subjectAltName=DNS:localhost 2>/dev/null
cat >"$CONFIG" <<-END
	listen: 127.0.0.1:$port
	web: $TMP/web.yml
	events: { file: off }
END
: >"$TMP/web.yml"
"$SEISMO" run --config "$CONFIG" --state-dir "$TMP/state" --probes process >"$TMP/seismo.out" 2>"$TMP/seismo.err" &
seismo_pid=$!
at_exit end_process "$seismo_pid"
wait_until curl -sf --unix-socket "$api" http://seismo/-/ready || bail "no daemon"

tls_answers() {
	curl -fsS --cacert "$TMP/server.crt" -o /dev/null "https://localhost:$port/-/healthy"
}

front_find() {
	front=$(pgrep -P "$seismo_pid" -x seismo-front)
}
wait_until front_find || bail "no front"
free=$(sockets)
for mode in plain tls; do
	if [[ $mode == tls ]]; then
		echo "tls_server_config: { cert_file: server.crt, key_file: server.key }" >"$TMP/web.yml"
		wait_until tls_answers
	fi
	measure $mode
	quiet=$healthy
	# either end delays an acknowledgement by 40 ms
	ok "$mode: no request waits for an acknowledgement ($quiet ms)" test "$quiet" -lt $((40 * scale))
	start=$(memory_kib VmRSS "$front")
	daemon_start=$(memory_kib VmRSS "$seismo_pid")
	actions=(idle slow headers body scrape)
	[[ $mode == tls ]] && actions+=(half handshakes)
	for action in "${actions[@]}"; do
		attack $mode "$action"
		# a client of TLS computes as well, and here beside those who attack
		most=$(((50 + 3 * quiet) * scale))
		measure_within $mode $most $((1000 * scale))
		ok "$mode, $action: health in 50 ms ($healthy ms, $quiet without)" test "$healthy" -le $most
		ok "$mode, $action: a scrape in a second ($scrape ms)" test "$scrape" -le $((1000 * scale))
		if [[ $action == half ]]; then
			spent=$(cpu_time)
			sleep 2
			spent=$(($(cpu_time) - spent))
			ok "$mode, $action: who waits for the rest keeps no CPU busy ($spent hundredths of two seconds)" test "$spent" -le 60
		fi
		attack_end
	done
	ok "$mode: all connections end" wait_until is_free "$free"
	for pid in "$front" "$seismo_pid"; do
		most=$(memory_kib VmHWM "$pid")
		before=$start
		[[ $pid == "$seismo_pid" ]] && before=$daemon_start
		ok "$mode: memory has a bound ($before KiB before, $most at most)" test "$most" -le $((before + 65536))
	done
	is "$front" "$(pgrep -P "$seismo_pid" -x seismo-front)" "$mode: the front is still the same"
done

# --- renegotiation

asks_again() {
	local pause
	for pause in 1 5 20; do # it may take longer to begin on a busy machine
		(printf 'R\n' && sleep $pause) | timeout 30 openssl s_client -connect 127.0.0.1:$port -tls1_2 >"$TMP/again" 2>&1
		! grep -q RENEGOTIATING "$TMP/again" || break
	done
	! grep -q 'HTTP/1' "$TMP/again" && grep -q RENEGOTIATING "$TMP/again" && [[ $(grep -c 'verify return' "$TMP/again") -le 2 ]]
}
ok "a client does not make the daemon negotiate again" asks_again
ok "others are served" tls_answers
stop_seismo
