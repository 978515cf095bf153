#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What processes are called: units on each kind of cgroup hierarchy, containers, executables, rules of the
# configuration, hostile names, and more names than there is room for.
# alone: it fills the tables of names, of every daemon, and looks at the memory for them
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# How many calls each process below makes, of one that nobody else makes.
calls=$((300 / scale))
call=sched_rr_get_interval

# Runs the workload under whatever it is called.
run_calls() { # COMMAND-PREFIX...
	mark
	"$@" call "$calls"
}

is_named() { # SERVICE TEXT
	is_metric "$calls" "$2" seismo_syscalls_total "service=$1" "syscall=$call"
}

# Processes of a service that are asleep since before the daemon was started.
is_old() { # EXPECTED TEXT SERVICE
	if [[ ${SEISMO_OPTIONS-} == *core=identify_* ]]; then
		skip_one "$2" "without iterators a process is seen when its next system call ends"
	else
		is_metric "$1" "$2" seismo_processes "service=$3"
	fi
}

exit_cnt() { # SERVICE
	value_or_0 seismo_process_exits_total "service=$1"
}

mapfile -t mounts < <(cgroup_mounts)
unified=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
any=${unified:-${mounts[0]-}}
[[ $any ]] || skip "no cgroups on this host"

churn=$(workload churn "w-churn-$$")
hold=$(workload process "w-old-$$")

# --- these run before the daemon does

cgroup_make "$any/system.slice/old-$$.service"
enter_cgroup "$any/system.slice/old-$$.service" "$(workload process "w-inner-$$")" hold 3 >"$TMP/hold.unit" &
at_exit end_process $!
"$hold" hold 4 >"$TMP/hold.exe" &
at_exit end_process $!
printf '#!/bin/sh\nread -r line\n' >"$TMP/w-old-script-$$"
chmod +x "$TMP/w-old-script-$$"
mkfifo "$TMP/fifo"
"$TMP/w-old-script-$$" <>"$TMP/fifo" &
at_exit end_process $!
"$(workload tcp "w-listens-$$")" server 127.0.0.1 1 1 1 >"$TMP/port" &
at_exit end_process $!
wait_until test -s "$TMP/hold.unit" -a -s "$TMP/hold.exe" -a -s "$TMP/port"

# --- the rules

rule_cgroup=$any/system.slice/rule-cgroup-$$-7.service
cgroup_make "$rule_cgroup"
rule_exe=$(workload churn "w-rule-exe-$$")
rule_command=$(workload churn "w-rule-command-$$")
cat >"$CONFIG" <<END
services:
  - name: by-cgroup-$$
    match: { cgroup: "*/rule-cgroup-$$-*.service" }
  - name: by-exe-$$
    match: { exe: "w-rule-exe-$$" }
  - name: by-command-$$
    match: { command: "*w-rule-command-$$ call $calls" }
  - name: by-port-$$
    match: { port: $(cat "$TMP/port") }
END
start_seismo --probes syscall=count,process

is_old 4 "processes of a unit that are older than the daemon" "old-$$.service"
is_old 5 "processes of a program that are older than the daemon" "w-old-$$"
is_old 1 "a script that is older than the daemon" "w-old-script-$$"
is_old 1 "rule by listening port" "by-port-$$"

run_calls in_cgroup "$rule_cgroup" "$churn"
is_named "by-cgroup-$$" "rule by cgroup"
run_calls "$rule_exe"
is_named "by-exe-$$" "rule by executable"
run_calls "$rule_command"
is_named "by-command-$$" "rule by command"
is 0 "$(exit_cnt "w-rule-command-$$")" "a rule's name is in place of the executable's"

# --- units, on each hierarchy of this host

i=0
for mount in "${mounts[@]}"; do
	unit=seismo-test-$$-$((++i)).service
	cgroup_make "$mount/system.slice/$unit"
	run_calls in_cgroup "$mount/system.slice/$unit" "$churn"
	is_named "$unit" "a unit on $mount"
	is_metric 1 "a unit on $mount: its process, which lived a moment, ended" \
		seismo_process_exits_total "service=$unit" reason=ok
	is 1 "$(value seismo_process_starts_total "service=$unit")" "a unit on $mount: it started once"
done
is 0 "$(exit_cnt "w-churn-$$")" "a unit's name is in place of the executable's"

user=$any/user.slice/user-4711.slice/user@4711.service/app.slice/inner-$$.service
cgroup_make "$user"
run_calls in_cgroup "$user" "$churn"
is_named "user@4711/inner-$$.service" "a user's unit, below the manager's"

cgroup_make "$any/user.slice/user-4711.slice/session-$$.scope"
session=$(workload churn "w-session-$$")
run_calls in_cgroup "$any/user.slice/user-4711.slice/session-$$.scope" "$session"
is_named "w-session-$$" "in a person's session, the executable"

unit=nested-$$.service
cgroup_make "$any/system.slice/$unit"
run_calls in_cgroup "$any/system.slice/$unit" "$churn"
for machine in machine-w-$$.scope "systemd-nspawn@w\\x2d$$\\x2d2.service"; do
	cgroup_make "$any/machine.slice/$machine/payload/system.slice/$unit"
	in_cgroup "$any/machine.slice/$machine/payload/system.slice/$unit" "$churn" call "$calls"
done
is_named "$unit" "a unit of the host"
is_named "w-$$/$unit" "a unit of a machine with the same name"
is_named "w-$$-2/$unit" "a unit of another machine with the same name"

levels=$any/system.slice/levels-$$.service
for ((n = 0; n < 40; n++)); do
	levels+=/$n
done
cgroup_make "$levels"
run_calls in_cgroup "$levels" "$churn"
is_named "levels-$$.service" "a unit with 40 levels below it"

levels=$any/system.slice/far-$$.service
for ((n = 0; n < 30; n++)); do
	levels+=/$(printf '%050d' $n)
done
cgroup_make "$levels"
run_calls in_cgroup "$levels" "$churn"
is_named "far-$$.service" "a unit with 1,500 characters below it"

id=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
cgroup_make "$any/docker/$id"
run_calls in_cgroup "$any/docker/$id" "$churn"
is_named "${id:0:12}" "a container that nobody knows more of, by its short id"

first=$(workload churn "w-first-name-$$")
second=$TMP/bin/w-second-name-$$
ln "$first" "$second"
run_calls "$first"
run_calls "$second"
is_named "w-first-name-$$" "an executable of two names, by the first"
is_named "w-second-name-$$" "an executable of two names, by the second"

# --- hostile names

hostile=$any/$'a "b" \\c {d="e"} \xff\xc3 f'-$$.service
cgroup_make "$hostile"
run_calls in_cgroup "$hostile" "$churn"
is_named $'a "b" \\c {d="e"} \xef\xbf\xbd\xef\xbf\xbd f'-$$.service \
	"quotes, backslashes, braces and what is no UTF-8 in a unit's name"
newline=$any/$'new\nline'-$$.service
if cgroup_make "$newline" 2>/dev/null; then
	run_calls in_cgroup "$newline" "$churn"
	is_metric "$calls" "a newline in a unit's name" \
		seismo_syscalls_total $'service=new\nline'-$$.service "syscall=$call"
else
	skip_one "a newline in a unit's name" "this kernel does not allow it"
fi

deep=$any
component=$(printf '%0200d' 0)
while ((${#deep} < 3900)); do
	deep+=/$component
done
(cd "$any" && for ((n = ${#any}; n < ${#deep}; n += 201)); do
	mkdir -p "$component" && cd "$component" || exit
done && mkdir "deep-$$.service") 2>/dev/null
at_exit cgroup_remove_below "$any/$component"
cgroup_remove_below() { # DIRECTORY
	find "$1" -depth -type d -exec rmdir {} +
}
if [[ -d $deep/deep-$$.service ]]; then
	run_calls in_cgroup "$deep/deep-$$.service" "$churn"
	is_named "deep-$$.service" "a unit 4,000 characters deep"
else
	skip_one "a unit 4,000 characters deep" "cannot make it"
fi

odd=$(workload churn "w \"q\" \\b é-$$")
run_calls "$odd"
is_named "w \"q\" \\b é-$$" "quotes, backslashes, blanks and UTF-8 in an executable's name"

ok "all of it is valid UTF-8" iconv -f UTF-8 -t UTF-8 -o /dev/null "$METRICS"
is "" "$(grep -vE '^(# (HELP|TYPE) |[a-z_]+(\{([a-z_]+="([^"\\]|\\["\\n])*",?)*\})? [-+0-9.eInf]+$)' "$METRICS")" \
	"every line is a comment or a sample"
stop_seismo

# --- many that come and go: sums are exact, memory stays, nothing goes back

resident() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$seismo_pid/status"
}

# The sum over all names with this beginning, and of what has no name.
sum_named() { # METRIC BEGINNING LABEL=VALUE...
	series by=service "$1" "${@:3}" | awk -v begin="$2" '
		index($0, begin) == 1 { sum += $NF } END { printf "%d\n", sum }'
}

# Whether COUNT names, starting with BEGINNING, have made all their calls, be it as "other".
all_counted() { # COUNT
	scrape
	(($(sum_named seismo_syscalls_total churn- "syscall=$call") +
		$(grown seismo_syscalls_total service=other "syscall=$call") == $1 * calls))
}

long=${SEISMO_LONG:-0}

# The same for names that may be forgotten by now, which is only done when a scrape has seen all that they did. Each scrape
# is looked at once: what they have of such names is gathered in a file.
all_seen() { # COUNT
	local files=("$TMP"/scrapes/*)
	grep -h '^seismo_syscalls_total{.*service="churn-' /dev/null "${files[@]:looked}" |
		grep -F "syscall=\"$call\"" >>"$TMP/seen"
	looked=${#files[@]}
	seen=$(awk '
		{ split($0, part, "service=\""); last[part[2]] = $NF }
		END { for (name in last) sum += last[name]; printf "%d\n", sum }' "$TMP/seen")
	rest=$(METRICS=${files[-1]} grown seismo_syscalls_total service=other "syscall=$call")
	((seen + rest == $1 * calls))
}

echo "limits: { services: $((256 / scale)) }" >"$CONFIG"
some=$((long ? 5000 : 1000 / scale)) all=$((6 * some))
cgroup_make "$any/seismo-churn-$$"
# as it is by default: at a tenth of a second the history would grow faster than anything else
start_seismo --probes syscall=count,process --interval 5s
mark
start_scraping
before=0 looked=0
for ((first = 0; first < all; first += some)); do
	((first < all - some)) || before=$(resident)
	"$churn" cgroup "$any/seismo-churn-$$" "$some" "$calls" "$first"
	wait_until all_seen $((first + some))
done
# The tables are mapped as far as they were ever used, which takes the first thousands; where there are fewer cgroups than
# identities, they go on filling.
most=$((scale > 1 ? 4 : 2))
ok "the last $some of $all cgroups costs less than $most MiB ($before to $(resident) KiB)" \
	test $(($(resident) - before)) -lt $((most * 1024))
all_seen "$all"
stop_scraping $((10 / scale))
is $((all * calls)) $((seen + rest)) "$all cgroups: every call is counted"
scrape
is "" "$(tables_above 1)" "no table holds more than it can"
new=$any/seismo-churn-$$/new-$$.service
cgroup_make "$new"
run_calls in_cgroup "$new" "$churn"
is_named "new-$$.service" "after all of them, a new unit has its name at once"
stop_seismo

# --- more names than limits.services

# There are twice as many identities, at least 256: who finds none of those is "other" as well, but not dropped.
count=$((long ? 100000 : 300 / scale)) services=$((250 / scale))
echo "limits: { services: $services }" >"$CONFIG"
start_seismo --probes syscall=count,process
start_scraping
mark
mkdir "$TMP/many"
"$churn" exe "$TMP/many" "$count" "$calls"
wait_until all_counted "$count"
stop_scraping 1
is $((count * calls)) $(($(sum_named seismo_syscalls_total churn- "syscall=$call") +
	$(grown seismo_syscalls_total service=other "syscall=$call"))) \
	"$count programs in $services services: every call is counted"
named=$(series by=service seismo_syscalls_total | wc -l)
ok "no more than $services services and 'other' have names ($named)" between 2 $((services + 1)) "$named"
ok "some calls are those of 'other'" test "$(grown seismo_syscalls_total service=other "syscall=$call")" -gt 0
((long)) || ok "each event of theirs is told as dropped, and no other" between \
	"$(grown seismo_syscalls_total service=other "syscall=$call")" "$(value seismo_syscalls_total service=other)" \
	"$(value seismo_series_dropped_total family=seismo_syscalls_total)"
stop_seismo
