#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the tests stand on: a metric that is absent is no 0, and what is missing is a failure unless it was lost.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$METRICS" <<'END'
seismo_probe_attached{probe="syscall",hook="exit_btf"} 1
seismo_probe_attached{probe="process",hook="exit_btf"} 1
seismo_probe_attached{probe="tcp",hook="send_btf"} 0
seismo_events_lost_total{probe="request"} 5
seismo_events_lost_total{probe="process"} 50
seismo_syscalls_total{service="c",syscall="unknown"} 5
seismo_syscalls_total{service="a",syscall="read"} 3
seismo_syscalls_total{service="a",syscall="write"} 4
seismo_syscall_duration_seconds_bucket{service="a",class="read",le="0.5"} 0
seismo_syscall_duration_seconds_count{service="a",class="read"} 3
END
sed -E 's/(probe="request"\} |unknown"\} )5/\12/; s/(syscall="read"\} )3/\11/' "$METRICS" >"$TMP/metrics.mark"

# --- absent is not 0

while IFS='|' read -r expected text command; do
	# shellcheck disable=SC2086 # words
	is "$expected" "$($command | sed 's/:.*//')" "$text: $command"
done <<'END'
7|all series of a service|value seismo_syscalls_total service=a
4|one of them|value seismo_syscalls_total service=a syscall=write
|a series that is not there|value seismo_syscalls_total service=b
7|a series that is there|value_or_0 seismo_syscalls_total service=a
0|one that is not there and could be|value_or_0 seismo_syscalls_total service=b
0|a count that is not there and could be|value_or_0 seismo_syscall_duration_seconds_count service=b
no such series|a misspelt metric|value_or_0 seismo_sycalls_total service=b
no such series|a misspelt label|value_or_0 seismo_syscalls_total servce=b
no such series|a label of another metric|value_or_0 seismo_syscalls_total errno=b
no such series|a probe of which no hook is attached|value_or_0 seismo_tcp_resets_total service=b
no such series|a probe that is off|value_or_0 seismo_requests_total service=b
0|a bucket that is there|value_or_0 seismo_syscall_duration_seconds_bucket service=a le=0.5
no such series|a bucket that is not there|value_or_0 seismo_syscall_duration_seconds_bucket service=a le=0.4
2|growth|grown seismo_syscalls_total service=a
0|growth of what is not there and could be|grown seismo_syscalls_total service=b
no such series|growth of a misspelt metric|grown seismo_sycalls_total service=b
0|below a bound that no value is below|count_below 0.6 seismo_syscall_duration_seconds service=a
|below a bound of a histogram that is not there|count_below 0.6 seismo_syscall_durations service=a
END
is "" "$(calc "$(value_or_0 seismo_sycalls_total) + 1" 2>/dev/null)" "nothing can be calculated with what is not there"

# --- what is missing was lost, or is a failure: 3 requests, and 3 system calls of c that are known to have been made

judged() { # EXPECTED ACTUAL METRIC
	case $(is_but_lost "$1" "$2" text "$3" service=c) in
	"not ok"*) echo failed ;;
	*"# SKIP"*) echo skipped ;;
	*) echo passed ;;
	esac
}

while IFS='|' read -r verdict text expected actual metric; do
	is "$verdict" "$(judged "$(printf '%b' "$expected")" "$(printf '%b' "$actual")" "seismo_$metric")" "$text: $verdict"
done <<'END'
passed|all are there|10|10|syscalls_total
passed|as many are missing as are unknown|10|7|syscalls_total
failed|more are missing than are unknown|10|6|syscalls_total
skipped|as many are missing as were lost|10|7|requests_total
failed|more are missing than were lost|10|6|requests_total
failed|there are more|10|11|requests_total
failed|nothing may be missing, whatever was lost|10|9|process_starts_total
failed|the metric is not there|10|no such series|requests_total
passed|as many of several are missing|read 4\nwrite 6|read 2\nwrite 5|syscalls_total
passed|all of one are missing|read 3\nwrite 6|write 6|syscalls_total
failed|more of several are missing|read 4\nwrite 6|read 2\nwrite 4|syscalls_total
failed|some are missing, others are too many|read 4\nwrite 6|read 2\nwrite 7|syscalls_total
failed|there are others|read 4|read 2\nopen 1|syscalls_total
failed|there are none, and 9 were to be|inbound http 200 9||requests_total
END
