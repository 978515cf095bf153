# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Common to the benches: building their parts, starting what is measured, reading its cost.
# bench_init first; everything it starts ends and every file it makes goes when the script ends.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PARTS=$ROOT/build/bench
SEISMO=${SEISMO:-$ROOT/build/seismo}
SUBJECT_PID= # what runs and is measured
PORT=        # where the daemon answers

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

say() {
	echo "$*" >&2
}

bench_init() {
	[ "$(id -u)" = 0 ] || die "needs root: it loads BPF programs"
	TMP=$(mktemp -d)
	trap bench_end EXIT
	trap 'exit 130' INT TERM
}

bench_end() {
	subject_stop
	rm -rf "$TMP"
}

# bench_build NAME...: builds C programs (NAME), libraries to preload (NAME.so) and BPF objects (NAME.bpf.o) that are older than
# their source
bench_build() {
	local name source

	mkdir -p "$PARTS"
	for name; do
		source=$ROOT/tools/bench/${name%.*o}.c
		[ "$PARTS/$name" -nt "$source" ] && continue
		case $name in
		*.bpf.o)
			"${CLANG:-clang}" -g -O2 -target bpf -mcpu=v3 -Wall \
				-I"/usr/include/$(gcc -print-multiarch)" -c "$source" -o "$PARTS/$name"
			;;
		*.so)
			"${CC:-gcc}" -O2 -Wall -Wextra -D_GNU_SOURCE -std=gnu11 -shared -fPIC "$source" -o "$PARTS/$name" -ldl
			;;
		*)
			"${CC:-gcc}" -O2 -Wall -Wextra -D_GNU_SOURCE -std=gnu11 "$source" \
				-o "$PARTS/$name" -lbpf -pthread
			;;
		esac || die "cannot build $name"
	done
}

# subject_start PATTERN COMMAND...: starts it on CPU 1 and waits until its output has a line with PATTERN
subject_start() {
	local pattern=$1

	shift
	: >"$TMP/out"
	taskset -c 1 "$@" >"$TMP/out" 2>"$TMP/err" &
	SUBJECT_PID=$!
	until grep -q "$pattern" "$TMP/out"; do
		if ! kill -0 "$SUBJECT_PID" 2>/dev/null; then
			SUBJECT_PID=
			cat "$TMP/err" >&2
			die "$* did not start"
		fi
		sleep 0.002
	done
}

subject_stop() {
	[ -n "$SUBJECT_PID" ] || return 0
	kill "$SUBJECT_PID" 2>/dev/null
	wait "$SUBJECT_PID" 2>/dev/null
	SUBJECT_PID=
}

# seismo_start [PROBES]: the daemon as configured by default, with its files in $TMP; returns once every probe is attached
seismo_start() {
	[ -x "$SEISMO" ] || die "$SEISMO is missing: run make first"
	echo "events: { file: $TMP/events.jsonl, journald: off }" >"$TMP/seismo.yaml"
	subject_start 'http://' "$SEISMO" run --listen 127.0.0.1:0 --config "$TMP/seismo.yaml" --state-dir "$TMP/state" \
		--data-dir "$TMP/data" ${1:+--probes "$1"}
	PORT=$(sed -n 's|.*http://127\.0\.0\.1:\([0-9]*\)/.*|\1|p' "$TMP/out" | head -n 1)
	until http_status /-/ready 200; do
		kill -0 "$SUBJECT_PID" 2>/dev/null || die "seismo ended: $(tail -n 1 "$TMP/err")"
		sleep 0.002
	done
}

# http_status PATH STATUS: whether the daemon answers with it; without a child process, to be quick
http_status() {
	local line

	exec 9<>"/dev/tcp/127.0.0.1/$PORT" || return 1
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&9
	read -r line <&9
	exec 9>&-
	[[ $line == *" $2 "* ]]
}

# CPU time of a process in ns, of all its threads that live
cpu_ns() {
	cat /proc/"$1"/task/*/schedstat | awk '{ ns += $1 } END { printf "%.0f\n", ns }'
}

# Smallest, median and largest of the numbers on stdin
min_median_max() {
	sort -g | awk '{ v[NR] = $1 } END { print v[1], (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[NR] }'
}

# One line on stderr that overwrites itself; nothing where stderr is no terminal
progress() {
	[ ! -t 2 ] || printf '\r%-60s\r%s' '' "$*" >&2
}
