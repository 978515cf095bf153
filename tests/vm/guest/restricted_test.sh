#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A kernel that is restricted while it runs: ftrace switched off, and locked down. The last is for good, so this test
# has a boot of its own.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
# shellcheck source=tests/e2e/tcp.sh
. "$ROOT/tests/e2e/tcp.sh"
need ip jq
ftrace=/proc/sys/kernel/ftrace_enabled
lockdown=/sys/kernel/security/lockdown

check() { # OPTION...
	timeout $((60 * scale)) "$SEISMO" check --config "$CONFIG" "$@" >"$TMP/check.out" 2>"$TMP/check.err"
	status=$?
}

says() { # TEXT WORDS...
	local words
	for words in "${@:2}"; do
		ok "$1: '$words'" grep -qF -- "$words" "$TMP/check.out" "$TMP/check.err"
	done
}

up() { # PROBE
	scrape
	value seismo_probe_up "probe=$1"
}

[[ -e $ftrace ]] || skip "this kernel has no ftrace"
at_exit sh -c "echo 1 >$ftrace"

# --- ftrace is off from the start: tracepoints do the work of functions

echo 0 >$ftrace
check --probes tcp,syscall=count
is 0 "$status" "ftrace is off: nothing is missing where there are tracepoints"
check --verbose --probes tcp,syscall=count
says "ftrace is off: why it is not the better hook" "accept_fexit: kernel.ftrace_enabled is 0"
check --probes tcp --hook tcp=accept_fexit
is 1 "$status" "ftrace is off: a function that is asked for is missing"
says "ftrace is off" "kernel.ftrace_enabled is 0" "sysctl kernel.ftrace_enabled=1"

namespace_make "$server_in"
start_seismo --probes tcp,syscall=count
connect link 127.0.0.1 30 1000 500 "" ""
is_metric 30 "ftrace is off: accepts are timed" seismo_tcp_accept_duration_seconds_count "service=$server"
is 1 "$(up tcp)" "ftrace is off: and the probe is up"
stop_seismo

# --- it is switched off while functions are observed

echo 1 >$ftrace
start_seismo --probes tcp --hook tcp=accept_fexit
is 1 "$(up tcp)" "ftrace is on: the probe is up"
echo 0 >$ftrace
is 0 "$(up tcp)" "switched off meanwhile: it is not"
echo 1 >$ftrace
is 1 "$(up tcp)" "and on again: it is"
stop_seismo

# --- no program may read kernel memory

mountpoint -q /sys/kernel/security || mount -t securityfs none /sys/kernel/security
if [[ -e $lockdown ]] && echo confidentiality >$lockdown; then
	check --probes all
	is 3 "$status" "lockdown: it cannot run"
	says "lockdown" "lockdown=confidentiality" "lockdown=integrity"
else
	skip_one "lockdown" "this kernel has none"
fi
