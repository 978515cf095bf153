/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metadata of containers and pods, kept for a while. The files are other people's and may hang: a helper thread reads
 * them, and who asks gets the answer when it is there.
 */
#ifndef SERVICE_LOOKUP_H
#define SERVICE_LOOKUP_H

#include "lib/worker.h"
#include "service/container.h"
#include "types.h"

struct lookup;

struct lookups {
	const char *root;      /* lookups_host_root(), except in tests */
	struct worker *worker; /* NULL: whoever asks waits for the answer */
	u64 now_ns;	       /* CLOCK_MONOTONIC, set by who asks */
	struct lookup *by_key;
	u64 taken_ns; /* when the worker took the last one */
};

/* Where the host's files are: "", or below /proc if this process is in a container that has files of its own. */
const char *lookups_host_root(void);

/* The worker must have ended. */
void lookups_release(struct lookups *l);
/*
 * What is known of the container with this valid id, or the pod with this valid uid. False: that is being found out, ask
 * again later. When the worker has not answered for some seconds, nothing is known.
 */
bool lookups_container(struct lookups *l, const char *id, const struct container_hint *hint,
		       struct container *ret);
bool lookups_pod(struct lookups *l, const char *uid, struct pod *ret);

#endif
