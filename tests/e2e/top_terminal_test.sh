#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# seismo top in a real terminal: sizes, stop and go on, how it ends, colours.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/e2e/screen.sh
. "$(dirname "$0")/screen.sh"

run_top --window 3s --interval 500ms --filter "$server|$firing|redis-cli"
shows "^  $server " "a service is there"

# Sizes
fits() { # WIDTH: the screen has been drawn anew
	on_screen 'redis-s' && [[ $(screen | awk -v width="$1" 'length($0) > width { n++ } END { print n + 0 }') == 0 ]]
}
for width in 40 20 200 120; do
	terminal resize-window -x "$width" -y 12
	ok "$width columns" wait_until fits "$width"
	ok "and the service is on one line" wait_until on_screen 'redis-server-[0-9]* *|redis-serv[^_e ]*~'
done
terminal resize-window -x 40 -y 12
shows '^ *SERVICE +HURT +IN/s +IN p99$' "in 40 columns those are left that matter"
terminal resize-window -x 120 -y 24

# Stop and go on
keys C-z
shows '^\[1\]\+ +Stopped' "ctrl-z stops it"
keys 'clear; echo sh''ell' Enter
shows '^shell$' "and gives the terminal back"
keys fg Enter '?'
shows '^KEYS' "fg draws it again, and takes what was typed with it"
keys q
shows "^  $server " "as it was"

keys q # the shell's list of commands ended when it was stopped
wait_until prompts
keys 'clear; echo \"$?\" be""low' Enter
shows '^"0" below$' "q ends it"
keys 'stty -g >'"$TMP/stty.after" Enter
wait_until test -s "$TMP/stty.after"
is "$(cat "$TMP/stty.before")" "$(cat "$TMP/stty.after")" "the terminal is as it was"
run_top
keys C-c
shows '^ended with 0' "ctrl-c ends it"

# Colours
coloured() {
	terminal capture-pane -p -e | grep -c $'\e\\[[0-9;]*3[0-7]m'
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
keys "clear; TERM=nonsense $SEISMO top --config $CONFIG --state-dir $TMP/state; echo \"it said \$?\"" Enter
shows '^it said 3$' "a terminal that is unknown is refused"
ok "by its name" on_screen "the terminal 'nonsense' is unknown"

# The terminal goes
run_top
top=$(pgrep -f "^$SEISMO top --config $CONFIG")
terminal kill-server
has_ended() {
	! kill -0 "$top"
}
wait_until has_ended
ok "it ends with its terminal" has_ended
