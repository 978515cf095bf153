#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What runs out or is switched off: it is said in plain words, with what to do, and costs what depends on it alone.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

run() { # COMMAND...
	"$@" >"$TMP/run.out" 2>"$TMP/run.err"
	status=$?
}

says() { # TEXT WORDS...
	local words
	for words in "${@:2}"; do
		ok "$1: '$words'" grep -qF -- "$words" "$TMP/run.out" "$TMP/run.err"
	done
}

# The probes that are up (1) or not (0), by the last scrape.
up() { # VALUE
	sed -n "s/^seismo_probe_up{probe=\"\([a-z]*\)\"} $1\$/\1/p" "$METRICS" | sort | paste -sd ' '
}

with_files() { # COUNT COMMAND...
	(ulimit -n "$1" && exec "${@:2}")
}

with_soft_files() { # COUNT COMMAND...
	(ulimit -Sn "$1" && exec "${@:2}")
}

# --- open files

run with_files 20 "$SEISMO" check --config "$CONFIG" --probes all
is 3 "$status" "20 open files: it does not start"
says "20 open files" "too many open files" "LimitNOFILE="
run with_soft_files 20 "$SEISMO" check --config "$CONFIG" --probes syscall --format json
is true "$(jq '.probes[0].up' "$TMP/run.out")" "20 open files, and more where it asks for them: the first probe is up"
run with_files 60 "$SEISMO" check --config "$CONFIG" --probes all
is 1 "$status" "60 open files: something is missing"
says "60 open files" "unavailable" "too many open files" "LimitNOFILE="
run with_files 60 "$SEISMO" check --config "$CONFIG" --probes all --format json
ok "60 open files: the first probe is up" json_is '.probes[0] | .up and .state == "on"' "$TMP/run.out"
ok "60 open files: those that are not say why, and what to do" json_is '[.probes[] | select(.state == "unavailable")] |
	length > 0 and all((.up | not) and (.error | endswith("too many open files")) and .advice)' "$TMP/run.out"

# --- probes that are switched off are not missing

start_seismo --probes block=off,request=off
scrape
is "core memory process syscall tcp" "$(up 1)" "--probes block=off,request=off: all but these are up"
is "" "$(up 0)" "and none is down"
stop_seismo

# --- memory

if memory=$(cgroup_controller memory) && cgroup_make "$memory/w-limit-$$"; then
	limit=$memory/w-limit-$$/memory.max
	[[ -e $limit ]] || limit=${limit%max}limit_in_bytes
	echo 20M >"$limit"
	run in_cgroup "$memory/w-limit-$$" "$SEISMO" check --config "$CONFIG" --probes all
	is 3 "$status" "20 MiB of memory: it does not start"
	says "20 MiB of memory" "not enough memory" "MemoryMax=" "limits.memory"
else
	skip_one "a limit of memory" "no cgroup with the memory controller here"
fi
