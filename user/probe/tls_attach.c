// SPDX-License-Identifier: BSD-3-Clause
/*
 * Programs on functions of libraries. To let go of one the kernel waits until nobody can be in it any more, some tenths of a second:
 * therefore one hook is for as many functions as the kernel allows, and many hooks are let go of at the same time.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/thread.h"
#include "probe/elf.h"
#include "probe/hook.h"
#include "probe/tls_functions.h"

#define DETACHERS 32 /* threads */

/* Of linux/bpf.h, from 6.6 on. */
#define UPROBE_MULTI	    48
#define UPROBE_MULTI_RETURN 1
struct uprobe_multi {
	u32 program;
	u32 target;
	u32 attach_type;
	u32 link_flags;
	u64 path;
	u64 offsets;
	u64 ref_ctr_offsets;
	u64 cookies;
	u32 cnt;
	u32 flags;
	u64 pid;
};

/* Where to put a program. */
struct place {
	char path[64];
	bool at_end;
	unsigned cnt;
	u64 offsets[TLS_FUNCTIONS + CODE_RETURNS];
};

void tls_attach_setup(struct probe_run *run)
{
	struct bpf_program *program;

	if (!kernel_has_uprobe_multi(&run->set->kernel))
		return;
	bpf_object__for_each_program(program, run->object)
		if (elf_in_user(program))
			bpf_program__set_expected_attach_type(program,
							      (enum bpf_attach_type)UPROBE_MULTI);
}

static int all_attach(const struct bpf_program *program, const struct place *at)
{
	struct uprobe_multi attr = {
		.program = (u32)bpf_program__fd(program),
		.attach_type = UPROBE_MULTI,
		.path = (u64)(uintptr_t)at->path,
		.offsets = (u64)(uintptr_t)at->offsets,
		.cnt = at->cnt,
		.flags = at->at_end ? UPROBE_MULTI_RETURN : 0,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}

static int each_attach(const struct bpf_program *program, const struct place *at,
		       struct tls_hooks *ret)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = at->at_end);

	for (unsigned i = 0; i < at->cnt; i++) {
		struct bpf_link *link;

		if (ret->cnt == TLS_HOOKS)
			return -E2BIG;
		link = bpf_program__attach_uprobe_opts(program, -1, at->path, at->offsets[i],
						       &opts);
		if (!link)
			return -errno;
		ret->list[ret->cnt++].link = link;
	}
	return 0;
}

static int program_attach(struct probe_run *run, const char *name, const struct place *at,
			  struct tls_hooks *ret)
{
	struct hook_run *hook = at->cnt ? probe_hook(run, name) : NULL;
	int fd;

	if (!at->cnt)
		return 0;
	if (!hook || !hook->program)
		return -EOPNOTSUPP;
	if ((int)bpf_program__expected_attach_type(hook->program) != UPROBE_MULTI)
		return each_attach(hook->program, at, ret);
	fd = all_attach(hook->program, at);
	if (fd >= 0)
		ret->list[ret->cnt++].fd = fd;
	return fd < 0 ? fd : 0;
}

static const char *program_of(const struct tls_function *f, bool end)
{
	return (end ? f->end : f->program) ?: "";
}

/* Adds where the program of such a function goes. At the end of one of Go's it goes to instructions: what the kernel does there changes the stack. */
static void place_add(struct place *at, const struct tls_function *f,
		      const struct code_place *place, bool end)
{
	if (!place->begin)
		return;
	at->at_end = end && f->library;
	if (!end || f->library)
		at->offsets[at->cnt++] = place->begin;
	for (unsigned i = 0; end && !f->library && i < place->return_cnt; i++)
		if (at->cnt < sizeof(at->offsets) / sizeof(*at->offsets))
			at->offsets[at->cnt++] = place->returns[i];
}

/* The program for the begin, or end, of function f: to where that is the same one. */
static int functions_attach(struct probe_run *run, struct place *at,
			    const struct code_place *places, const struct tls_function *f, bool end,
			    struct tls_hooks *ret)
{
	const char *program = program_of(f, end);

	for (const struct tls_function *other = tls_functions; other < f; other++)
		if (!strcmp(program_of(other, end), program))
			return 0;
	at->cnt = 0;
	for (const struct tls_function *same = f; same->name && *program; same++)
		if (!strcmp(program_of(same, end), program))
			place_add(at, same, &places[same - tls_functions], end);
	return program_attach(run, program, at, ret);
}

int tls_attach(struct probe_run *run, int fd, const struct code_place *places,
	       struct tls_hooks *ret)
{
	struct place at;
	int err = 0;

	*ret = (struct tls_hooks){ .cnt = 0 };
	snprintf(at.path, sizeof(at.path), "/proc/self/fd/%d", fd);
	/* the ends first: a call that is seen to begin is seen to end */
	for (const struct tls_function *f = tls_functions; f->name && !err; f++)
		err = functions_attach(run, &at, places, f, true, ret);
	for (const struct tls_function *f = tls_functions; f->name && !err; f++)
		err = functions_attach(run, &at, places, f, false, ret);
	if (err)
		tls_detach(&ret, 1);
	return err;
}

/* --- the end */

struct detaching {
	struct tls_hooks *const *files;
	size_t cnt;
	atomic_uint next; /* hook */
};

/* Gives back one after the other, until there are no more. */
static void *detach(void *ctx)
{
	struct detaching *d = ctx;

	while (true) {
		unsigned i = atomic_fetch_add(&d->next, 1);
		size_t file = 0;

		for (; file < d->cnt && i >= d->files[file]->cnt; file++)
			i -= d->files[file]->cnt;
		if (file == d->cnt)
			return NULL;
		if (d->files[file]->list[i].link)
			bpf_link__destroy(d->files[file]->list[i].link);
		else
			close(d->files[file]->list[i].fd);
	}
}

void tls_detach(struct tls_hooks *const *files, size_t cnt)
{
	struct detaching d = { .files = files, .cnt = cnt };
	pthread_t threads[DETACHERS];
	unsigned hooks = 0, started = 0;

	for (size_t i = 0; i < cnt; i++)
		hooks += files[i]->cnt;
	while (started + 1 < hooks && started < DETACHERS &&
	       !thread_start(&threads[started], detach, &d))
		started++;
	detach(&d);
	while (started)
		pthread_join(threads[--started], NULL);
	for (size_t i = 0; i < cnt; i++)
		files[i]->cnt = 0;
}
