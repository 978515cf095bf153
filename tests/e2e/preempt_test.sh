#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Nothing is lost where many more tasks want to run than there are CPUs: newer kernels preempt programs on tracepoints,
# and do not tell a program that is preempted of what others do on its CPU.
# alone: it loads the machine

# Each run makes the same calls when libraries are at the same addresses.
if ! ((0x$(</proc/self/personality) & 0x40000)) && setarch -R true 2>/dev/null; then
	exec setarch -R "$0"
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need strace

copies=16
rounds=$((2000 / scale))
children=$((100 / scale))

at_once() { # COPIES COMMAND...
	local i pids=()
	for ((i = 0; i < $1; i++)); do
		"${@:2}" >/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
}

program=$(workload syscall reference)
strace -c -U calls,name -o "$TMP/strace" "$program" loop 1 "$rounds" >/dev/null
calls=$(awk '$2 == "total" { print $1 }' "$TMP/strace")

for mode in count sampled full; do
	start_seismo --probes "syscall=$mode,process"
	program=$(workload syscall "w-calls-$mode-$$")
	mark
	at_once $copies "$program" loop 1 "$rounds"
	is_metric $((copies * calls)) "$mode: all calls of $copies processes, of whatever name" \
		seismo_syscalls_total "service=w-calls-$mode-$$"
	if [[ $mode == full ]]; then
		is "$(awk -v copies=$copies '/^ *[0-9]/ && $2 != "total" { print $2, copies * $1 }' "$TMP/strace" | sort)" \
			"$(series by=syscall seismo_syscalls_total "service=w-calls-full-$$")" "full: by name"
		is_metric $((copies * calls)) "full: each of them has a duration" \
			seismo_syscall_duration_seconds_count "service=w-calls-full-$$"
	fi

	program=$(workload process "w-parents-$mode-$$")
	mark
	at_once $copies "$program" end "ok:$children" "error:$children"
	is_metric $((copies * (2 * children + 1))) "$mode: processes that $copies parents start" \
		seismo_process_starts_total "service=w-parents-$mode-$$"
	is_metric $((copies * (children + 1))) "$mode: those that end well" \
		seismo_process_exits_total "service=w-parents-$mode-$$" reason=ok
	is_metric $((copies * children)) "$mode: those that fail" \
		seismo_process_exits_total "service=w-parents-$mode-$$" reason=error
	is_metric 0 "$mode: none is left" seismo_processes "service=w-parents-$mode-$$"

	program=$(workload process "w-program-$mode-$$")
	mark
	# shellcheck disable=SC2016 # for the other shell
	at_once $copies bash -c 'for ((i = 0; i < $2; i++)); do "$1"; done' - "$program" $((children / 4))
	is_metric $((copies * (children / 4))) "$mode: programs that $copies shells start, under their own name" \
		seismo_process_starts_total "service=w-program-$mode-$$"
	is_metric $((copies * (children / 4))) "$mode: and that end" \
		seismo_process_exits_total "service=w-program-$mode-$$" reason=ok
	stop_seismo
done
