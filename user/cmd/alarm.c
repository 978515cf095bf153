// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/alarm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/deliver.h"
#include "cmd/witness.h"
#include "diagnose/diagnosis.h"
#include "event/event.h"
#include "expo/json.h"
#include "lib/log.h"
#include "lib/store.h"
#include "lib/utc.h"
#include "metric/label.h"
#include "rule/alert_json.h"
#include "rule/baseline.h"
#include "rule/engine.h"

#define NS_PER_SEC     (1000 * NS_PER_MS)
#define BUDGET_NS      (4 * NS_PER_MS) /* of a slice; what is in the loop waits so long */
#define SLICE_PAUSE_NS NS_PER_MS
#define BASELINE_BYTES ((size_t)8 << 20)
#define STATE_BYTES    ((size_t)64 << 20) /* of a file, at most */
#define RESTORE_NS     (10 * NS_PER_SEC) /* so long a disk may take to say what is known from before */
#define PROGRESS_NS    (10 * NS_PER_SEC)  /* of `for`, that may be lost */
#define STORM	       500		  /* alerts, whose changes are not written one by one */
#define BASELINES_NS   (300 * NS_PER_SEC) /* of learning, that may be lost */

enum { METRIC_EVALUATIONS, METRIC_SECONDS, METRIC_UNKNOWN, METRIC_OMITTED, ALARM_METRICS };

const struct metric alarm_metrics[] = {
	[METRIC_EVALUATIONS] = { "seismo_rule_evaluations_total", METRIC_COUNTER, UNIT_NONE,
				 "Evaluations of rules, each for a group of series." },
	[METRIC_SECONDS] = { "seismo_rule_evaluation_seconds_total", METRIC_COUNTER, UNIT_SECONDS,
			     "CPU time spent evaluating rules." },
	[METRIC_UNKNOWN] = { "seismo_alerts_unknown", METRIC_GAUGE, UNIT_NONE,
			     "Alerts that are pending or fire, of which it is not known whether they still should: events were lost, or a probe does not run." },
	[METRIC_OMITTED] = { "seismo_alerts_omitted", METRIC_GAUGE, UNIT_NONE,
			     "Alerts that are missing because there are too many." },
	[ALARM_METRICS] = { .name = NULL },
};

static const enum alert_state source_states[] = { ALERT_FIRING, ALERT_PENDING };

const struct metric alarm_source_metrics[] = {
	{ "seismo_alert_firing", METRIC_GAUGE, UNIT_NONE,
	  "1 for an alert that fires, with the labels of the rule's `by`.",
	  .labels = { { "rule" }, { "severity" } } },
	{ "seismo_alert_pending", METRIC_GAUGE, UNIT_NONE,
	  "1 for an alert whose condition is not yet true for long enough, with the labels of the rule's `by`.",
	  .labels = { { "rule" }, { "severity" } } },
	{ .name = NULL },
};

/* A file of what outlives the daemon. */
struct saved {
	struct store *store;
	const char *name, *what;
	char *path;
	bool loaded;
	u64 written_ns;
};

struct alarm {
	struct engine *engine;
	struct baselines *baselines;
	struct deliver *deliver;
	const struct conf *conf;
	struct family *families[ALARM_METRICS];
	struct witness *witness;
	struct event_log *log; /* NULL: none */
	struct timer *slice;
	struct expo_source source;
	struct saved alerts, usual;
	u64 started_ns; /* the first tick: to load the probes takes long where others want the CPU, too */
	u64 saved_changes;
};

/* --- what alerts set off */

static const char *label_of(const struct alert *a, const char *name)
{
	for (unsigned i = 0; i < a->rule->by_cnt; i++)
		if (!strcmp(a->rule->by[i], name))
			return a->label[i];
	return NULL;
}

/* What of an alert's description is in its line of the log. */
static const char *const recorded[] = { "severity", "labels",	"unknown",  "starts_at", "summary",
					"evidence", "silenced", "expected", NULL };

static void number_record(struct event_log *l, const char *key, double value)
{
	json_t *number = json_number(value);

	event_json(l, key, json_is_null(number) ? NULL : number);
	json_decref(number);
}

static void change_record(struct event_log *l, const struct alert *a, enum alert_state before)
{
	json_t *doc = alert_json(a, true);

	event_begin(l, EVENT_ALERT, label_of(a, "service"), utc_now_ns());
	event_text(l, "alert", a->rule->alert);
	event_text(l, "state", alert_states[a->state]);
	event_text(l, "before", alert_states[before]);
	for (const char *const *key = recorded; *key; key++) {
		const json_t *value = json_object_get(doc, *key);

		event_json(l, *key, json_is_null(value) ? NULL : value);
	}
	number_record(l, "value", a->value);
	number_record(l, "baseline", a->baseline);
	event_end(l);
	json_decref(doc);
}

static json_t *evidence(void *ctx, const struct alert *a)
{
	const struct alarm *alarm = ctx;

	return witness_evidence(alarm->witness, a);
}

static void changed(void *ctx, const struct alert *a, enum alert_state before)
{
	const struct alarm *alarm = ctx;

	if (alarm->log)
		change_record(alarm->log, a, before);
}

static void mute(void *ctx, struct alert *alert)
{
	const struct alarm *a = ctx;
	bool any = silences_cnt(deliver_silences(a->deliver)) || a->conf->expect_cnt;
	struct buf why = { 0 };
	enum notice_mute mute = NOTICE_LOUD;

	if (any)
		mute = deliver_mute(a->deliver, alert, utc_now_ns(), &why);
	alert->silenced = mute == NOTICE_SILENCED;
	alert->expected = mute == NOTICE_EXPECTED;
	buf_release(&why);
}

/* In the middle of a pass what fires has no evidence yet, and causes do not know their symptoms. */
void alarm_deliver(struct alarm *a)
{
	if (engine_in_pass(a->engine))
		return;
	deliver_run(a->deliver, a->engine, clock_now_ns(), utc_now_ns());
}

struct silences *alarm_silences(struct alarm *a)
{
	return deliver_silences(a->deliver);
}

void alarm_record(struct alarm *a, struct event_log *log)
{
	a->log = log;
}

/* --- files */

static void state_save(struct alarm *a, u64 now_ns)
{
	struct engine_stats stats;
	struct buf text = { 0 };
	json_t *state;
	char *dump;
	u32 active;
	bool due;

	engine_stats(a->engine, &stats);
	active = stats.pending + stats.firing;
	due = now_ns - a->alerts.written_ns >= PROGRESS_NS && active;
	if (stats.changes != a->saved_changes && active < STORM)
		due = true;
	if (!a->alerts.loaded || !due)
		return;
	state = engine_save(a->engine);
	dump = state ? json_dumps(state, JSON_COMPACT) : NULL;
	json_decref(state);
	if (!dump)
		return;
	buf_str(&text, dump);
	free(dump);
	store_put(a->alerts.store, &text);
	a->saved_changes = stats.changes;
	a->alerts.written_ns = now_ns;
}

static void baselines_keep(struct alarm *a, u64 now_ns, u64 age_ns)
{
	struct buf text = { 0 };

	if (!a->usual.loaded || now_ns - a->usual.written_ns < age_ns)
		return;
	baselines_save(a->baselines, &text);
	store_put(a->usual.store, &text);
	a->usual.written_ns = now_ns;
}

/* Whatever is wrong with a file, it is not used, and will be replaced. */
static void file_warn(const struct saved *f, int err)
{
	log_warn(
		"%s: %s; starting without %s: put a copy of it back, or let it be, it is written anew",
		f->path,
		err == -EBADMSG || err == -EINVAL ? "this is not what was written" : strerror(-err),
		f->what);
}

/* False: there is nothing, or it comes too late. */
static bool file_loaded(struct saved *f, const char *data, int err)
{
	bool late = f->loaded;

	f->loaded = true;
	if (late)
		log_warn(
			"%s could not be read in time; started without %s, see whether the disk answers",
			f->path, f->what);
	else if (err)
		file_warn(f, err);
	return data && !late;
}

static void alerts_loaded(void *ctx, const char *data, size_t len, int err)
{
	struct alarm *a = ctx;
	struct engine_stats stats;
	json_t *state;

	if (!file_loaded(&a->alerts, data, err))
		return;
	state = json_loadb(data, len, 0, NULL);
	if (!state)
		file_warn(&a->alerts, -EBADMSG);
	engine_restore(a->engine, state, clock_now_ns());
	json_decref(state);
	engine_stats(a->engine, &stats);
	if (stats.firing)
		log_info("alerts: %u fired when Seismo ended, and are not told anew", stats.firing);
}

/* However late: what was learned in the runs before is worth more than what was since the start. */
static void usual_loaded(void *ctx, const char *data, size_t len, int err)
{
	struct alarm *a = ctx;
	bool late = a->usual.loaded;

	a->usual.loaded = true;
	if (!err && !data)
		return;
	err = err ?: baselines_load(a->baselines, data, len);
	if (err)
		file_warn(&a->usual, err);
	else if (late)
		log_info("%s could be read at last, and is used from now on", a->usual.path);
}

static void file_written(const struct saved *f, int err)
{
	if (err)
		log_err(err,
			"cannot write %s; the next start would be without %s; make room there, or move it (data_dir)",
			f->path, f->what);
	else
		log_info("%s can be written again", f->path);
}

static void alerts_written(void *ctx, int err)
{
	file_written(&((struct alarm *)ctx)->alerts, err);
}

static void usual_written(void *ctx, int err)
{
	file_written(&((struct alarm *)ctx)->usual, err);
}

static bool file_open(struct saved *f, struct loop *l, const char *dir, const char *name,
		      const char *what, const struct store_hooks *hooks)
{
	*f = (struct saved){ .name = name, .what = what };
	if (asprintf(&f->path, "%s/%s", dir, name) < 0) {
		f->path = NULL;
		return false;
	}
	f->store = store_new(l, f->path, STATE_BYTES, hooks);
	return f->store;
}

static void file_free(struct saved *f)
{
	store_free(f->store);
	free(f->path);
}

/* --- evaluation */

static void slice(void *ctx, u64 now_ns)
{
	struct alarm *a = ctx;

	if (engine_evaluate(a->engine, now_ns, utc_now_ns(), BUDGET_NS))
		timer_set(a->slice, clock_now_ns() + SLICE_PAUSE_NS);
	if (engine_in_pass(a->engine))
		return;
	alarm_deliver(a);
	state_save(a, now_ns);
	baselines_keep(a, now_ns, BASELINES_NS);
}

/* What fired before the start has to be known before the rules are looked at. */
static bool is_restored(struct alarm *a, u64 now_ns)
{
	a->started_ns = a->started_ns ?: now_ns;
	if (now_ns - a->started_ns > RESTORE_NS)
		a->alerts.loaded = a->usual.loaded = true;
	return a->alerts.loaded && a->usual.loaded;
}

void alarm_seen(struct alarm *a, const struct process_event *e)
{
	witness_seen(a->witness, e);
}

void alarm_tick(struct alarm *a)
{
	u64 now_ns = clock_now_ns();

	witness_tick(a->witness);
	if (is_restored(a, now_ns))
		slice(a, now_ns);
}

int alarm_configure(struct alarm *a, const struct conf *c)
{
	int err = engine_configure(a->engine, (const struct rule_conf *const *)c->rules,
				   c->rule_cnt, c->interval_ns, utc_now_ns());

	if (err)
		return err;
	a->conf = c;
	/* Some target may be missing, which was said. */
	deliver_configure(a->deliver, c);
	return 0;
}

/* --- what others ask */

/* The labels that people know an alert by. */
static void labels_add(struct buf *b, const struct alert *a)
{
	label_add(b, "rule", a->rule->alert);
	label_add(b, "severity", rule_severities[a->severity]);
	for (unsigned i = 0; i < a->rule->by_cnt; i++)
		if (*a->label[i])
			label_add(b, a->rule->by[i], a->label[i]);
}

struct sampling {
	const struct metric *row;
	enum alert_state state;
	struct buf *out, labels;
};

static void alert_sample(void *ctx, const struct alert *a)
{
	struct sampling *s = ctx;

	if (a->state != s->state)
		return;
	buf_reset(&s->labels);
	labels_add(&s->labels, a);
	expo_sample(s->out, s->row, &s->labels, 1);
}

static void source_samples(void *ctx, const struct metric *row, struct buf *b)
{
	const struct alarm *a = ctx;
	struct sampling s = { .row = row,
			      .state = source_states[row - alarm_source_metrics],
			      .out = b };

	engine_each(a->engine, alert_sample, &s);
	buf_release(&s.labels);
}

const struct expo_source *alarm_source(const struct alarm *a)
{
	return &a->source;
}

u64 alarm_version(const struct alarm *a)
{
	struct engine_stats stats;

	engine_stats(a->engine, &stats);
	return stats.changes;
}

static void value_set(struct alarm *a, int metric, s64 value)
{
	struct series *s =
		family_series(a->families[metric], (const char *[SERIES_LABELS]){ NULL });

	if (s)
		*s->value = value;
}

void alarm_read(struct alarm *a)
{
	struct engine_stats stats;

	engine_stats(a->engine, &stats);
	value_set(a, METRIC_EVALUATIONS, (s64)stats.evaluations);
	value_set(a, METRIC_SECONDS, (s64)stats.evaluation_ns);
	value_set(a, METRIC_UNKNOWN, stats.unknown);
	value_set(a, METRIC_OMITTED, stats.omitted);
	deliver_read(a->deliver);
}

struct listing {
	json_t *alerts;
	bool evidence;
};

static void alert_list(void *ctx, const struct alert *a)
{
	const struct listing *l = ctx;

	json_array_append_new(l->alerts, alert_json(a, l->evidence));
}

static void rule_list(void *ctx, const struct engine_rule *r)
{
	if (r->why)
		json_array_append_new(ctx,
				      json_pack("{s:s, s:s, s:i, s:i}", "rule", r->rule->alert,
						"why", r->why, "unknown_total", (int)r->unknown,
						"groups_total", (int)r->groups));
}

json_t *alarm_json(const struct alarm *a, bool evidence)
{
	const struct listing l = { json_array(), evidence };
	json_t *unknown = json_array();

	engine_each(a->engine, alert_list, (void *)&l);
	engine_each_rule(a->engine, rule_list, unknown);
	return json_pack("{s:o, s:o}", "alerts", l.alerts, "unknown_rules", unknown);
}

json_t *alarm_diagnosis(const struct alarm *a, u64 since_ns, const char *service)
{
	const struct evidence_sources sources = witness_sources(a->witness);
	const struct diagnosis_params params = { &sources, a->engine, since_ns, service };

	return diagnosis_make(&params);
}

/* --- the whole */

static bool families_add(struct alarm *a, struct registry *r)
{
	for (int i = 0; i < ALARM_METRICS; i++) {
		a->families[i] = registry_add(r, &alarm_metrics[i]);
		if (!a->families[i])
			return false;
	}
	return true;
}

static bool files_open(struct alarm *a, struct loop *l, const char *dir)
{
	const struct store_hooks alerts = { alerts_loaded, alerts_written, a },
				 usual = { usual_loaded, usual_written, a };

	return file_open(&a->alerts, l, dir, "rule-states", "the alerts of before", &alerts) &&
	       file_open(&a->usual, l, dir, "baselines", "what is usual", &usual);
}

struct alarm *alarm_new(struct loop *l, struct registry *r, const struct history *h,
			const struct conf *c, struct worker *worker)
{
	struct alarm *a = calloc(1, sizeof(*a));
	const struct engine_hooks hooks = {
		.evidence = evidence, .changed = changed, .mute = mute, .ctx = a
	};

	if (!a)
		return NULL;
	a->usual.written_ns = clock_now_ns();
	a->source = (struct expo_source){ alarm_source_metrics, source_samples, a };
	a->baselines = baselines_new(BASELINE_BYTES);
	a->engine = a->baselines ? engine_new(r, h, a->baselines, &hooks) : NULL;
	a->witness = witness_new(r, h, a->baselines, worker);
	a->deliver = deliver_new(l, r, c);
	a->slice = loop_timer(l, slice, a);
	if (a->engine && a->witness && a->deliver && a->slice && families_add(a, r) &&
	    !alarm_configure(a, c) && files_open(a, l, c->data_dir))
		return a;
	alarm_free(a);
	return NULL;
}

static u64 left_ns(u64 until_ns)
{
	u64 now_ns = clock_now_ns();

	return until_ns > now_ns ? until_ns - now_ns : 0;
}

bool alarm_end(struct alarm *a, u64 wait_ns)
{
	u64 until_ns = clock_now_ns() + wait_ns;
	bool ended;

	if (!a)
		return true;
	if (a->alerts.loaded && a->usual.loaded) {
		a->alerts.written_ns = 0;
		state_save(a, clock_now_ns());
		baselines_keep(a, clock_now_ns(), 0);
	}
	/* they write at the same time */
	ended = deliver_end(a->deliver, left_ns(until_ns));
	ended &= store_end(a->alerts.store, left_ns(until_ns));
	ended &= store_end(a->usual.store, left_ns(until_ns));
	return ended;
}

void alarm_free(struct alarm *a)
{
	if (!a)
		return;
	file_free(&a->alerts);
	file_free(&a->usual);
	timer_remove(a->slice);
	deliver_free(a->deliver);
	engine_free(a->engine);
	witness_free(a->witness);
	baselines_free(a->baselines);
	free(a);
}

const struct engine *alarm_engine(const struct alarm *a)
{
	return a ? a->engine : NULL;
}
