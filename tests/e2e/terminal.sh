# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A terminal for tests of what is on one. After lib.sh.

need tmux

# A terminal of our own, with a shell that reads nobody's files.
terminal() {
	TMUX_TMPDIR=$TMP tmux -L seismo -f /dev/null "$@"
}

screen() {
	terminal capture-pane -p
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

# The shell waits for commands again: what is typed before is written into what others show.
prompts() {
	on_screen '^bash-[0-9.]+[$#] ?$'
}

shows() { # PATTERN TEXT
	wait_until on_screen "$1"
	local status=$?
	is 0 "$status" "$2"
	((!status)) || screen | comment
}

# With a shell that reads nobody's files, of so many columns and lines.
terminal_start() { # COLUMNS LINES
	# shellcheck disable=SC2016 # the terminal's own
	terminal new-session -d -x "$1" -y "$2" 'env -i TERM=$TERM PATH="$PATH" LC_ALL=C.UTF-8 bash --norc --noprofile' || bail "no terminal"
	at_exit terminal kill-server
	wait_until on_screen '[$#]'
}
