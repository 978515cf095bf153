# SPDX-License-Identifier: BSD-3-Clause
# Reads three files: "id name hook" of the programs, "id runs ns" before and after the load.

# The time of all programs on the hooks, per run of the first
function event(what, target, hooks,	i, n, h, ns) {
	n = split(hooks, h, " ")
	for (i = 1; i <= n; i++)
		ns += hook_ns[h[i]]
	if (!hook_runs[h[1]])
		printf "%-24s %9s %9d\n", what, "-", target
	else
		printf "%-24s %9.0f %9d%s\n", what, ns / hook_runs[h[1]], target, \
			(ns > target * hook_runs[h[1]]) ? "  over" : ""
}

FNR == 1 {
	part++
	if (part == 3)
		printf "%-24s %-28s %10s %9s\n", "program", "hook", "runs/s", "ns/run"
}

part == 1 {
	name[$1] = $2
	hook[$1] = $3
	next
}

part == 2 {
	runs_before[$1] = $2
	ns_before[$1] = $3
	next
}

($1 in name) && $2 > runs_before[$1] {
	runs = $2 - runs_before[$1]
	ns = $3 - ns_before[$1]
	printf "%-24s %-28s %10.0f %9.0f\n", name[$1], hook[$1], runs / seconds, ns / runs
	hook_ns[hook[$1]] += ns
	if (runs > hook_runs[hook[$1]])
		hook_runs[hook[$1]] = runs
	all += ns
}

END {
	printf "\n%-24s %9s %9s\n", "event", "ns", "target"
	event("block I/O request", 400, "block_rq_complete block_rq_insert block_rq_issue block_bio_queue block_io_start")
	event("context switch", 250, "sched_switch")
	event("TCP state change", 370, "inet_sock_set_state")
	event("exec + exit", 4000, "sched_process_exec sched_process_exit")
	printf "\nall programs: %.2f %% of a core\n", all / seconds / 1e7
}
