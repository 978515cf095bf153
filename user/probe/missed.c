// SPDX-License-Identifier: BSD-3-Clause
#include "probe/missed.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "probe/hook.h"

static u32 program_id(const struct hook_run *hook)
{
	struct bpf_prog_info info = { 0 };
	u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(hook->program), &info, &len) ? 0 : info.id;
}

/* The number of the family's metric of this name, 0: it has none. */
static u32 metric_of(const struct probe_run *run, const char *name)
{
	u32 number = run->metric_base;

	for (const struct metric *m = run->probe->metrics; m->name; m++, number++)
		if (!strcmp(m->name, name))
			return number;
	return 0;
}

static struct missed_program missed_program(const struct probe_run *run, u32 place,
					    const struct hook_run *hook)
{
	u32 metric = hook->hook->missed ? metric_of(run, hook->hook->missed) : 0;

	return (struct missed_program){
		.id = program_id(hook),
		.metric = metric,
		.dim = metric ? hook->hook->missed_dim : place,
		.with_start = hook->hook->with_start,
	};
}

void missed_watch(struct probe_set *set)
{
	struct probe_run *core = set->list[0];
	struct hook_run *iter = probe_hook(core, "missed_iter");
	struct missed_program *programs =
		probe_global(core, "missed_programs", MISSED_PROGRAMS * sizeof(*programs));
	u32 cnt = 0;

	if (!iter->program || !programs)
		return;
	for (u32 place = 0; place < set->cnt; place++) {
		struct probe_run *run = set->list[place];

		for (unsigned i = 0; i < run->hook_cnt && cnt < MISSED_PROGRAMS; i++)
			if (run->hooks[i].hook->in_tasks && run->hooks[i].link)
				programs[cnt++] = missed_program(run, place, &run->hooks[i]);
	}
	if (!hook_attach(core, iter))
		hook_iterate(iter);
	hook_detach(iter);
}
