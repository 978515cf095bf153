/* SPDX-License-Identifier: BSD-3-Clause */
/* Facts about a scene: each is a test that says yes, no, or that it cannot be told. */
#ifndef RULE_FACTS_H
#define RULE_FACTS_H

#include "rule/fact.h"

#define FACT_NUMBER(name, missing) FACT_##name,
enum { FACTS(FACT_NUMBER) FACT_CNT };
_Static_assert(FACT_CNT <= 128, "bits of them");
/* A set of facts. */
typedef unsigned __int128 facts_t;
#define FACT(name) ((facts_t)1 << FACT_##name)

/* Which of the facts hold, and which cannot be told; bits of both. */
void facts_find(const struct scene *s, facts_t *yes, facts_t *unknown);
/* What is missing to tell the first of these; NULL: there is none. */
const char *facts_missing(facts_t unknown);

#endif
