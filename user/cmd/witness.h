/* SPDX-License-Identifier: BSD-3-Clause */
/* Whatever the evidence of alerts is made from, kept while the daemon runs. */
#ifndef CMD_WITNESS_H
#define CMD_WITNESS_H

#include <jansson.h>

#include "lib/worker.h"
#include "metric/history.h"
#include "rule/alert.h"
#include "rule/sources.h"

struct witness;
struct baselines;
struct process_event; /* event/ring.h */

/* All outlive it but the worker, which may be NULL. NULL: no memory. */
struct witness *witness_new(const struct registry *r, const struct history *h,
			    const struct baselines *b, struct worker *worker);
void witness_free(struct witness *w);
/* A tick of the history has ended. */
void witness_tick(struct witness *w);
/* The kernel side has told something of a process: that its program was replaced is not in any counter. */
void witness_seen(struct witness *w, const struct process_event *e);
/* What it knows, at present. */
struct evidence_sources witness_sources(const struct witness *w);
/* See evidence_make(); the caller's. */
json_t *witness_evidence(const struct witness *w, const struct alert *a);

#endif
