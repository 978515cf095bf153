/* SPDX-License-Identifier: BSD-3-Clause */
/* What is not known: events that were lost, probes that do not run, a history that is too young. */
#ifndef DIAGNOSE_UNKNOWN_H
#define DIAGNOSE_UNKNOWN_H

#include <jansson.h>

#include "rule/sources.h"

/* A list of sentences, the caller's. */
json_t *unknown_list(const struct evidence_sources *src, u64 since_ns);
/* Is so little known that nothing can be said, not even that nothing is wrong? */
bool unknown_is_blind(const struct evidence_sources *src);

#endif
