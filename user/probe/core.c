// SPDX-License-Identifier: BSD-3-Clause
/* Identities of tasks, CPU time, and the tables that all families share. */
#include "probe/probe.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "probe/hook.h"
#include "probe/naming.h"

PROBE_ELF(core);

/* In the order of the kernel, see PRESSURES. */
static void label_resource(u64 value, char *buf, size_t size)
{
	static const char *const names[] = { "io", "memory", "cpu" };

	label_name(names, 3, value, buf, size);
}

static void label_kind(u64 value, char *buf, size_t size)
{
	static const char *const names[] = { "some", "full" };

	label_name(names, 2, value, buf, size);
}

static void label_probe(u64 value, char *buf, size_t size)
{
	const struct probe *const *p = probes;

	while (*p && value--)
		p++;
	snprintf(buf, size, "%s", *p ? (*p)->name : "other");
}

static void task_total_add(void *ctx, const void *key, const void *value)
{
	const struct task_ctx *tc = value;
	struct tables *t = ctx;
	struct task_totals *row = &t->task_totals[tc->identity];

	(void)key;
	if (tc->identity >= t->sizes.identities || t->states[tc->identity].gen != tc->gen)
		return;
	row->tasks++;
	if (tc->tid != tc->tgid || tc->exit_counted)
		return;
	row->processes++;
	if (tc->since_ns >= row->youngest_ns) {
		row->youngest_ns = tc->since_ns;
		row->pid = tc->tgid;
	}
	if (!row->since_ns || tc->since_ns < row->since_ns)
		row->since_ns = tc->since_ns;
}

/* For kernels without task iterators: counts the tasks that the programs have seen. */
static int tasks_read(struct tables *t)
{
	return table_each(tables_fd(t, "tasks_by_address"), sizeof(u64), sizeof(struct task_ctx),
			  task_total_add, t);
}

static int scan(struct probe_run *run)
{
	struct tables *t = &run->set->tables;
	struct hook_run *hook = probe_hook(run, "task_scan_iter");

	memset(t->task_totals, 0, t->sizes.identities * sizeof(*t->task_totals));
	return hook->chosen ? tasks_read(t) : hook_iterate(hook);
}

static int setup(struct probe_run *run)
{
	const struct conf *conf = run->set->conf;
	struct probe_set *set = run->set;

	for (unsigned i = 0; i < conf->service_cnt; i++) {
		set->watches_ports |= conf->services[i].match.port != 0;
		set->watches_commands |= conf->services[i].match.command != NULL;
	}
	probe_hook(run, "listen_btf")->disabled =
		!set->watches_ports && conf_probe_mode(conf, "tcp") != PROBE_MODE_OFF;
	probe_hook(run, "missed_iter")->disabled = !set->kernel.preemptible;
	return probe_const(run, "want_args", &set->watches_commands, sizeof(bool));
}

/* Ports that no rule asks for any more do no harm. */
static void configure(struct probe_run *run)
{
	naming_ports(tables_fd(&run->set->tables, "listen_ports"), run->set->conf);
}

static bool has_iterator(struct probe_run *run)
{
	return !probe_hook(run, "task_scan_iter")->chosen;
}

static int processes_read(struct probe_run *run)
{
	return naming_processes(tables_fd(&run->set->tables, "proc_snapshots"), run->set->conf);
}

/* Fills the tables before any program can read them. */
static int loaded(struct probe_run *run)
{
	struct tables *t = &run->set->tables;
	int err = tables_map(t);

	if (err)
		return err;
	err = tables_fill_pools(t);
	err = err
		      ?: naming_interpreters(tables_fd(t, "script_rows"),
					     tables_fd(t, "script_classes"));
	err = err ?: naming_ports(tables_fd(t, "listen_ports"), run->set->conf);
	return err || has_iterator(run) ? err : processes_read(run);
}

/*
 * Gives an identity to every task that is older than the daemon. Where an iterator does that, processes are read now: what
 * has been executed since then was seen.
 */
static int started(struct probe_run *run)
{
	struct tables *t = &run->set->tables;
	int err = hook_attach(run, probe_hook(run, "task_scan_iter"));

	if (!err && has_iterator(run))
		err = processes_read(run);
	err = err ?: scan(run);
	if (has_iterator(run)) /* without one tasks are seen later */
		naming_processes_drop(tables_fd(t, "proc_snapshots"));
	return err;
}

const struct probe probe_core = {
	.name = "core",
	.summary = "services of all tasks; CPU time, run-queue wait",
	.elf = &core_elf,
	.mode = PROBE_MODE_ON,
	.required = true,
	.setup = setup,
	.loaded = loaded,
	.configure = configure,
	.started = started,
	.scan = scan,
	.hooks =
		(const struct hook[]){
			{ { TRACEPOINT("wakeup_new"), TRACEPOINT("fork") },
			  .lossless = 2,
			  .purpose = "services of new processes" },
			{ { "exec_tp", TRACEPOINT("exec") },
			  .lossless = 1,
			  .purpose = "services of new programs" },
			{ { TRACEPOINT("cgroup_attach") },
			  .purpose = "services of processes that change their cgroup" },
			{ { TRACEPOINT("switch") }, .purpose = "CPU time, run-queue wait" },
			{ { TRACEPOINT("listen") },
			  .optional = true,
			  .purpose = "services that listen, and those named by a listening port" },
			{ { TRACEPOINT("free") }, .purpose = "end of tasks without storage" },
			{ { "task_scan_iter", TRACEPOINT("identify") },
			  .on_demand = true,
			  .purpose = "live processes" },
			{ { "missed_iter" },
			  .on_demand = true,
			  .optional = true,
			  .purpose = "services of events that other probes miss" },
			{ .alt[0] = NULL },
		},
	.metrics =
		(const struct metric[]){
			{ "seismo_cpu_seconds_total", METRIC_COUNTER, UNIT_SECONDS,
			  "CPU time, as accounted by the scheduler.", .service = true, .max = 4096,
			  .unflushed = offsetof(struct task_totals, cpu_ns) },
			{ "seismo_run_queue_wait_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Time that a runnable task waited for a CPU, one observation each time it gets one.",
			  .service = true, .buckets = BUCKETS_COARSE, .max = 1024 },
			{ "seismo_blocked_tasks", METRIC_GAUGE, UNIT_NONE,
			  "Threads in uninterruptible sleep (D): they wait for a disk, a network file system or a lock in the kernel.",
			  .service = true, .task_total = offsetof(struct task_totals, blocked) },
			{ "seismo_blocked_oldest_seconds", METRIC_GAUGE, UNIT_SECONDS,
			  "How long the thread that has been in uninterruptible sleep longest has been there; of one that was before the daemon started, since then.",
			  .service = true, .largest = true,
			  .task_total = offsetof(struct task_totals, blocked_oldest_ns) },
			{ "seismo_io_limited_oldest_seconds", METRIC_GAUGE, UNIT_SECONDS,
			  "Longest current uninterruptible sleep of a thread whose cgroup, or one above it, has I/O waiting in its own limit (io.max, blkio.throttle); absent where there is none.",
			  .service = true, .largest = true, .no_zero = true,
			  .task_total = offsetof(struct task_totals, io_limited_oldest_ns) },
			{ "seismo_stopped_tasks", METRIC_GAUGE, UNIT_NONE,
			  "Threads that are stopped by a signal or a debugger, or frozen.",
			  .service = true, .task_total = offsetof(struct task_totals, stopped) },
			{ "seismo_service_events_lost_total", METRIC_COUNTER, UNIT_NONE,
			  "Events of the service that a probe missed, on Linux 7.0 and later, or tasks for which the kernel had no memory at that moment (core): the probe's metrics of this service are too low. Missed system calls are in seismo_syscalls_total, as syscall=\"unknown\".",
			  .service = true, .labels = { { "probe", 0, 8, label_probe } },
			  .max = 1000 },
			{ "seismo_cpu_periods_total", METRIC_COUNTER, UNIT_NONE,
			  "CPU quota periods in which the service's cgroup, or one above it that has a quota, had something to run.",
			  .service = true, .usage = USAGE_QUOTA, .usage_cnt = 1 },
			{ "seismo_cpu_throttled_periods_total", METRIC_COUNTER, UNIT_NONE,
			  "CPU quota periods in which the service's cgroup, or one above it that has a quota, was throttled.",
			  .service = true, .usage = USAGE_THROTTLED_PERIODS, .usage_cnt = 1 },
			{ "seismo_cpu_throttled_seconds_total", METRIC_COUNTER, UNIT_SECONDS,
			  "Time that the service's cgroup, or one above it that has a quota, was throttled, summed over CPUs.",
			  .service = true, .usage = USAGE_THROTTLED_NS, .usage_cnt = 1 },
			{ "seismo_cpu_quota_cores", METRIC_GAUGE, UNIT_CORES,
			  "CPU quota of the service's cgroup, or of one above it if that is tighter; absent without a quota.",
			  .service = true, .largest = true, .no_zero = true,
			  .task_total = offsetof(struct task_totals, cpu_quota) },
			{ "seismo_pressure_stalled_seconds_total", METRIC_COUNTER, UNIT_SECONDS,
			  "Time in which some or all tasks of the service's cgroup that had something to do were kept from it by a lack of the resource (PSI).",
			  .service = true,
			  .labels = { { "resource", 1, 2, label_resource },
				      { "kind", 0, 1, label_kind } },
			  .usage = USAGE_PRESSURE, .usage_cnt = PRESSURES },
			{ .name = NULL },
		},
};
