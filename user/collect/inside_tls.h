/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose TLS is looked into: tells the programs which identities are of the services that the configuration names, and attaches them to
 * the libraries that processes of these services have mapped, once per file. The worker reads and attaches, since both may
 * block.
 */
#ifndef COLLECT_INSIDE_TLS_H
#define COLLECT_INSIDE_TLS_H

#include "collect/identities.h"
#include "lib/worker.h"
#include "probe/probe.h"

struct inside_tls;

/* NULL: no memory. Without a worker the work is done at once. The worker must end before it is released. */
struct inside_tls *inside_tls_new(struct identities *identities, struct probe_run *const *runs,
				  struct worker *worker);
void inside_tls_free(struct inside_tls *t);
/* After each scan of tasks. */
void inside_tls_read(struct inside_tls *t, u64 now_ns);

/* A library, or a program that may have one inside, that processes of these services have mapped. */
struct inside_tls_file {
	char path[256];	    /* as processes have it mapped; the end of longer ones is cut off */
	unsigned functions; /* that programs are attached to */
	const char *why;    /* why there are none; NULL: there are */
	bool failed;	    /* its functions are known, and yet they are not seen */
};

/*
 * Calls `each` for the services that use each file, file by file; a service may come twice, and is NULL where nobody uses the
 * file at the moment. A program comes only where its service has nothing else.
 */
void inside_tls_each(struct inside_tls *t,
		     void (*each)(void *ctx, const struct inside_tls_file *f, const char *service),
		     void *ctx);
/* Is there a file that is not seen although its functions are known? */
bool inside_tls_failed(const struct inside_tls *t);

#endif
