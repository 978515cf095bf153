/* SPDX-License-Identifier: BSD-3-Clause */
/* Choosing, for each hook of a family, the best program that this kernel takes; attaching it. */
#ifndef PROBE_HOOK_H
#define PROBE_HOOK_H

#include "probe/probe.h"

/*
 * Checks that the set's forced hooks exist, and settles what they mean for all: programs without types ask that of
 * everybody. -ESRCH and set->error: there is no such hook.
 */
int hooks_check_forced(struct probe_set *set);
/* A run of each hook in the family's row; loader.c has made sure that there is room for all. */
void hooks_init(struct probe_run *run);
/*
 * Chooses a program for each hook of an object that is not loaded, of the alternatives from from[i] on. Negative
 * errno and run->error when the family cannot do without one for which there is none.
 */
int hooks_choose(struct probe_run *run, const int from[PROBE_HOOKS]);
/* Attaches the chosen programs but for those on demand. Negative errno and run->error as above. */
int hooks_attach(struct probe_run *run);
void hooks_detach(struct probe_run *run);
/* Attaches again what the hooks of `run`, which failed, have superseded. */
void hooks_restore_superseded(struct probe_run *run);

int hook_attach(struct probe_run *run, struct hook_run *hook);
void hook_detach(struct hook_run *hook);
/* Reads an attached iterator's output to its end, for what its program does on the way. */
int hook_iterate(struct hook_run *hook);

/* From now on an attached program makes tail calls through this program array, whose name must outlive the set. */
void tail_calls_add(struct probe_set *set, const char *map);

#endif
