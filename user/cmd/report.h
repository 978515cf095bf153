/* SPDX-License-Identifier: BSD-3-Clause */
/* What works on this machine, for people and for programs. */
#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/agent.h"
#include "lib/buf.h"

/* What limits.memory has no room for, and what to do; nothing if the tables hold what the limits promise. */
void report_tables(struct buf *text, const struct agent *a);
/* One line a probe: its state and what it observes. */
void report_probes(FILE *out, const struct agent *a);
/* ... with what is missing, why, and what to do about it; verbose: with settings and hooks. */
void report_text(FILE *out, const struct agent *a, bool verbose);
/* All of it as one JSON document. 0 or -ENOMEM. */
int report_json(FILE *out, const struct agent *a);
/* Is something missing that was asked for? */
bool report_problem(const struct agent *a);

#endif
