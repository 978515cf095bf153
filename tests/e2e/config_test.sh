#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `seismo config`: what is in effect and what has set it, of a file and of the daemon, as text, YAML and JSON; the file of
# defaults.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need jq setpriv

file=$TMP/file.yaml
chmod 755 "$TMP"

config() { # ARGUMENT...
	timeout 60 "$SEISMO" config --state-dir "$TMP/none" "$@" </dev/null
}

# Key, value and origin of one line.
line() { # KEY OPTION...
	config "${@:2}" "$1" | awk -v key="$1" '$1 == key { $1 = $1; print }'
}

cat >"$file" <<'END'
# a comment
listen: 127.0.0.1:9470
probes:
  syscall: { slow: 2ms, mode: full }
  block: off
  request:
    peer: on
limits: { services: 77,
  series: 4000 }
buckets: [1ms, 10ms]
services:
  - { name: "a b: c", match: { cgroup: "*/x.service", port: 80 } }
webhooks: [ { url: https://h.example/secret-token } ]
include: rules.d
events:
  file: off
rules:
  - alert: Mine
    metric: seismo_syscalls_total
    value: rate
    above: 10
    summary: "it's \"{{value}}\"\nmore # of it"
  - { alert: SlowDisk, enabled: off }
END
mkdir "$TMP/rules.d"
cat >"$TMP/rules.d/more.yaml" <<'END'
rules:
  - alert: CpuHog
    metric: seismo_cpu_seconds_total
    value: rate
    above: 2
END

# --- a file, without root and without a daemon

is "listen 127.0.0.1:9470 $file:2" "$(line listen --config "$file")" "a key at the top"
is "limits.series 4000 $file:9" "$(line limits.series --config "$file")" "one in a section, on its own line"
is "limits.memory 64MiB built-in" "$(line limits.memory --config "$file")" "a default"
is "probes.syscall full $file:4" "$(line probes.syscall --config "$file" | grep 'syscall ')" "a mode"
is "probes.block off $file:5" "$(line probes.block --config "$file")" "a mode alone"
is "probes.request on built-in" "$(line probes.request --config "$file" | grep 'request ')" "one that only settings stand beside"
is "probes.request.peer on $file:7" "$(line probes.request.peer --config "$file")" "such a setting"
is "buckets [1ms, 10ms] $file:10" "$(line buckets --config "$file")" "a list"
is "rules.Mine on $file:18" "$(line rules.Mine --config "$file" | grep 'Mine ')" "a rule"
is "rules.Mine.above 10 $file:21" "$(line rules.Mine.above --config "$file")" "a key of a rule"
is "rules.SlowDisk built-in, off $file:23" "$(line rules.SlowDisk --config "$file")" "a built-in rule that is switched off"
is "rules.HungDisk built-in, on built-in" "$(line rules.HungDisk --config "$file")" "one that is not"
is "rules.CpuHog.above 2 $TMP/rules.d/more.yaml:5" "$(line rules.CpuHog.above --config "$file")" "a rule of another file"
is "" "$(config --config "$file" | grep secret-token)" "no secrets"
is "probes.block on --probes" "$(line probes.block --config "$file" --probes block)" "the command line comes before the file"
is "probes.tcp off --probes" "$(line probes.tcp --config "$file" --probes block)" "and decides about all probes"
is "probes.syscall full $file:4" "$(line probes.syscall --config "$file" --probes tcp=off | grep 'syscall ')" \
	"but for a list that only switches off"
is "interval 2s --interval" "$(line interval --config "$file" --interval 2s)" "an interval"
is "data_dir $TMP/none --state-dir" "$(line data_dir --config "$file")" "a state directory moves what outlives the daemon"
is "socket $TMP/none/api.sock --state-dir" "$(line socket --config "$file")" "and the control socket"
is "$(config --config "$file")" "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$SEISMO" config --state-dir "$TMP/none" --config "$file")" \
	"it needs no root"
config limits.servces --config "$file" >/dev/null 2>"$TMP/err"
is 2 $? "an unknown key: exit status"
ok "the nearest one is named" grep -q "did you mean 'limits.services'" "$TMP/err"
config --config "$TMP/nothing.yaml" >/dev/null 2>&1
is 2 $? "no such file"

# --- the other formats

config --config "$file" --format yaml >"$TMP/again.yaml"
ok "YAML is a configuration" "$SEISMO" check --state-dir "$TMP/none" --config "$TMP/again.yaml"
no_origin() { # FILE: as keys and values
	config --config "$1" --format json | jq -r '.settings | to_entries[] | select(.key != "include" and .key != "webhooks") | "\(.key) \(.value.value)"'
}
is "$(no_origin "$file")" "$(no_origin "$TMP/again.yaml")" "which says the same"
is '{"value":"77","live":true,"origin":"file","file":"'"$file"'","line":8,"option":null}' \
	"$(config --config "$file" --format json | jq -c '.settings["limits.services"]')" "JSON"
is '["listen"]' "$(config listen --config "$file" --format json | jq -c '.settings | keys')" "of one key"

# --- the file of defaults

config --defaults >"$TMP/defaults.yaml"
is "" "$(grep -v '^#' "$TMP/defaults.yaml" | grep .)" "of it nothing is in effect"
: >"$TMP/empty.yaml"
is "$(no_origin "$TMP/empty.yaml")" "$(no_origin "$TMP/defaults.yaml")" "so it is as good as an empty one"
# a comment has a space behind its #, and text
sed -n '/^ *#\( *#\)\? [^ ]/!s/^#//p' "$TMP/defaults.yaml" >"$TMP/bare.yaml"
sed -i "s|^include: .*|include: $TMP/rules.d|; s|^web: .*|web: $TMP/empty.yaml|" "$TMP/bare.yaml"
ok "without its # it is valid" "$SEISMO" check --state-dir "$TMP/none" --config "$TMP/bare.yaml"
is "$(no_origin "$TMP/empty.yaml" | grep -E '^(limits|events|probes|interval|listen|buckets|short)')" \
	"$(no_origin "$TMP/bare.yaml" | grep -E '^(limits|events|probes|interval|listen|buckets|short)')" \
	"and says what is so anyway"
is "" "$(no_origin "$TMP/empty.yaml" | cut -d' ' -f1 | grep -v ^rules | while read -r key; do
	grep -q "^# *${key##*.}:" "$TMP/defaults.yaml" || echo "$key"
done)" "every key is in it"

# --- the daemon's

echo "events: { file: off }" >"$CONFIG"
start_seismo --probes block
of_daemon() { # KEY
	"$SEISMO" config --state-dir "$TMP/state" "$1" | awk -v key="$1" '$1 == key { $1 = $1; print }'
}
is "listen 127.0.0.1:0 --listen" "$(of_daemon listen)" "the daemon's own command line"
is "limits.series $series_max $CONFIG:2" "$(of_daemon limits.series)" "and its file"
sed -i 's/^limits:.*/interval: 1s/' "$CONFIG"
printf '%s\n' "limits: { series: 5000 }" "data_dir: /nowhere" >>"$CONFIG"
is "limits.series $series_max $CONFIG:2" "$(of_daemon limits.series)" "a file that changed is not in effect yet"
: >"$TMP/seismo.err"
kill -HUP "$seismo_pid"
wait_until grep -q "reload: the configuration" "$TMP/seismo.err"
is "limits.series 5000 $CONFIG:$(grep -n '^limits' "$CONFIG" | cut -d: -f1)" "$(of_daemon limits.series)" "after a reload it is"
is "probes.tcp off --probes" "$(of_daemon probes.tcp)" "what cannot change keeps its origin"
is "data_dir $TMP/data --data-dir" "$(of_daemon data_dir)" "what the command line says goes before"
setpriv --reuid 65534 --regid 65534 --clear-groups "$SEISMO" config --state-dir "$TMP/state" listen >"$TMP/out" 2>"$TMP/err"
is "0 listen" "$? $(cut -d' ' -f1 "$TMP/out")" "others get what the files say"
ok "and are told so" grep -q 'root only' "$TMP/err"
stop_seismo
