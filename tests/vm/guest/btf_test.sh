#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A kernel without BTF (`boot -b`): it is said what to do, and with the types from a file everything that
# needs none in the kernel itself counts as right as elsewhere.
types=/seismo/kernel.btf
export SEISMO_OPTIONS="--btf $types"
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
# shellcheck source=tests/e2e/tcp.sh
. "$ROOT/tests/e2e/tcp.sh"
[[ ! -e /sys/kernel/btf/vmlinux ]] || skip "this kernel has BTF"
need ip jq

# --- it cannot run, and says why

# One line of what a command says on stderr has all these words; its exit status is the first.
refuses() { # STATUS WORD,... COMMAND...
	local words word text=${*:4}
	text=${text//"$TMP/"/}
	timeout $((30 * scale)) "${@:3}" >/dev/null 2>"$TMP/refusal"
	is "$1" $? "$text: exit status"
	IFS=, read -ra words <<<"$2"
	cp "$TMP/refusal" "$TMP/lines"
	for word in "${words[@]}"; do
		grep -F -e "$word" "$TMP/lines" >"$TMP/lines.left"
		mv "$TMP/lines.left" "$TMP/lines"
	done
	is 1 "$(wc -l <"$TMP/lines")" "$text: one line has $2"
	is 1 "$(wc -l <"$TMP/refusal")" "$text: and is all"
}

echo "no types" >"$TMP/none.btf"
refuses 3 "CONFIG_DEBUG_INFO_BTF,--btf" "$SEISMO" check
refuses 3 "CONFIG_DEBUG_INFO_BTF,--btf" "$SEISMO" run --listen 127.0.0.1:0
refuses 3 "none.btf" "$SEISMO" check --btf "$TMP/none.btf"
refuses 3 "missing.btf" "$SEISMO" check --btf "$TMP/missing.btf"

# --- with the file it counts

timeout $((60 * scale)) "$SEISMO" check --btf "$types" --format json >"$TMP/check.json"
is true "$(jq '.probes | length > 0' "$TMP/check.json")" "with the types from a file it can run"
jq -r '.probes[] | .name + ": " + ([.hooks[] | .hook // "none"] | join(" "))' "$TMP/check.json" | comment

namespace_make "$server_in"
start_seismo --probes syscall=count,process,tcp,block

calls=300
"$(workload churn "w-calls-$$")" call $calls
is_metric $calls "system calls" seismo_syscalls_total "service=w-calls-$$" syscall=sched_rr_get_interval

"$(workload process "w-end-$$")" end ok:20 error:10 kill:5 >/dev/null
is_metric 21 "processes that end with 0" seismo_process_exits_total "service=w-end-$$" reason=ok
is "10 5 36" "$(value seismo_process_exits_total "service=w-end-$$" reason=error) $(
	value seismo_process_exits_total "service=w-end-$$" reason=signal) $(
	value seismo_process_starts_total "service=w-end-$$")" "processes that fail, are killed, and start"

connect link 127.0.0.1 30 1000 500 "" ""
is_metric 30 "connections in" seismo_tcp_connections_total "service=$server" direction=inbound
is_metric 30 "connections out" seismo_tcp_connections_total "service=$client" direction=outbound
is_metric 30 "connects timed" seismo_tcp_connect_duration_seconds_count "service=$client"
is_metric 30 "accepts timed" seismo_tcp_accept_duration_seconds_count "service=$server"
for side in "$server" "$client"; do
	is "$(said "$TMP/$side" sent) $(said "$TMP/$side" received)" \
		"$(value seismo_tcp_bytes_total "service=$side" direction=sent) $(
			value seismo_tcp_bytes_total "service=$side" direction=received)" \
		"bytes sent and received by ${side%-*}"
done

if modprobe -q null_blk nr_devices=1 gb=1 && wait_until test -b /dev/nullb0; then
	"$(workload blockio "w-io-$$")" /dev/nullb0 read 50 >/dev/null
	is_metric 50 "reads of a service" \
		seismo_service_block_io_duration_seconds_count "service=w-io-$$" device=nullb0 operation=read
	is $((50 * 4096)) "$(value seismo_service_block_io_bytes_total "service=w-io-$$")" "and their bytes"
else
	skip_one "reads of a service" "this kernel has no null_blk"
fi
stop_seismo
