#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What watches and waits in a real terminal: seismo attach, diagnose without a daemon, events --follow. Sizes, stop and go on, how it
# ends, a reader that goes away.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/terminal.sh
. "$(dirname "$0")/terminal.sh"
WAIT=${WAIT:-60} # probes are attached again and again

# In the terminal, whose shell says how it ended.
run() { # COMMAND...
	keys "clear; $*; echo \"ended with \$?\"" Enter
}

# After Ctrl-Z. What is on the screen then is new; and a Ctrl-C that came before the shell has read its line would throw that away.
goes_on() {
	WAIT=10 wait_until prompts
	keys 'clear; fg' Enter
	wait_until not_on_screen '^\[1\]\+ +Stopped'
}

# Ctrl-C, and what has ended: with a list of commands the shell would tell, if it had not stopped in the middle.
ends() { # STATUS TEXT
	keys C-c
	WAIT=10 wait_until prompts
	keys 'echo "status $?"' Enter
	shows "^status $1$" "$2"
}

all_of_it() { # what has left the screen at its top, too
	terminal capture-pane -p -S -
}

# shellcheck disable=SC2119 # without options
start_seismo
terminal_start 80 16

# --- attach: a table, of calls of all kinds

worker=w-$$
printf '#!/bin/bash\nwhile :; do cat /etc/hostname >/dev/null; sleep 0.05; done\n' >"$TMP/bin/$worker"
chmod +x "$TMP/bin/$worker"
background "$worker"
pid=$!
head="^[a-z0-9-]+\[$pid\]"
heads() { # COMMAND: of what that prints
	"$1" | grep -cE "$head"
}
again() { # it has been drawn since
	[[ $(screen) != "$before" ]] && on_screen "$head"
}
refreshed() { # twice
	for _ in 1 2; do
		before=$(screen)
		wait_until again || return 1
	done
}
run "$SEISMO attach --config $CONFIG --state-dir $TMP/state $pid"
shows "$head" "a table"
refreshed
is "1 1" "$(heads all_of_it) $(all_of_it | grep -c '^call  *count')" "which is refreshed in its place, where not all of it finds room"
for width in 40 100 20; do
	terminal resize-window -x $width -y 16
	refreshed
	is 1 "$(heads screen)" "$width columns: it is there once" # a terminal that folds lines may keep what had no room
done
terminal resize-window -x 100 -y 60
refreshed
shows '^memory ' "all of it, where there is room"
tables=$(heads all_of_it)
has_tables() { # COUNT
	[[ $(heads all_of_it) == "$1" ]]
}
keys C-z
shows '^\[1\]\+ +Stopped' "ctrl-z stops it"
keys fg Enter
wait_until has_tables $((tables + 1))
refreshed
is "$((tables + 1)) 1" "$(heads all_of_it) $(all_of_it | grep -cE '^\[1\]\+ +Stopped')" "fg draws it anew, below what the shell has written"
ends 0 "ctrl-c ends it"
shows '^children: ' "with the summary"
is $((tables + 1)) "$(heads all_of_it)" "in the place of the table"
ok "the process goes on" kill -0 "$pid"

run "$SEISMO attach --config $CONFIG --state-dir $TMP/state -- sh -c 'echo fir''st; sleep 2; echo seco''nd'"
shows '^ended with 0' "a command has the terminal for itself"
is "first second" "$(screen | grep -xE 'first|second' | tr '\n' ' ' | sed 's/ $//')" "and nobody writes over it"

timeout 60 "$SEISMO" attach --config "$CONFIG" --state-dir "$TMP/state" --slow 1us "$pid" 2>/dev/null | head -n 1 >"$TMP/line"
is "1 0" "$(wc -l <"$TMP/line") $((PIPESTATUS[0] == 124))" "a reader that goes away ends it"

# --- events --follow

run "$SEISMO events --config $CONFIG --follow --kind process_exit --service x-$$"
cp "$(type -P false)" "$TMP/bin/x-$$"
told() {
	on_screen "process_exit.* x-$$" || { "x-$$" && false; }
}
wait_until told
is 0 $? "events as they happen"
keys C-z
shows '^\[1\]\+ +Stopped' "ctrl-z stops it"
goes_on
wait_until told
is 0 $? "fg goes on"
ends 0 "ctrl-c ends it"
{
	timeout 60 "$SEISMO" events --config "$CONFIG" --follow
	echo $? >"$TMP/status"
} 2>/dev/null | head -n 1 >"$TMP/line"
is "1 0" "$(wc -l <"$TMP/line") $(($(<"$TMP/status") == 124))" "a reader that goes away ends it"
stop_seismo

# --- diagnose, which watches where no daemon is

mkdir "$TMP/none"
terminal resize-window -x 40 -y 24
run "$SEISMO diagnose --state-dir $TMP/none --config $CONFIG --duration 5m"
shows '^watching, [0-9]+ s left' "diagnose says how long it takes"
keys C-z
shows '^\[1\]\+ +Stopped' "ctrl-z stops it"
goes_on
shows '^watching, [0-9]+ s left' "fg goes on"
ends '[013]' "ctrl-c: what was seen until then"
is 0 "$(screen | grep -c watching)" "and nothing is left of the line"
