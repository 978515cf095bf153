// SPDX-License-Identifier: BSD-3-Clause
#include "rule/backtest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/loop.h"
#include "rule/baseline.h"
#include "rule/engine.h"
#include "rule/text.h"

#define BASELINE_BYTES ((size_t)4 << 20)
#define PARTS	       16

/* The rules with windows that are long enough for the present steps. */
struct widened {
	struct rule_conf *copies;
	const struct rule_conf **list;
};

struct backtest {
	struct history *history;
	struct baselines *baselines;
	struct engine *engine;
	struct widened rules;
	struct backtest_rule *results;
	unsigned rule_cnt;
	struct backtest_part parts[PARTS];
	unsigned part_cnt;
	u64 begin_ns, at_ns; /* from there on, and how far it has come */
	u64 step_ns;	     /* that the engine is configured for */
	bool failed;
};

static void widened_release(struct widened *w)
{
	free(w->copies);
	free(w->list);
	*w = (struct widened){ 0 };
}

static void firing_begin(struct backtest *b, struct backtest_rule *r, const struct alert *a)
{
	struct backtest_firing *firings;
	struct buf summary = { 0 };

	if (r->firing_cnt == BACKTEST_FIRINGS) {
		r->omitted_cnt++;
		return;
	}
	firings = reallocarray(r->firings, r->firing_cnt + 1, sizeof(*firings));
	if (!firings) {
		b->failed = true;
		return;
	}
	r->firings = firings;
	summary_write(&summary, a);
	firings[r->firing_cnt++] =
		(struct backtest_firing){ .fingerprint = a->fingerprint,
					  .begin_ns = b->at_ns,
					  .summary = strdup(buf_cstr(&summary)) };
	b->failed |= summary.failed || !firings[r->firing_cnt - 1].summary;
	buf_release(&summary);
}

static void firing_end(struct backtest *b, struct backtest_rule *r, const struct alert *a)
{
	for (u32 i = r->firing_cnt; i > 0; i--)
		if (r->firings[i - 1].fingerprint == a->fingerprint && !r->firings[i - 1].end_ns) {
			r->firings[i - 1].end_ns = b->at_ns;
			return;
		}
}

static struct backtest_rule *result_of(struct backtest *b, const struct rule_conf *copy)
{
	return &b->results[copy - b->rules.copies];
}

static void changed(void *ctx, const struct alert *a, enum alert_state before)
{
	struct backtest *b = ctx;

	if (a->state == ALERT_FIRING && before != ALERT_FIRING)
		firing_begin(b, result_of(b, a->rule), a);
	else if (a->state != ALERT_FIRING && before == ALERT_FIRING)
		firing_end(b, result_of(b, a->rule), a);
}

static void evaluated(void *ctx, const struct engine_rule *r)
{
	struct backtest *b = ctx;
	struct backtest_rule *result = result_of(b, r->rule);

	result->evaluated_cnt += r->groups;
	result->unknown_cnt += r->unknown;
	if (r->why)
		result->why = r->why;
}

static void at_least(u64 *window_ns, u64 least_ns)
{
	if (*window_ns && *window_ns < least_ns)
		*window_ns = least_ns;
}

/* Steps have become longer or shorter. Alerts go on. */
static int reconfigure(struct backtest *b, u64 step_ns)
{
	struct widened before = b->rules, now = {
		calloc(b->rule_cnt + 1, sizeof(*now.copies)),
		calloc(b->rule_cnt + 1, sizeof(*now.list)),
	};
	int err = now.copies && now.list ? 0 : -ENOMEM;

	for (unsigned i = 0; !err && i < b->rule_cnt; i++) {
		struct rule_conf *r = &now.copies[i];

		*r = *b->results[i].rule;
		at_least(&r->window_ns, step_ns);
		at_least(&r->short_ns, step_ns);
		at_least(&r->long_ns, 2 * step_ns);
		now.list[i] = r;
	}
	if (!err) {
		b->rules = now;
		err = engine_configure(b->engine, now.list, b->rule_cnt, step_ns, 0);
	}
	if (err) {
		b->rules = before;
		widened_release(&now);
		return err;
	}
	widened_release(&before);
	b->step_ns = step_ns;
	if (b->part_cnt < PARTS)
		b->parts[b->part_cnt++] = (struct backtest_part){ b->at_ns, step_ns };
	return 0;
}

struct backtest *backtest_new(const struct registry *r, struct history *h,
			      const struct rule_conf *const rules[], unsigned cnt, u64 since_ns)
{
	struct backtest *b = calloc(1, sizeof(*b));
	const struct engine_hooks hooks = { .changed = changed, .ctx = b };

	if (!b)
		return NULL;
	b->history = h;
	b->rule_cnt = cnt;
	b->begin_ns = b->at_ns = since_ns;
	b->results = calloc(cnt + 1, sizeof(*b->results));
	b->baselines = baselines_new(BASELINE_BYTES);
	b->engine = engine_new(r, h, b->baselines, &hooks);
	if (!b->results || !b->baselines || !b->engine) {
		backtest_free(b);
		return NULL;
	}
	for (unsigned i = 0; i < cnt; i++)
		b->results[i].rule = rules[i];
	return b;
}

void backtest_free(struct backtest *b)
{
	if (!b)
		return;
	engine_free(b->engine);
	baselines_free(b->baselines);
	widened_release(&b->rules);
	for (unsigned i = 0; b->results && i < b->rule_cnt; i++) {
		for (u32 f = 0; f < b->results[i].firing_cnt; f++)
			free(b->results[i].firings[f].summary);
		free(b->results[i].firings);
	}
	free(b->results);
	free(b);
}

static bool is_as_long(u64 a_ns, u64 b_ns)
{
	return a_ns < b_ns + b_ns / 2 && b_ns < a_ns + a_ns / 2;
}

/* One column; 0: there is none, 1: done. */
static int step(struct backtest *b)
{
	u64 begin_ns, end_ns;
	int err = 0;

	if (!history_column_after(b->history, b->at_ns, &begin_ns, &end_ns))
		return 0;
	if (!b->part_cnt)
		b->begin_ns = b->at_ns = begin_ns;
	if (!is_as_long(end_ns - begin_ns, b->step_ns))
		err = reconfigure(b, end_ns - begin_ns);
	if (err)
		return err;
	b->at_ns = end_ns;
	history_look_back(b->history, end_ns);
	while (engine_evaluate(b->engine, end_ns, (s64)end_ns, UINT64_MAX))
		;
	history_look_back(b->history, UINT64_MAX);
	engine_each_rule(b->engine, evaluated, b);
	return b->failed ? -ENOMEM : 1;
}

int backtest_run(struct backtest *b, u64 budget_ns)
{
	u64 until_ns = clock_now_ns() + budget_ns;
	int ret;

	do
		ret = step(b);
	while (ret > 0 && clock_now_ns() < until_ns);
	return ret;
}

void backtest_result(const struct backtest *b, struct backtest_result *ret)
{
	*ret = (struct backtest_result){
		.begin_ns = b->begin_ns,
		.end_ns = b->at_ns > b->begin_ns ? b->at_ns : b->begin_ns,
		.parts = b->parts,
		.part_cnt = b->part_cnt,
		.rules = b->results,
		.rule_cnt = b->rule_cnt,
	};
}
