/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Evaluates the rules over the history, and keeps the state of their alerts. One thread (the loop's), never blocks.
 *
 * What is not known has no effect: while events are lost, a probe does not run, or the history does not reach back far enough,
 * nothing starts to fire, nothing resolves, and no time counts for `for` and `keep_firing_for`. Nor does the time in which the
 * daemon did not run, or was stopped.
 */
#ifndef RULE_ENGINE_H
#define RULE_ENGINE_H

#include "lib/buf.h"
#include "metric/history.h"
#include "rule/alert.h"

struct engine;
struct baselines; /* rule/baseline.h */

struct engine_hooks {
	/*
	 * Makes the evidence of an alert that begins to fire, and again each minute while it fires. It becomes the engine's.
	 * NULL: none.
	 */
	json_t *(*evidence)(void *ctx, const struct alert *a);
	/*
	 * The alert is in another state than the one told before (`before`, which may be the same: then its severity has changed
	 * or, of one that fires, whether it is unknown). Its evidence is there. ALERT_INACTIVE is the last that is told.
	 */
	void (*changed)(void *ctx, const struct alert *a, enum alert_state before);
	/* Sets `silenced` and `expected` of an alert that is pending or fires: in each pass, before it is told. */
	void (*mute)(void *ctx, struct alert *a);
	void *ctx;
};

/* NULL: no memory. `b` may be NULL: then nothing is usual; `hooks` and each of them too. */
struct engine *engine_new(const struct registry *r, const struct history *h, struct baselines *b,
			  const struct engine_hooks *hooks);
void engine_free(struct engine *e);

/*
 * Takes over the rules (which stay the caller's until the next call or the end), but those that are off. `interval_ns`: between
 * ticks. The alerts of rules that are there again and measure the same (rule_same()) go on; all others are resolved. A rule on a
 * metric or label that does not exist is an error of the configuration (rules_check()); one whose probe does not run is
 * unknown. -ENOMEM: everything stays as it was.
 */
int engine_configure(struct engine *e, const struct rule_conf *const rules[], size_t cnt,
		     u64 interval_ns, s64 wall_ns);

/*
 * After each tick of the history. Evaluates for about `budget_ns` and returns whether there is more to do; then call it again
 * soon. A rule is evaluated as a whole.
 */
bool engine_evaluate(struct engine *e, u64 now_ns, s64 wall_ns, u64 budget_ns);
/* Are some rules evaluated and others not yet? */
bool engine_in_pass(const struct engine *e);

/* All alerts but the inactive ones, by rule. */
void engine_each(const struct engine *e, void (*each)(void *ctx, const struct alert *a), void *ctx);

/* What a rule said when it was evaluated last. */
struct engine_rule {
	const struct rule_conf *rule;
	u32 groups,
		unknown; /* groups of series, and those of which it is not known whether they fulfil the rule */
	u32 pending, firing;
	const char *
		why; /* of one of those that are unknown, or why the rule cannot be evaluated; NULL */
};
void engine_each_rule(const struct engine *e, void (*each)(void *ctx, const struct engine_rule *r),
		      void *ctx);

struct engine_stats {
	u64 evaluations,
		evaluation_ns; /* of rules for groups of series, since the start; CPU time */
	u64 changes;	       /* of alerts: the same as before, nothing has changed */
	u32 pending, firing, resolved;
	u32 unknown; /* of those that are pending or firing */
	u32 omitted; /* that are not kept because there are too many */
};
void engine_stats(const struct engine *e, struct engine_stats *ret);

/*
 * State for the next start, and back, after engine_configure(). Alerts whose rule is not there any more are dropped. Until the
 * history covers their rule again what is restored is unknown. `state` may be anything. NULL: no memory.
 */
json_t *engine_save(const struct engine *e);
void engine_restore(struct engine *e, const json_t *state, u64 now_ns);

#endif
