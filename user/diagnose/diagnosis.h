/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is wrong: symptoms in the history, each followed to its first cause (trace.h), as a document that commands and people's
 * scripts read.
 */
#ifndef DIAGNOSE_DIAGNOSIS_H
#define DIAGNOSE_DIAGNOSIS_H

#include <jansson.h>

#include "lib/buf.h"
#include "rule/sources.h"

struct engine;

struct diagnosis_params {
	const struct evidence_sources *src;
	const struct engine *engine; /* whose alerts are symptoms too; NULL: none */
	u64 since_ns;
	const char *service; /* only what this service suffers from or causes; NULL: all */
};

/*
 * The document, the caller's; NULL: no memory.
 *
 *   verdict   "wrong", "nothing wrong", or "unknown": nothing is seen, and too little is known to say that nothing is wrong
 *   summary   a sentence
 *   unknown   a list of what is not known, and why
 *   causes    a list, what matters most first; each has
 *     cause     a short word that stays the same (the name of the row in rule/reason.c); `kind` as in evidence
 *     subject   { device | service | peer }: what is blamed
 *     text, not, runner_up   sentences; `do` a list of them; `changed` what changed before
 *     since, until           RFC 3339; until null: it goes on
 *     victims   a list of { service, ... }
 *     chain     services from who suffers to what is blamed
 *     time      a list of { part, of, ratio } of the service at the end of the chain (`time_of`), which add up to 1
 *     figures   a list of sections as in evidence: metric, labels, values now and usually
 *     sure      "high", "medium" or "low"
 *   notes     a list of sentences: what stands out and hurts nobody
 *   symptoms  a list of what was seen, also of what is too weak to count
 *   seen      what was looked at: services, devices, requests a second
 */
json_t *diagnosis_make(const struct diagnosis_params *p);

/* The same for people, in lines of at most DIAGNOSIS_COLUMNS. `doc` as above. */
#define DIAGNOSIS_COLUMNS 120
void diagnosis_write(struct buf *out, const json_t *doc);

#endif
