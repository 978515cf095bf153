// SPDX-License-Identifier: BSD-3-Clause
#include "rule/scene.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "metric/status.h"
#include "rule/baseline.h"
#include "rule/baseline_keys.h"

#define NS_PER_SEC     1000000000ULL
#define WINDOW_MIN     (1 * NS_PER_SEC)
#define WINDOW_DEFAULT (30 * NS_PER_SEC)
#define WINDOW_MAX     (900 * NS_PER_SEC)
#define USUAL_AGO      (900 * NS_PER_SEC)
#define USUAL_WINDOW   (2700 * NS_PER_SEC)
#define SETTLING       (5 * NS_PER_SEC) /* until all that went on at the start is known and counted */
#define CHANGES_READ   64
#define SHORTLY_AFTER  (60 * NS_PER_SEC)
#define OLDEST_MIN     1.0  /* second; what is younger is not worth a word */
#define DEVICE_SHARE   0.25 /* of a service's time, from which on its disk is looked at as well */

/* --- windows */

static u64 window_ns(const struct rule_conf *r)
{
	u64 ns = r->window_ns ?: r->short_ns ?: WINDOW_DEFAULT;

	return ns < WINDOW_MIN ? WINDOW_MIN : ns > WINDOW_MAX ? WINDOW_MAX : ns;
}

/*
 * What is usual is what was before it began: from an hour to 15 minutes ago, or where the history is too young or it began before,
 * what there is before that.
 */
static void usual_window(struct scene *s)
{
	const struct registry *r = s->src->registry;
	u64 ago = s->subject.usual_ns;
	u64 from, settled;
	struct history_stats stats;

	history_stats(s->src->history, &stats);
	if (s->subject.alert && ago < USUAL_AGO &&
	    r->now_ns - stats.begin_ns > USUAL_AGO + s->now_window.asked_ns)
		ago = USUAL_AGO;
	settled = r->now_ns - stats.begin_ns;
	settled = settled > SETTLING ? settled - SETTLING : 0;
	from = ago + USUAL_WINDOW;
	if (from > settled && settled > ago + SETTLING)
		from = settled;
	if (history_window_past(s->src->history, from, ago, &s->usual_window) &&
	    2 * (s->usual_window.end_ns - s->usual_window.begin_ns) >=
		    s->now_window.end_ns - s->now_window.begin_ns)
		s->usual = &s->usual_window;
	else
		s->usual_why = "the history does not reach back before it began";
}

static void measured_take(const struct scene *s, struct measured *m)
{
	group_measure(&m->group, &s->now_window, NULL, &m->now);
	group_measure(&m->group, s->usual, s->usual_why, &m->usual);
}

void scene_measure(const struct scene *s, struct measured *ret, const char *metric,
		   const struct condition *where)
{
	group_release(&ret->group);
	group_find(&ret->group, s->src->registry, metric, where);
	measured_take(s, ret);
}

double measured_rate_factor(const struct measured *m)
{
	double usual = m->usual.unknown ? NAN : measure_rate(&m->usual);

	return m->now.unknown || !(usual > 0) ? NAN : measure_rate(&m->now) / usual;
}

double measured_mean_factor(const struct measured *m)
{
	double usual = m->usual.unknown ? NAN : measure_mean(&m->usual);

	return m->now.unknown || !(usual > 0) ? NAN : measure_mean(&m->now) / usual;
}

double scene_share(const struct scene *s, const struct part *p)
{
	return s->budget.time > 0 ? p->seconds / s->budget.time : NAN;
}

const struct part *scene_part(const struct scene *s, const char *name)
{
	for (size_t i = 0; i < s->budget.part_cnt; i++)
		if (!strcmp(s->budget.parts[i].row->name, name))
			return &s->budget.parts[i];
	return NULL;
}

/* --- what it is about */

static void subject_set(struct subject *s, const char *label, const char *value)
{
	const struct {
		const char *label, **subject;
	} subjects[] = {
		{ "device", &s->device },     { "operation", &s->operation },
		{ "service", &s->service },   { "direction", &s->direction },
		{ "protocol", &s->protocol }, { "peer", &s->peer },
	};

	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++)
		if (!strcmp(label, subjects[i].label) && value && *value)
			*subjects[i].subject = value;
}

/* Labels of the alert, and those that its rule has one value for. */
struct subject subject_of_alert(const struct evidence_sources *src, const struct alert *a)
{
	const struct rule_conf *r = a->rule;
	s64 since = a->active_at_ns
			    ? (s64)src->registry->now_ns + src->wall_offset_ns - a->active_at_ns
			    : 0;
	struct subject ret = { .metric = r->term.metric, .alert = a, .window_ns = window_ns(r) };

	ret.usual_ns = (since > 0 ? (u64)since : 0) + ret.window_ns;
	ret.began_ns = src->registry->now_ns - (since > 0 ? (u64)since : 0);
	for (unsigned i = 0; i < r->term.where_cnt; i++)
		if (!strpbrk(r->term.where[i].value, "*?[|!\\"))
			subject_set(&ret, r->term.where[i].key, r->term.where[i].value);
	for (unsigned i = 0; i < r->by_cnt; i++)
		subject_set(&ret, r->by[i], a->label[i]);
	return ret;
}

/* What is usual at this load, where the rule knows it. */
static void baseline_take(struct scene *s, const struct alert *a)
{
	const struct rule_conf *r = a->rule;
	struct load load = { .rate = measure_rate(&s->value.now) };
	struct hist hist = { 0 };
	double seconds;

	if (r->condition != RULE_BASELINE || !s->src->baselines || s->value.now.unknown)
		return;
	if (r->load.metric) {
		struct measured of = { 0 };

		group_find_term(&of.group, s->src->registry, &r->load, r->by, a->label, r->by_cnt);
		measured_take(s, &of);
		group_release(&of.group);
		load.size = of.now.cnt / s->value.now.cnt;
	}
	s->usual_is_baseline =
		baseline_hist(s->src->baselines, baseline_key(r, a->label), &load, &hist, &seconds);
	if (s->usual_is_baseline)
		hist_measure(&hist, seconds, &s->value.usual);
}

/* The terms of the alert's rule. */
static void terms_measure(struct scene *s, const struct alert *a)
{
	const struct rule_conf *r = a->rule;

	group_find_term(&s->value.group, s->src->registry, &r->term, r->by, a->label, r->by_cnt);
	measured_take(s, &s->value);
	baseline_take(s, a);
	if (r->of.metric) {
		group_find_term(&s->of.group, s->src->registry, &r->of, r->by, a->label, r->by_cnt);
		measured_take(s, &s->of);
	}
}

/* The peer is whom the service asks: of who asks it nothing is known. */
void scene_subject_labels(const struct scene *s, struct condition where[SUBJECT_LABELS + 1])
{
	const struct subject *about = &s->subject;
	bool inbound = about->direction && !strcmp(about->direction, "inbound");
	const struct condition all[SUBJECT_LABELS] = {
		{ "device", about->device },
		{ "operation", about->operation },
		{ "service", about->service },
		{ "direction", about->direction },
		{ "peer", inbound ? NULL : about->peer },
	};
	const struct family *f = registry_find(s->src->registry, about->metric);
	size_t cnt = 0;

	for (size_t i = 0; f && i < SUBJECT_LABELS; i++)
		if (all[i].value && family_label(f, all[i].label) >= 0)
			where[cnt++] = all[i];
	where[cnt] = (struct condition){ NULL, NULL };
}

/* What the metric has of the subject. */
static void subject_measure(struct scene *s)
{
	struct condition where[SUBJECT_LABELS + 1];

	scene_subject_labels(s, where);
	scene_measure(s, &s->value, s->subject.metric, where);
}

static void value_measure(struct scene *s)
{
	double most = 0;

	if (s->subject.alert)
		terms_measure(s, s->subject.alert);
	else
		subject_measure(s);
	for (size_t i = 0; i < s->value.group.cnt; i++) {
		const struct series *one = s->value.group.at[i];
		const char *status = s->subject.alert ? NULL : series_label(one, "status");
		double increase = series_increase(one, &s->now_window);

		if (increase > most && (!status || status_is_failed(status))) {
			most = increase;
			s->most = one;
		}
	}
}

/* --- what is under way, what changed */

static const struct oldest_row oldest_rows[] = {
	{ "io", "seismo_block_io_oldest_seconds", "device", "seismo_block_io_in_flight" },
	{ "service_io", "seismo_service_block_io_oldest_seconds", "service", NULL },
	{ "request", "seismo_request_oldest_seconds", "service", "seismo_requests_in_flight" },
	{ "connect", "seismo_tcp_connect_oldest_seconds", "service",
	  "seismo_tcp_connects_in_flight" },
	{ "blocked_task", "seismo_blocked_oldest_seconds", "service", "seismo_blocked_tasks" },
};

static double gauge_in(const struct scene *s, const char *metric, const struct condition *where,
		       bool peak)
{
	struct group g;
	struct measure m;

	group_find(&g, s->src->registry, metric, where);
	group_measure(&g, &s->now_window, NULL, &m);
	group_release(&g);
	return m.unknown ? NAN : peak ? m.max : m.last;
}

double scene_gauge(const struct scene *s, const char *metric, const struct condition *where)
{
	return gauge_in(s, metric, where, false);
}

double scene_age(const struct scene *s, const char *metric, const struct condition *where)
{
	return gauge_in(s, metric, where, s->subject.peaks);
}

/*
 * Who always waits (a log shipped over a connection that nobody answers, a long poll) grows older, falls back and grows older: its
 * peak is twice the mean. What has been under way for as long as anything is known of what is usual is no news either.
 */
double scene_usual_age(const struct scene *s, const struct series *of)
{
	struct history_gauge was, now;
	double age;

	if (!s->usual)
		return NAN;
	history_gauge(s->usual, of, &was);
	history_gauge(&s->now_window, of, &now);
	age = (double)(s->subject.peaks ? now.max : now.last) / 1e9;
	if (age >= (double)(s->now_window.end_ns - s->usual->begin_ns) / 1e9)
		return age;
	return 2 * was.mean / 1e9;
}

double scene_usual_ages(const struct scene *s, const char *metric, const struct condition *where)
{
	double max = s->usual ? 0 : NAN;
	struct group g;

	group_find(&g, s->src->registry, metric, where);
	for (size_t i = 0; i < g.cnt; i++)
		max = fmax(max, scene_usual_age(s, g.at[i]));
	group_release(&g);
	return max;
}

/* Keeps them sorted; the youngest gives way. */
static void oldest_add(struct scene *s, const struct oldest *add)
{
	size_t at = s->oldest_cnt < OLDEST_MAX ? s->oldest_cnt++ : OLDEST_MAX - 1;

	for (; at > 0 && s->oldest[at - 1].seconds < add->seconds; at--)
		s->oldest[at] = s->oldest[at - 1];
	s->oldest[at] = *add;
}

static void oldest_find(struct scene *s)
{
	for (size_t i = 0; i < sizeof(oldest_rows) / sizeof(*oldest_rows); i++) {
		const struct oldest_row *row = &oldest_rows[i];
		const char *of = !strcmp(row->label, "device") ? s->device : s->service;
		const struct condition where[] = { { row->label, of }, { NULL } };
		struct oldest add = { .row = row, .of = of, .cnt = NAN };

		add.seconds = of ? scene_age(s, row->metric, where) : NAN;
		if (!(add.seconds >= OLDEST_MIN))
			continue;
		if (row->cnt_metric)
			add.cnt = scene_gauge(s, row->cnt_metric, where);
		if (s->oldest_cnt < OLDEST_MAX || add.seconds > s->oldest[OLDEST_MAX - 1].seconds)
			oldest_add(s, &add);
	}
}

static bool is_concerned(const struct scene *s, const char *service)
{
	const char *const names[] = { s->service, s->callee.service, s->caller.service,
				      s->asker_service, s->peer };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i] && !strcmp(names[i], service))
			return true;
	for (size_t i = 0; i < s->waiter_cnt; i++)
		if (!strcmp(s->waiters[i].service, service))
			return true;
	for (size_t i = 0; i < s->user_cnt; i++)
		if (!strcmp(s->users[i].service, service))
			return true;
	return false;
}

static size_t changes_read(const struct scene *s, u64 until_ns, struct change list[CHANGES_READ])
{
	size_t cnt;

	if (!s->src->changes)
		return 0;
	cnt = changes_list(s->src->changes, until_ns, list, CHANGES_READ);
	return cnt < CHANGES_READ ? cnt : CHANGES_READ;
}

static u64 changes_of(const struct scene *s, const char *service, unsigned kinds)
{
	struct change list[CHANGES_READ];
	size_t cnt = changes_read(s, s->now_window.end_ns, list);
	u64 ret = 0;

	for (size_t i = 0; service && i < cnt; i++)
		if (kinds & 1U << list[i].kind && !strcmp(list[i].service, service))
			ret += list[i].cnt;
	return ret;
}

u64 scene_deaths(const struct scene *s, const char *service)
{
	return changes_of(s, service, 1U << CHANGE_DIED | 1U << CHANGE_OOM);
}

u64 scene_starts(const struct scene *s, const char *service)
{
	return changes_of(s, service, 1U << CHANGE_STARTED);
}

/*
 * What changed before it began, and shortly after, as it is not known to the second when that was: what comes later is a
 * consequence, or mends it. Those of the services concerned come first.
 */
static void changed_find(struct scene *s)
{
	u64 now_ns = s->src->registry->now_ns, until = s->now_window.end_ns;
	struct change list[CHANGES_READ];
	size_t cnt;

	if (!s->src->changes)
		return;
	if (s->subject.began_ns && s->subject.began_ns + SHORTLY_AFTER < until)
		until = s->subject.began_ns + SHORTLY_AFTER;
	s->changed_until_ns = until;
	s->changed_since_ns = changes_known_ns(s->src->changes, until, now_ns);
	if (!s->changed_since_ns)
		return;
	s->changed_total = changes_list(s->src->changes, until, list, 0);
	cnt = changes_read(s, until, list);
	for (size_t i = 0; i < cnt; i++)
		s->concerned_total += is_concerned(s, list[i].service);
	for (int others = 0; others < 2; others++)
		for (size_t i = 0; i < cnt && s->changed_cnt < CHANGED_MAX; i++)
			if (is_concerned(s, list[i].service) != others)
				s->changed[s->changed_cnt++] = list[i];
}

/* --- together */

int scene_make(struct scene *s, const struct evidence_sources *src, const struct subject *about)
{
	*s = (struct scene){ .src = src,
			     .subject = *about,
			     .device = about->device,
			     .operation = about->operation,
			     .service = about->service,
			     .direction = about->direction,
			     .protocol = about->protocol,
			     .peer = about->peer,
			     .device_oldest = NAN,
			     .in_flight = NAN,
			     .bytes = NAN,
			     .usual_bytes = NAN,
			     .usual_time = NAN,
			     .usual_rest = NAN,
			     .cpu_used = NAN };
	if (!history_window_past(src->history, about->ended_ns + about->window_ns, about->ended_ns,
				 &s->now_window))
		return -EAGAIN;
	usual_window(s);
	value_measure(s);
	if (s->device)
		scene_device(s);
	if (!s->service && s->waiter_cnt)
		s->service = s->waiters[0].service;
	if (s->service)
		scene_service(s);
	if (!s->device && s->service) {
		const struct part *disk = scene_part(s, "disk");

		if (disk && scene_share(s, disk) >= DEVICE_SHARE) {
			s->device = disk->of;
			scene_device(s);
		}
	}
	oldest_find(s);
	changed_find(s);
	return 0;
}

void scene_release(struct scene *s)
{
	struct measured *const groups[] = { &s->value,
					    &s->of,
					    &s->in_device,
					    &s->in_queue,
					    &s->io,
					    &s->inbound,
					    &s->callee.duration,
					    &s->caller.duration,
					    &s->callee_inbound };

	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		group_release(&groups[i]->group);
}
