#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The daemon's log: its forms and levels, at the start and after a reload, for a file, a terminal and the journal.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need jq script

log=$TMP/seismo.err
alone=(--probes none)

# With this as `log:`; waits for the line that says so.
reload() { # LOG
	sed -i '/^log:/d' "$CONFIG"
	echo "log: $1" >>"$CONFIG"
	: >"$log"
	kill -HUP "$seismo_pid"
	wait_until grep -q 'in effect' "$log"
}

# What came since; the file was emptied below the daemon's position in it.
lines() {
	tr -d '\0' <"$log"
}

# --- a file

start_seismo "${alone[@]}"
reload "{}"
ok "a file gets logfmt, with times ($(lines | tail -n 1))" \
	grep -Eqx 'time=[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z level=info msg="reload: the configuration is in effect"' <(lines)
now=$(date +%s)
then=$(date +%s -d "$(sed -n 's/^time=\([^ ]*\) .*in effect.*/\1/p' "$log")")
ok "which are true" between $((now - 60)) $((now + 1)) "$then"
reload "{ format: json }"
is "info reload: the configuration is in effect" "$(lines | grep "^{" | jq -r 'select(.msg | test("in effect")) | "\(.level) \(.msg)"')" "JSON, after a reload"
is "" "$(lines | grep "^{" | jq -r 'select(.time | test("^[0-9T:.-]+Z$") | not)')" "each line has a time"
reload "{ format: text }"
ok "text ($(lines | tail -n 1))" grep -Eqx '[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z seismo: reload: the configuration is in effect' <(lines)
reload "{ format: json, level: debug }"
is "debug" "$("$SEISMO" config --state-dir "$TMP/state" log.level | awk '{ print $2 }')" "the level is in effect"
sed -i 's/^log:.*/log: { level: warning }/' "$CONFIG"
: >"$log"
kill -HUP "$seismo_pid"
level_is() {
	[[ $("$SEISMO" config --state-dir "$TMP/state" log.level | awk '{ print $2 }') == "$1" ]]
}
ok "another level" wait_until level_is warning
echo "interval: nonsense" >>"$CONFIG"
kill -HUP "$seismo_pid"
ok "what is wrong is told" wait_until grep -q "level=error .*interval.*stays as it was" "$log"
is "" "$(grep 'level=info.*in effect' "$log")" "what is not, is not"
sed -i '/^interval:/d' "$CONFIG"
stop_seismo

# --- the command line, and words that are none

sed -i '/^log:/d' "$CONFIG"
is "log.level debug --verbose" "$("$SEISMO" config --state-dir /nothing --config "$CONFIG" --verbose log.level | awk '{ $1 = $1; print }')" "--verbose is a level"
echo "log: { format: logfnt }" >>"$CONFIG"
"$SEISMO" check --config "$CONFIG" >"$TMP/out" 2>&1
is 2 $? "a form that is none"
ok "it says what there is ($(<"$TMP/out"))" grep -q ":[0-9]*: 'format' is 'logfnt', must be auto or text or logfmt or json" "$TMP/out"
sed -i 's/^log:.*/log: { format: auto }/' "$CONFIG"

# --- the journal, and a terminal

# What a unit's standard error is: a stream whose device and inode the service manager tells.
: >"$TMP/journal"
export JOURNAL_STREAM
JOURNAL_STREAM=$(stat -c %d:%i "$TMP/journal")
"$SEISMO" run --listen 127.0.0.1:0 --config "$CONFIG" --state-dir "$TMP/j" --data-dir "$TMP/data" "${alone[@]}" >"$TMP/journal.out" 2>>"$TMP/journal" &
pid=$!
at_exit end_process $pid
wait_until grep -q 'metrics at' "$TMP/journal.out"
kill -HUP $pid
wait_until grep -q 'in effect' "$TMP/journal"
is "<6>reload: the configuration is in effect" "$(grep 'in effect' "$TMP/journal")" "the journal gets priorities and no times"
kill $pid
wait $pid
echo "nonsense: 1" >>"$CONFIG"
"$SEISMO" run --config "$CONFIG" --state-dir "$TMP/j" 2>>"$TMP/journal"
is 2 $? "a configuration that is wrong"
ok "is an error in the journal ($(tail -n 1 "$TMP/journal"))" grep -q "^<3>$CONFIG:[0-9]*: .*nonsense" "$TMP/journal"
unset JOURNAL_STREAM
"$SEISMO" run --config "$CONFIG" --state-dir "$TMP/j" 2>"$TMP/err"
ok "and told as by every command elsewhere ($(<"$TMP/err"))" grep -q "^seismo: error: $CONFIG:[0-9]*: " "$TMP/err"
sed -i '/^nonsense/d' "$CONFIG"
cat >"$TMP/terminal" <<END
"$SEISMO" run --listen 127.0.0.1:0 --config "$CONFIG" --state-dir "$TMP/t" --data-dir "$TMP/data" --probes none >"$TMP/terminal.out" &
echo \$! >"$TMP/pid"
wait
END
script -qfec "bash '$TMP/terminal'" "$TMP/typescript" >/dev/null 2>&1 </dev/null &
at_exit end_process $!
wait_until grep -q 'metrics at' "$TMP/terminal.out"
pid=$(<"$TMP/pid")
kill -HUP "$pid"
wait_until grep -q 'in effect' "$TMP/typescript"
ok "a terminal gets text" grep -Eq '^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z seismo: reload: the configuration is in effect' "$TMP/typescript"
kill "$pid"
terminal_left() {
	[[ ! -e /proc/$pid ]]
}
wait_until terminal_left # it writes to the end
