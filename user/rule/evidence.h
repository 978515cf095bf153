/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why an alert fires: what is measured now and usually, the likely cause, who suffers, who loads what, where the time goes, what
 * changed. Rows all over: facts and reasons (reason.c), sections of the document (evidence.c), words (words.c).
 */
#ifndef RULE_EVIDENCE_H
#define RULE_EVIDENCE_H

#include <jansson.h>

#include "rule/scene.h"

#define EVIDENCE_BYTES 4096 /* of the document as compact JSON; what matters least is left out */
#define EVIDENCE_JSON  (JSON_COMPACT | JSON_REAL_PRECISION(12)) /* flags to write it with */

/*
 * The document, the caller's; NULL: no memory. At its top are the lines for the annotations (`summary`, `cause`, `victims`,
 * `changed`, `do`, `time`) and `kind`, the kind of the cause (`hardware`, `own load`, `neighbour`, `quota`, `callee`, `network`,
 * `memory`, `software`, `unknown`). `figures` has what they are made of, in sections: each says which metric, labels and window it
 * is from, as /api/v1/query asks for them, and has the unit of each number in its key; what is not known is "unknown" with the
 * reason.
 */
json_t *evidence_make(const struct evidence_sources *s, const struct alert *a);

/* The figures of a scene that has its reason, without a limit of its size; the caller's. */
json_t *evidence_figures(const struct scene *s);

/* Sets WHAT_UNIT to a number of four digits at most, so that it is short when it is written; one that is not finite is left out. */
void evidence_number(json_t *o, const char *what, const char *unit, double value);

#endif
