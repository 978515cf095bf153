/* SPDX-License-Identifier: BSD-3-Clause */
/* Chooses the best program that this kernel can attach for each hook of a family, and attaches it. */
#ifndef PROBE_HOOK_H
#define PROBE_HOOK_H

#include "probe/probe.h"

/*
 * Checks that the hooks given with --hook exist. If one of them is a program without types, all programs are loaded
 * without. On failure -ESRCH and set->error.
 */
int hooks_check_forced(struct probe_set *set);
/* Prepares a hook_run for each hook in the family's row; loader.c has checked that they fit. */
void hooks_init(struct probe_run *run);
/*
 * Chooses a program for each hook i, starting with alternative from[i], before the object is loaded. Negative errno
 * and run->error if there is none for a hook that the family requires.
 */
int hooks_choose(struct probe_run *run, const int from[PROBE_HOOKS]);
/* Attaches the chosen programs, except those on demand. Negative errno and run->error as above. */
int hooks_attach(struct probe_run *run);
void hooks_detach(struct probe_run *run);
/* Attaches again the hooks of other families that `run`, which has failed, superseded. */
void hooks_restore_superseded(struct probe_run *run);

int hook_attach(struct probe_run *run, struct hook_run *hook);
/* Attaches a hook on demand, if it was chosen, and unless that has failed or was done before. */
void hook_demand(struct probe_run *run, const char *program);
void hook_detach(struct hook_run *hook);
/* Runs an iterator to its end and discards its output. 0 or negative errno. */
int link_iterate(const struct bpf_link *link);
/* 0, too, if it is not attached. */
int hook_iterate(struct hook_run *hook);

/* Announces that this attached program makes tail calls through this program array; the name must outlive the set. */
void tail_calls_add(struct probe_set *set, const char *map, const struct hook_run *hook);

#endif
