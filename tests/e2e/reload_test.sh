#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A reload: what changes, what stays, and that no count is lost on the way.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

state=$TMP/state

check() { # OPTION...
	output=$("$SEISMO" check --state-dir "$state" --config "$CONFIG" "$@" 2>&1)
	status=$?
}

# The daemon says on stderr what came of it.
reload() {
	: >"$TMP/seismo.err"
	kill -HUP "$seismo_pid"
	wait_until grep -qE 'in effect|stays as it was' "$TMP/seismo.err"
}

said() { # TEXT...
	local text
	for text in "$@"; do
		ok "it says: $text" grep -qF -- "$text" "$TMP/seismo.err"
	done
}

successful() {
	scrape
	value seismo_config_last_reload_successful
}

program=$(workload syscall "w-reload-$$")
rounds=$((20000 / scale))

calls_are() { # EXPECTED SERVICE TEXT
	is_metric "$1" "$3" seismo_syscalls_total service="$2" syscall=getppid
}

# Said in each file, or it would change with the others. There is room for whatever else runs on this host.
same="limits: { services: 4100, series: $series_max }
short_commands: name
buckets: fine
events: { file: off }"

mkdir "$TMP/rules.d"
cat >"$TMP/rules.d/disks.yaml" <<-END
	rules:
	  - { alert: DiskReads, metric: seismo_block_io_duration_seconds, by: [device], value: p99, above: 50ms }
	  - { alert: DiskErrors, enabled: off }
END
cat >"$CONFIG" <<-END
	limits: { services: 4000, series: $series_max }
	probes: { request: { long_poll: 5s } }
	events: { file: off }
	include: rules.d
END
start_seismo --probes syscall=count,request
is 1 "$(successful)" "the configuration of the start is in effect"
began=$(value seismo_config_last_reload_success_timestamp_seconds)
"$program" loop 1 $rounds >/dev/null
calls_are $rounds "w-reload-$$" "before: by the name of the executable"

# --- what would change

cat >"$CONFIG" <<-END
	limits: { services: 4100, series: $series_max, memory: 32MiB }
	listen: 127.0.0.1:1
	services: [ { name: reloaded-$$, match: { exe: w-reload-$$ } } ]
	probes: { request: { long_poll: 10s, status: class } }
	short_commands: name
	buckets: [ 1ms, 1s ]
	events: { keep: 3, file: off }
	include: rules.d
	rules: [ { alert: Busy, metric: seismo_requests_total, value: rate, above: 1000 } ]
END
sed -i 's/50ms/80ms/; /DiskErrors/d' "$TMP/rules.d/disks.yaml"
check
is 0 "$status" "check: a valid file"
is "$CONFIG is valid.
A reload would change:
  services: none -> [ { name: reloaded-$$, match: { exe: w-reload-$$ } } ]
  limits.services: 4000 -> 4100
  events.keep: 8 -> 3
  probes.request.long_poll: 5s -> 10s
  rules.Busy: none -> on
  rules.DiskReads.above: 50ms -> 80ms
  rules.DiskErrors: built-in, off -> built-in, on
These take a restart:
  limits.memory: 64MiB -> 32MiB
  buckets: fine -> [1ms, 1s]
  probes.request.status: code -> class" "$output" "check: what a reload would change, and what takes a restart"
check --format json
is "7 3" "$(jq -r '[.changes | map(select(.live)), map(select(.live | not)) | length] | join(" ")' <<<"$output")" \
	"check: the same in JSON"
unprivileged=(setpriv --reuid 65534 --regid 65534 --clear-groups)
chmod 755 "$TMP" && chmod 644 "$CONFIG"
ok "check: needs no root" "${unprivileged[@]}" "$SEISMO" check --state-dir "$state" --config "$CONFIG"

odd=$TMP/$(printf 'odd \377&#%%+.yaml')
cp "$CONFIG" "$odd"
CONFIG=$odd check --format json
is "10" "$(jq '.changes | length' <<<"$output")" "check: a path of any bytes"

# shellcheck disable=SC2016 # for the other shell
output=$(unshare -m sh -c 'mount -t tmpfs none /mnt && echo "interval: 1s" >/mnt/seismo.yaml && exec "$0" check --state-dir "$1" --config /mnt/seismo.yaml' \
	"$SEISMO" "$state" 2>&1)
is "0 /mnt/seismo.yaml is valid; the daemon does not see it: /tmp, /home and /root may be its own, /etc/seismo is not" "$? $output" \
	"check: a file where the daemon does not see it"

# --- a reload

reload
said "limits.services: 4000 -> 4100" "rules.DiskReads.above: 50ms -> 80ms" "services: none -> [ { name: reloaded-$$, match: { exe: w-reload-$$ } } ]" "probes.request.long_poll: 5s -> 10s" \
	"limits.memory: 64MiB -> 32MiB takes a restart" "buckets: fine -> [1ms, 1s] takes a restart" "probes.request.status: code -> class takes a restart"
is 1 "$(successful)" "the reload was successful"
ok "and is younger than the start" between "$began" 9999999999 \
	"$(calc "$(value seismo_config_last_reload_success_timestamp_seconds) - 0.001")"
"$program" loop 1 $rounds >/dev/null
calls_are $rounds "reloaded-$$" "after it: by the name of the rule"
calls_are $rounds "w-reload-$$" "and what was counted before stays"
check
is "$CONFIG is valid.
These take a restart:
  limits.memory: 64MiB -> 32MiB
  buckets: fine -> [1ms, 1s]
  probes.request.status: code -> class" "$output" "check: what takes a restart still does"

# --- while a service is counting

"$program" loop 1 $((20 * rounds)) >/dev/null &
busy=$!
at_exit end_process $busy
for name in first-$$ second-$$ third-$$; do
	printf '%s\n' "services: [ { name: $name, match: { exe: w-reload-$$ } } ]" "$same" >"$CONFIG"
	reload
done
wait $busy
all_counted() {
	local sum=0 name
	scrape
	for name in reloaded-$$ first-$$ second-$$ third-$$; do
		sum=$((sum + $(value_or_0 seismo_syscalls_total service="$name" syscall=getppid)))
	done
	((sum == 21 * rounds))
}
ok "renamed three times while it counts: no call is lost" wait_until all_counted

# --- a bad file

sed -i 's/seismo_block_io_duration_seconds/seismo_block_io_duration/' "$TMP/rules.d/disks.yaml"
echo "include: rules.d" >"$CONFIG"
check
is "seismo: error: $TMP/rules.d/disks.yaml:2: unknown metric 'seismo_block_io_duration', did you mean 'seismo_block_io_duration_seconds'?" \
	"$output" "check: a rule on a metric that does not exist"
echo "services: [ { name: x } ]" >"$CONFIG"
reload
said "$CONFIG:1: " "the configuration stays as it was"
is 0 "$(successful)" "a bad file is told"
"$program" loop 1 $rounds >/dev/null
before=$(value seismo_syscalls_total service=third-$$ syscall=getppid)
calls_are $((before + rounds)) "third-$$" "and the rules before it stay"
check
is 2 "$status" "check: a bad file"
: >"$TMP/web.yml"
printf '%s\n' "web: $TMP/web.yml" "$same" >"$CONFIG"
check
ok "check: a web configuration where there was none" grep -qF "web: none -> $TMP/web.yml" <<<"${output%take a restart*}"
reload
is "1 $TMP/web.yml" "$(successful) $("$SEISMO" config --state-dir "$state" web | awk '{ print $2 }')" "is in effect"
# --- a disk that hangs

if [[ -e /dev/fuse && -x $BUILD/workload/slowfuse ]]; then
	mkdir "$TMP/slow"
	background "$BUILD/workload/slowfuse" "$TMP/slow" 1
	at_exit umount -l "$TMP/slow"
	wait_until test -e "$TMP/slow/disk" || bail "no slow file system"
	printf '%s\n' "include: $TMP/slow/disk" "$same" >"$CONFIG"
	echo stall=1 >"$TMP/slow/ctl"
	reload
	said "the disk of the configuration does not answer; the configuration stays as it was"
	ok "and the daemon goes on" http_get /-/ready "$TMP/ready"
	echo stall=0 >"$TMP/slow/ctl"
	reload
	said "$TMP/slow/disk:1: "
else
	skip_one "files on a disk that hangs are given up" "no slowfuse"
fi

echo "$same" >"$CONFIG"
reload
is 1 "$(successful)" "a good one is taken again"
"$program" loop 1 $rounds >/dev/null
calls_are $((2 * rounds)) "w-reload-$$" "without rules the executable names"
stop_seismo
check
is "$CONFIG is valid; no daemon is running to compare it with" "$output" "check: without a daemon"

# --- the examples of the documentation

awk -v folder="$TMP" '
	/^```yaml$/ { file = folder "/example-" ++cnt ".yaml"; next }
	/^```$/ { file = "" }
	file { gsub("/etc/seismo/rules.d", folder "/rules.d"); print >file }' "$ROOT/README.md" "$ROOT"/user/{conf,event,rule,alert}/README.md
rm "$TMP/rules.d/disks.yaml"
examples=0
for example in "$TMP"/example-*.yaml; do
	grep -qE '^(scrape_configs|route):' "$example" && continue # of Prometheus and Alertmanager
	((++examples))
	CONFIG=$example check
	is "$example is valid; no daemon is running to compare it with" "$output" "documentation, example $examples"
done
ok "the documentation has examples ($examples)" test $examples -ge 5
