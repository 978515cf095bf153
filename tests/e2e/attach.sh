# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the tests of seismo attach share. After lib.sh.

attach() { # OPTION...
	"$SEISMO" attach --state-dir "$TMP/state" --config "$CONFIG" "$@"
}

# Returns when it is attached; $attached is its pid, not that of a shell that would ignore Ctrl-C.
attach_to() { # OPTION...
	: >"$TMP/attached" # the one before is no answer
	"$SEISMO" attach --state-dir "$TMP/state" --config "$CONFIG" "$@" 2>"$TMP/attached" &
	attached=$!
	at_exit end_process $attached
	wait_until grep -q 'attached to' "$TMP/attached"
}

# Ctrl-C; its exit status.
detach() {
	kill -INT "$attached"
	wait "$attached"
}
