/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of the causes that were found count, and which are consequences of others. */
#ifndef DIAGNOSE_JUDGE_H
#define DIAGNOSE_JUDGE_H

#include "diagnose/trace.h"

/*
 * Orders the causes: those that are told come first, cause_cnt of them, and of these what says why before what only says where; the others
 * are ruled out.
 */
void judge_causes(struct trace *t);

#endif
