/* SPDX-License-Identifier: BSD-3-Clause */
/* Evaluates the rules over the history, and keeps the state of their alerts. One thread (the loop's), never blocks. */
#ifndef RULE_ENGINE_H
#define RULE_ENGINE_H

#include "lib/buf.h"
#include "metric/history.h"
#include "rule/alert.h"

struct engine;
struct baselines; /* rule/baseline.h */

struct engine_hooks {
	/* Makes the evidence of an alert that begins to fire, or again while it fires. NULL: none. */
	json_t *(*evidence)(void *ctx, const struct alert *a);
	/* The state, or unknown, has changed from `before`. */
	void (*changed)(void *ctx, const struct alert *a, enum alert_state before);
	void *ctx;
};

struct engine *engine_new(const struct registry *r, const struct history *h, struct baselines *b,
			  const struct engine_hooks *hooks);
void engine_free(struct engine *e);

/*
 * Takes over the rules (which stay the caller's until the next call or the end). Alerts of rules that are the same as before go on.
 * A rule on a metric or label that does not exist is an error of the configuration (checked by rule_check()); one whose family
 * does not run is unknown.
 */
int engine_configure(struct engine *e, const struct rule_conf *const rules[], size_t cnt);

/* After each tick of the history. May be called in parts: evaluates for at most `budget_ns` and returns whether there is more. */
bool engine_evaluate(struct engine *e, u64 now_ns, s64 wall_ns, u64 budget_ns);

/* All alerts but the inactive ones. */
void engine_each(const struct engine *e, void (*each)(void *ctx, const struct alert *a), void *ctx);
/* State for the next start, and back; alerts whose rule is not there any more are dropped. */
json_t *engine_save(const struct engine *e, u64 now_ns, s64 wall_ns);
void engine_restore(struct engine *e, const json_t *state, u64 now_ns, s64 wall_ns);

#endif
