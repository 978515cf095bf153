// SPDX-License-Identifier: BSD-3-Clause
#include "probe/hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The verifier knows no types of this program's arguments. */
static bool program_untyped(const char *name)
{
	size_t len = strlen(name);

	return (len > 4 && !strcmp(name + len - 4, "_raw")) ||
	       (len > 7 && !strcmp(name + len - 7, "_kprobe"));
}

/* The hook with this program among its alternatives, and the program's index. */
static const struct hook *hook_find(const char *family, const char *program, int *index)
{
	for (const struct probe *const *p = probes; *p; p++)
		for (const struct hook *h = (*p)->hooks; !strcmp((*p)->name, family) && h->alt[0];
		     h++)
			for (*index = 0; h->alt[*index]; ++*index)
				if (!strcmp(h->alt[*index], program))
					return h;
	return NULL;
}

int hooks_check_forced(struct probe_set *set)
{
	for (const struct forced_hook *f = set->forced; f && f->family; f++) {
		const struct hook *hook;
		int i;

		hook = hook_find(f->family, f->program, &i);
		if (!hook) {
			snprintf(
				set->error, sizeof(set->error),
				"--hook %s=%s: there is none of this name, `seismo check --format json` lists them",
				f->family, f->program);
			return -ESRCH;
		}
		if (program_untyped(f->program))
			set->kernel.typed = set->kernel.storage = false;
		set->kernel.preemptible |= i < hook->lossless;
	}
	return 0;
}

/* Index of the alternative that --hook requests, -1: none. */
static int hook_forced(const struct probe_run *run, const struct hook_run *hook)
{
	for (const struct forced_hook *f = run->set->forced; f && f->family; f++)
		for (int i = 0; !strcmp(f->family, run->probe->name) && hook->hook->alt[i]; i++)
			if (!strcmp(f->program, hook->hook->alt[i]))
				return i;
	return -1;
}

void hooks_init(struct probe_run *run)
{
	run->hook_cnt = 0;
	for (const struct hook *h = run->probe->hooks; h->alt[0]; h++)
		run->hooks[run->hook_cnt++] = (struct hook_run){
			.hook = h,
			.best = run->set->kernel.preemptible ? 0 : h->lossless,
			.chosen = -1,
		};
}

static bool is_classic(const struct bpf_program *program)
{
	return bpf_program__type(program) == BPF_PROG_TYPE_TRACEPOINT;
}

void tail_calls_add(struct probe_set *set, const char *map, const struct hook_run *hook)
{
	if (set->tail_calls_cnt < TAIL_CALL_MAPS)
		set->tail_calls[set->tail_calls_cnt++] =
			(struct tail_calls){ map, is_classic(hook->program) };
}

/* NULL: no attached program makes tail calls through the map. */
static const struct tail_calls *tail_calls_find(const struct probe_set *set, const char *map)
{
	for (unsigned i = 0; map && i < set->tail_calls_cnt; i++)
		if (!strcmp(set->tail_calls[i].map, map))
			return &set->tail_calls[i];
	return NULL;
}

/* Another family's program would make tail calls to its like, but not to this one. */
static bool tail_call_unfit(const struct probe_set *set, const struct hook *hook,
			    const struct bpf_program *program)
{
	const struct tail_calls *calls = tail_calls_find(set, hook->tail_call_map);

	return calls && elf_on_tracepoint(program) && is_classic(program) != calls->classic;
}

/* Chooses the first alternative, starting with index `from`, that the kernel can attach. */
static int hook_choose(struct probe_run *run, struct hook_run *hook, int from)
{
	int forced = hook_forced(run, hook);

	if (forced >= 0)
		hook->best = forced;
	hook->chosen = -1;
	hook->program = NULL;
	for (int i = from; hook->hook->alt[i]; i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(run->object, hook->hook->alt[i]);

		if (i < hook->best || (forced >= 0 && i != forced)) {
			hook->why[i] = forced < 0 ? -KERNEL_NOT_PREEMPTIBLE : -ECANCELED;
			continue;
		}
		if (program && tail_call_unfit(run->set, hook->hook, program)) {
			hook->why[i] = -ECANCELED;
			continue;
		}
		hook->why[i] =
			program ? run->set->kernel.attachable(&run->set->kernel, program) : -ENOENT;
		if (!hook->why[i]) {
			hook->chosen = i;
			hook->program = program;
			bpf_program__set_autoload(program, true);
			return 0;
		}
	}
	return hook->hook->optional && forced < 0 ? 0 : hook->why[hook->best];
}

/* Is a program of this name, with any suffix, in use? */
static bool program_chosen(const struct probe_run *run, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < run->hook_cnt; i++) {
		const struct hook_run *hook = &run->hooks[i];
		const char *chosen = hook->chosen < 0 ? "" : hook->hook->alt[hook->chosen];

		if (!strncmp(chosen, name, len) && strchr("_", chosen[len]))
			return true;
	}
	return false;
}

static void hook_complain(struct probe_run *run, const struct hook_run *hook)
{
	snprintf(run->error, sizeof(run->error), "no hook for: %s; %s: %s", hook->hook->purpose,
		 hook->hook->alt[hook->best], kernel_reason(hook->why[hook->best]));
}

/* The other family's hook that this one supersedes, NULL: none. On functions there may be a program of each. */
static struct hook_run *hook_superseded(const struct probe_run *run, const struct hook_run *hook)
{
	struct probe_run *family = probe_running(run->set, hook->hook->supersedes);
	const char *name = hook->chosen < 0 ? "" : hook->hook->alt[hook->chosen];
	struct hook_run *other = family ? probe_hook(family, name) : NULL;

	return other && other->link && elf_on_tracepoint(hook->program) &&
			       !strcmp(other->hook->alt[other->chosen], name)
		       ? other
		       : NULL;
}

static int superseding_set(struct probe_run *run)
{
	int err = 0;

	for (unsigned i = 0; i < run->hook_cnt && !err; i++) {
		const struct hook_run *hook = &run->hooks[i];
		bool supersedes = hook_superseded(run, hook);

		if (hook->hook->supersedes)
			err = probe_const(run, hook->hook->superseding, &supersedes,
					  sizeof(supersedes));
	}
	return err;
}

int hooks_choose(struct probe_run *run, const int from[PROBE_HOOKS])
{
	for (unsigned i = 0; i < run->hook_cnt; i++) {
		struct hook_run *hook = &run->hooks[i];
		int err;

		if (hook->hook->requires)
			hook->disabled = !program_chosen(run, hook->hook->requires);
		err = hook->disabled ? 0 : hook_choose(run, hook, from[i]);
		if (!err)
			continue;
		hook_complain(run,
			      hook); /* by the best alternative, whatever became of the last one */
		return err;
	}
	elf_set_choices(run->object);
	return superseding_set(run);
}

static const u32 first_entry[] = { 0, 0 };

static void hook_tail_call_end(struct probe_run *run, struct hook_run *hook)
{
	const u32 *entry = hook->hook->tail_call_keys ?: first_entry;
	int table;

	if (!hook->tail_called)
		return;
	table = bpf_object__find_map_fd_by_name(run->object, hook->hook->tail_call_map);
	do {
		bpf_map_delete_elem(table, entry);
	} while (*++entry);
	hook->tail_called = false;
}

static int hook_tail_call(struct probe_run *run, struct hook_run *hook)
{
	int table = bpf_object__find_map_fd_by_name(run->object, hook->hook->tail_call_map);
	int fd = bpf_program__fd(hook->program);
	const u32 *entry = hook->hook->tail_call_keys ?: first_entry;

	hook->tail_called = true;
	do {
		if (bpf_map_update_elem(table, entry, &fd, BPF_ANY)) {
			int err = -errno;

			hook_tail_call_end(run, hook);
			return err;
		}
	} while (*++entry);
	return 0;
}

/* By name: libbpf would look the function up in all of /proc/kallsyms. */
static struct bpf_link *multi_attach(const struct bpf_program *program)
{
	const char *function = elf_target(program);
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .syms = &function, .cnt = 1, .retprobe = true);

	return bpf_program__attach_kprobe_multi_opts(program, NULL, &opts);
}

/* The storage of sockets, or the table by address where they have none, and so on. */
static int table_iterated(const struct probe_run *run, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(run->object, name);
	char by_address[64];

	snprintf(by_address, sizeof(by_address), "%s_by_address", name);
	return fd >= 0 ? fd : bpf_object__find_map_fd_by_name(run->object, by_address);
}

static struct bpf_link *program_attach(struct probe_run *run, const struct hook_run *hook)
{
	union bpf_iter_link_info table = { 0 };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &table,
		    .link_info_len = sizeof(table));

	if (elf_multi(hook->program))
		return multi_attach(hook->program);
	if (!elf_iterates_table(hook->program))
		return bpf_program__attach(hook->program);
	table.map.map_fd = (u32)table_iterated(run, hook->hook->iterates);
	return bpf_program__attach_iter(hook->program, &opts);
}

int hook_attach(struct probe_run *run, struct hook_run *hook)
{
	struct hook_run *superseded;
	struct bpf_link *link;

	if (hook_works(hook))
		return 0;
	if (tail_calls_find(run->set, hook->hook->tail_call_map) &&
	    elf_on_tracepoint(hook->program) && !hook_tail_call(run, hook))
		return 0;
	link = program_attach(run, hook);
	hook->err = link ? 0 : -errno;
	if (!link)
		return hook->err;
	hook->link = link;
	superseded = hook_superseded(run, hook);
	if (superseded) {
		hook_detach(superseded);
		superseded->superseded = true;
	}
	return 0;
}

void hook_demand(struct probe_run *run, const char *program)
{
	struct hook_run *hook = probe_hook(run, program);

	if (hook->program && !hook->err)
		hook_attach(run, hook);
}

void hook_detach(struct hook_run *hook)
{
	bpf_link__destroy(hook->link);
	hook->link = NULL;
}

int hooks_attach(struct probe_run *run)
{
	for (unsigned i = 0; i < run->hook_cnt; i++) {
		struct hook_run *hook = &run->hooks[i];
		int err;

		if (!hook->program || hook->hook->on_demand)
			continue;
		err = hook_attach(run, hook);
		if (!err)
			continue;
		hook->why[hook->chosen] = err;
		hook->chosen = -1;
		if (hook->hook->optional)
			continue;
		snprintf(run->error, sizeof(run->error), "attach %s: %s",
			 bpf_program__name(hook->program), kernel_reason(err));
		return err;
	}
	return 0;
}

void hooks_restore_superseded(struct probe_run *run)
{
	for (unsigned i = 0; i < run->hook_cnt; i++) {
		struct probe_run *family = probe_running(run->set, run->hooks[i].hook->supersedes);

		for (unsigned j = 0; family && j < family->hook_cnt; j++) {
			struct hook_run *hook = &family->hooks[j];

			if (hook->superseded) {
				hook->superseded = false;
				hook_attach(family, hook);
			}
		}
	}
}

void hooks_detach(struct probe_run *run)
{
	for (unsigned i = 0; i < run->hook_cnt; i++) {
		hook_tail_call_end(run, &run->hooks[i]);
		hook_detach(&run->hooks[i]);
		run->hooks[i].program = NULL;
	}
}

int link_iterate(const struct bpf_link *link)
{
	char buf[64];
	ssize_t n;
	int fd = bpf_iter_create(bpf_link__fd(link));

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EAGAIN))
		;
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

int hook_iterate(struct hook_run *hook)
{
	return hook->link ? link_iterate(hook->link) : 0;
}
