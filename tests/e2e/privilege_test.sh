#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The process that speaks to the network: what it may do, what it has open, and what happens when it, or the daemon, is killed.
# What it tries in vain is in tests/unit/sandbox_test.c.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need curl htpasswd openssl pgrep setpriv strace

front_find() {
	front=$(pgrep -P "$seismo_pid" -x seismo-front)
}

# A field of /proc/PID/status.
field() { # NAME [PID]
	awk -v name="$1:" '$1 == name { $1 = ""; print substr($0, 2) }' "/proc/${2:-$front}/status"
}

trap '' CHLD # as some who start daemons leave it
start_seismo --probes all
trap - CHLD
front_find
ok "the front is a process of its own" test -d "/proc/$front"
for name in CapInh CapPrm CapEff CapBnd CapAmb; do
	is 0000000000000000 "$(field "$name")" "it has no capability: $name"
done
is "2 1" "$(field Seccomp) $(field NoNewPrivs)" "it is under seccomp, and gets no privileges"
user=$(id -u seismo 2>/dev/null || echo 65534)
group=$(id -g seismo 2>/dev/null || echo 65534)
is "$user $user $user $user, $group $group $group $group" "$(field Uid), $(field Gid)" "it is a user of its own"
is "" "$(field Groups)" "with no other groups"
is 1 "$(field Threads)" "it has one thread"
is "" "$(find "/proc/$front/fd" -type l -printf '%l\n' | grep -vE '^(socket:|anon_inode:\[(eventpoll|signalfd|eventfd)\]|pipe:|/dev/null$|/dev/pts/|'"$TMP/seismo.err"')')" \
	"it has nothing open but sockets, and where messages go"
is 0 "$(find "/proc/$front/fd" -type l -printf '%l\n' | grep -c bpf)" "and no table or program of the kernel"
is 1000 "$(<"/proc/$front/oom_score_adj")" "when memory is short it is the first to go"
ok "it can keep few descriptors" between 64 3300 "$(awk '/^Max open files/ { print $5 }' "/proc/$front/limits")"
is "JOURNAL_STREAM=" "$(tr -d '\0' <"/proc/$front/environ")" "nor anything of the daemon's environment"
ok "it costs little memory ($(awk '/^Pss_Anon/ { print $2 }' "/proc/$front/smaps_rollup") KiB of its own)" \
	between 100 6000 "$(awk '/^Pss_Anon/ { print $2 }' "/proc/$front/smaps_rollup")"

# --- the unit

if systemd-analyze --help 2>/dev/null | grep -q -- --offline; then
	ok "systemd finds the unit's exposure to be 2.0 or less" \
		systemd-analyze security --offline=true --threshold=20 --no-pager "$ROOT/tools/deploy/seismo.service"
else
	skip_one "systemd finds the unit's exposure to be 2.0 or less" "no systemd-analyze here that looks at files"
fi

# --- the daemon

kept=$((16#$(field CapEff "$seismo_pid")))
is 0 $((kept & ~((1 << 1 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 19 | 1 << 21 | 1 << 24 | 1 << 34) | 1 << 38 | 1 << 39))) \
	"the daemon has no capability but those that it needs"
is "2 1" "$(field Seccomp "$seismo_pid") $(field NoNewPrivs "$seismo_pid")" "and is under seccomp, and gets no privileges"
is 1 "$(cat "/proc/$seismo_pid/task/"*/status | grep '^CapEff' | sort -u | wc -l)" "so are all of its threads"

# --- it is killed

kills=4 # the pauses before it is started again grow
start_scraping
for ((i = 0; i < kills; i++)); do
	wait_until front_find
	kill -KILL "$front"
	last=$front
	is_another() {
		front_find && [[ $front != "$last" ]]
	}
	front=
	ok "killed while it is scraped, it is started again" wait_until is_another
	ok "and answers" curl -fsS --max-time 60 -o /dev/null "$SEISMO_URL/metrics"
done
stop_scraping 3
ok "which is said" grep -q "the process that serves HTTP has ended (signal 9); it is started again" "$TMP/seismo.err"
is 0 "$(pgrep -c -P "$seismo_pid" -x -r Z seismo-front)" "nothing is left of it"
wait_until front_find
for name in CapInh CapPrm CapEff CapAmb; do
	is 0000000000000000 "$(field "$name")" "nor has it a capability then: $name"
done
# which only execve() gives back, and not to who gets no privileges
is "0 2 1" "$((16#$(field CapBnd) & ~16#$(field CapBnd "$seismo_pid"))) $(field Seccomp) $(field NoNewPrivs)" "nor can it get one that the daemon has not"
ok "the daemon was not disturbed" curl -fsS --unix-socket "$TMP/state/api.sock" -o /dev/null http://x/-/healthy

# --- stopped, it keeps nobody but itself waiting

wait_until front_find
kill -STOP "$front"
ok "while it is stopped the daemon answers root" curl -fsS --max-time 60 --unix-socket "$TMP/state/api.sock" -o /dev/null http://x/metrics
kill -CONT "$front"
ok "and it goes on" curl -fsS --max-time 60 -o /dev/null "$SEISMO_URL/metrics"

# --- flooded

flood() { # keeps requests that take long to answer under way
	curl -sS --parallel --parallel-immediate --parallel-max 50 -o /dev/null "$SEISMO_URL/api/v1/query?metric=seismo_syscalls_total&by=service,syscall&x=[1-100000]" >/dev/null 2>&1
}
background flood
flood_pid=$!
for ((i = 0; i < 3; i++)); do
	ok "the daemon answers root while the front is flooded" \
		curl -fsS --max-time 60 --unix-socket "$TMP/state/api.sock" -o /dev/null http://x/-/healthy
done
end_process "$flood_pid" 2>/dev/null

# --- what it asks for is bounded: no route of the control socket by any spelling

for path in /api/v1/config /api/v1/events /api/v1/processes '/api/v1/%63onfig' '//api/v1/config' '/metrics/../api/v1/config'; do
	ok "$path is refused" test "$(curl -s --path-as-is -o /dev/null -w '%{http_code}' "$SEISMO_URL$path")" -ge 400
done

# --- the daemon is killed

wait_until front_find
kill -KILL "$seismo_pid"
wait "$seismo_pid" 2>/dev/null
gone() {
	[[ ! -e /proc/$front ]]
}
ok "the front ends with the daemon" wait_until gone

# --- with TLS and users it is the same one

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/server.key" -out "$TMP/server.crt" -days 2 \
	-subj "/CN=localhost" -addext subjectAltName=DNS:localhost 2>/dev/null
cat >"$TMP/web.yml" <<-END
	tls_server_config: { cert_file: server.crt, key_file: server.key }
	basic_auth_users: { alice: $(htpasswd -nbBC 5 "" secret | tr -d ':\n') }
END
port=9471
"$SEISMO" run --listen 127.0.0.1:$port --web-config "$TMP/web.yml" --probes none --config "$CONFIG" --state-dir "$TMP/tls" >/dev/null 2>"$TMP/seismo.err" &
seismo_pid=$!
at_exit end_process "$seismo_pid"
WAIT=60 wait_until curl -fsS --unix-socket "$TMP/tls/api.sock" -o /dev/null http://x/-/ready

over_tls() { # PATH
	curl -fsS --max-time 30 --cacert "$TMP/server.crt" -u alice:secret -o /dev/null "https://localhost:$port$1"
}
wait_until front_find
ok "with TLS a user is answered" over_tls /api/v1/config
for name in CapInh CapPrm CapEff CapBnd CapAmb; do
	is 0000000000000000 "$(cat "/proc/$front/task/"*/status | sed -n "s/^$name:\t//p" | sort -u)" "by threads without a capability: $name"
done
is "2 1" "$(cat "/proc/$front/task/"*/status | sed -n 's/^Seccomp:\t//p' | sort -u) $(cat "/proc/$front/task/"*/status |
	sed -n 's/^NoNewPrivs:\t//p' | sort -u)" "under seccomp"
ok "of which there are few" between 2 3 "$(field Threads)"
is "" "$(find "/proc/$front/fd" -type l -printf '%l\n' | grep -E '^/' | grep -vE '^/(dev/null|dev/pts/|memfd:)|'"$TMP/seismo.err")" "no file is open"

# Who connects is the front's alone, from the first byte on: nobody else has the other end.
exec {held}<>/dev/tcp/127.0.0.1/$port
holders() { # the processes that have the server's end of it
	local inode
	inode=$(awk -v port="$(printf ':%04X$' $port)" '$2 ~ port && $4 == "01" { print $10 }' /proc/net/tcp)
	[[ -n $inode && $inode != 0 ]] || return
	find "/proc/$front/fd" "/proc/$seismo_pid/fd" -lname "socket:\[$inode\]" -printf '%h\n' | cut -d/ -f3
}
held_by_front() {
	[[ $(holders) == "$front" ]]
}
ok "the client's connection is the front's, not the daemon's" wait_until held_by_front
exec {held}>&-
last=$front
kill -KILL "$front"
ok "killed, it is started again" wait_until is_another
ok "and has keys and users again" wait_until over_tls /metrics
stop_seismo

"$SEISMO" run --listen none --probes none --config "$CONFIG" --state-dir "$TMP/none" >/dev/null 2>"$TMP/seismo.err" &
seismo_pid=$!
at_exit end_process "$seismo_pid"
wait_until curl -fsS --unix-socket "$TMP/none/api.sock" http://x/-/ready
is "" "$(pgrep -P "$seismo_pid" -x seismo-front)" "who listens to nobody needs no front"
stop_seismo
