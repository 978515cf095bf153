/* SPDX-License-Identifier: BSD-3-Clause */
/* A symptom as a sentence: who, since when, how much worse than usual. */
#ifndef DIAGNOSE_SYMPTOM_TEXT_H
#define DIAGNOSE_SYMPTOM_TEXT_H

#include "diagnose/symptom.h"
#include "lib/buf.h"

/* `now_ns` of CLOCK_MONOTONIC, `wall_offset_ns` as in struct evidence_sources. */
void symptom_write(struct buf *b, const struct symptom *s, u64 now_ns, s64 wall_offset_ns);

#endif
