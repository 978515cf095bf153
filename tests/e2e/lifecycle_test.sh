#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Start and end: signals, leftovers, a second instance, what it cannot run with, and the other commands.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/bpf.sh
. "$(dirname "$0")/bpf.sh"
need bpftool jq setpriv

# Runs the program, below another one: sets output, errors and status.
below=()
run() { # ARGUMENT...
	timeout 60 "${below[@]}" "$SEISMO" "$@" >"$TMP/run.out" 2>"$TMP/run.err" </dev/null
	status=$?
	output=$(cat "$TMP/run.out")
	errors=$(cat "$TMP/run.err")
}

# That the last run had this status and one line of errors with these words.
refused() { # STATUS PATTERN TEXT
	is "$1" "$status" "$3: exit status"
	ok "$3: one line says why (${errors:0:200})" grep -qE "$2" <<<"$errors"
	is 1 "$(wc -l <"$TMP/run.err")" "$3: no more than that"
}

# --- signals

fastest=100000000
everything=syscall=full,block,tcp,process # sampled comes and goes
for signal in INT TERM; do
	start_seismo --probes "$everything"
	bpf_objects >"$TMP/objects"
	is $'link\nmap\nprog' "$(cut -d' ' -f1 "$TMP/objects" | sort -u)" \
		"while it runs the kernel holds programs, maps and links"
	is "$(wc -l <"$TMP/objects")" "$(bpf_remaining "$TMP/objects" | wc -l)" "and bpftool sees all of them"
	began=${EPOCHREALTIME/./}
	kill "-$signal" "$seismo_pid"
	wait "$seismo_pid"
	is 0 $? "SIG$signal ends it with 0"
	took=$((${EPOCHREALTIME/./} - began))
	((took < fastest)) && fastest=$took
	leaves_no_bpf "SIG$signal"
	# but what others on this machine do, which may be something for an alert
	is "" "$(grep -vE ' msg="alerts?[: ]' "$TMP/seismo.err")" "SIG$signal: it said nothing on stderr"
done
ok "a signal ends it soon ($fastest us)" test "$fastest" -lt 5000000

mkdir "$TMP/cwd"
# Nobody's tree is looked into, nor what other tests have.
files() {
	find "$TMP/cwd" /tmp /run /var/run /var/tmp /dev/shm /sys/fs/bpf -maxdepth 2 -xdev -iname '*seismo*' \
		-not -path '*/seismo-e2e*' -not -path '*/seismo-vm.*' -not -path '*/seismo-matrix.*' 2>/dev/null | sort
}
files >"$TMP/files"
cd "$TMP/cwd" || exit 1
start_seismo --probes "$everything"
bpf_objects >"$TMP/objects"
kill -KILL "$seismo_pid"
wait "$seismo_pid" 2>/dev/null
leaves_no_bpf "kill -9"
# What others have for a moment goes away again.
no_file_left() {
	[[ ! $(comm -13 "$TMP/files" <(files)) ]]
}
wait_until no_file_left
is "" "$(comm -13 "$TMP/files" <(files))" "kill -9 leaves no file"
is "" "$(ls -A "$TMP/cwd")" "nor anything where it was started"
cd "$ROOT" || exit 1

# --- what it cannot run with

below=(unshare --pid --fork --mount-proc)
for command in "run --listen 127.0.0.1:0" check; do
	# shellcheck disable=SC2086 # options are words
	run $command --state-dir "$TMP/elsewhere"
	refused 3 "PID namespace of its own.*hostPID: true.*--pid=host" "a PID namespace of its own: seismo ${command%% *}"
done
below=()

start_seismo --probes process
run run --listen 127.0.0.1:0 --config "$CONFIG" --state-dir "$TMP/state"
refused 3 "process $seismo_pid " "a second instance"
ok "the first one is not disturbed" curl -fsS -o /dev/null "$SEISMO_URL/metrics"
stop_seismo

tcp=$(workload tcp "w-taken-$$")
"$tcp" server 127.0.0.1 1 1 1 >"$TMP/port" &
at_exit end_process $!
wait_until test -s "$TMP/port"
taken=127.0.0.1:$(head -n 1 "$TMP/port")
run run --listen "$taken" --config "$CONFIG" --state-dir "$TMP/state"
refused 3 "$taken" "a taken port"

run run --listen 127.0.0.1:99999 --config "$CONFIG" --state-dir "$TMP/state"
refused 2 '127.0.0.1:99999' "an address that is none"

chmod 755 "$TMP"
chmod 644 "$CONFIG"
install -d -o 65534 "$TMP/nobody"
setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all \
	"$SEISMO" run --listen 127.0.0.1:0 --config "$CONFIG" --state-dir "$TMP/nobody" --data-dir "$TMP/nobody" \
	>"$TMP/run.out" 2>"$TMP/run.err"
status=$? errors=$(cat "$TMP/run.err")
refused 3 'root|CAP_BPF' "no privilege"

while IFS='|' read -r text line words; do
	printf '%b' "$text" >"$TMP/bad.yaml"
	run run --listen 127.0.0.1:0 --config "$TMP/bad.yaml"
	refused 2 "bad\\.yaml:$line: .*($words)" "bad configuration: ${words%%|*}"
done <<'END'
# fine\nlimits:\n  servces: 3\n|3|servces.*services
limits: { memory: 64parsecs }\n|1|memory|parsecs
listen: [ 1\n|[0-9]+|.
\n\nprobes: { sycall: on }\n|3|sycall.*syscall
services:\n  - name: x\n    match: { prt: 1 }\n|3|prt.*port
END
run run --config "$TMP/not-there.yaml"
refused 2 'not-there.yaml' "a configuration that is not there"

run run --no-such-option
is 2 "$status" "unknown option: exit status"
ok "unknown option: named" grep -q 'no-such-option' <<<"$errors"
run check --hook tcp=nonsense
refused 2 'tcp=nonsense' "a hook that there is not"
run check --btf "$TMP/not-there.btf"
refused 3 'not-there.btf' "types from a file that is not there"
run check --btf "$CONFIG"
refused 3 "$CONFIG" "types from a file that has none"
run frobnicate
is 2 "$status" "unknown command: exit status"
ok "unknown command: named" grep -q 'frobnicate' <<<"$errors"
run run --probes nonsense
refused 2 nonsense "an unknown probe"

# --- the other commands

run --version
is 0 "$status" "--version: exit status"
ok "--version: name and number ($output)" grep -Eqx 'seismo [0-9]+\.[0-9]+\.[0-9]+.*' <<<"$output"
run help
is 0 "$status" "help: exit status"
for command in run check metrics help; do
	ok "help lists $command" grep -qw "$command" <<<"$output"
done
run help run
is 0 "$status" "help run: exit status"
ok "help run tells its options" grep -q -- '--listen' <<<"$output"

run check --format json
ok "check: exit status 0 or 1 ($status)" between 0 1 "$status"
ok "check: JSON with a name, a state and a hook for each probe" json_is '
	.probes | length > 0 and all(has("name") and has("state") and has("hook"))' "$TMP/run.out"
is '["block","process","syscall","tcp"]' \
	"$(jq -c '[.probes[].name] | map(select(IN("block", "process", "syscall", "tcp"))) | sort' "$TMP/run.out")" \
	"check: every family is there"
run check
ok "check: text names every family" \
	test "$(grep -oEw 'syscall|block|tcp|process' <<<"$output" | sort -u | wc -l)" -eq 4
printf 'nonsense: 1\n' >"$TMP/bad.yaml"
run check --config "$TMP/bad.yaml"
is 2 "$status" "check: a bad configuration"

# --- the reference of metrics is what is scraped

start_seismo --probes all
run metrics --format json
is 0 "$status" "metrics: exit status"
log_is_open() {
	scrape
	grep -q '^seismo_events_lost_total{buffer=' "$METRICS"
}
wait_until log_is_open
jq -r '.[] | "\(.name) \(.type)"' "$TMP/run.out" | sort >"$TMP/listed"
awk '$1 == "#" && $2 == "TYPE" { print $3, $4 }' "$METRICS" | sort >"$TMP/scraped"
is "" "$(comm -13 "$TMP/listed" "$TMP/scraped")" "metrics: what is scraped is listed"
# A family without samples may be missing in the scrape; one whose name is listed twice may not.
is "" "$(cut -d' ' -f1 "$TMP/listed" | uniq -d)" "metrics: each family once"
is "" "$(jq -r '.[] | select(.help == "" or (.labels | type != "array")) | .name' "$TMP/run.out")" \
	"metrics: each has a help and labels"
# Prints each family whose samples have other labels than are listed; many have no sample here. Those of alerts have also the
# labels of their rules.
labels_differ() {
	local name labels scraped
	jq -r '.[] | "\(.name) \(.labels | sort | join(","))"' "$TMP/run.out" | grep -v '^seismo_alert_' >"$TMP/labels"
	while read -r name labels; do
		grep -qE "^${name}(_bucket|_count|_sum)?[{ ]" "$METRICS" || continue
		scraped=$(grep -E "^${name}(_bucket|_count|_sum)?[{]" "$METRICS" | grep -oE '[a-z_]+="' | tr -d '="' |
			grep -vx le | sort -u | paste -sd,)
		[[ $labels == "$scraped" ]] || echo "$name: listed $labels, scraped $scraped"
	done <"$TMP/labels"
}
is "" "$(labels_differ)" "metrics: labels are those of the scrape"
run metrics --format text
is "$(cut -d' ' -f1 "$TMP/listed")" "$(grep -oE '^(seismo|process)_[a-z_]+' <<<"$output" | sort)" \
	"metrics: the text lists the same"
run metrics --format markdown
is "$(cut -d' ' -f1 "$TMP/listed")" "$(grep -oE '^\| `[a-z_]+' <<<"$output" | tr -d '|` ' | sort)" \
	"metrics: the markdown lists the same"
stop_seismo
