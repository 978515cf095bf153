#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A whole daemon, for FUZZ_SECONDS (3) under random requests to its control socket, and over TLS by who has logged in and who has not,
# while its web configuration is written anew, and wrong; with a minute or more also under the attacks of web_attack_test.sh, one after
# the other. It answers meanwhile, and afterwards its processes are those of before, keep no descriptors, and have not grown.
# SEED chooses the requests, of which the last are shown where it fails.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need curl openssl htpasswd pgrep python3 jq "$ROOT/user/cmd/routes.c"
api=$TMP/state/api.sock port=9471
seconds=${FUZZ_SECONDS:-3} seed=${SEED:-$((seconds < 60 ? 1 : RANDOM))}

# Where the daemon has sanitizers: the one of leaks cannot trace who keeps others from that. Memory is looked at below.
export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0

# --- what requests are made of: every route and parameter that there is, words that mean something, files that are none

routes() {
	sed -n 's|^\t{ "\(/[^"]*\)",.*|\1|p' "$ROOT/user/cmd/routes.c" | sort -u
}

parameters() {
	{
		grep -rhoE '(http_request_query\([a-z]+|number_of\(request|->get\([^,()]*), "[a-z_]+"' "$ROOT"/user/{cmd,expo,top} | cut -d'"' -f2
		sed -n 's/^\t{ "\([a-z]*\)",.*/\1/p' "$ROOT/user/event/filter.c"
	} | sort -u
}

# As the program's own commands and its users ask; SELF is the process that asks, ID what it was told before.
targets() {
	cat <<-END
		/api/v1/attach?pid=SELF&client=SELF&slow=1ms
		/api/v1/attach?pid=SELF&client=SELF&exec=1
		/api/v1/attach?id=ID&after=0
		/api/v1/attach/end?id=ID&after=0
		/api/v1/silences?matchers=service=x&duration=1h&reason=maintenance
		/api/v1/silences?matchers=service=~x.*,alertname=SlowDisk&duration=1s&reason=y
		/api/v1/silences/end?id=ID
		/api/v1/query?metric=seismo_syscall_duration_seconds&window=1m&by=service,syscall&where=service=python3
		/api/v1/query?metric=seismo_cpu_seconds_total&window=24h&ago=5s&by=service
		/api/v1/top?window=10s&ago=1s&limit=1000&sort=cpu&reverse=yes&filter=p
		/api/v1/services?window=1m&ago=10s
		/api/v1/processes?service=python3
		/api/v1/diagnosis?since=60&service=python3
		/api/v1/events?kind=process,alert&since=1m&until=1s&service=python3&limit=1000
		/api/v1/rules?format=prometheus&rule=SlowDisk&every=15s
		/api/v1/rules/test?id=ID&file=$TMP/files/rules.yaml&since_seconds=600
		/api/v1/config?file=$CONFIG
		/api/v1/config?file=$TMP/files/random.yaml
		/metrics
	END
}

words() {
	"$SEISMO" metrics --format json | jq -r '.[] | .name, .labels[]' | sort -u
	printf '%s\n' text json man yaml prometheus markdown service,syscall service= "service=~x.*" "service=python3" SlowDisk alert,oom
	printf '%s\n' /dev/zero /dev/full /dev/stdin /nonexistent "$CONFIG" "$TMP"/files/*
}

mkdir "$TMP/files"
mkfifo "$TMP/files/pipe"
truncate -s 10G "$TMP/files/big"
ln -s loop "$TMP/files/loop"
"$SEISMO" rules --config "$CONFIG" --format yaml >"$TMP/files/rules.yaml" || bail "no rules"
head -c 4096 /dev/urandom >"$TMP/files/random.yaml"
jq -n '$ARGS.named | map_values(split("\n") | map(select(. != "")))' --arg routes "$(routes)" \
	--arg parameters "$(parameters)" --arg targets "$(targets)" --arg words "$(words)" --arg logins $'alice:secret\nalice:secret\nalice:secret\nalice:secret\nalice:wrong\nbob:secret\n:\nalice' >"$TMP/requests"
ok "it knows the routes and their parameters" json_is '(.routes | length >= 20) and (.parameters | length >= 20) and (.words | length >= 50)' "$TMP/requests"

# --- the daemon

certificate() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/$1.key" -out "$TMP/$1.crt" -days 2 \
		-subj "/CN=localhost" -addext subjectAltName=DNS:localhost 2>/dev/null
}

# Puts the web configuration right; by renaming, as who does so in earnest.
web_right() {
	printf '%s\n' "tls_server_config: { cert_file: server.crt, key_file: server.key }" "basic_auth_users: { alice: $hash }" >"$TMP/web.new"
	cp "$TMP/right.crt" "$TMP/server.crt"
	cp "$TMP/right.key" "$TMP/server.key"
	rmdir "$TMP/web.yml" 2>/dev/null
	mv -T "$TMP/web.new" "$TMP/web.yml"
}

web_wrong() { # HOW
	local web=$TMP/web.yml size
	size=$(stat -c %s "$web")
	case $1 in
	0) : >"$web" ;;
	1) truncate -s $((RANDOM % size)) "$web" ;;
	2) head -c 1 /dev/urandom | dd of="$web" bs=1 seek=$((RANDOM % size)) conv=notrunc status=none ;;
	3) head -c $((RANDOM % 4096)) /dev/urandom >>"$web" ;;
	4) truncate -s $((RANDOM % 600)) "$TMP/server.crt" ;;
	5) cp "$TMP/other.key" "$TMP/server.key" ;;
	6) head -c 1 /dev/urandom | dd of="$TMP/server.crt" bs=1 seek=$((RANDOM % 600)) conv=notrunc status=none ;;
	7) rm "$web" && mkfifo "$web" ;;
	8) rm "$web" && ln -s web.yml "$web" ;;
	9) rm "$web" && mkdir "$web" ;;
	10) truncate -s 10G "$web" ;;
	11) rm "$web" ;;
	esac
}

web_change() {
	local how=$seed
	while :; do
		web_wrong $((how++ % 12))
		sleep 1.5
		web_right
		sleep 2.5
	done
}

hash=$(htpasswd -nbBC 4 "" secret | tr -d ':\n')
certificate right
certificate other
web_right
cp "$TMP/right.crt" "$TMP/authority.crt"

daemon() { # CONFIG FOLDER LOG
	"$SEISMO" run --config "$1" --state-dir "$2" --probes process,syscall,block,tcp >"$TMP/seismo.out" 2>"$3" &
	seismo_pid=$!
	at_exit end_process "$seismo_pid"
	WAIT=120 wait_until curl -sf --unix-socket "$2/api.sock" http://seismo/-/ready || bail "no daemon: $(tail -n 3 "$3")"
}

# What there is on this machine takes memory as well: so one beside it that nobody attacks.
printf '%s\n' "listen: unix:$TMP/peer.sock" "events: { file: off }" >"$TMP/peer.yaml"
((seconds < 60)) || daemon "$TMP/peer.yaml" "$TMP/peer" "$TMP/peer.err"
peer=$seismo_pid
cat >"$CONFIG" <<-END
	listen: 127.0.0.1:$port
	web: $TMP/web.yml
	events: { file: $TMP/events.jsonl, journald: off }
END
daemon "$CONFIG" "$TMP/state" "$TMP/seismo.err"

secure() { # PATH
	curl -fsS --max-time 60 --cacert "$TMP/authority.crt" -u alice:secret -o /dev/null "https://localhost:$port$1"
}

# Its processes; those that work for a moment only are gone soon.
processes() {
	echo "$seismo_pid" "$(pgrep -P "$seismo_pid" -d ' ')"
}

descriptors() { # PID
	find "/proc/$1/fd" -mindepth 1 -printf '%l\n' | sed 's/:\[[0-9]*\]$//' | sort
}

has_let_go() { # PID: of all but what it had before, and a few that it has for other reasons
	descriptors "$1" >"$TMP/fd.$1.now"
	(($(wc -l <"$TMP/fd.$1.now") <= $(wc -l <"$TMP/fd.$1") + 8))
}

keeps_none() { # PID
	WAIT=120 wait_until has_let_go "$1" || ! diff "$TMP/fd.$1" "$TMP/fd.$1.now"
}

# What is made when it is first needed is kept.
background sleep 1000
"$SEISMO" attach --state-dir "$TMP/state" --duration 1s $! >/dev/null 2>&1
curl -s --max-time 120 --unix-socket "$api" -o /dev/null http://seismo/api/v1/diagnosis
ok "it is scraped over TLS by who logs in" wait_until secure /metrics

has_settled() {
	[[ $(processes) == "$seismo_pid $(pgrep -P "$seismo_pid" -x seismo-front)" ]]
}
ok "it consists of two processes then" wait_until has_settled
before=$(processes)
for pid in $before; do
	descriptors "$pid" >"$TMP/fd.$pid"
done

# --- the attack

declare -A attackers
attack() { # NAME MODE ADDRESS ACTION...
	python3 "$ROOT/tests/e2e/attack.py" "$2" "$3" "$TMP/authority.crt" "${@:4}" <"$TMP/requests" >"$TMP/$1.out" 2>"$TMP/$1.err" &
	attackers[$1]=$!
	at_exit end_process $!
}

memory_note() { # NAME
	local pid
	for pid in $before $peer; do
		memory_kib VmRSS "$pid" >"$TMP/memory.$1.$pid"
	done
}

randomly=(control tls) # the attackers that end by themselves
is_over() {
	local name
	for name in "${randomly[@]}"; do
		! kill -0 "${attackers[$name]}" 2>/dev/null || return
	done
}

memory_note start
began=$SECONDS
attack control plain "$api" random "$seconds" "$seed"
attack tls tls $port random "$seconds" "$seed"
background web_change
changer=$!
others=(idle slow headers body scrape half handshakes) turn=0
while ((seconds >= 60)) && ! is_over; do
	attack other tls $port "${others[turn++ % ${#others[@]}]}"
	WAIT=10 wait_until is_over
	end_process "${attackers[other]}" 2>/dev/null
	((SECONDS - began < 60)) || [[ -e $TMP/memory.minute.$seismo_pid ]] || memory_note minute
done
[[ ! $peer || -e $TMP/memory.minute.$seismo_pid ]] || memory_note minute
for name in "${randomly[@]}"; do
	wait "${attackers[$name]}"
	is 0 $? "$name: it answers as HTTP has it, and who asks well (seed $seed)"
	echo "# result: $name: $(tail -n 1 "$TMP/$name.out")"
	tail -c 20000 "$TMP/$name.err" | comment
done
end_process "$changer" 2>/dev/null

# --- afterwards

web_right
ok "a web configuration that is right is put into effect" wait_until curl -fs --max-time 60 --unix-socket "$api" -X POST -o /dev/null http://seismo/-/reload
ok "and it is scraped over TLS by who logs in" wait_until secure /metrics
WAIT=120 wait_until has_settled
is "$before" "$(processes)" "it still consists of the same processes"
memory_note end
grows() { # PID: KiB, since the first minute
	echo $(($(<"$TMP/memory.end.$1") - $(<"$TMP/memory.minute.$1")))
}
for pid in $before; do
	name=$(<"/proc/$pid/comm")
	ok "$name: keeps no descriptor" keeps_none "$pid"
	kib=("$(<"$TMP/memory.start.$pid")" "$(cat "$TMP/memory.minute.$pid" 2>/dev/null)" "$(<"$TMP/memory.end.$pid")")
	echo "# result: $name: ${kib[0]} KiB before, ${kib[1]:--} after a minute, ${kib[2]} after $((SECONDS - began)) s;" \
		"$(wc -l <"$TMP/fd.$pid") descriptors before, $(wc -l <"$TMP/fd.$pid.now") now"
	[[ ! $peer ]] || ok "$name: it does not grow ($(grows "$pid") KiB, a daemon that nobody attacks $(grows "$peer"))" \
		test "$(grows "$pid")" -le $(($(grows "$peer") + 32768))
done
stop_seismo
is "" "$(grep -E 'Sanitizer|runtime error' "$TMP/seismo.err")" "no sanitizer has found anything"
