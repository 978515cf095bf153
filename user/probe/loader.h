/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting the families one after the other, and the way back. */
#ifndef PROBE_LOADER_H
#define PROBE_LOADER_H

#include "probe/probe.h"

/*
 * Finds out what this kernel is. conf, btf_path and forced, which the caller sets, must outlive the set. On failure
 * set->error says why: -EPERM, -ENOTSUP (no BTF), -ESRCH (no such hook to force), -E2BIG (a build
 * with too many rows).
 */
int probe_set_open(struct probe_set *set);
/*
 * Starts the next family: 1, or 0 when there is none left. That a family cannot run here is no failure: its
 * run->state and run->error tell. Negative errno and set->error when nothing can run.
 */
int probe_set_start_next(struct probe_set *set);
void probe_set_close(struct probe_set *set);

#endif
