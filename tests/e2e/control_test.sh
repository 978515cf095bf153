#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The lock, the control socket and the commands that ask it; the start, few file descriptors.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need jq setpriv prlimit flock

state=$TMP/state
socket=$state/api.sock
chmod 755 "$TMP"

# Runs the program: sets status, its words are in run.out and run.err.
run() { # ARGUMENT...
	timeout 60 "$SEISMO" "$@" >"$TMP/run.out" 2>"$TMP/run.err" </dev/null
	status=$?
}

refused() { # PATTERN TEXT
	is 3 "$status" "$2: exit status"
	ok "$2: says why ($(head -c 200 "$TMP/run.err"))" grep -qE "$1" "$TMP/run.err"
	is 1 "$(wc -l <"$TMP/run.err")" "$2: no more than that"
}

nobody() { # COMMAND...
	setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all "$@"
}

control() { # CURL-OPTION... PATH
	curl -sS --max-time 60 --unix-socket "$socket" "${@:1:$#-1}" "http://seismo${*: -1}"
}

endpoint() { # CURL-OPTION... PATH
	curl -sS --max-time 60 "${@:1:$#-1}" "$SEISMO_URL${*: -1}"
}

# --- the lock

start_seismo --probes block
is "755 0" "$(stat -c '%a %u' "$state")" "the state directory is root's, for others to read"
is "600 0" "$(stat -c '%a %u' "$state/lock")" "the lock is for root only"
is "600 socket" "$(stat -c '%a %F' "$socket")" "the control socket is for root only"
is "" "$(grep -a '@seismo' /proc/net/unix)" "no abstract socket, which others could take"
run run --listen 127.0.0.1:0 --config "$CONFIG" --state-dir "$state"
refused "process $seismo_pid " "a second daemon"
ok "the first one is not disturbed" control -f -o /dev/null /-/healthy
ok "others cannot take the lock" test "$(nobody flock -n "$state/lock" true 2>&1)" != ""
ok "others cannot use the socket" test "$(nobody curl -sS --unix-socket "$socket" http://x/-/healthy 2>&1 -o /dev/null)" != ""

# --- two daemons with a state directory each, one of them with another socket

first_pid=$seismo_pid first_url=$SEISMO_URL
printf "%s\n" "socket: $TMP/other.sock" "short_commands: name" "events: { file: off }" >"$CONFIG"
mkdir "$TMP/second"
: >"$TMP/seismo.out" # of the first one
"$SEISMO" run --listen 127.0.0.1:0 --config "$CONFIG" --state-dir "$TMP/second/state" \
	--socket "$TMP/third.sock" --probes syscall=count >"$TMP/seismo.out" 2>"$TMP/second.err" &
seismo_pid=$!
at_exit end_process "$seismo_pid"
wait_until seismo_started
wait_until http_get /-/ready "$TMP/ready"
echo "events: { file: off }" >"$CONFIG"
ok "--socket moves the socket and not the lock" test -f "$TMP/second/state/lock"
is "" "$(find "$TMP/second" -name '*.sock')" "which is not where it would be"
ok "and goes before the configuration" test -S "$TMP/third.sock"
program=$(workload syscall "w-two-$$")
"$program" loop 1 100 >/dev/null
is_metric 100 "a second daemon counts" seismo_syscalls_total "service=w-two-$$" syscall=getppid
SEISMO_URL=$first_url
ok "beside the first" endpoint -f -o /dev/null /metrics
kill -TERM "$seismo_pid"
wait "$seismo_pid"
is 0 $? "the second one ends with 0"
is "" "$(find "$TMP" -name third.sock)" "and takes its socket away"
ok "what outlives it is in its own directory" test -f "$TMP/second/state/notifications"
seismo_pid=$first_pid

# --- commands ask the daemon, and get what they would have found themselves

run check --state-dir "$state"
is 0 "$status" "check asks the daemon: exit status"
is "block on core on memory off process off" \
	"$(awk '/^  (core|block|memory|process) / { print $1, $2 }' "$TMP/run.out" | sort | paste -sd' ')" \
	"it tells of the daemon's probes"
run check --state-dir "$state" --probes process
ok "it does the work itself when asked about others" grep -qE '^ +process +on' "$TMP/run.out"
nobody "$SEISMO" check --state-dir "$state" >"$TMP/run.out" 2>"$TMP/run.err"
status=$?
refused "root.*$socket: Permission denied" "check by others"
stop_seismo
is "lock" "$(ls "$state")" "the end takes the control socket away"

# What `check` says, but for how many events the kernel has kept from the daemon's programs by then.
words_of() { # FILE
	if [[ $1 == *json ]]; then
		jq 'del(.probes[].events_lost_total)' "$1"
	else
		grep -v ' events have been lost so far: ' "$1"
	fi
}

start_seismo --probes all,syscall=full
for option in --format=text --verbose --format=json; do
	run check --state-dir "$state" $option
	asked=$status
	cp "$TMP/run.out" "$TMP/asked$option"
	run check --state-dir "$TMP/nothing" --config "$CONFIG" --probes all,syscall=full $option
	cp "$TMP/run.out" "$TMP/own$option"
	is "$asked" "$status" "check $option: the same exit status without a daemon"
	is "$(words_of "$TMP/asked$option")" "$(words_of "$TMP/own$option")" "check $option: the same words"
done
ok "they are JSON" json_is '.probes | length > 5 and all(.state == "off" or (.hooks | length > 0))' "$TMP/asked--format=json"

# --- one table of routes

for path in /metrics /api/v1/top /api/v1/check /-/healthy /-/ready /nothing; do
	what='%{http_code} %{content_type}'
	is "$(endpoint -o /dev/null -w "$what" $path)" "$(control -o /dev/null -w "$what" $path)" "$path: both answer the same"
done
is 403 "$(endpoint -o /dev/null -w '%{http_code}' -X POST /-/reload)" "what changes something is refused on TCP"
is 405 "$(control -o /dev/null -w '%{http_code}' /-/reload)" "and wants a POST"
is 200 "$(control -o /dev/null -w '%{http_code}' -X POST /-/reload)" "which the control socket lets through"

# --- signals

: >"$TMP/seismo.err"
kill -HUP "$seismo_pid"
ok "SIGHUP: it says what becomes of it" wait_until grep -q configuration "$TMP/seismo.err"
ok "SIGHUP: it goes on" endpoint -f -o /dev/null /-/healthy

# --- what a killed daemon left behind

kill -KILL "$seismo_pid"
wait "$seismo_pid" 2>/dev/null
ok "a killed daemon leaves its socket" test -S "$socket"
run check --state-dir "$state" --probes none
is 0 "$status" "check finds nobody there"
start_seismo --probes block
ok "the next one replaces it" control -f -o /dev/null /-/healthy
stop_seismo

echo precious >"$TMP/file"
run run --listen 127.0.0.1:0 --config "$CONFIG" --state-dir "$state" --socket "$TMP/file"
refused "$TMP/file.*: File exists" "a file where the socket is to be"
is precious "$(cat "$TMP/file")" "the file is untouched"

# --- directories that others could use against it

hostile() { # TEXT: what was made of $TMP/hostile
	run run --listen 127.0.0.1:0 --config "$CONFIG" --state-dir "$TMP/hostile"
	refused "$TMP/hostile" "$1"
	rm -rf "$TMP/hostile"
}

install -d -o 65534 "$TMP/hostile"
hostile "a directory of somebody else's"
install -d -m 777 "$TMP/hostile"
hostile "a directory that others may write to"
install -d -m 1777 "$TMP/hostile"
hostile "also with a sticky bit"
install -d "$TMP/hostile" && install -m 644 /dev/null "$TMP/hostile/lock"
hostile "a lock that others can take"
install -d "$TMP/hostile" && install -m 600 -o 65534 /dev/null "$TMP/hostile/lock"
hostile "a lock of somebody else's"
install -d "$TMP/hostile" && ln -s "$TMP/file" "$TMP/hostile/lock"
hostile "a lock that is a link"
is precious "$(cat "$TMP/file")" "where it leads to is untouched"
: >"$TMP/hostile"
hostile "a file where the directory is to be"

# --- the start

# Asks whether it is ready, and scrapes it, until it is ready.
during() {
	local i seen=
	wait_until control -o "$TMP/asked" /-/healthy
	for ((i = 0; i < 1000; i++)); do
		seen=$(control -o "$TMP/asked" -w '%{http_code}' /-/ready 2>/dev/null)
		[[ $seen == 503 ]] && cp "$TMP/asked" "$TMP/attaching"
		control -o "$TMP/starts/$((1000 + i))" -w "$seen %{http_code}\n" /metrics 2>/dev/null
		[[ $seen == 200 ]] && break
	done
}

mkdir "$TMP/starts"
for attempt in 1 2 3 4 5; do # on a busy machine all of them may be there before anybody has asked
	rm -f "$TMP"/starts/*
	during >"$TMP/during" &
	watcher=$!
	start_seismo --probes all
	wait "$watcher"
	{ grep -qx "503 200" "$TMP/during" || ((attempt == 5)); } && break
	kill -TERM "$seismo_pid"
	wait "$seismo_pid"
done
ok "scrapes are answered while families attach ($(sort "$TMP/during" | uniq -c | paste -sd,))" grep -qx "503 200" "$TMP/during"
is "" "$(cut -d' ' -f2 "$TMP/during" | grep -vx 200)" "every one of them"
ok "meanwhile it is not ready ($(cat "$TMP/attaching"))" grep -q attaching "$TMP/attaching"
is "" "$(scrape_faults "$TMP"/starts/*)" "no counter goes back, each histogram adds up"
is "Seismo is ready." "$(endpoint /-/ready)" "ready: all families are there"
stop_seismo

# A hook that this kernel does not have, asked for all the same.
hook=$(jq -r 'first(.probes[] | .name as $probe | .hooks[].not_possible[] | "\($probe)=\(.hook)") // empty' "$TMP/asked--format=json")
if [[ $hook ]]; then
	start_seismo --probes all --hook "$hook"
	is 200 "$(endpoint -o "$TMP/ready" -w '%{http_code}' /-/ready)" "without a family it is ready as well"
	ok "and says which is missing ($(tail -n 1 "$TMP/ready"))" grep -q "^Degraded: ${hook%%=*}: " "$TMP/ready"
	run check --state-dir "$state"
	is 1 "$status" "check: exit status of the daemon's problem"
	stop_seismo
else
	skip_one "without a family it is ready as well" "this kernel has every hook"
fi

# --- file descriptors

# The program, allowed to open $max_files files.
real=$SEISMO
cat >"$TMP/few" <<-END
	#!/bin/bash
	ulimit -n "\$max_files" && exec "$real" "\$@"
END
chmod +x "$TMP/few"

few() { # FILES
	export max_files=$1
	SEISMO=$TMP/few run run --listen 127.0.0.1:0 --config "$CONFIG" --state-dir "$state" --probes all
}

for limit in 64 200; do
	few $limit
	refused "level=error msg=\"$limit open files are too few.* need [0-9]+" "$limit file descriptors"
done
needed=$(grep -oE 'need [0-9]+' "$TMP/run.err" | cut -d' ' -f2)
few $((needed - 1))
refused "need $needed" "one less than it needs"

# CPU time of the daemon and its front in a second, in hundredths, is less than that: at once, or where others on this machine give the
# daemon much to count, soon.
uses_less() { # HUNDREDTHS
	local before
	before=$(cpu_until_now)
	sleep 1
	(($(cpu_until_now) - before < $1))
}

cpu_until_now() {
	cat "/proc/$seismo_pid/stat" "/proc/$front/stat" | awk '{ sum += $14 + $15 } END { print sum }'
}

export max_files=$needed
SEISMO=$TMP/few start_seismo --probes all
as_front() { # COMMAND...
	setpriv --reuid "$(awk '$1 == "Uid:" { print $2 }' "/proc/$front/status")" --regid "$(awk '$1 == "Gid:" { print $2 }' "/proc/$front/status")" --clear-groups "$@"
}

front=$(pgrep -P "$seismo_pid" -x seismo-front)
is "" "$(sed -n '/Degraded/p' "$TMP/ready")" "with as many as it needs all families are there"
scrape
ok "and of its descriptors some are left for clients ($(value process_open_fds) of $needed)" \
	between 1 $((needed - 32)) "$(value process_open_fds)"
connections=()
for ((i = 0; i < 200; i++)); do
	exec {connection}<>"/dev/tcp/127.0.0.1/${SEISMO_URL##*:}" && connections+=("$connection")
done
ok "200 idle clients cost no time" wait_until uses_less 20
ok "and keep nobody out" endpoint -f -o /dev/null /metrics
for connection in "${connections[@]}"; do
	exec {connection}>&-
done
exec {connection}<>"/dev/tcp/127.0.0.1/${SEISMO_URL##*:}"
printf 'GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n' >&"$connection"
until [[ ${line-} == "Seismo is healthy." ]]; do
	read -rt 60 line <&"$connection" || break
done
prlimit --pid "$seismo_pid" --nofile=10:
printf 'GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&"$connection"
ok "tables that cannot be read are no success, and it says why" timeout 60 grep -qzE \
	"^HTTP/1.1 503 .*cannot read the kernel's tables: Too many open files" <&"$connection"
exec {connection}>&-
front_needs=$(as_front prlimit --pid "$front" --nofile --output SOFT --noheadings)
as_front prlimit --pid "$front" --nofile=6:
curl -sS --max-time 60 -o /dev/null "$SEISMO_URL/-/healthy" 2>/dev/null &
WAIT=30 ok "without any left it waits, and costs no time" wait_until uses_less 20
as_front prlimit --pid "$front" --nofile="${front_needs// /}:"
prlimit --pid "$seismo_pid" --nofile="$needed:"
wait $!
is 0 $? "who had to wait was answered when there were some"
ok "it says once that it cannot accept connections" test "$(grep -c 'cannot accept' "$TMP/seismo.err")" -eq 1
ok "and once that it cannot read" test "$(grep -c 'cannot read' "$TMP/seismo.err")" -eq 1
stop_seismo
unset max_files
