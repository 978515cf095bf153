#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Events in the journal, of a real journald that is this test's own: a folder /run of its own is where everybody looks for it. It
# hangs, it is away, the daemon is killed: every event arrives once by its number, or the gap is told.
[[ ${OWN_MOUNTS-} ]] || OWN_MOUNTS=yes exec unshare --mount "$0"
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/events.sh
. "$(dirname "$0")/events.sh"
need /lib/systemd/systemd-journald journalctl

mount -t tmpfs none /run || skip "cannot mount"
mkdir -p /run/systemd/journald.conf.d /run/log/journal
printf '%s\n' "[Journal]" ReadKMsg=no Audit=no Storage=volatile RateLimitIntervalSec=0 \
	>/run/systemd/journald.conf.d/test.conf
journald_start() {
	rm -f /run/systemd/journal/socket
	background /lib/systemd/systemd-journald
	journald=$!
	wait_until test -S /run/systemd/journal/socket || skip "no journald here"
}
journald_start

entries() { # JQ
	journalctl -D /run/log/journal -o json --no-pager SYSLOG_IDENTIFIER=seismo "SEISMO_KIND=$1" | jq -r "$2"
}

# The numbers of the kinds that go there.
in_journal() {
	journalctl -D /run/log/journal -o json --no-pager SYSLOG_IDENTIFIER=seismo | jq -r '.SEISMO_SEQ // empty' | sort -n
}
in_file() {
	events --kind start,stop,reload,replaced,oom,block_error,suppressed,lost | jq .seq
}
# With `file` and `journal` of the caller: others on this machine may cause more between two looks.
same() {
	file=$(in_file) journal=$(in_journal)
	[[ $journal == "$file" ]]
}
is_same() { # TEXT
	local file journal
	wait_until same
	is "$file" "$journal" "$1"
}

reload() { # TIMES
	local n
	for ((n = 0; n < $1; n++)); do
		kill -HUP "$seismo_pid"
		wait_until events_counted $((++reloads)) true --kind reload
	done
}
reloads=0
echo "events: { file: $EVENTS, journald: on }" >"$CONFIG"
start_seismo --probes process
reload 3
is_same "every event arrives"
is "reload true $(events --kind reload | head -n 1 | jq .seq)" \
	"$(entries reload '"\(.SEISMO_KIND) \(.SEISMO_SUCCESSFUL) \(.SEISMO_SEQ)"' | head -n 1)" "with its fields"
is "$(events --kind reload | head -n 1 | jq -c .)" "$(entries reload .SEISMO_EVENT | head -n 1 | jq -c .)" "and its whole line"

# --- it hangs

# More than its socket has room for.
burst=$(($(</proc/sys/net/unix/max_dgram_qlen) > 30 ? 5 : 2 * $(</proc/sys/net/unix/max_dgram_qlen)))
kill -STOP "$journald"
at_exit kill -CONT "$journald"
reload "$burst"
ok "a journal that hangs keeps the file from nothing" events_counted "$reloads" true --kind reload
sleep "$((${SEISMO_LONG:-0} ? 180 : 2))"
kill -CONT "$journald"
is_same "and gets each event when it goes on"

# --- it is away

end_process "$journald" 2>/dev/null
rm -f /run/systemd/journal/socket
reload 5
journald_start
is_same "it is killed, and gets each event when it is back"

# --- the daemon is killed

kill_seismo
start_seismo --probes process
is_same "the daemon is killed: the gap is told there, too"
is restart "$(entries lost .SEISMO_WHERE | grep -vE '^(ring|queue|probe)$')" "as what it is" # what others do may be lost elsewhere
stop_seismo
is_same "the end arrives"
is "" "$(in_journal | uniq -d)" "none has come twice"
