#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The whole machine is out of memory, or is told so: whom the OOM killer takes then is counted apart from those that it takes in
# a cgroup at its limit.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../../e2e/lib.sh"
trigger=/proc/sysrq-trigger
[[ -w $trigger ]] || skip "no sysrq"

# The first choice of the OOM killer.
victim() { # PROGRAM
	echo 1000 >"/proc/$BASHPID/oom_score_adj" && exec "$1" hold 1 60
}

start_seismo --probes process
program=$(workload memory "w-victim-$$")
exec {words}< <(victim "$program")
victim=$!
at_exit kill -KILL "$victim"
read -rt 60 -u "$words" || bail "the workload does not start"
mark
echo f >$trigger
WAIT=60 wait_until is_value 1 seismo_oom_kills_total "service=w-victim-$$"
is_metric 1 "the victim" seismo_oom_kills_total "service=w-victim-$$" scope=host
is_metric 0 "of no cgroup" seismo_oom_kills_total "service=w-victim-$$" scope=cgroup
is_metric 1 "which ended by it" seismo_process_exits_total "service=w-victim-$$" reason=oom
stop_seismo
