// SPDX-License-Identifier: BSD-3-Clause
#include "probe/probe.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/loop.h"
#include "probe/hook.h"
#include "probe/syscall_names.h"
#include "syscall.h"

PROBE_ELF(syscall);

#define SAMPLE_WINDOW_NS 200000000ULL
#define SAMPLE_PERIOD_NS 4000000000ULL

/* Filled by the configuration. */
struct syscall_settings {
	u64 slow_ns;
};

static const struct setting syscall_settings[] = {
	{ "slow", SETTING_DURATION, offsetof(struct syscall_settings, slow_ns), .initial = 1000000,
	  .min = 100000, .max = 60000000000, .live = true,
	  .help = "system calls that take longer are timed in every mode, if they spend at least half of it off the CPU" },
	{ .name = NULL },
};

/* Those that wait for other programs, whatever their class. */
static const char lock_calls[] = " fcntl flock ";

/* What is read from or written to sockets and pipes has no file: sendfile and the like are not told either. */
static u8 class_byte(const char *name)
{
	const struct syscall_class *class = syscall_class(name);
	unsigned flags = class->slow ? SYSCALL_SLOW : 0;

	if (syscall_is_in(syscalls_on_files, name))
		flags |= SYSCALL_FILE;
	else if (!strcmp(class->name, "read") || syscall_is_in(lock_calls, name))
		flags = 0;
	return (u8)((unsigned)(class - syscall_classes) | flags);
}

static void label_syscall(u64 value, char *buf, size_t size)
{
	snprintf(buf, size, "%s", syscall_name(value) ?: "other");
}

/* Calls that are not known have no class. */
static const char *class_name(const char *syscall)
{
	return strcmp(syscall, syscall_name(SYSCALL_UNKNOWN)) != 0 ? syscall_class(syscall)->name
								   : "";
}

static void label_class(u64 value, char *buf, size_t size)
{
	snprintf(buf, size, "%s",
		 value < SYSCALL_CLASSES ? syscall_classes[value].name ?: "other" : "other");
}

/* Marks the system calls for which other families have programs to be tail-called. */
static void calls_mark(u8 class[SYSCALLS])
{
	for (const struct probe *const *p = probes; *p; p++)
		for (const struct hook *h = (*p)->hooks; h->alt[0]; h++)
			for (const u32 *nr = h->tail_call_keys; nr && *nr; nr++)
				class[*nr] |= SYSCALL_TAIL_CALL;
}

/* They may wait for the child, on purpose. */
static void forks_mark(u8 class[SYSCALLS])
{
	static const u16 forks[] = {
		SYS_clone,
		SYS_clone3,
#ifdef SYS_fork
		SYS_fork,
		SYS_vfork,
#endif
	};

	for (size_t i = 0; i < sizeof(forks) / sizeof(*forks); i++)
		class[forks[i]] = (class[forks[i]] & ~SYSCALL_SLOW) | SYSCALL_FORKS;
}

static int setup(struct probe_run *run)
{
	u8 class[SYSCALLS] = { 0 };
	const bool sampled = run->mode == PROBE_MODE_SAMPLED;
	const u32 rt_sigreturn = SYS_rt_sigreturn;
	struct hook_run *exit = probe_hook(run, "exit_btf");
	int err;

	for (unsigned nr = 0; nr < SYSCALLS; nr++)
		if (syscall_name(nr))
			class[nr] = class_byte(syscall_name(nr));
	forks_mark(class);
	calls_mark(class);
	probe_hook(run, "enter_btf")->disabled = run->mode == PROBE_MODE_COUNT;
	if (run->mode != PROBE_MODE_FULL) /* cheaper, and sched_switch counts what it misses */
		exit->best = exit->hook->lossless;
	err = probe_const(run, "syscall_class", class, sizeof(class));
	err = err ?: probe_const(run, "rt_sigreturn", &rt_sigreturn, sizeof(rt_sigreturn));
	return err ?: probe_const(run, "sampled", &sampled, sizeof(sampled));
}

/* What is away from the CPU for half of `slow` when it comes back may take as long as that by its end. */
static void configure(struct probe_run *run)
{
	const struct syscall_settings *settings =
		conf_probe_settings(run->set->conf, run->probe->name);
	struct tables *t = &run->set->tables;

	for (u32 cpu = 0; cpu < t->sizes.cpus; cpu++)
		__atomic_store_n(&t->cpus[cpu].slow_ns, settings->slow_ns / 2, __ATOMIC_RELAXED);
}

static int started(struct probe_run *run)
{
	if (run->mode == PROBE_MODE_FULL) {
		int err = hook_attach(run, probe_hook(run, "enter_btf"));

		if (err)
			return err;
	}
	configure(run);
	tail_calls_add(run->set, "sys_exit_tail_calls", probe_hook(run, "exit_btf"));
	return 0;
}

/* Of varying length, so that no work that repeats itself keeps step with it. */
static u64 pause_ns(void)
{
	const u64 mean = SAMPLE_PERIOD_NS - SAMPLE_WINDOW_NS;

	return mean / 2 + (u64)random() % mean;
}

/*
 * Mode sampled: the sys_enter program is attached for a part of each period. A call that it has seen is timed even if it ends
 * later: whether a call is in the sample does not depend on its duration.
 */
static void tick(struct probe_run *run, u64 now_ns)
{
	struct hook_run *enter = probe_hook(run, "enter_btf");

	if (run->mode != PROBE_MODE_SAMPLED || now_ns < run->next_ns)
		return;
	run->phase = !run->phase;
	run->next_ns = now_ns + (run->phase ? SAMPLE_WINDOW_NS / 2 : pause_ns());
	if (run->phase)
		hook_attach(run, enter);
	else
		hook_detach(enter);
}

const struct probe probe_syscall = {
	.name = "syscall",
	.summary = "system calls: counts, errors, durations",
	.elf = &syscall_elf,
	.settings = syscall_settings,
	.mode = PROBE_MODE_SAMPLED,
	.setup = setup,
	.started = started,
	.configure = configure,
	.tick = tick,
	.hooks =
		(const struct hook[]){
			{ { "exit_tp", TRACEPOINT("exit") },
			  .lossless = 1,
			  .in_tasks = true,
			  .missed = "seismo_syscalls_total",
			  .missed_dim = SYSCALL_UNKNOWN,
			  .with_start = true,
			  .purpose = "counts and errors of system calls" },
			{ { "enter_tp", TRACEPOINT("enter") },
			  .lossless = 1,
			  .on_demand = true,
			  .optional = true,
			  .purpose = "durations of system calls" },
			{ { TRACEPOINT("deliver") },
			  .optional = true,
			  .purpose = "system calls that return EINTR" },
			{ .alt[0] = NULL },
		},
	.metrics =
		(const struct metric[]){
			{ "seismo_syscalls_total", METRIC_COUNTER, UNIT_NONE,
			  "System calls that returned.", .service = true,
			  .labels = { { "syscall", 0, SYSCALL_ERRNO_SHIFT, label_syscall } },
			  .max = 20000 },
			{ "seismo_syscall_errors_total", METRIC_COUNTER, UNIT_NONE,
			  "System calls that returned an error.", .service = true,
			  .labels = { { "syscall", 0, SYSCALL_ERRNO_SHIFT, label_syscall },
				      { "errno", SYSCALL_ERRNO_SHIFT, 16, label_errno } },
			  .max = 8000 },
			{ "seismo_syscall_duration_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Duration of system calls by class. Calls that take longer than the setting slow, not counting calls that only compute, are always timed; mode full times the others too, mode sampled a sample of them that stands for all, mode count none.",
			  .service = true, .labels = { { "class", 0, 16, label_class } },
			  .buckets = BUCKETS_SLOW, .max = 1600, .events = "seismo_syscalls_total",
			  .events_label = class_name },
			{ "seismo_syscall_quick_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Of those that are not slow, a sample.", .hidden = true, .service = true,
			  .labels = { { "class", 0, 16, label_class } }, .max = 1000,
			  .sample = true },
			{ .name = NULL },
		},
};
