# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What every end-to-end test uses: TAP output, the daemon, what it exposes, and cleaning up. Source it first.
set -u
export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$ROOT/${O:-build}
SEISMO=${SEISMO:-$BUILD/seismo}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/seismo-e2e.XXXXXX") || exit 1
CONFIG=$TMP/seismo.yaml
series_max=1000000
METRICS=$TMP/metrics # the last scrape
# shellcheck disable=SC2034 # for the tests: amounts of work are divided by it, at most 10, where machines are slow
scale=${SEISMO_SCALE:-1}
mkdir "$TMP/bin"
: >"$CONFIG"
: >"$TMP/metrics.mark"
PATH=$TMP/bin:$PATH:/usr/sbin

# --- results

tests=0 failures=0

result() { # ok|"not ok" TEXT
	echo "$1 $((++tests)) - $2"
}

comment() {
	sed 's/^/# /'
}

is() { # EXPECTED ACTUAL TEXT
	if [[ $1 == "$2" ]]; then
		result ok "$3"
		return
	fi
	((++failures))
	result "not ok" "$3"
	if [[ $1$2 == *$'\n'* ]]; then
		diff -u --label expected --label actual <(echo "$1") <(echo "$2") | comment
	else
		printf 'expected: %s\nactual:   %s\n' "$1" "$2" | comment
	fi
}

ok() { # TEXT COMMAND...
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		result ok "$text"
		return
	fi
	((++failures))
	result "not ok" "$text"
	printf 'failed: %s\n%s\n' "$*" "$output" | comment
}

between() { # LOW HIGH NUMBER
	awk 'BEGIN {
		number = "^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$"
		exit !(ARGV[3] ~ number && ARGV[1] + 0 <= ARGV[3] + 0 && ARGV[3] + 0 <= ARGV[2] + 0)
	}' "$1" "$2" "$3"
}

near() { # EXPECTED ACTUAL PERCENT TEXT
	ok "$4 (expected $1 within $3 %, got $2)" between \
		"$(calc "$1 * (1 - $3 / 100)")" "$(calc "$1 * (1 + $3 / 100)")" "$2"
}

# A time that a program measured, which adds the time until it was woken: a machine with others on it may be
# late with that, and then nothing can be said but that it took at least LEAST. An emulated one always is.
near_seen() { # EXPECTED ACTUAL PERCENT LEAST TEXT
	if ((scale > 1)); then
		ok "$5, or less and at least $4 (the program saw $1, got $2)" between "$4" "$(calc "$1 * (1 + $3 / 100)")" "$2"
	elif between "$4" "$(calc "$1 * (1 - $3 / 100)")" "$2"; then
		skip_one "$5 (the program saw $1, got $2)" "this machine was late to wake the program"
	else
		near "$1" "$2" "$3" "$5"
	fi
}

# Is it true of the document? Of an empty file jq says so of everything.
json_is() { # [JQ-OPTION...] CONDITION FILE
	[[ -s ${*: -1} ]] && jq -e "$@"
}

calc() { # AWK-EXPRESSION
	if [[ $1 =~ ^[-+*0-9\ ]+$ ]]; then
		echo $(($1))
		return
	fi
	awk "BEGIN { printf \"%.15g\n\", ${1//$'\n'/ } }"
}

skip_one() { # TEXT REASON
	result ok "$1 # SKIP $2"
}

# Skips the rest of the script.
skip() { # REASON
	skip_one "$(basename "$0")" "$1"
	exit 0
}

bail() { # REASON
	echo "Bail out! $1"
	exit 1
}

need() { # COMMAND|FILE...
	local command
	for command in "$@"; do
		[[ -e $command ]] || command -v "$command" >/dev/null || skip "no $command on this host"
	done
}

# --- cleaning up: what was registered runs at exit, the last first

cleanups=()

at_exit() { # COMMAND...
	cleanups+=("${*@Q}")
}

# A script that ends before its end, and not by `skip`, has no plan.
clean_up() {
	local status=$? i
	trap '' INT TERM
	((status == 0)) && echo "1..$tests"
	if ((failures)) && [[ -s $TMP/seismo.err ]]; then
		echo "--- the daemon said:" | comment
		tail -n 40 "$TMP/seismo.err" | comment
	fi
	if ((failures)) && [[ -s $METRICS ]]; then
		# be it with others on this host
		tables_above 0.99 | sed 's/$/: full/' | comment
		grep '^seismo_series_dropped_total.* [1-9]' "$METRICS" | comment
	fi
	for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
		eval "${cleanups[i]}"
	done >/dev/null 2>&1
	rm -rf "$TMP"
	exit $((status || failures))
}
trap clean_up EXIT
# Told twice to end, it still cleans up.
trap 'trap "" INT TERM; exit 1' INT TERM

# Is it a child of this shell? The number of one that has ended and was waited for may be another process's by now.
is_child() { # PID
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null && stat=${stat##*) } && [[ ${stat#* } == "$BASHPID "* ]]
}

# Ends a process of ours for good; one that has ended already is fine.
end_process() { # PID
	is_child "$1" && kill -KILL "$1"
	wait "$1"
}

# Starts a command in the background, $! is its pid; it does not outlive the test.
background() { # COMMAND...
	"$@" &
	at_exit end_process $!
}

# --- waiting

# Nothing is ever to be read from it: to wait without starting a program.
exec {silence}<> <(:)
scrape_pause=$(calc "0.025 * $scale")

# Repeats the command until it succeeds, for a minute at most, or $WAIT: longer than a machine with much else to do takes.
wait_until() { # COMMAND...
	local end=$((SECONDS + ${WAIT:-60} + 1))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		read -rt 0.05 -u "$silence" || true
	done
}

# --- the daemon

seismo_pid=

start_seismo() { # OPTION...
	# Others run on this machine as well, and what they leave of the samples is not what most tests are about.
	grep -q '^limits:' "$CONFIG" || echo "limits: { series: $series_max }" >>"$CONFIG"
	# Nor are short commands, which are services of their own here, and the choice of buckets.
	grep -q '^short_commands:' "$CONFIG" || echo "short_commands: name" >>"$CONFIG"
	grep -q '^buckets:' "$CONFIG" || echo "buckets: fine" >>"$CONFIG"
	grep -q '^events:' "$CONFIG" || echo "events: { file: $TMP/events.jsonl, journald: off }" >>"$CONFIG"
	: >"$TMP/seismo.out" # or the address of the one before is found there
	: >"$TMP/metrics.mark"
	# shellcheck disable=SC2086 # options are words
	"$SEISMO" run --listen 127.0.0.1:0 --config "$CONFIG" --state-dir "$TMP/state" --data-dir "$TMP/data" --interval $((100 * scale))ms ${SEISMO_OPTIONS:-} "$@" \
		>"$TMP/seismo.out" 2>"$TMP/seismo.err" &
	seismo_pid=$!
	at_exit end_process "$seismo_pid"
	WAIT=$((${WAIT:-0} > 120 ? WAIT : 120)) wait_until seismo_started || bail "seismo $*: $(tail -n 3 "$TMP/seismo.err")"
	kill -0 "$seismo_pid" 2>/dev/null || bail "seismo $* ended: $(tail -n 3 "$TMP/seismo.err")"
	wait_until http_get /-/ready "$TMP/ready" ||
		bail "seismo $* at $SEISMO_URL is not ready in time: $(curl -sS "$SEISMO_URL/-/ready" 2>&1)"
}

# True once it listens (and sets SEISMO_URL), or has ended.
seismo_started() {
	SEISMO_URL=
	[[ $(<"$TMP/seismo.out") =~ http://127\.0\.0\.1:[0-9]+ ]] && SEISMO_URL=${BASH_REMATCH[0]}
	[[ $SEISMO_URL ]] || ! kill -0 "$seismo_pid"
}

stop_seismo() {
	kill -TERM "$seismo_pid"
	wait "$seismo_pid"
	is 0 $? "the daemon ends with 0"
}

kill_seismo() {
	kill -KILL "$seismo_pid"
	wait "$seismo_pid" 2>/dev/null
}

memory_kib() { # VmRSS|VmHWM PID
	sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$2/status"
}

said() { # PATTERN: how often its log has it
	grep -c -- "$1" "$TMP/seismo.err"
}

# --- what it exposes

# In the shell itself, as here and below: to start a program takes most of the time where machines are emulated.
http_get() { # PATH FILE
	local socket status line
	exec {socket}<>"/dev/tcp/127.0.0.1/${SEISMO_URL##*:}" || return
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&"$socket"
	read -r _ status _ <&"$socket"
	while read -r line <&"$socket" && [[ $line != $'\r' ]]; do :; done
	cat <&"$socket" >"$2"
	exec {socket}>&-
	[[ $status == 200 ]]
}

# Values may be a fifth of the interval old: what was done before the call is to be among them.
scrape() {
	read -rt "$scrape_pause" -u "$silence"
	http_get /metrics "$METRICS" || bail "no scrape"
}

# Reads the last scrape. Sets number, the sum over the series of METRIC that have all the given labels, empty where there
# is none. Few lines are left to look at after grep: those of the metric, and of the first label as far as patterns can
# tell.
value_read() { # METRIC LABEL=VALUE...
	local metric=$1 lines line label wanted=() numbers=() IFS=+
	for label in "${@:2}"; do
		line=${label#*=}
		line=${line//\\/\\\\} line=${line//\"/\\\"} line=${line//$'\n'/\\n}
		wanted+=("${label%%=*}=\"$line\"")
	done
	line=${wanted[0]-}
	mapfile -t lines < <(grep "^${metric}[{ ].*${line//[^a-z0-9_=-]/.}" "$METRICS")
	for line in "${lines[@]}"; do
		for label in "${wanted[@]}"; do
			[[ $line == *[\{,]"$label"[\},]* ]] || continue 2
		done
		numbers+=("${line##* }")
	done
	line="${numbers[*]}" number=
	[[ ! $line ]] || { [[ $line == *[!+0-9]* ]] && number=$(calc "$line") || number=$((line)); }
}

# The same, but 0 where there is no such series, and could be one. A histogram has all its buckets.
value_read_or_0() { # METRIC LABEL=VALUE...
	value_read "$@"
	[[ $number ]] || ! is_observed "$@" || number=0
}

# Nothing where there is no such series.
value() { # METRIC LABEL=VALUE...
	local number
	value_read "$@"
	echo "$number"
}

value_or_0() { # METRIC LABEL=VALUE...
	local number
	value_read_or_0 "$@"
	echo "${number:-no such series: $*}"
}

# Has the reference a metric of this name, with these labels, and runs the probe that counts it?
is_observed() { # METRIC LABEL=VALUE...
	local reference=$TMP/reference labels label probe
	[[ -s $reference ]] || "$SEISMO" metrics --format json | jq -r '.[] | .name as $name |
		("", (select(.type == "histogram") | "_sum", "_count")) as $suffix |
		"\($name)\($suffix) - \(.labels + .optional_labels | join(" "))"' >"$reference"
	labels=$(sed -n "s/^$1 / /p" "$reference")
	for label in "${@:2}"; do
		[[ "$labels " == *" ${label%%=*} "* ]] || return
	done
	probe=$(probe_of "$1")
	[[ $labels ]] && { [[ ! $probe ]] || grep -q "^seismo_probe_attached{probe=\"$probe\",.*} 1\$" "$METRICS"; }
}

# The probe that a metric belongs to.
probe_of() { # METRIC
	case $1 in
	seismo_syscall*) echo syscall ;;
	seismo_block_* | seismo_service_block_* | seismo_service_volume_*) echo block ;;
	seismo_tcp_*) echo tcp ;;
	seismo_request*) echo request ;;
	seismo_process* | seismo_oom_*) echo process ;;
	seismo_memory_* | seismo_major_* | seismo_dirtied_* | seismo_swap_*) echo memory ;;
	seismo_cpu_* | seismo_run_queue_* | seismo_blocked_* | seismo_stopped_* | seismo_pressure_*) echo core ;;
	esac
}

# Reads the last scrape. Prints "LABELVALUE SUM" for each value of LABEL, sorted, over the series of METRIC that
# have all the other labels.
series() { # by=LABEL METRIC LABEL=VALUE...
	awk '
	# Splits name="value",... into label[], undoing the escapes.
	function labels_parse(text,    name, value, at, c) {
		split("", label)
		while (match(text, /^,?[A-Za-z_][A-Za-z0-9_]*="/)) {
			name = substr(text, 1, RLENGTH - 2)
			sub(/^,/, "", name)
			text = substr(text, RLENGTH + 1)
			value = ""
			while (match(text, /^[^"\\]*\\/)) {
				c = substr(text, RLENGTH + 1, 1)
				value = value substr(text, 1, RLENGTH - 1) (c == "n" ? "\n" : c)
				text = substr(text, RLENGTH + 2)
			}
			at = index(text, "\"")
			label[name] = value substr(text, 1, at - 1)
			text = substr(text, at + 1)
		}
		return text # "} number"
	}
	BEGIN {
		by = substr(ARGV[1], 4)
		metric = ARGV[2]
		for (i = 3; i < ARGC; i++) {
			at = index(ARGV[i], "=")
			want[substr(ARGV[i], 1, at - 1)] = substr(ARGV[i], at + 1)
		}
		ARGC = 1
	}
	index($0, metric "{") == 1 {
		rest = labels_parse(substr($0, length(metric) + 2))
		sub(/^[} ]*/, "", rest)
		for (name in want)
			if (!(name in label) || label[name] != want[name])
				next
		sum[label[by]] += rest
	}
	END {
		for (value in sum)
			printf "%s %.15g\n", value, sum[value]
	}' "$@" <"$METRICS" | sort
}

is_value() { # EXPECTED METRIC LABEL=VALUE...
	local number
	scrape
	value_read_or_0 "${@:2}"
	[[ $number == "$1" ]]
}

# From here on `grown` counts, and what is lost explains what is missing.
mark() {
	scrape
	cp "$METRICS" "$TMP/metrics.mark"
}

# How much the value is above what it was at `mark`, as of the last scrape.
grown() { # METRIC LABEL=VALUE...
	local number before
	METRICS=$TMP/metrics.mark value_read "$@"
	before=${number:-0}
	value_read_or_0 "$@"
	[[ $number ]] && calc "$number - $before" || echo "no such series: $*"
}

grown_to() { # EXPECTED METRIC LABEL=VALUE...
	scrape
	[[ $(grown "${@:2}") == "$1" ]]
}

# --- what newer kernels keep from a program: what others do on its CPU while it is preempted

# How many events of the metric may be missing since `mark`, or since the daemon was started: system calls that are
# counted as unknown, what went through sockets and is told of as lost, and whose block I/O it was. Nothing else may.
lost() { # METRIC LABEL=VALUE...
	local label of=()
	for label in "${@:2}"; do
		[[ $label != service=* ]] || of=("$label")
	done
	case $1 in
	seismo_syscall*) grown seismo_syscalls_total "${of[@]}" syscall=unknown | sed 's/.*[^0-9].*/0/' ;;
	seismo_tcp_* | seismo_request*) lost_by tcp request syscall ;;
	seismo_service_block_io*) lost_by block ;;
	*) echo 0 ;;
	esac
}

lost_by() { # PROBE...
	awk -v probes=" $* " '
	/^seismo_events_lost_total[{]probe="[a-z]+"[}] / {
		split($0, part, "\"")
		if (index(probes, " " part[2] " "))
			sum += FILENAME ~ /mark$/ ? -$NF : $NF
	}
	END { print sum + 0 }' "$TMP/metrics.mark" "$METRICS"
}

# How many of the expected events, in lines "[KEY] NUMBER", are missing; nothing when there are others or more.
missing() { # EXPECTED ACTUAL
	awk '
	{ number = $NF; $NF = "" }
	FNR == NR { left[$0] += number; next }
	{ left[$0] -= number }
	END {
		for (key in left) {
			if (left[key] < 0)
				exit
			sum += left[key]
		}
		print sum
	}' <(echo "$1") <(echo "$2")
}

# Equal, or less by no more than was lost.
is_but_lost() { # EXPECTED ACTUAL TEXT METRIC LABEL=VALUE...
	local lost text="$3 (${2//$'\n'/, } of ${1//$'\n'/, })"
	if [[ $1 == "$2" ]] || ! lost=$(lost "${@:4}") || ((!lost)) || ! between 1 "$lost" "$(missing "$1" "$2")"; then
		is "$1" "$2" "$3"
		[[ $1 == "$2" || ! ${lost//0/} ]] || echo "# $lost events were lost"
	elif [[ $4 == seismo_syscall* ]]; then
		result ok "$text, and $lost are counted as unknown"
	else
		skip_one "$text" "the kernel kept $lost events from programs, which are told of as lost"
	fi
}

# Waits until the metric has the value, or has had another for a while and events were lost.
value_settles() { # EXPECTED METRIC LABEL=VALUE...
	local settled='' since=$SECONDS
	wait_until value_is_settled "$@"
}

value_is_settled() { # EXPECTED METRIC LABEL=VALUE...
	is_value "$@" || settled_at "$(value "${@:2}")" "$(lost "${@:2}")"
}

# With `settled` and `since` of the caller: what was seen last, and since when it is the same.
settled_at() { # SEEN LOST
	[[ $1 == "$settled" ]] || since=$SECONDS
	settled=$1
	(($2 && SECONDS - since > 2))
}

# Waits until the metric has the expected value: what the kernel counted is exposed a moment later.
is_metric() { # EXPECTED TEXT METRIC LABEL=VALUE...
	is_value "$1" "${@:3}" || value_settles "$1" "${@:3}"
	is_but_lost "$1" "$(value_or_0 "${@:3}")" "$2" "${@:3}"
}

# How many values of a histogram are in buckets that end below the bound; nothing where there is no such histogram.
count_below() { # BOUND METRIC LABEL=VALUE...
	series by=le "$2_bucket" "${@:3}" | awk -v bound="$1" '
		$1 != "+Inf" && $1 < bound && $1 >= low { low = $1; n = $2 }
		END { if (NR) print n + 0 }'
}

# Prints each table that is fuller than that part of its capacity, and that there is none where nothing is said of any.
tables_above() { # PART
	awk -v part="$1" '
	/^seismo_map_entries[{]/ { entries[$1] = $2 }
	/^seismo_map_capacity[{]/ { sub(/capacity/, "entries", $1); capacity[$1] = $2 }
	END {
		for (map in entries)
			if (!(map in capacity) || entries[map] > part * capacity[map])
				print map, entries[map]
		if (!length(entries))
			print "no tables"
	}' "$METRICS"
}

# Prints each counter that went down from one of the scrapes to the next, and each histogram whose count is
# not its +Inf bucket or whose buckets go down.
scrape_faults() { # FILE...
	local awk
	awk=$(command -v mawk || command -v awk) # the one of busybox, in guests, takes minutes
	# shellcheck disable=SC2016 # of awk
	"$awk" '
	FNR == 1 { split("", bucket); prefix = "" }
	/^# TYPE / { type[$3] = $4; next }
	/^#/ || !NF { next }
	{
		number = $NF
		key = substr($0, 1, length($0) - length(number) - 1)
		name = key
		sub(/\{.*/, "", name)
		family = name
		if (!(family in type))
			sub(/_(bucket|sum|count)$/, "", family)
		if (type[family] != "counter" && type[family] != "histogram")
			next
		if ((key in last) && number + 0 < last[key] + 0)
			print FILENAME ": " key " fell from " last[key] " to " number
		last[key] = number
	}
	name ~ /_bucket$/ {
		set = key
		sub(/,?le="[^"]*"\}$/, "", set)
		if (set == prefix && number + 0 < bucket[set] + 0)
			print FILENAME ": " key " is less than the bucket before it"
		prefix = set
		bucket[set] = number
	}
	name ~ /_count$/ && type[family] == "histogram" {
		set = key
		sub(/_count/, "_bucket", set)
		sub(/\}$/, "", set)
		if (bucket[set] != number)
			print FILENAME ": " key " is " number ", its last bucket " bucket[set]
	}' "$@"
}

# Keeps scraping in the background, into $TMP/scrapes: ten times a second, less often where machines are slow.
start_scraping() {
	mkdir -p "$TMP/scrapes"
	rm -f "$TMP"/scrapes/*
	background scrape_often
	scraper=$!
}

scrape_often() {
	local i pause
	pause=$(calc "0.08 * $scale")
	for ((i = 1000; ; i++)); do
		http_get /metrics "$TMP/scrapes/.part" && mv "$TMP/scrapes/.part" "$TMP/scrapes/$i"
		read -rt "$pause" -u "$silence"
	done
}

# Ends the scraping and says whether all the scrapes were sound and at least COUNT.
stop_scraping() { # COUNT
	end_process "$scraper" 2>/dev/null
	local files=("$TMP"/scrapes/*) looked_at=() i
	ok "at least $1 scrapes were answered (${#files[@]})" test "${#files[@]}" -ge "$1"
	# An emulated machine takes a second or more to read one: no more than 50 of them.
	for ((i = 0; i < ${#files[@]}; i += scale > 1 ? 1 + ${#files[@]} / 50 : 1)); do
		looked_at+=("${files[i]}")
	done
	is "" "$(scrape_faults "${looked_at[@]}" | head -n 5)" \
		"no counter goes back and each histogram adds up, over these scrapes"
}

# --- workloads

# Copies workload NAME under another name, which is then its service, and prints where.
workload() { # NAME AS
	cp "$BUILD/workload/$1" "$TMP/bin/$2" && echo "$TMP/bin/$2"
}

# Copies programs of this host under names of their own, NAME-$$, which are then their services: whatever else runs there
# under the same name is not counted with them.
own_copy() { # PROGRAM...
	local program
	for program in "$@"; do
		cp -L "$(command -v "$program")" "$TMP/bin/${program##*/}-$$" || bail "no copy of $program"
	done
}

# Makes a cgroup, and those above it that are missing; they are removed at exit.
cgroup_make() { # DIRECTORY
	[[ -d $1 ]] && return
	cgroup_make "${1%/*}" && mkdir "$1" && at_exit cgroup_remove "$1"
}

# The kernel lets go of an ended process's cgroup a moment after it was waited for.
cgroup_remove() { # DIRECTORY
	wait_until rmdir "$1"
}

# Runs a command in a cgroup; `enter_cgroup ... &` in the background, where $! has to be the command's.
in_cgroup() { # DIRECTORY COMMAND...
	(enter_cgroup "$@")
}

enter_cgroup() { # DIRECTORY COMMAND...
	echo "$BASHPID" >"$1/cgroup.procs" && exec "${@:2}"
}

# Mount points of cgroup hierarchies that a service manager may use: the unified one, and v1's.
cgroup_mounts() {
	awk '$3 == "cgroup2" || ($3 == "cgroup" && $4 ~ /name=systemd|memory|pids/) { print $2 }' /proc/mounts
}

# Freezes a cgroup, v1's or v2's, or lets it go on.
freeze() { # CGROUP yes|no
	if [[ -e $1/freezer.state ]]; then
		[[ $2 == yes ]] && echo FROZEN >"$1/freezer.state" || echo THAWED >"$1/freezer.state"
	else
		[[ $2 == yes ]] && echo 1 >"$1/cgroup.freeze" || echo 0 >"$1/cgroup.freeze"
	fi
}

# Prints the mount points of hierarchies that may have a freezer.
freezers() {
	awk '$3 == "cgroup2" || ($3 == "cgroup" && $4 ~ /freezer/) { print $2 }' /proc/mounts
}

# Prints where the controller's hierarchy is mounted, v1's or v2's; fails where it is in neither.
cgroup_controller() { # NAME
	local mount
	mount=$(awk -v name="$1" '$3 == "cgroup" && "," $4 "," ~ "," name "," { print $2; exit }' /proc/mounts)
	if [[ ! $mount ]]; then
		mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
		grep -qw "$1" "$mount/cgroup.subtree_control" 2>/dev/null || return 1
	fi
	echo "$mount"
}

# A test may itself run in a service or a scope, and its workloads would then be named after that: leave it.
leave_service() {
	local mount
	grep -qE '\.(service|scope)|[0-9a-f]{64}' /proc/self/cgroup || return
	while read -r mount; do
		mkdir "$mount/seismo-e2e-$$" 2>/dev/null &&
			echo $$ >"$mount/seismo-e2e-$$/cgroup.procs" 2>/dev/null
		at_exit cgroup_leave "$mount"
	done < <(cgroup_mounts)
}

cgroup_leave() { # MOUNT
	echo $$ >"$1/cgroup.procs"
	cgroup_remove "$1/seismo-e2e-$$"
}

# --- common ground of all tests

((EUID == 0)) || skip "not root"
[[ -e /sys/kernel/btf/vmlinux || ${SEISMO_OPTIONS-} == *--btf* ]] || skip "this kernel has no BTF"
[[ -x $SEISMO ]] || bail "no $SEISMO, run make"
need curl jq
leave_service
