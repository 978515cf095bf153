/* SPDX-License-Identifier: BSD-3-Clause */
/* What works on this machine, for people and for programs. */
#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cmd/agent.h"
#include "lib/buf.h"

/* What limits.memory has no room for, and what to do; nothing if the tables hold what the limits promise. */
void report_tables(struct buf *text, const struct agent *a);
/* Is something missing that was asked for? */
bool report_problem(const struct agent *a);
/* ... of what this family observes? */
bool report_degraded(const struct probe_run *run);

/* All of it as one document, owned by the caller. NULL: no memory. */
json_t *report_json(const struct agent *a);
/* From that document, one line a probe: its state and what it observes. */
void report_probes(FILE *out, const json_t *report);
/* ... with what is missing, why, and what to do about it; verbose: with settings and hooks. */
void report_text(FILE *out, const json_t *report, bool verbose);

#endif
