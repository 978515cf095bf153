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

#endif
