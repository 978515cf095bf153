#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo top in a real terminal: what is on the screen, keys, sizes, signals, colours, and what it costs.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"

need redis-server redis-cli redis-benchmark tmux jq curl
own_copy redis-server redis-benchmark
server=redis-server-$$
port=$(free_port)
firing=w-firing-$$

cat >"$CONFIG" <<-END
	builtin_rules: off
	rules:
	  - alert: Runs
	    metric: seismo_processes
	    where: { service: $firing }
	    by: [service]
	    value: last
	    above: 0.5
	    window: 1s
	    severity: page
	    summary: "{{service}} runs"
END

# A terminal of our own, with a shell that reads nobody's files.
terminal() {
	TMUX_TMPDIR=$TMP tmux -L seismo -f /dev/null "$@"
}

screen() {
	terminal capture-pane -p "$@"
}

keys() { # KEY...
	terminal send-keys "$@"
}

on_screen() { # PATTERN
	screen | grep -qE -- "$1"
}

not_on_screen() { # PATTERN
	! on_screen "$1"
}

shows() { # PATTERN TEXT
	wait_until on_screen "$1"
	local status=$?
	is 0 "$status" "$2"
	((!status)) || screen | comment
}

# Starts it in the terminal, whose shell says how it ended.
run_top() { # OPTION...
	keys "clear; $SEISMO top --config $CONFIG --state-dir $TMP/state ${*@Q}; echo \"ended with \$?\"" Enter
	wait_until on_screen '^  SERVICE' || bail "no table: $(screen)"
}

column() { # TITLE SERVICE: what the table has there
	screen | awk -v title="$1" -v service="$2" '
		/^  SERVICE/ { gsub(/IN p99/, "INp99"); gsub(/DISK B/, "DISKB"); for (i = 1; i <= NF; i++) if ($i == title) at = i }
		{ sub(/^[!* ] /, "") }
		$1 == service { print $at; exit }'
}

# CPU time of all threads so far, in ms
cpu_ms() { # PID
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000 / hz }' "/proc/$1/stat"
}

# shellcheck disable=SC2119 # it has no options
start_seismo
server_start "$port" "$server" --port "$port" --save '' --appendonly no
# shellcheck disable=SC2016 # the terminal's own
terminal new-session -d -x 120 -y 24 'env -i TERM=$TERM PATH="$PATH" LC_ALL=C.UTF-8 bash --norc --noprofile' || bail "no terminal"
at_exit terminal kill-server
wait_until on_screen '[$#]'
keys 'stty -a >'"$TMP/stty.before" Enter

# A steady load, and an alert.
cp "$(command -v sleep)" "$TMP/bin/$firing"
background "$firing" 1000
background redis-cli -p "$port" -r 1000000 -i 0.01 ping >/dev/null
run_top --window 3s --interval 500ms --filter "$server|$firing|redis-cli"
shows "^  $server " "a service is there"
shows "^! Runs: $firing runs" "an alert that fires is told"
shows "^! $firing " "and its service marked"
sleep 3
commands() {
	redis-cli -p "$port" info stats | tr -d '\r' | awk -F: '$1 == "total_commands_processed" { print $2 }'
}
first=$(commands) first_ns=$(date +%s%N)
sleep 3
rate=$(column IN/s "$server")
real=$(calc "($(commands) - $first) * 1e9 / ($(date +%s%N) - $first_ns)")
near "$real" "${rate:-none}" 20 "its rate is what the client makes"

keys a
shows '^ALERTS THAT FIRE' "all of them"
keys q

# Order
keys '>' '>' '>'
shows 'by RUNQ' "sorted by another column"
keys 'r'
shows 'by RUNQ reversed' "the other way round"
keys 'r' 'h'
shows 'by HURT' "and by what hurts"
is "$firing" "$(screen | awk '/^  SERVICE/ { getline; print $2 }')" "what an alert is about comes first"

# Filter
keys '/' 'C-u' "$server"
shows "filter: ${server}_" "a filter is typed"
wait_until not_on_screen "$firing "
is "" "$(screen | grep -E "^. $firing ")" "and leaves out what it does not fit"
keys Enter 'g'
shows '^  command: 1 ' "groups have a line of their own"
keys 'g'
wait_until not_on_screen '^  command: 1 '

# One service
"$server" --port "$(free_port)" --save '' >/dev/null &
victim=$!
wait_until test "$(ps -o comm= -p $victim)" != bash
kill -KILL $victim
keys Down Enter
shows "^$server +command +HURT" "enter opens it"
shows "inbound redis ok" "with its requests"
shows "\[$victim\]  signal 9  after" "with the process of it that died"
shows "^system calls" "with system calls"
keys End
shows "^ +$server_pid +redis-server" "and with processes"
keys q '?'
shows '^KEYS' "help"
keys End
shows 'uses ten CPUs' "to its end"
keys q
shows '^  SERVICE' "and back"

# Sizes
for width in 40 20 200 120; do
	terminal resize-window -x "$width" -y 12
	wait_until on_screen "^  $server\|^  redis-server" || wait_until on_screen "redis-server"
	is 0 "$(screen | awk -v width="$width" 'length($0) > width { n++ } END { print n + 0 }')" "$width columns"
	is 1 "$(screen | grep -c 'redis-server-[0-9]* *\|redis-serv[^_e ]*~' | sed 's/[1-9]/1/')" "and the service is on one line"
done
terminal resize-window -x 40 -y 12
wait_until on_screen 'SERVICE.*IN/s IN p99$'
is "SERVICE HURT IN/s IN p99" "$(screen | grep SERVICE | tr -s ' ' | sed 's/^ //')" "in 40 columns those are left that matter"
terminal resize-window -x 120 -y 24

# Stop and go on
keys C-z
shows '^\[1\]\+ +Stopped' "ctrl-z stops it"
keys 'clear; echo sh''ell' Enter
shows '^shell$' "and gives the terminal back"
keys fg Enter
shows "^  $server " "fg draws it again"

# The past
sleep 0.5 # what is typed as it comes back may still be the shell's
keys n Left
shows '^REPLAY .* ago' "left goes back"
keys Right
shows '^seismo [0-9]' "right comes back"

keys q # the shell's list of commands ended when it was stopped
keys 'clear; echo \"$?\" be""low' Enter
shows '^"0" below$' "q ends it"
keys 'stty -a >'"$TMP/stty.after" Enter
wait_until test -s "$TMP/stty.after"
is "$(cat "$TMP/stty.before")" "$(cat "$TMP/stty.after")" "the terminal is as it was"
run_top
keys C-c
shows '^ended with 0' "ctrl-c ends it"

# Colours
coloured() {
	screen -e | grep -c $'\e\\[[0-9;]*3[0-7]m'
}
run_top --interval 500ms
wait_until on_screen '^! Runs'
ok "with colours" test "$(coloured)" -gt 0
keys q
wait_until on_screen '^ended'
keys 'export NO_COLOR=1' Enter
run_top --interval 500ms
wait_until on_screen '^! Runs'
is 0 "$(coloured)" "none with NO_COLOR"
keys q
wait_until on_screen '^ended'
keys 'unset NO_COLOR; export TERM=vt100' Enter
run_top --interval 500ms
shows '^! Runs' "a terminal without colours"
is 0 "$(coloured)" "has none"
keys q
wait_until on_screen '^ended'
keys 'clear; TERM=nonsense' "$SEISMO top --config $CONFIG --state-dir $TMP/state; echo \"ended with \$?\"" Enter
wait_until on_screen '^ended'
keys 'clear' Enter

# What it costs, refreshed as it is by default
keys 'export TERM=screen' Enter
run_top
top=$(pgrep -f "^$SEISMO top --config $CONFIG")
sleep 1
before=$(cpu_ms "$top")
sleep 6
ok "less than 1 % of a CPU (${before} to $(cpu_ms "$top") ms in 6 s)" between 0 60 "$(calc "$(cpu_ms "$top") - $before")"

# The daemon goes
stop_seismo
shows 'no daemon is running' "it says so when the daemon has ended"
keys q
shows '^ended with 0' "and ends"
