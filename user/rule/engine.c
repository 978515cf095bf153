// SPDX-License-Identifier: BSD-3-Clause
#include "rule/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "lib/loop.h"
#include "rule/alerts.h"
#include "rule/baseline_keys.h"
#include "rule/cause.h"
#include "rule/state.h"
#include "rule/value.h"

#define EVIDENCE_NS (60 * 1000000000ULL) /* how old it may become */

/* A pass goes through all rules, then tells what has changed. */
enum stage { STAGE_IDLE, STAGE_RULES, STAGE_TELL };

struct engine {
	const struct registry *registry;
	const struct history *history;
	struct baselines *baselines;
	struct engine_hooks hooks;
	struct alerts alerts;
	const struct rule_conf **rules; /* those of `alerts.rules` */
	struct plan *plan;
	u64 interval_ns;
	enum stage stage;
	size_t next; /* rule of this pass */
	u64 pass;    /* its number */
	u64 pass_ns; /* the end of the tick that it began after */
	u32 omitted; /* in the last one */
	u64 evaluations, evaluation_ns;
};

/* The tick that a rule is evaluated for, and what the clocks say. */
struct moment {
	u64 tick_ns, elapsed_ns; /* its end, and how long after the one before */
	u64 now_ns;
	s64 wall_ns;
};

struct engine *engine_new(const struct registry *r, const struct history *h, struct baselines *b,
			  const struct engine_hooks *hooks)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	*e = (struct engine){ .registry = r, .history = h, .baselines = b };
	if (hooks)
		e->hooks = *hooks;
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	plan_free(e->plan);
	alerts_release(&e->alerts);
	free(e->rules);
	free(e);
}

/* --- rules */

static void tell(struct engine *e, struct alert_entry *entry)
{
	struct alert *a = &entry->alert;
	enum alert_state before = entry->told.state;

	entry->told.state = a->state;
	entry->told.severity = a->severity;
	entry->told.unknown = a->unknown;
	e->alerts.change_cnt++;
	if (e->hooks.changed)
		e->hooks.changed(e->hooks.ctx, a, before);
}

/* The rule has gone, and nobody will look any more. */
static void rule_end(struct engine *e, struct alert_rule *rule, s64 wall_ns)
{
	while (rule->entries) {
		struct alert *a = &rule->entries->alert;

		a->unknown = false;
		if (a->state == ALERT_FIRING) {
			a->state = ALERT_RESOLVED;
			a->ends_at_ns = wall_ns > a->starts_at_ns ? wall_ns : a->starts_at_ns;
			tell(e, rule->entries);
		}
		a->state = ALERT_INACTIVE;
		if (rule->entries->told.state != ALERT_INACTIVE)
			tell(e, rule->entries);
		alerts_remove(&e->alerts, rule, rule->entries);
	}
	baseline_keys_free(rule->keys);
}

/* The alerts go on under the new text of the rule. */
static void rule_take_over(struct alert_rule *fresh, struct alert_rule *old)
{
	const struct rule_conf *conf = fresh->conf;
	struct alert_entry *entry;

	*fresh = *old;
	fresh->conf = conf;
	old->entries = NULL;
	old->keys = NULL;
	DL_FOREACH(fresh->entries, entry)
	{
		entry->alert.rule = conf;
		/* whether a cause has a symptom is seen in the next pass */
		if (!conf->cause)
			entry->alert.severity = conf->severity;
	}
}

static bool same_alerts(const struct rule_conf *a, const struct rule_conf *b)
{
	return !strcmp(a->alert, b->alert) && rule_same(a, b);
}

static void rules_replace(struct engine *e, struct alert_rule *rules, size_t cnt, s64 wall_ns)
{
	struct alerts *t = &e->alerts;

	for (size_t i = 0; i < cnt; i++)
		for (size_t n = 0; n < t->rule_cnt; n++)
			if (same_alerts(t->rules[n].conf, rules[i].conf))
				rule_take_over(&rules[i], &t->rules[n]);
	for (size_t n = 0; n < t->rule_cnt; n++)
		rule_end(e, &t->rules[n], wall_ns);
	free(t->rules);
	t->rules = rules;
	t->rule_cnt = cnt;
}

int engine_configure(struct engine *e, const struct rule_conf *const rules[], size_t cnt,
		     u64 interval_ns, s64 wall_ns)
{
	const struct rule_conf **list = calloc(cnt + 1, sizeof(*list));
	struct alert_rule *fresh = calloc(cnt + 1, sizeof(*fresh));
	struct plan *plan = NULL;
	size_t used = 0;

	for (size_t i = 0; list && fresh && i < cnt; i++)
		if (!rules[i]->off) {
			fresh[used].conf = rules[i];
			list[used++] = rules[i];
		}
	if (list && fresh)
		plan = plan_new(e->registry, list, used);
	if (!plan) {
		free(list);
		free(fresh);
		return -ENOMEM;
	}
	rules_replace(e, fresh, used, wall_ns);
	plan_free(e->plan);
	free(e->rules);
	e->plan = plan;
	e->rules = list;
	e->interval_ns = interval_ns;
	e->next = 0;
	return 0;
}

/* --- evaluation */

static void stamp(struct alert *a, enum alert_state before, const struct moment *m)
{
	if (a->state == before)
		return;
	a->since_ns = m->now_ns;
	if (a->state == ALERT_PENDING || (a->state == ALERT_FIRING && before != ALERT_PENDING)) {
		a->active_at_ns = m->wall_ns;
		a->starts_at_ns = a->ends_at_ns = 0;
	}
	if (a->state == ALERT_FIRING)
		a->starts_at_ns = m->wall_ns;
	/* the clock may have been set back meanwhile */
	if (a->state == ALERT_RESOLVED)
		a->ends_at_ns = m->wall_ns > a->starts_at_ns ? m->wall_ns : a->starts_at_ns;
}

static void entry_step(struct engine *e, struct alert_entry *entry, const struct verdict *v,
		       const struct moment *m)
{
	struct alert *a = &entry->alert;
	enum alert_state before = a->state;

	step_next(&entry->step, a->rule, v->is, m->elapsed_ns, e->interval_ns / 8);
	a->state = entry->step.state;
	a->unknown =
		v->is == VERDICT_UNKNOWN && (a->state == ALERT_PENDING || a->state == ALERT_FIRING);
	a->unknown_why = a->unknown ? v->why : NULL;
	if (v->is == VERDICT_TRUE) {
		a->value = v->value;
		a->baseline = v->baseline;
		a->events = v->events;
		a->coverage = v->coverage;
	}
	stamp(a, before, m);
}

static void baseline_step(struct engine *e, struct alert_entry *entry, u64 key,
			  const struct baseline_window *w, const struct moment *m)
{
	bool firing = entry && entry->alert.state == ALERT_FIRING,
	     pending = entry && entry->alert.state == ALERT_PENDING;

	if (!w->length_ns)
		return;
	if (!firing) {
		baseline_learn(e->baselines, key, w, pending, m->tick_ns);
	} else if (baseline_reject(e->baselines, key, m->tick_ns)) {
		/* it is usual from now on */
		step_end(&entry->step);
		entry->alert.state = entry->step.state;
		stamp(&entry->alert, ALERT_FIRING, m);
	}
}

static void group_evaluate(struct engine *e, struct alert_rule *rule, const struct plan_data *data,
			   const struct query_group *group, const struct moment *m)
{
	const char *const *label = group->label;
	bool baseline = rule->conf->condition == RULE_BASELINE;
	u64 fingerprint = rule->entries || baseline ? alert_fingerprint(rule->conf, label) : 0;
	struct alert_entry *entry = rule->entries ? alerts_find(&e->alerts, fingerprint) : NULL;
	const struct rule_context c = {
		.data = data,
		.baselines = e->baselines,
		.interval_ns = e->interval_ns,
		.group = group,
		.firing = entry && entry->alert.state == ALERT_FIRING,
	};
	u64 key = baseline && e->baselines ? baseline_keys_get(&rule->keys, rule->conf, label,
							       fingerprint, m->tick_ns)
					   : 0;
	struct baseline_window learn;
	struct verdict v;

	value_judge(&c, key, &v, &learn);
	if (v.is == VERDICT_UNKNOWN) {
		rule->unknown_cnt++;
		rule->why = v.why;
	}
	if (!entry && v.is == VERDICT_TRUE) {
		entry = alerts_add(&e->alerts, rule, label, alert_fingerprint(rule->conf, label));
		e->alerts.omitted += !entry;
	}
	if (entry) {
		entry->pass = e->pass;
		entry_step(e, entry, &v, m);
	}
	if (e->baselines)
		baseline_step(e, entry, key, &learn, m);
}

/* Those whose groups are not there. `data`: NULL, nothing is known for this reason. */
static void absent_evaluate(struct engine *e, struct alert_rule *rule, const struct plan_data *data,
			    const char *why, const struct moment *m)
{
	const struct rule_context c = { .data = data, .interval_ns = e->interval_ns };
	struct verdict v = { .is = VERDICT_UNKNOWN, .why = why };
	struct alert_entry *entry;

	if (data)
		value_judge_gone(&c, &v);
	DL_FOREACH(rule->entries, entry)
	if (entry->pass != e->pass)
		entry_step(e, entry, &v, m);
}

/* How much of the time since the last evaluation was observed: a tick that took long is one tick. */
static u64 elapsed(const struct engine *e, const struct alert_rule *rule, u64 tick_ns)
{
	u64 ns = rule->evaluated_ns ? tick_ns - rule->evaluated_ns : 0,
	    most = e->interval_ns + e->interval_ns / 2;

	return ns < most ? ns : most;
}

static void rule_evaluate(struct engine *e, size_t n, struct moment *m)
{
	struct alert_rule *rule = &e->alerts.rules[plan_rule(e->plan, n)];
	const struct query_result *groups = NULL;
	struct plan_data data;
	const char *why;
	int err = plan_run(e->plan, e->history, n, &data, &why);

	m->elapsed_ns = elapsed(e, rule, m->tick_ns);
	rule->evaluated_ns = m->tick_ns;
	rule->group_cnt = rule->unknown_cnt = 0;
	rule->why = err == -ENOMEM ? "there is no memory" : why;
	if (!err)
		groups = plan_groups(&data);
	for (u32 i = 0; groups && i < groups->group_cnt; i++)
		group_evaluate(e, rule, &data, groups->groups[i], m);
	rule->group_cnt = groups ? groups->group_cnt : 0;
	e->evaluations += rule->group_cnt;
	if (rule->entries)
		absent_evaluate(e, rule, err ? NULL : &data, rule->why, m);
}

/* --- telling */

static void evidence_make(struct engine *e, struct alert_entry *entry, u64 now_ns)
{
	json_t *evidence;

	if (!e->hooks.evidence)
		return;
	entry->evidence_ns = now_ns;
	evidence = e->hooks.evidence(e->hooks.ctx, &entry->alert);
	if (!evidence)
		return;
	json_decref(entry->alert.evidence);
	entry->alert.evidence = evidence;
}

static bool is_told(const struct alert_entry *entry)
{
	const struct alert *a = &entry->alert;

	return a->state == entry->told.state && a->severity == entry->told.severity &&
	       (a->state != ALERT_FIRING || a->unknown == entry->told.unknown);
}

static bool evidence_due(const struct alert_entry *entry, u64 now_ns)
{
	const struct alert *a = &entry->alert;

	if (a->state != ALERT_FIRING || a->unknown)
		return false;
	return entry->told.state != ALERT_FIRING ||
	       (entry->step.last == VERDICT_TRUE && now_ns - entry->evidence_ns >= EVIDENCE_NS);
}

/* Tells what changed, and forgets what is over. Returns whether it came to its end. */
static bool alerts_tell(struct engine *e, u64 now_ns, u64 until_ns)
{
	for (size_t i = 0; i < e->alerts.rule_cnt; i++) {
		struct alert_rule *rule = &e->alerts.rules[i];
		struct alert_entry *entry, *next;

		DL_FOREACH_SAFE(rule->entries, entry, next)
		{
			bool due = evidence_due(entry, now_ns);

			if (!due && is_told(entry) && entry->alert.state != ALERT_INACTIVE)
				continue;
			if (due)
				evidence_make(e, entry, now_ns);
			if (!is_told(entry))
				tell(e, entry);
			if (entry->alert.state == ALERT_INACTIVE)
				alerts_remove(&e->alerts, rule, entry);
			if (clock_now_ns() >= until_ns)
				return false;
		}
	}
	return true;
}

static bool pass_begin(struct engine *e, u64 tick_ns)
{
	if (tick_ns == e->pass_ns || !e->plan)
		return false;
	e->stage = STAGE_RULES;
	e->pass++;
	e->pass_ns = tick_ns;
	e->next = 0;
	e->alerts.omitted = 0;
	return true;
}

static u64 tick_end_ns(const struct engine *e)
{
	struct history_stats stats;

	history_stats(e->history, &stats);
	return stats.columns ? stats.end_ns : 0;
}

static void alerts_mute(struct engine *e)
{
	struct alert_entry *entry, *next;

	HASH_ITER(hh, e->alerts.table, entry, next)
		if (entry->alert.state == ALERT_PENDING || entry->alert.state == ALERT_FIRING)
			e->hooks.mute(e->hooks.ctx, &entry->alert);
}

static void rules_evaluate(struct engine *e, struct moment *m, u64 until_ns)
{
	do {
		if (e->next < e->alerts.rule_cnt)
			rule_evaluate(e, e->next++, m);
	} while (e->next < e->alerts.rule_cnt && clock_now_ns() < until_ns);
	/* series may go before the next slice */
	plan_drop(e->plan);
	if (e->next < e->alerts.rule_cnt)
		return;
	e->omitted = e->alerts.omitted;
	if (e->hooks.mute)
		alerts_mute(e);
	cause_judge(&e->alerts, e->registry, e->history);
	e->stage = STAGE_TELL;
}

static u64 cpu_now_ns(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	return (u64)cpu.tv_sec * 1000000000 + (u64)cpu.tv_nsec;
}

bool engine_evaluate(struct engine *e, u64 now_ns, s64 wall_ns, u64 budget_ns)
{
	u64 begin_ns = clock_now_ns(), cpu_ns = cpu_now_ns(), tick_ns = tick_end_ns(e),
	    until_ns = budget_ns < UINT64_MAX - begin_ns ? begin_ns + budget_ns : UINT64_MAX;
	struct moment m = { .tick_ns = tick_ns, .now_ns = now_ns, .wall_ns = wall_ns };

	if (e->stage == STAGE_IDLE && !pass_begin(e, tick_ns))
		return false;
	if (e->stage == STAGE_RULES)
		rules_evaluate(e, &m, until_ns);
	if (e->stage == STAGE_TELL && alerts_tell(e, now_ns, until_ns))
		e->stage = STAGE_IDLE;
	e->evaluation_ns += cpu_now_ns() - cpu_ns;
	return e->stage != STAGE_IDLE || tick_ns != e->pass_ns;
}

bool engine_in_pass(const struct engine *e)
{
	return e->stage != STAGE_IDLE;
}

/* --- what others ask */

void engine_each(const struct engine *e, void (*each)(void *ctx, const struct alert *a), void *ctx)
{
	for (size_t i = 0; i < e->alerts.rule_cnt; i++) {
		struct alert_entry *entry;

		DL_FOREACH(e->alerts.rules[i].entries, entry)
		if (entry->alert.state != ALERT_INACTIVE)
			each(ctx, &entry->alert);
	}
}

void engine_each_rule(const struct engine *e, void (*each)(void *ctx, const struct engine_rule *r),
		      void *ctx)
{
	for (size_t i = 0; i < e->alerts.rule_cnt; i++) {
		const struct alert_rule *rule = &e->alerts.rules[i];
		struct engine_rule r = { .rule = rule->conf,
					 .groups = rule->group_cnt,
					 .unknown = rule->unknown_cnt,
					 .why = rule->why };
		const struct alert_entry *entry;

		DL_FOREACH(rule->entries, entry)
		{
			r.pending += entry->alert.state == ALERT_PENDING;
			r.firing += entry->alert.state == ALERT_FIRING;
		}
		each(ctx, &r);
	}
}

void engine_stats(const struct engine *e, struct engine_stats *ret)
{
	struct alert_entry *entry, *next;

	*ret = (struct engine_stats){
		.evaluations = e->evaluations,
		.evaluation_ns = e->evaluation_ns,
		.changes = e->alerts.change_cnt,
		.omitted = e->omitted,
	};
	HASH_ITER(hh, e->alerts.table, entry, next) {
		ret->pending += entry->alert.state == ALERT_PENDING;
		ret->firing += entry->alert.state == ALERT_FIRING;
		ret->resolved += entry->alert.state == ALERT_RESOLVED;
		ret->unknown += entry->alert.unknown;
	}
}

json_t *engine_save(const struct engine *e)
{
	return state_save(&e->alerts);
}

void engine_restore(struct engine *e, const json_t *state, u64 now_ns)
{
	state_restore(&e->alerts, state, now_ns);
}
