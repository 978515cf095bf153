/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs and scripts that are replaced. What the kernel says of an executable tells most; its build id and the files of scripts are
 * read by a thread of their own, since they may be on a disk that hangs, and only when something is new: a storm of processes costs
 * nothing. Without the thread, or when it hangs, executables are still compared by what the kernel says.
 */
#ifndef EVENT_PROGRAMS_H
#define EVENT_PROGRAMS_H

#include "event/process_event.h"
#include "lib/worker.h"

struct programs_hooks {
	/* See struct event_ring_hooks. */
	const char *(*service)(void *ctx, u32 identity, u32 gen);
	/* `e` has both files. */
	void (*replaced)(void *ctx, const struct process_event *e);
	void *ctx;
};

struct programs;

/* `w` may be NULL; it must have ended before programs_free(). NULL: no memory. */
struct programs *programs_new(struct worker *w, const struct programs_hooks *hooks);
void programs_free(struct programs *t);

/* A process executed a program; `script` is the base name of what its interpreter runs, "": it is no interpreter. */
void programs_run(struct programs *t, const struct process_event *e, const char *script);

/* A process that was there before. */
struct program_there {
	u32 pid, identity, gen;
	char executable[PROGRAM_PATH_SIZE];
	char script[256]; /* "" as above */
	/* Of the implementation. */
	struct program_file file, script_file;
	char script_path[PROGRAM_PATH_SIZE];
	bool found, script_found;
};

/* Remembers what these run, unless it has been noted already. Takes over `list`, which malloc() gave. */
void programs_there(struct programs *t, struct program_there *list, size_t cnt);

#endif
