/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts the families one by one, and stops them. */
#ifndef PROBE_LOADER_H
#define PROBE_LOADER_H

#include "probe/probe.h"

/*
 * Examines the kernel. The caller has set conf, btf_path and forced, which must outlive the set. On failure
 * set->error says why: -EPERM, -ENOTSUP (no BTF), -ESRCH (no such hook), -E2BIG (too many rows in this build).
 */
int probe_set_open(struct probe_set *set);
/*
 * Starts the next family. Returns 1, or 0 if none is left. A family that cannot run is no failure, run->state and
 * run->error tell. Negative errno and set->error if Seismo as a whole cannot run.
 */
int probe_set_start_next(struct probe_set *set);
/* Another configuration is in effect, which must outlive the set; families take over what is live in it. */
void probe_set_reconfigure(struct probe_set *set, const struct conf *conf);
void probe_set_close(struct probe_set *set);

/* A family that is not in the list: its object is loaded while somebody needs it. */
struct probe_extra {
	struct probe_set set; /* a copy: all else of the set is left alone */
	struct probe_run run;
};

/*
 * Starts it, with the tables and on the kernel of a set that has started. May be called in a thread, one at a time: it takes some
 * tens of milliseconds. 0, or negative errno and run.error.
 */
int probe_extra_start(struct probe_extra *extra, const struct probe_set *set,
		      const struct probe *probe);
void probe_extra_stop(struct probe_extra *extra);

#endif
