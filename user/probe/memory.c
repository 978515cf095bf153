// SPDX-License-Identifier: BSD-3-Clause
#include "probe/probe.h"

#include <stddef.h>
#include <unistd.h>

#include "probe/hook.h"
#include "service/cgroup.h"

PROBE_ELF(memory);

static int setup(struct probe_run *run)
{
	const u32 page_size = (u32)sysconf(_SC_PAGESIZE);

	return probe_const(run, "page_size", &page_size, sizeof(page_size));
}

static int scan(struct probe_run *run)
{
	return hook_iterate(probe_hook(run, "memory_iter"));
}

const struct probe probe_memory = {
	.name = "memory",
	.summary =
		"memory: resident, page cache and who writes to it, major faults, reclaim stalls",
	.elf = &memory_elf,
	.mode = PROBE_MODE_ON,
	.setup = setup,
	.scan = scan,
	.hooks =
		(const struct hook[]){
			{ { "exit_tp", TRACEPOINT("exit") },
			  .lossless = 1,
			  .purpose = "major faults of tasks that end" },
			{ { "exec_tp", TRACEPOINT("exec") },
			  .lossless = 1,
			  .purpose = "major faults before exec" },
			{ { TRACEPOINT("cgroup_attach") },
			  .purpose = "major faults before a change of cgroup" },
			{ { "memory_iter" },
			  .optional = true,
			  .purpose = "resident memory, major faults of live tasks" },
			{ { "direct_begin_tp", TRACEPOINT("direct_begin") },
			  .lossless = 1,
			  .optional = true,
			  .purpose = "stalls in direct reclaim" },
			{ { "direct_end_tp", TRACEPOINT("direct_end") },
			  .lossless = 1,
			  .optional = true,
			  .requires = "direct_begin",
			  .purpose = "duration of stalls in direct reclaim" },
			{ { "memcg_begin_tp", TRACEPOINT("memcg_begin") },
			  .lossless = 1,
			  .optional = true,
			  .purpose = "stalls at a cgroup's memory limit" },
			{ { "memcg_end_tp", TRACEPOINT("memcg_end") },
			  .lossless = 1,
			  .optional = true,
			  .requires = "memcg_begin",
			  .purpose = "duration of stalls at a cgroup's memory limit" },
			{ { TRACEPOINT("dirty_folio"), TRACEPOINT("dirty_page") },
			  .optional = true,
			  .purpose = "bytes written to the page cache" },
			{ .alt[0] = NULL },
		},
	.metrics =
		(const struct metric[]){
			{ "seismo_memory_resident_bytes", METRIC_GAUGE, UNIT_BYTES,
			  "Resident memory of the service's processes; pages that several processes share count once for each.",
			  .service = true,
			  .task_total = offsetof(struct task_totals, resident_bytes) },
			{ "seismo_memory_proportional_bytes", METRIC_GAUGE, UNIT_BYTES,
			  "Memory of the service's processes in which shared pages are divided by how many processes share them; as it was up to some minutes ago, since it costs time to find out. Absent on Linux before 5.11.",
			  .service = true, .proportional = true },
			{ "seismo_memory_limit_bytes", METRIC_GAUGE, UNIT_BYTES,
			  "Memory limit of the service's cgroup, or of one above it if that is tighter; absent without a limit.",
			  .service = true, .largest = true, .no_zero = true,
			  .task_total = offsetof(struct task_totals, memory_limit_bytes) },
			{ "seismo_memory_page_cache_bytes", METRIC_GAUGE, UNIT_BYTES,
			  "Page cache charged to the service's cgroup.", .service = true,
			  .cgroup = offsetof(struct cgroup_stats, page_cache_bytes) },
			{ "seismo_swap_ins_total", METRIC_COUNTER, UNIT_NONE,
			  "Pages of the service's cgroup that were read back from swap.",
			  .service = true, .cgroup = offsetof(struct cgroup_stats, swap_ins) },
			{ "seismo_major_faults_total", METRIC_COUNTER, UNIT_NONE,
			  "Page faults that had to wait for a read from disk or swap.",
			  .service = true, .max = 1024,
			  .unflushed = offsetof(struct task_totals, major_faults) },
			{ "seismo_memory_reclaim_stall_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Time that tasks spent in direct reclaim before their memory allocation was served.",
			  .service = true, .buckets = BUCKETS_COARSE, .max = 600 },
			{ "seismo_dirtied_bytes_total", METRIC_COUNTER, UNIT_BYTES,
			  "Page cache that the service's tasks made dirty, in whole pages: what the kernel has to write to disks later, or would have, if it is not deleted or overwritten before.",
			  .service = true, .max = 1024 },
			{ .name = NULL },
		},
};
