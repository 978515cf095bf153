#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Short commands outside of units and containers count together, until their program matters: a minute of a build
# machine, whose commands are all different, with the configuration that users have.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

minutes=1 # at least, or nobody lives for one
((${SEISMO_LONG:-0})) && minutes=10

# How many calls each command makes, of one that nobody else makes, and the one that is there all the time.
calls=20
busy_calls=$((minutes * 600 + 80))
call=sched_rr_get_interval

hold=$(workload process "w-older-$$")
"$hold" hold 2 >"$TMP/older" &
at_exit end_process $!
wait_until test -s "$TMP/older"

cat >"$CONFIG" <<END
short_commands: fold
buckets: default
services: [ { name: ruled-$$, match: { exe: w-ruled-$$ } } ]
END
start_seismo --probes all
mark
busy=$(workload churn "w-busy-$$")
"$busy" call $busy_calls 100 &
busy_pid=$! busy_since=$SECONDS
at_exit end_process $!

# --- who has a name at once

ruled=$(workload churn "w-ruled-$$")
"$ruled" call $calls
is_metric $calls "a rule names" seismo_syscalls_total "service=ruled-$$" "syscall=$call"

"$(workload tcp "w-listens-$$")" server 127.0.0.1 1 1 1 >"$TMP/port" &
at_exit end_process $!
is_metric 1 "who listens has a name" seismo_processes "service=w-listens-$$"

# Nobody is told of a Unix socket that listens: its first request tells.
"$(workload reqserver "w-serves-$$")" server "$TMP/sock" >"$TMP/serves" &
at_exit end_process $!
wait_until test -S "$TMP/sock"
"$BUILD/workload/reqserver" client "$TMP/sock" 0 requests=30 >/dev/null
is_metric 30 "who serves requests has a name" seismo_requests_total "service=w-serves-$$" direction=inbound

fails=$(workload process "w-fails-$$")
for _ in 1 2 3 4 5; do
	"$fails" nonsense 2>/dev/null
done
wait_until is_value 0 seismo_processes "service=w-fails-$$"
for _ in 1 2 3; do
	"$fails" nonsense 2>/dev/null
done
failed() {
	scrape
	between 3 8 "$(value seismo_process_exits_total "service=w-fails-$$" reason=error)"
}
ok "who fails five times in a row has a name, and fails under it" wait_until failed

once=$(workload process "w-fails-once-$$")
"$once" nonsense 2>/dev/null
"$once"

# --- a build machine

at=0 early=
burst() { # a fiftieth of a thousand commands, in a fiftieth of a minute
	mkdir "$TMP/burst-$at"
	"$BUILD/workload/churn" exe "$TMP/burst-$at" 50 $calls "$at"
	at=$((at + 50))
	scrape
	cp "$METRICS" "$TMP/scrapes/$((1000 + at))"
	((SECONDS - busy_since > 55)) || early+=$(value seismo_syscalls_total "service=w-busy-$$")
}

mkdir "$TMP/scrapes"
begin=$SECONDS
while ((at < minutes * 1000)); do
	burst
	while ((SECONDS - begin < at * 6 / 100)); do
		read -rt 0.1 -u "$silence"
	done
done
wait "$busy_pid"

# Of all that count as commands, these make the call.
all_counted() {
	scrape
	(($(grown seismo_syscalls_total service=commands "syscall=$call") +
		$(value_or_0 seismo_syscalls_total "service=w-busy-$$" "syscall=$call") == at * calls + busy_calls))
}
wait_until all_counted
named=$(value seismo_syscalls_total "service=w-busy-$$" "syscall=$call")
is_but_lost $((at * calls + busy_calls)) \
	"$(calc "$(grown seismo_syscalls_total service=commands "syscall=$call") + ${named:-0}")" \
	"$at different commands: each call is counted, and only once" seismo_syscalls_total
is "" "$early" "nobody has a name who has not lived for a minute"
ok "who has has one for what it does from then on (${named:-none} of $busy_calls calls)" between 1 $((busy_calls - 300)) "$named"
is 3 "$(value seismo_processes "service=w-older-$$")" "also when it is older than the daemon"
is "" "$(grep -oE "service=\"(churn-|w-fails-once-)[^\"]*\"" "$METRICS" | sort -u | head -n 5)" \
	"no short command has a name of its own"
is 0 "$(grep '^seismo_series_dropped_total' "$METRICS" | awk '{ sum += $NF } END { print sum + 0 }')" \
	"nothing is dropped"
is "" "$(tables_above 0.75)" "no table gets full"
line_cnt=$(wc -l <"$METRICS")
ok "the scrape has $line_cnt lines, at most 10,000" between 100 10000 "$line_cnt"
is "" "$(scrape_faults "$TMP"/scrapes/* | head -n 5)" "no counter goes back and each histogram adds up, over all scrapes"

# --- a reload

later=$(workload churn "w-later-$$")
reload() { # WORD
	sed -i "s/^short_commands: .*/short_commands: $1/" "$CONFIG"
	: >"$TMP/seismo.err"
	kill -HUP "$seismo_pid"
	wait_until grep -q 'in effect\|stays as it was' "$TMP/seismo.err"
}
reload name
"$later" call $calls
is_metric $calls "by name: a short command is a service of its own" seismo_syscalls_total "service=w-later-$$" "syscall=$call"
reload fold
mark
"$later" call $calls
grown_to_calls() {
	grown_to $calls seismo_syscalls_total service=commands "syscall=$call"
}
ok "together again: it counts as one of the commands" wait_until grown_to_calls
is 0 "$(grown seismo_syscalls_total "service=w-later-$$" "syscall=$call")" "and no longer by its name"
stop_seismo
