/* SPDX-License-Identifier: BSD-3-Clause */
/* What is not known: events that were lost, probes that do not run, a history that is too young. */
#ifndef DIAGNOSE_UNKNOWN_H
#define DIAGNOSE_UNKNOWN_H

#include <jansson.h>
#include <stdbool.h>

#include "rule/sources.h"

/*
 * A list of sentences, the caller's. `ret_much`: that is missing without which nothing can be said, not even that nothing is wrong.
 */
json_t *unknown_list(const struct evidence_sources *src, u64 since_ns, bool *ret_much);
/* A service that nothing was counted for: nobody can say how it is, and the name may be wrong. False: there is such a service. */
bool unknown_service(json_t *list, const struct registry *r, const char *service);
/* What there was no room for. */
void unknown_omitted(json_t *list, u32 symptoms, bool causes);
/* The history does not reach back for as long as is asked for, or tells little of what is usual. Not a loss: what there is, is known. */
void unknown_young(json_t *list, const struct evidence_sources *src, u64 since_ns);

#endif
