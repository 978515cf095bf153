// SPDX-License-Identifier: BSD-3-Clause
/*
 * Requests that take longer than usual, fail, or are not answered. What is usual is what was at a time of the same load: a burst
 * that is always slower is no news.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/find.h"
#include "metric/hist.h"
#include "metric/status.h"

#define RISE	      0.30   /* of the logarithm of the mean */
#define FLOOR_S	      0.0005 /* second: means below differ by chance */
#define FLOOR_RATIO   0.02   /* ratios of errors below differ by chance */
#define EVENTS_MIN    2	     /* in a step, for its mean to count */
#define SAME_LOAD     0.67   /* times the rate: not less than that */
#define LIKE_MIN      3	     /* steps of the same load, to compare with */
#define SLOWER	      1.8
#define SLOWER_WEAK   1.3
#define SLOWER_S      0.005
#define SLOWER_WEAK_S 0.002
#define SEVERE	      2.5
#define SEVERE_S      0.02
#define SEVERE_TAIL_S 0.1
#define TAIL	      2.0  /* times the usual p95 */
#define TAIL_S	      0.03 /* and by so much more */
#define TAIL_MIN      40   /* requests, to speak of a p95 */
#define TAIL_USUAL    0.98 /* of all: what takes as long is seldom */
#define TAIL_RISE     0.5  /* of the logarithm of a p95 */
#define NEW_KIND      5.0  /* times the usual p95 */
#define NEW_LEAST     0.10 /* of all requests */
#define NEW_CHANCE    0.10 /* by which rates differ by chance */
#define ERRORS_MIN    3
#define ERRORS_RATIO  0.02
#define ERRORS_SURE   0.10
#define ERRORS_CLEAR  30  /* so many are no accident, though most requests succeed */
#define MANY	      3.0 /* times the usual ratio, or age */
#define ERRORS_MANY   0.3 /* wrong whatever is usual */
#define ERRORS_FEW \
	10 /* fewer are only if nearly all fail: until it is ready a service may refuse some */
#define ERRORS_ALL 0.9
#define LONG_S	   0.02 /* second: worth looking at whatever is usual */
#define YOUNG_NS   (300 * 1000000000ULL)
#define STALLED_S  4.0
#define RECENT_NS  (15 * 1000000000ULL)
#define FEWER	   0.5 /* of the usual answers */

/* Requests of a service in one direction, of one protocol. Interned. */
struct flow {
	const char *service, *direction, *protocol;
};

struct flows {
	struct flow *at;
	size_t cnt, cap;
};

static int flow_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct flow));
}

static bool protocol_counts(const char *protocol)
{
	return protocol && strcmp(protocol, "unknown") != 0 && strcmp(protocol, "mqtt") != 0;
}

static void flows_add(struct flows *list, const struct registry *r, const char *metric)
{
	const struct family *f = registry_find(r, metric);

	for (size_t i = 0; f && i < f->series_cnt; i++) {
		const struct series *s = f->series[i];
		struct flow flow = { s->label[0], series_label(s, "direction"),
				     series_label(s, "protocol") };

		if (!flow.service || !flow.direction || !protocol_counts(flow.protocol) ||
		    find_is_anonymous(flow.service) ||
		    (list->cnt && !memcmp(&list->at[list->cnt - 1], &flow, sizeof(flow))))
			continue;
		if (list->cnt == list->cap) {
			size_t cap = list->cap ? 2 * list->cap : 64;
			struct flow *at = reallocarray(list->at, cap, sizeof(*at));

			if (!at)
				return;
			list->at = at;
			list->cap = cap;
		}
		list->at[list->cnt++] = flow;
	}
}

static void flows_find(struct flows *list, const struct registry *r)
{
	size_t cnt = 0;

	flows_add(list, r, "seismo_requests_total");
	flows_add(list, r, "seismo_request_oldest_seconds");
	flows_add(list, r, "seismo_requests_unanswered_total");
	if (!list->cnt)
		return;
	qsort(list->at, list->cnt, sizeof(*list->at), flow_compare);
	for (size_t i = 0; i < list->cnt; i++)
		if (!cnt || flow_compare(&list->at[cnt - 1], &list->at[i]))
			list->at[cnt++] = list->at[i];
	list->cnt = cnt;
}

/* --- by step */

/* Of a flow, by step. */
struct table {
	double cnt[STEPS_MAX], errors[STEPS_MAX], lost[STEPS_MAX], seconds[STEPS_MAX];
	struct group total, duration, unanswered, oldest;
	double all;
};

/* Who gives up has waited too long, or changed its mind: that is counted where it is more than usual. */
static void table_count(struct table *t, const struct steps *steps, u32 i)
{
	const struct history_window *w = &steps->at[i];

	t->cnt[i] = t->errors[i] = t->lost[i] = t->seconds[i] = 0;
	for (size_t k = 0; k < t->total.cnt; k++) {
		double cnt = series_increase(t->total.at[k], w);

		t->cnt[i] += cnt;
		t->errors[i] += status_is_failed(series_label(t->total.at[k], "status")) ? cnt : 0;
	}
	for (size_t k = 0; k < t->unanswered.cnt; k++)
		t->lost[i] += series_increase(t->unanswered.at[k], w);
	for (size_t k = 0; k < t->duration.cnt; k++)
		t->seconds[i] += series_increase(t->duration.at[k], w);
	t->all += t->cnt[i] + t->lost[i];
}

static void table_make(struct table *t, const struct finder *f, const struct flow *flow)
{
	const struct condition where[] = { { "service", flow->service },
					   { "direction", flow->direction },
					   { "protocol", flow->protocol },
					   { NULL } };
	const struct registry *r = f->src->registry;

	t->all = 0;
	group_find(&t->total, r, "seismo_requests_total", where);
	group_find(&t->duration, r, "seismo_request_duration_seconds", where);
	group_find(&t->unanswered, r, "seismo_requests_unanswered_total", where);
	group_find(&t->oldest, r, "seismo_request_oldest_seconds", where);
	for (u32 i = 0; i < f->steps.cnt; i++)
		table_count(t, &f->steps, i);
}

static void table_release(struct table *t)
{
	group_release(&t->total);
	group_release(&t->duration);
	group_release(&t->unanswered);
	group_release(&t->oldest);
}

static double step_seconds(const struct steps *s, u32 i)
{
	return (double)(s->at[i].end_ns - s->at[i].begin_ns) / 1e9;
}

static double rate_in(const struct table *t, const struct steps *s, u32 first, u32 end)
{
	double cnt = 0, seconds = 0;

	for (u32 i = first; i < end; i++) {
		cnt += t->cnt[i];
		seconds += step_seconds(s, i);
	}
	return seconds > 0 ? cnt / seconds : 0;
}

static void hist_take(const struct table *t, const struct history_window *w, struct hist *to)
{
	for (size_t k = 0; k < t->duration.cnt; k++)
		history_hist(w, t->duration.at[k], to);
}

/* Steps that follow each other are one window: that costs as little as one step. */
static void span_take(const struct table *t, const struct steps *s, u32 first, u32 end,
		      struct hist *to)
{
	struct history_window w;

	if (first >= end)
		return;
	steps_window(s, first, end, &w);
	hist_take(t, &w, to);
}

/*
 * What was usual: steps before the run or, where it has ended and they are too few, after it; those of the same load or more
 * where there are enough, otherwise all of them. Returns whether they are of the same load.
 */
static bool usual_take(const struct table *t, const struct finder *f, const struct run *r,
		       double rate, struct hist *ret)
{
	u32 like = 0, before = 0, first = 0;

	for (u32 i = 0; i < r->first; i++) {
		before += t->cnt[i] > 0;
		like += t->cnt[i] > 0 && t->cnt[i] / step_seconds(&f->steps, i) >= SAME_LOAD * rate;
	}
	for (u32 i = 0; i < f->steps.cnt; i++) {
		double at = t->cnt[i] / step_seconds(&f->steps, i);

		if ((i < r->first || (i >= r->end && before < LIKE_MIN)) &&
		    (like < LIKE_MIN || at >= SAME_LOAD * rate))
			continue;
		span_take(t, &f->steps, first, i, ret);
		first = i + 1;
	}
	span_take(t, &f->steps, first, f->steps.cnt, ret);
	return like >= LIKE_MIN;
}

/* --- slow */

struct compared {
	struct hist now, usual;
	double p50, p75, p95, was50, was75, was95;
	double cnt;
	bool same_load;
};

static void compare(const struct table *t, const struct finder *f, const struct run *r,
		    struct compared *c)
{
	u32 first = find_now_first(f, r);

	memset(c, 0, sizeof(*c));
	span_take(t, &f->steps, first, r->end, &c->now);
	c->same_load = usual_take(t, f, r, rate_in(t, &f->steps, first, r->end), &c->usual);
	c->cnt = (double)hist_count(&c->now);
	c->p50 = hist_quantile(&c->now, 0.5);
	c->p75 = hist_quantile(&c->now, 0.75);
	c->p95 = hist_quantile(&c->now, 0.95);
	c->was50 = hist_quantile(&c->usual, 0.5);
	c->was75 = hist_quantile(&c->usual, 0.75);
	c->was95 = hist_quantile(&c->usual, 0.95);
}

/*
 * Are those that take long additional, such as the first long polls or streams of a day? All others are as fast and as many as
 * ever.
 */
static bool is_new_kind(const struct table *t, const struct finder *f, const struct run *r,
			const struct compared *c)
{
	double fast = 0, usual = rate_in(t, &f->steps, 0, r->first),
	       now = rate_in(t, &f->steps, find_now_first(f, r), r->end);

	for (u32 b = 0; b < HIST_BUCKETS; b++)
		if (exp2((double)b / HIST_SUB + HIST_MIN_EXP) <= NEW_KIND * c->was95)
			fast += (double)c->now.bucket[b];
	fast /= c->cnt;
	return fast <= 1 - NEW_LEAST && c->p50 < SLOWER_WEAK * c->was50 &&
	       now * fast >= (1 - NEW_CHANCE) * usual && now * fast <= (1 + NEW_CHANCE) * usual &&
	       now >= (1 + NEW_CHANCE) * usual;
}

static bool is_slower(double now, double was, double factor, double seconds)
{
	return now >= factor * was && now - was >= seconds;
}

/* The first step of the last seconds: how it is now. */
static u32 recent_first(const struct finder *f)
{
	u32 first = f->steps.cnt - 1;

	while (first > 0 && f->steps.at[first - 1].begin_ns + RECENT_NS >= f->steps.now_ns)
		first--;
	return first;
}

static bool means_run(const struct table *t, const struct finder *f, struct run *r)
{
	double values[STEPS_MAX];

	for (u32 i = 0; i < f->steps.cnt; i++)
		values[i] =
			t->cnt[i] >= EVENTS_MIN ? log(t->seconds[i] / t->cnt[i] + FLOOR_S) : NAN;
	return run_find(values, f->steps.cnt, RISE, r) && find_is_recent(f, r, values);
}

/*
 * Have the slowest of the last seconds taken longer than any few did before? Where some always take long, a few more of them are no
 * longer ones. Two looks tell it for most, of whom not every step is looked at.
 */
static bool tail_is_up(const struct table *t, const struct finder *f)
{
	u32 first = recent_first(f);
	struct hist now = { 0 }, usual = { 0 };

	span_take(t, &f->steps, first, f->steps.cnt, &now);
	if (hist_count(&now) < TAIL_MIN)
		return false;
	span_take(t, &f->steps, 0, first, &usual);
	return is_slower(hist_quantile(&now, 0.95), hist_quantile(&usual, TAIL_USUAL), SLOWER_WEAK,
			 TAIL_S / 2);
}

/* The slowest take much longer, and the others pull the mean down. */
static bool tails_run(const struct table *t, const struct finder *f, struct run *r)
{
	double values[STEPS_MAX];

	if (!f->newest || !tail_is_up(t, f))
		return false;
	for (u32 i = 0; i < f->steps.cnt; i++) {
		struct hist step = { 0 };

		hist_take(t, &f->steps.at[i], &step);
		values[i] = hist_count(&step) >= TAIL_MIN
				    ? log(hist_quantile(&step, 0.95) + FLOOR_S)
				    : NAN;
	}
	return run_find(values, f->steps.cnt, TAIL_RISE, r) && find_is_recent(f, r, values);
}

static void slow_find(struct finder *f, const struct flow *flow, const struct table *t)
{
	struct symptom s = { .kind = SYMPTOM_SLOW,
			     .metric = "seismo_request_duration_seconds",
			     .service = flow->service,
			     .direction = flow->direction,
			     .protocol = flow->protocol };
	struct compared c;
	struct run r;
	bool body, tail, mean = means_run(t, f, &r);

	if (!mean && !tails_run(t, f, &r))
		return;
	compare(t, f, &r, &c);
	if (!(c.cnt > 0) || isnan(c.was50))
		return;
	body = is_slower(c.p50, c.was50, SLOWER, SLOWER_S) ||
	       is_slower(c.p75, c.was75, SLOWER, SLOWER_S);
	tail = c.cnt >= TAIL_MIN && is_slower(c.p95, c.was95, TAIL, TAIL_S);
	s.weak = !body && !tail;
	if (s.weak && !is_slower(c.p50, c.was50, SLOWER_WEAK, SLOWER_WEAK_S) &&
	    !is_slower(c.p75, c.was75, SLOWER_WEAK, SLOWER_WEAK_S) &&
	    !(c.cnt >= TAIL_MIN && is_slower(c.p95, c.was95, SLOWER_WEAK, TAIL_S / 2)))
		return;
	s.severe = is_slower(c.p75, c.was75, SEVERE, SEVERE_S) ||
		   (mean && tail && is_slower(c.p95, c.was95, SEVERE, SEVERE_TAIL_S));
	if (is_new_kind(t, f, &r, &c)) {
		s.weak = s.new_kind = true;
		s.severe = false;
	}
	s.tail = tail && !body;
	s.now = s.tail ? c.p95 : c.p75;
	s.usual = s.tail ? c.was95 : c.was75;
	s.rate = rate_in(t, &f->steps, find_now_first(f, &r), r.end);
	s.weight = fmin(log2(s.now / s.usual), 6) / 6 * (s.weak ? 0.3 : 1);
	find_date(f, &r, &s);
	find_add(f, &s);
}

/* --- failing */

/* Few requests, of which none has failed before, and as long since the first that did as not: too few to stand out by their number. */
static bool first_errors(const struct finder *f, const struct table *t, struct run *r)
{
	double before = 0, since = 0;
	u32 first = 0, last = f->steps.cnt;

	while (first < f->steps.cnt && !(t->errors[first] + t->lost[first] > 0))
		before += t->cnt[first++];
	for (u32 i = first; i < f->steps.cnt; i++)
		since += t->cnt[i];
	while (last > first && !(t->errors[last - 1] + t->lost[last - 1] > 0))
		last--;
	*r = (struct run){ .first = first,
			   .end = last,
			   .ongoing = last &&
				      f->steps.at[last - 1].end_ns + RECENT_NS >= f->steps.now_ns };
	return f->newest && r->ongoing && before >= since;
}

static void failing_find(struct finder *f, const struct flow *flow, const struct table *t)
{
	double values[STEPS_MAX] = { 0 }, bad = 0, all = 0, was_bad = 0, was_all = 0, sum = 0;
	struct symptom s = { .kind = SYMPTOM_FAILING,
			     .metric = "seismo_requests_total",
			     .service = flow->service,
			     .direction = flow->direction,
			     .protocol = flow->protocol };
	bool few;
	struct run r;

	for (u32 i = 0; i < f->steps.cnt; i++) {
		double cnt = t->cnt[i] + t->lost[i];

		sum += t->errors[i] + t->lost[i];
		values[i] = cnt > 0 ? log((t->errors[i] + t->lost[i]) / cnt + FLOOR_RATIO) : NAN;
	}
	if (!(sum >= ERRORS_MIN))
		return;
	few = !run_find(values, f->steps.cnt, RISE, &r) || !find_is_recent(f, &r, values);
	if (few && !first_errors(f, t, &r))
		return;
	for (u32 i = 0; i < f->steps.cnt; i++) {
		bool in = i >= r.first && i < r.end;

		*(in ? &bad : &was_bad) += t->errors[i] + t->lost[i];
		*(in ? &all : &was_all) += t->cnt[i] + t->lost[i];
	}
	s.now = bad / all;
	s.usual = was_all > 0 ? was_bad / was_all : NAN;
	if (bad < ERRORS_MIN || s.now < ERRORS_RATIO || s.now < MANY * s.usual)
		return;
	s.severe = s.now >= ERRORS_SURE && !few;
	s.weak = !s.severe && bad < ERRORS_CLEAR;
	s.rate = rate_in(t, &f->steps, r.first, r.end);
	s.weight = s.weak ? 0.3 : 0.5 + s.now / 2;
	find_date(f, &r, &s);
	find_add(f, &s);
}

/* --- stalled */

static double age_in(const struct table *t, const struct history_window *w)
{
	s64 max = 0;

	for (size_t k = 0; k < t->oldest.cnt; k++) {
		struct history_gauge g;

		history_gauge(w, t->oldest.at[k], &g);
		max = g.max > max ? g.max : max;
	}
	return (double)max / 1e9;
}

/* What waits now has waited longer than ever is usual, and others are not answered as they usually are. */
static void stalled_find(struct finder *f, const struct flow *flow, const struct table *t)
{
	u64 now_ns = f->steps.now_ns;
	struct history_window now, before;
	struct symptom s = { .kind = SYMPTOM_STALLED,
			     .metric = "seismo_request_oldest_seconds",
			     .service = flow->service,
			     .direction = flow->direction,
			     .protocol = flow->protocol,
			     .severe = true,
			     .ongoing = true,
			     .end_ns = now_ns,
			     .usual = NAN };
	double answers = 0, usually = NAN;
	u64 age_ns;

	if (!strcmp(flow->protocol, "tls") || !t->oldest.cnt ||
	    !history_window(f->src->history, RECENT_NS, &now))
		return;
	s.now = age_in(t, &now);
	if (s.now < STALLED_S)
		return;
	age_ns = (u64)(s.now * 1e9) + RECENT_NS;
	for (size_t k = 0; k < t->total.cnt; k++)
		answers += series_increase(t->total.at[k], &now);
	answers /= (double)(now.end_ns - now.begin_ns) / 1e9;
	if (history_window_past(f->src->history, f->since_ns + age_ns, age_ns, &before)) {
		usually = 0;
		for (size_t k = 0; k < t->total.cnt; k++)
			usually += series_increase(t->total.at[k], &before);
		usually /= (double)(before.end_ns - before.begin_ns) / 1e9;
		s.usual = age_in(t, &before);
	}
	/* long polls and streams always wait */
	if (s.now < MANY * s.usual || !(answers <= FEWER * usually || (isnan(usually) && !answers)))
		return;
	s.begin_ns = now_ns > (u64)(s.now * 1e9) ? now_ns - (u64)(s.now * 1e9) : 0;
	s.rate = answers;
	s.weight = 1.2;
	find_add(f, &s);
}

/* --- where nothing tells what is usual */

/* Has it been watched for so short a time that what is wrong now may have been so from its beginning? */
static bool is_young(const struct finder *f)
{
	struct history_stats stats;

	history_stats(f->src->history, &stats);
	return f->steps.now_ns - stats.begin_ns < YOUNG_NS;
}

/* Errors are wrong however long there have been so many; how long requests take may be as it should. */
static void absolute_find(struct finder *f, const struct flow *flow, const struct table *t)
{
	u32 first = recent_first(f);
	struct symptom s = { .service = flow->service,
			     .direction = flow->direction,
			     .protocol = flow->protocol,
			     .absolute = true,
			     .ongoing = true,
			     .end_ns = f->steps.now_ns,
			     .usual = NAN,
			     .rate = rate_in(t, &f->steps, first, f->steps.cnt) };
	struct hist now = { 0 };
	double bad = 0, all = 0;

	span_take(t, &f->steps, first, f->steps.cnt, &now);
	for (u32 i = first; i < f->steps.cnt; i++) {
		bad += t->errors[i] + t->lost[i];
		all += t->cnt[i] + t->lost[i];
	}
	s.now = bad / all;
	if (bad >= ERRORS_MIN && s.now >= ERRORS_SURE) {
		s.kind = SYMPTOM_FAILING;
		s.metric = "seismo_requests_total";
		s.weight = 0.5 + s.now / 2;
		s.severe = s.now >= (bad < ERRORS_FEW ? ERRORS_ALL : ERRORS_MANY);
		find_add(f, &s);
	}
	s.now = hist_quantile(&now, 0.75);
	if (!is_young(f) || hist_count(&now) < ERRORS_MIN || !(s.now >= LONG_S))
		return;
	s.kind = SYMPTOM_SLOW;
	s.metric = "seismo_request_duration_seconds";
	s.weight = 0.4;
	s.severe = false;
	find_add(f, &s);
}

/* --- all */

static void slowest_take(struct finder *f, const struct flow *flow, const struct table *t)
{
	const struct run all = { .first = 0, .end = f->steps.cnt };
	u32 first = find_now_first(f, &all);
	struct hist recent = { 0 }, before = { 0 };
	double seconds;

	span_take(t, &f->steps, first, f->steps.cnt, &recent);
	seconds = hist_quantile(&recent, 0.95);
	if (!(seconds > f->to->slowest_seconds))
		return;
	span_take(t, &f->steps, 0, first, &before);
	f->to->slowest = flow->service;
	f->to->slowest_seconds = seconds;
	f->to->slowest_usual = hist_count(&before) < TAIL_MIN ? 0 : hist_quantile(&before, 0.95);
}

static void flow_look(struct finder *f, const struct flow *flow)
{
	struct table t = { 0 };
	bool inbound = !strcmp(flow->direction, "inbound");

	table_make(&t, f, flow);
	if (t.all > 0 || t.oldest.cnt) {
		slow_find(f, flow, &t);
		failing_find(f, flow, &t);
		if (f->newest)
			stalled_find(f, flow, &t);
		if (f->newest && inbound)
			absolute_find(f, flow, &t);
	}
	if (f->newest && inbound && t.all > 0) {
		f->to->services += f->counted != flow->service;
		f->counted = flow->service;
		f->to->rate += rate_in(&t, &f->steps, f->steps.cnt - 1, f->steps.cnt);
		slowest_take(f, flow, &t);
	}
	table_release(&t);
}

static bool serves(const struct flows *list, const char *service)
{
	for (size_t i = 0; i < list->cnt; i++)
		if (list->at[i].service == service && !strcmp(list->at[i].direction, "inbound"))
			return true;
	return false;
}

/* Of services that serve requests what they ask of others is looked at as a cause: it counts by itself where nobody asks them. */
void find_requests(struct finder *f)
{
	struct flows list = { 0 };

	flows_find(&list, f->src->registry);
	for (size_t i = 0; i < list.cnt; i++)
		if (!strcmp(list.at[i].direction, "inbound") || !serves(&list, list.at[i].service))
			flow_look(f, &list.at[i]);
	free(list.at);
}
