/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A helper thread for what may block: reading files of other people, asking other machines. It does one job
 * after the other; what comes of a job is taken over in the event loop, so that nothing else needs a lock.
 */
#ifndef LIB_WORKER_H
#define LIB_WORKER_H

#include <stdbool.h>

#include "lib/loop.h"

/* Part of what the caller keeps of a job, which has to live until `done` was called. */
struct job {
	void (*work)(
		struct job *job); /* in the thread; may touch nothing but what belongs to the job */
	void (*done)(struct job *job); /* in the loop, afterwards */
	bool dropped;		       /* for `done`: the worker ended before its turn came */
	struct job *next;
};

struct worker;

/* At most `max` jobs at a time that are not done. NULL with errno. */
struct worker *worker_new(struct loop *l, unsigned max);
/*
 * Does the job that is under way come to its end in this time? If not it hangs, and only the end of the process is left:
 * worker_free() would wait.
 */
bool worker_end(struct worker *w, uint64_t wait_ns);
/* Waits for the job that is under way, and drops those behind it. */
void worker_free(struct worker *w);
/* 0; -EAGAIN: there are as many jobs as there may be; -ECANCELED: from a `done` while the worker ends. */
int worker_add(struct worker *w, struct job *job);
/* True: its turn had not come and will not, nor is `done` called. False: it will be. */
bool worker_cancel(struct worker *w, struct job *job);

#endif
