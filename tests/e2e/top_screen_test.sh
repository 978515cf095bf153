#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo top in a real terminal: what is on the screen, order, filter, one service, help, replay, and what it costs.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/screen.sh
. "$(dirname "$0")/screen.sh"

started=$SECONDS # the daemon has, a little before
run_top --window 3s --interval 500ms --filter "$server|$firing|redis-cli"
shows "^  $server " "a service is there"
shows "^! Runs: $firing runs" "an alert that fires is told"
shows "^! $firing " "and its service marked"
commands() {
	redis-cli -p "$port" info stats | tr -d '\r' | awk -F: '$1 == "total_commands_processed" { print $2 }'
}
begun=$(commands) begun_ns=$(date +%s%N)
# The window is as long as the history is, at first.
rate_is_real() {
	real=$(calc "($(commands) - $begun) * 1e9 / ($(date +%s%N) - $begun_ns)")
	rate=$(column IN/s "$server")
	between "$(calc "$real * 0.8")" "$(calc "$real * 1.2")" "$rate"
}
wait_until rate_is_real
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
first() { # of the table
	screen | awk '/^  SERVICE/ { getline; print $2 }'
}
is_first() {
	[[ $(first) == "$firing" ]]
}
wait_until is_first
is "$firing" "$(first)" "what an alert is about comes first"

# Filter
keys '/' 'C-u' "$server"
shows "filter: ${server}_" "a filter is typed"
wait_until not_on_screen "^. $firing "
is "" "$(screen | grep -E "^. $firing ")" "and leaves out what it does not fit"
keys Enter 'g'
shows '^  command: 1 ' "groups have a line of their own"
keys 'g'
wait_until not_on_screen '^  command: 1 '
keys Escape
shows "^! $firing " "escape takes the filter away"
keys '/' "$server" Enter
wait_until not_on_screen "^. $firing "

# One service
keys Down Enter
shows "^$server +command +HURT" "enter opens it"
shows "inbound redis ok" "with its requests"
# On a busy machine events of others soon take the room of this one.
is_executed() { # it is the program, and no longer this shell
	[[ $(<"/proc/$victim/comm") == "${server:0:15}" ]]
}
dies() {
	on_screen "\[$victim\]  signal 9  after" && return
	"$server" --port "$(free_port)" --save '' >/dev/null &
	victim=$!
	at_exit end_process $victim
	wait_until is_executed
	kill -KILL $victim
	WAIT=3 wait_until on_screen "\[$victim\]  signal 9  after"
}
victim=0
wait_until dies
is 0 $? "with the process of it that died"
shows "^system calls" "with system calls"
keys End
shows "^ +$server_pid +redis-server" "and with processes"
keys q '?'
shows '^KEYS' "help"
keys End
shows 'uses ten CPUs' "to its end"
keys q
shows '^  SERVICE' "and back"

# The past
keys n Left
shows '^REPLAY .* ago' "left goes back"
comes_back() { # the present has gone on meanwhile
	on_screen '^seismo [0-9]' || { keys Right && false; }
}
wait_until comes_back
shows '^seismo [0-9]' "right comes back"

keys '['
shows 'nothing is known of that time' "five minutes back is before the start: it says so"
shows '^seismo [0-9]' "and stays where it was"
keys q
wait_until on_screen '^ended'
has_past() {
	((SECONDS - started >= 30))
}
wait_until has_past
run_top --replay -10s --window 3s
shows '^REPLAY .*[1-9].* ago' "--replay begins there"
now() {
	screen | sed -n 's/^REPLAY \([^,]*\),.*/\1/p'
}
from=$(now)
keys Left
is_earlier() {
	[[ $(now) < $from ]] && [[ -n $(now) ]]
}
wait_until is_earlier
ok "left goes on from there (from $from to $(now))" is_earlier
keys ']' C-l
shows '^seismo [0-9]' "five minutes forward is now"
keys q
wait_until on_screen '^ended'

# What it costs, refreshed as it is by default
run_top
top=$(pgrep -f "^$SEISMO top --config $CONFIG")
wait_until on_screen "^  $server "
for _ in 1 2 3; do # what others do on its CPU makes it slower
	before=$(cpu_us "$top")
	sleep 4
	used=$(($(cpu_us "$top") - before))
	((used > 40000)) || break
done
ok "less than 1 % of a CPU ($used us in 4 s)" between 0 40000 "$used"

# The daemon goes
stop_seismo
shows 'no daemon is running' "it says so when the daemon has ended"
keys q
shows '^ended with 0' "and ends"
