// SPDX-License-Identifier: BSD-3-Clause
#include "probe/probe.h"

#include <stddef.h>

#include "process.h"

PROBE_ELF(process);

static void label_reason(u64 value, char *buf, size_t size)
{
	static const char *const names[] = { "ok", "error", "signal", "oom" };

	label_name(names, 4, value, buf, size);
}

static void label_scope(u64 value, char *buf, size_t size)
{
	static const char *const names[] = {
		[OOM_UNKNOWN] = "unknown", [OOM_HOST] = "host", [OOM_CGROUP] = "cgroup"
	};

	label_name(names, 3, value, buf, size);
}

const struct probe probe_process = {
	.name = "process",
	.summary = "processes: starts, exits, lifetime, OOM kills",
	.elf = &process_elf,
	.mode = PROBE_MODE_ON,
	.hooks =
		(const struct hook[]){
			{ { TRACEPOINT("wakeup_new"), TRACEPOINT("fork") },
			  .lossless = 2,
			  .purpose = "forked processes" },
			{ { "exec_tp", TRACEPOINT("exec") },
			  .lossless = 1,
			  .purpose = "started programs" },
			{ { TRACEPOINT("cgroup_attach") },
			  .purpose = "processes that move to another service" },
			{ { "exit_tp", TRACEPOINT("exit") },
			  .lossless = 1,
			  .purpose = "ended processes" },
			{ { TRACEPOINT("oom") },
			  .optional = true,
			  .purpose =
				  "victims of the OOM killer, and whether the machine or a cgroup ran out of memory" },
			{ .alt[0] = NULL },
		},
	.metrics =
		(const struct metric[]){
			{ "seismo_process_starts_total", METRIC_COUNTER, UNIT_NONE,
			  "Processes that joined the service: by fork, or from another service by exec or a change of cgroup.",
			  .service = true, .from_identity = true, .max = 4000 },
			{ "seismo_process_exits_total", METRIC_COUNTER, UNIT_NONE,
			  "Processes that ended, by exit status as wait(2) reports it.",
			  .service = true, .labels = { { "reason", 0, 8, label_reason } },
			  .max = 4000 },
			{ "seismo_process_lifetime_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Lifetime of processes that ended.", .service = true,
			  .buckets = BUCKETS_LIFETIME, .max = 1200 },
			{ "seismo_processes", METRIC_GAUGE, UNIT_NONE, "Live processes.",
			  .service = true, .task_total = offsetof(struct task_totals, processes) },
			{ "seismo_oom_kills_total", METRIC_COUNTER, UNIT_NONE,
			  "Processes killed by the kernel's out-of-memory killer, by what ran out of memory: the host, or a cgroup at its limit.",
			  .service = true, .labels = { { "scope", 0, 8, label_scope } },
			  .max = 500 },
			{ .name = NULL },
		},
};
