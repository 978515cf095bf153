// SPDX-License-Identifier: BSD-3-Clause
/* Which program is chosen for each hook, by the real rows and objects and a kernel that answers as a test says. */
#include "probe/hook.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* What the kernel refuses: programs whose name ends so, and why. */
static struct refusal {
	const char *suffix;
	int err;
} refusals[8];

static int attachable(const struct kernel *k, const struct bpf_program *program)
{
	const char *name = bpf_program__name(program);

	(void)k;
	for (const struct refusal *r = refusals; r->suffix; r++) {
		size_t len = strlen(r->suffix), name_len = strlen(name);

		if (name_len >= len && !strcmp(name + name_len - len, r->suffix))
			return r->err;
	}
	return 0;
}

static const struct probe *family(const char *name)
{
	for (const struct probe *const *p = probes; *p; p++)
		if (!strcmp((*p)->name, name))
			return *p;
	fail_msg("no family %s", name);
	return NULL;
}

/* One family of a set, opened and not loaded. */
static struct probe_run *run_open(struct probe_set *set, const char *name)
{
	struct probe_run *run = &set->runs[set->cnt];

	set->kernel.attachable = attachable;
	*run = (struct probe_run){ .probe = family(name), .set = set };
	run->object = elf_open(run->probe->elf, name, NULL);
	assert_non_null(run->object);
	hooks_init(run);
	set->list[set->cnt++] = run;
	return run;
}

static void set_close(struct probe_set *set)
{
	while (set->cnt)
		bpf_object__close(set->list[--set->cnt]->object);
	memset(refusals, 0, sizeof(refusals));
}

static int choose(struct probe_run *run)
{
	const int from[PROBE_HOOKS] = { 0 };

	return hooks_choose(run, from);
}

/* The program in use for the hook that has `program` among its alternatives, "" none. */
static const char *chosen(struct probe_run *run, const char *program)
{
	const struct hook_run *hook = probe_hook(run, program);

	assert_non_null(hook);
	return hook->chosen < 0 ? "" : hook->hook->alt[hook->chosen];
}

/* A constant of the object as it would be loaded. */
static bool constant(struct probe_run *run, const char *name)
{
	long offset = elf_global_offset(run->object, ".rodata", name, sizeof(bool));
	struct bpf_map *map;
	size_t size;

	assert_true(offset >= 0);
	bpf_object__for_each_map(map, run->object)
		if (strstr(bpf_map__name(map), ".rodata"))
			return ((const bool *)bpf_map__initial_value(map, &size))[offset];
	fail_msg("no .rodata");
	return false;
}

static void hook_check(struct probe_run *run, const struct hook *h)
{
	assert_non_null(h->purpose);
	for (int i = 0; h->alt[i]; i++)
		if (!bpf_object__find_program_by_name(run->object, h->alt[i]))
			fail_msg("%s: no program %s", run->probe->name, h->alt[i]);
	if (h->tail_call_map)
		assert_true(bpf_object__find_map_by_name(run->object, h->tail_call_map) != NULL);
	assert_int_equal(!h->supersedes, !h->superseding);
	if (h->superseding)
		assert_true(elf_global_offset(run->object, ".rodata", h->superseding,
					      sizeof(bool)) >= 0);
}

/* Whatever a row names is there, and the tables have room for all rows. */
static void rows_test(void **state)
{
	struct probe_set set = { 0 };
	unsigned metrics = METRIC_FIRST;

	(void)state;
	for (const struct probe *const *p = probes; *p; p++) {
		struct probe_run *run = run_open(&set, (*p)->name);

		assert_true(run->hook_cnt <= PROBE_HOOKS);
		for (unsigned i = 0; i < run->hook_cnt; i++)
			hook_check(run, run->hooks[i].hook);
		for (const struct metric *m = (*p)->metrics; m->name; m++, metrics++)
			if (m->max && elf_global_offset(run->object, ".rodata",
							strchr(m->name, '_') + 1, sizeof(u32)) < 0)
				fail_msg("%s: no %s", (*p)->name, m->name);
	}
	assert_true(metrics <= METRIC_MAX);
	set_close(&set);
}

static void best_test(void **state)
{
	struct probe_set set = { 0 };
	struct probe_run *run = run_open(&set, "tcp");

	(void)state;
	assert_int_equal(choose(run), 0);
	for (unsigned i = 0; i < run->hook_cnt; i++)
		if (!run->hooks[i].disabled)
			assert_int_equal(run->hooks[i].chosen, run->hooks[i].best);
	/* sendfile is seen by the program that is in use for sends */
	assert_true(probe_hook(run, "sendpage_fexit")->disabled);
	assert_true(hook_needless(probe_hook(run, "sendpage_fexit")));
	assert_true(bpf_program__autoload(probe_hook(run, "state_btf")->program));
	assert_false(
		bpf_program__autoload(bpf_object__find_program_by_name(run->object, "state_raw")));
	set_close(&set);
}

static void fallback_test(void **state)
{
	struct probe_set set = { 0 };
	struct probe_run *run = run_open(&set, "tcp");

	(void)state;
	refusals[0] = (struct refusal){ "_btf", -EOPNOTSUPP };
	refusals[1] = (struct refusal){ "send_raw", -ENOENT };
	assert_int_equal(choose(run), 0);
	assert_string_equal(chosen(run, "state_btf"), "state_raw");
	assert_string_equal(chosen(run, "send_btf"), "send_fexit");
	assert_int_equal(probe_hook(run, "send_btf")->why[0], -EOPNOTSUPP);
	assert_int_equal(probe_hook(run, "send_btf")->why[1], -ENOENT);
	/* sends by fexit need one more program for sendfile */
	assert_string_equal(chosen(run, "sendpage_fexit"), "sendpage_fexit");
	set_close(&set);
}

/* What the kernel has refused at loading is not tried again. */
static void again_test(void **state)
{
	int from[PROBE_HOOKS] = { 0 };
	struct probe_set set = { 0 };
	struct probe_run *run = run_open(&set, "tcp");

	(void)state;
	from[probe_hook(run, "recv_btf") - run->hooks] = 1;
	assert_int_equal(hooks_choose(run, from), 0);
	assert_string_equal(chosen(run, "recv_btf"), "recv_raw");
	assert_string_equal(chosen(run, "send_btf"), "send_btf");
	set_close(&set);
}

/* A kernel that refuses iterators over the entries of tables loses nothing. */
static void tables_test(void **state)
{
	struct probe_set set = { 0 };
	struct probe_run *block = run_open(&set, "block"), *request = run_open(&set, "request");

	(void)state;
	assert_int_equal(choose(block), 0);
	assert_int_equal(choose(request), 0);
	assert_string_equal(chosen(block, "in_flight_each"), "in_flight_elem");
	assert_string_equal(chosen(request, "requests_scan_files"), "requests_scan_btf");
	refusals[0] = (struct refusal){ "_elem", -EPERM };
	refusals[1] = (struct refusal){ "_scan_btf", -EPERM };
	refusals[2] = (struct refusal){ "_scan_raw", -EPERM };
	assert_int_equal(choose(block), 0);
	assert_int_equal(choose(request), 0);
	assert_string_equal(chosen(block, "in_flight_elem"), "in_flight_each");
	assert_string_equal(chosen(request, "streams_scan_elem"), "streams_scan_each");
	assert_string_equal(chosen(request, "requests_scan_btf"), "requests_scan_files");
	set_close(&set);
}

static void optional_test(void **state)
{
	struct probe_set set = { 0 };
	struct probe_run *run = run_open(&set, "memory");

	(void)state;
	refusals[0] = (struct refusal){ "memory_iter", -ENOENT };
	refusals[1] = (struct refusal){ "direct_begin_btf", -EPERM };
	refusals[2] = (struct refusal){ "direct_begin_raw", -EPERM };
	assert_int_equal(choose(run), 0);
	assert_true(hook_missing(probe_hook(run, "memory_iter")));
	assert_true(hook_missing(probe_hook(run, "direct_begin_btf")));
	/* an end without a beginning is of no use */
	assert_true(probe_hook(run, "direct_end_btf")->disabled);
	assert_false(hook_missing(probe_hook(run, "direct_end_btf")));
	set_close(&set);
}

static void required_test(void **state)
{
	struct probe_set set = { 0 };
	struct probe_run *run = run_open(&set, "block");

	(void)state;
	refusals[0] = (struct refusal){ "complete_btf", -EOPNOTSUPP };
	refusals[1] = (struct refusal){ "complete_raw", -ENOENT };
	assert_int_equal(choose(run), -EOPNOTSUPP);
	assert_non_null(strstr(run->error, probe_hook(run, "complete_btf")->hook->purpose));
	assert_non_null(strstr(run->error, kernel_reason(-EOPNOTSUPP)));
	set_close(&set);
}

static void forced_test(void **state)
{
	static const struct forced_hook forced[] = { { "tcp", "recv_fexit" }, { NULL, NULL } };
	struct probe_set set = { .forced = forced };
	struct probe_run *run = run_open(&set, "tcp"), *other = run_open(&set, "request");

	(void)state;
	assert_int_equal(choose(run), 0);
	assert_string_equal(chosen(run, "recv_btf"), "recv_fexit");
	assert_int_equal(probe_hook(run, "recv_btf")->why[0], -ECANCELED);
	assert_int_equal(choose(other), 0);
	assert_string_equal(chosen(other, "recv_btf"), "recv_btf");
	/* also an optional hook is demanded by who forces it */
	refusals[0] = (struct refusal){ "_fexit", -EPERM };
	assert_int_equal(choose(run), -EPERM);
	assert_non_null(strstr(run->error, "recv_fexit"));
	set_close(&set);
}

/* A kernel that preempts tracepoint programs gets those that lose nothing; others never do, unless one is asked for. */
static void preemptible_test(void **state)
{
	static const struct forced_hook forced[] = { { "process", "exit_tp" }, { NULL, NULL } };
	struct probe_set set = { .kernel.preemptible = true }, calm = { 0 };
	struct probe_run *run = run_open(&set, "process");
	struct hook_run *exit = probe_hook(run, "exit_tp");

	(void)state;
	run->state = PROBE_ON;
	assert_int_equal(choose(run), 0);
	assert_string_equal(chosen(run, "exit_tp"), "exit_tp");
	assert_string_equal(chosen(run, "fork_btf"), "wakeup_new_btf");
	assert_false(hook_lossy(exit));
	assert_true(probe_up(run));
	refusals[0] = (struct refusal){ "_tp", -KERNEL_NO_TRACEFS };
	assert_int_equal(choose(run), 0);
	assert_string_equal(chosen(run, "exit_tp"), "exit_btf");
	assert_true(hook_lossy(exit));
	assert_false(probe_up(run));
	set_close(&set);

	run = run_open(&calm, "process");
	run->state = PROBE_ON;
	assert_int_equal(choose(run), 0);
	assert_string_equal(chosen(run, "exit_tp"), "exit_btf");
	assert_string_equal(chosen(run, "fork_btf"), "fork_btf");
	assert_false(hook_lossy(probe_hook(run, "exit_tp")));
	assert_true(probe_up(run));
	calm.forced = forced;
	assert_int_equal(hooks_check_forced(&calm), 0);
	assert_true(calm.kernel.preemptible);
	hooks_init(run);
	assert_int_equal(choose(run), 0);
	assert_string_equal(chosen(run, "exit_tp"), "exit_tp");
	assert_string_equal(chosen(run, "fork_btf"), "wakeup_new_btf");
	set_close(&calm);
}

/* A program calls only those of its own kind. */
static void tail_call_test(void **state)
{
	struct probe_set set = { .kernel.preemptible = true };
	struct probe_run *syscall = run_open(&set, "syscall"), *run = run_open(&set, "request");

	(void)state;
	assert_int_equal(choose(run), 0);
	assert_string_equal(chosen(run, "messages_btf"), "messages_tp");
	for (int lossless = 0; lossless < 2; lossless++) {
		set.tail_calls_cnt = 0;
		probe_hook(syscall, "exit_btf")->best = !lossless;
		assert_int_equal(choose(syscall), 0);
		tail_calls_add(&set, "sys_exit_tail_calls", probe_hook(syscall, "exit_btf"));
		assert_int_equal(choose(run), 0);
		assert_string_equal(chosen(run, "messages_btf"),
				    lossless ? "messages_tp" : "messages_btf");
		assert_false(hook_lossy(probe_hook(run, "send_btf")));
	}
	set_close(&set);
}

static void forced_check_test(void **state)
{
	static const struct {
		struct forced_hook hook;
		int err;
		bool typed;
	} rows[] = {
		{ { "tcp", "recv_fexit" }, 0, true },	  { { "tcp", "recv_raw" }, 0, false },
		{ { "tcp", "send_kprobe" }, 0, false },	  { { "tcp", "nonsense" }, -ESRCH, true },
		{ { "tpc", "recv_raw" }, -ESRCH, true },  { { "core", "fork_btf" }, 0, true },
		{ { "core", "recv_raw" }, -ESRCH, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct forced_hook forced[] = { rows[i].hook, { NULL, NULL } };
		struct probe_set set = { .forced = forced,
					 .kernel = { .typed = true, .storage = true } };

		assert_int_equal(hooks_check_forced(&set), rows[i].err);
		assert_int_equal(set.kernel.typed, rows[i].typed);
		assert_int_equal(set.kernel.storage, rows[i].typed);
		assert_int_equal(*set.error != '\0', rows[i].err != 0);
	}
}

/* Where ftrace is off, tracepoints do the work of functions. */
static void ftrace_test(void **state)
{
	struct probe_set set = { 0 };
	struct probe_run *run = run_open(&set, "tcp");

	(void)state;
	assert_int_equal(choose(run), 0);
	assert_string_equal(chosen(run, "accept_fexit"), "accept_fexit");
	refusals[0] = (struct refusal){ "_fexit", -KERNEL_NO_FTRACE };
	refusals[1] = (struct refusal){ "_kprobe", -KERNEL_NO_FTRACE };
	assert_int_equal(choose(run), 0);
	assert_string_equal(chosen(run, "accept_fexit"), "accept_exit_btf");
	refusals[2] = (struct refusal){ "accept_exit_btf", -EPERM };
	refusals[3] = (struct refusal){ "accept_exit_raw", -EPERM };
	assert_int_equal(choose(run), 0);
	assert_true(hook_missing(probe_hook(run, "accept_fexit")));
	set_close(&set);
}

/* request does tcp's work, and is told so, only where both have the same program and tcp's is attached. */
static void supersede_test(void **state)
{
	struct probe_set set = { 0 };
	struct probe_run *tcp = run_open(&set, "tcp"), *request = run_open(&set, "request");
	struct hook_run *send = probe_hook(tcp, "send_btf"), *recv = probe_hook(tcp, "recv_btf");

	(void)state;
	assert_int_equal(choose(tcp), 0);
	assert_int_equal(choose(request), 0);
	assert_false(constant(request, "supersedes_send"));
	send->link = recv->link = (struct bpf_link *)&set; /* looked at by nobody */
	assert_int_equal(choose(request), 0);
	assert_false(constant(request, "supersedes_send")); /* tcp does not run */
	tcp->state = PROBE_ON;
	recv->chosen = 1;
	assert_int_equal(choose(request), 0);
	assert_true(constant(request, "supersedes_send"));
	assert_false(constant(request, "supersedes_recv")); /* recv_raw is another program */
	set_close(&set);
}

static void up_test(void **state)
{
	struct probe_set set = { 0 };
	struct probe_run *run = run_open(&set, "memory");

	(void)state;
	run->state = PROBE_ON;
	assert_int_equal(choose(run), 0);
	assert_true(probe_up(run));
	/* this kernel has none */
	refusals[0] = (struct refusal){ "memory_iter", -ENOENT };
	assert_int_equal(choose(run), 0);
	assert_true(probe_up(run));
	/* it has, and something prevents it */
	refusals[0].err = -EMFILE;
	assert_int_equal(choose(run), 0);
	assert_false(probe_up(run));
	refusals[0].suffix = NULL;
	assert_int_equal(choose(run), 0);
	probe_hook(run, "memory_iter")->err = -EMFILE;
	assert_false(probe_up(run));
	probe_hook(run, "memory_iter")->err = 0;
	assert_true(probe_up(run));
	run->state = PROBE_UNAVAILABLE;
	assert_false(probe_up(run));
	run->state = PROBE_OFF;
	assert_true(probe_up(run));
	set_close(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_test),	  cmocka_unit_test(best_test),
		cmocka_unit_test(fallback_test),  cmocka_unit_test(again_test),
		cmocka_unit_test(optional_test),  cmocka_unit_test(required_test),
		cmocka_unit_test(forced_test),	  cmocka_unit_test(forced_check_test),
		cmocka_unit_test(ftrace_test),	  cmocka_unit_test(supersede_test),
		cmocka_unit_test(up_test),	  cmocka_unit_test(preemptible_test),
		cmocka_unit_test(tail_call_test), cmocka_unit_test(tables_test),
	};

	return cmocka_run_group_tests_name("hook", tests, NULL, NULL);
}
