/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An attachment to one process: its programs in the kernel (bpf/attach.bpf.c), which are there as long as it lasts, and what they
 * have counted. To open and to close it takes tens of milliseconds: that is for a thread; all else is for the event loop.
 */
#ifndef ATTACH_ATTACHMENT_H
#define ATTACH_ATTACHMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "attach.h"
#include "probe/tables.h"

struct bpf_link;
struct bpf_object;
struct ring_buffer;

#define ATTACH_PROGRAMS 12

enum attach_walk { WALK_TASKS, WALK_FILES, WALK_CONNECTIONS, ATTACH_WALKS };

struct attachment {
	struct bpf_object *object;
	struct bpf_link *links[ATTACH_PROGRAMS], *walks[ATTACH_WALKS];
	unsigned link_cnt;
	struct ring_buffer *ring;
	unsigned drained; /* events, this time */
	/* Mapped. */
	struct attach_state *state;
	struct attach_call *calls; /* SYSCALLS */
	struct attach_last *lasts; /* ATTACH_LAST for each of `cpus` */
	u32 cpus;
	u64 missed; /* when it was read last: events that the kernel did not tell the programs of */
	/* Called for each event when the ring buffer is read. */
	void (*event)(void *ctx, const struct attach_event *e);
	void (*connection)(void *ctx, const struct attach_connection *c); /* that has ended */
	void *ctx;
};

struct attach_target {
	pid_t pid;   /* a process */
	u32 watch;   /* the attachment's number, of no other one at any time */
	bool execs;  /* it is about to execute a command: what it does before does not count */
	u64 slow_ns; /* calls that take so long are told, 0: none */
};

/*
 * Every task of the process and of its children is marked when it returns. The tables and the kernel's properties are those of
 * the families that run. 0, or negative errno with what is wrong in `error`; -EBUSY: somebody is attached to it already. Close it
 * in any case.
 */
int attachment_open(struct attachment *a, const struct attach_target *target,
		    const struct tables *tables, const struct kernel *kernel, const char *btf_path,
		    char *error, size_t error_size);
/*
 * Ends it: no task has the mark any more. Negative errno: some have it yet, which nobody else could attach to; to be tried again
 * before it is closed.
 */
int attachment_unmark(struct attachment *a);
void attachment_close(struct attachment *a);

/* Takes the events that have come, and looks at all tasks: state->now and so on are of now. 0 or negative errno. */
int attachment_read(struct attachment *a);
/* The events alone; some are left where they come faster than they are taken. */
void attachment_drain(struct attachment *a);
/* Looks for connections among the files of its processes, which somebody else may have opened. 0 or negative errno. */
int attachment_look_for_connections(struct attachment *a);
/* Calls `take` with the address and the struct attach_connection of each that is open, as it is now. 0 or negative errno. */
int attachment_connections(const struct attachment *a,
			   void (*take)(void *ctx, const void *address, const void *connection),
			   void *ctx);
/* Readable when many have come. */
int attachment_fd(const struct attachment *a);

#endif
