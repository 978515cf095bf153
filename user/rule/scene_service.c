// SPDX-License-Identifier: BSD-3-Clause
/* The service of a scene: whom it calls, who calls it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metric/status.h"
#include "rule/scene.h"

#define CPU_LITTLE 0.02 /* CPUs, that no neighbour is blamed for */
#define SLOWER	   2.0	/* times the usual mean */
#define ASKED_LESS 0.25
#define RESETS	   3   /* connections */
#define MANY	   3.0 /* times as many as usual */
#define TROUBLE	   0.1 /* of a callee, from which on it is looked at */
#define WAITS	   1.0 /* second; what is younger is not worth a look */
#define OLDER	   3.0 /* times the usual age */
#define YOUNG_NS   (30 * 1000000000ULL)
#define GOOD_PART  0.5 /* of what the requests have grown by */

static double seconds_of(const struct history_window *w)
{
	return (double)(w->end_ns - w->begin_ns) / 1e9;
}

static double window_seconds(const struct scene *s)
{
	return seconds_of(&s->now_window);
}

/* --- calls */

static void call_measure(struct scene *s, struct call *c, const char *caller, const char *callee)
{
	const struct condition where[] = { { "service", caller },
					   { "direction", "outbound" },
					   { "protocol", c->protocol },
					   { "peer", callee },
					   { NULL } };

	scene_measure(s, &c->duration, "seismo_request_duration_seconds", where);
	c->oldest = scene_age(s, "seismo_request_oldest_seconds", where);
	c->usual_oldest = c->oldest >= WAITS
				  ? scene_usual_ages(s, "seismo_request_oldest_seconds", where)
				  : NAN;
}

/* --- whom it asks */

/* A service that it asks, by any metric of its outbound requests; now, or usually. */
struct candidate {
	const char *service, *protocol;
	double trouble; /* the more, the likelier it is the reason why requests fail */
};

static double callee_gauge_of(const struct scene *s, const char *service, const char *metric)
{
	const struct condition where[] = { { "service", service }, { NULL } };
	struct group g;
	double ret;

	group_find(&g, s->src->registry, metric, where);
	ret = g.cnt ? scene_gauge(s, metric, where) : NAN;
	group_release(&g);
	return ret;
}

/*
 * How its answers to the service are: part of them that are errors, and how many fewer there are than usual. Who is asked after another one
 * that fails is asked less as well, and is as fast as ever: less of that is its own trouble.
 */
static double answers_trouble(const struct scene *s, const struct candidate *c, bool slower)
{
	const struct condition where[] = { { "service", s->service },
					   { "direction", "outbound" },
					   { "protocol", c->protocol },
					   { "peer", c->service },
					   { NULL } };
	const struct condition protocol[] = { { "service", s->service },
					      { "direction", "outbound" },
					      { "protocol", c->protocol },
					      { NULL } };
	double answers = 0, errors = 0, usual = 0, usual_errors = 0, fewer = 0;
	struct measured lost = { 0 };
	struct group g;

	group_find(&g, s->src->registry, "seismo_requests_total", where);
	for (size_t i = 0; i < g.cnt; i++) {
		double cnt = series_increase(g.at[i], &s->now_window),
		       before = s->usual ? series_increase(g.at[i], s->usual) * window_seconds(s) /
						   seconds_of(s->usual)
					 : 0;
		bool failed;

		answers += cnt;
		usual += before;
		failed = status_is_failed(series_label(g.at[i], "status"));
		errors += failed ? cnt : 0;
		usual_errors += failed ? before : 0;
	}
	group_release(&g);
	/* whose they were is not known, but of which protocol */
	scene_measure(s, &lost, "seismo_requests_unanswered_total", protocol);
	group_release(&lost.group);
	if (!lost.now.unknown && lost.now.cnt > 0 && !(measured_rate_factor(&lost) < 2)) {
		errors += lost.now.cnt;
		answers += lost.now.cnt;
	}
	if (usual > 0)
		fewer = fmax(1 - answers / usual, 0) * (slower ? 1 : ASKED_LESS);
	if (answers > 0)
		errors = fmax(errors / answers - (usual > 0 ? usual_errors / usual : 0), 0);
	return fmax(errors, fewer);
}

static bool more_resets(const struct scene *s, const char *service, const char *direction)
{
	const struct condition where[] = { { "service", service },
					   { "direction", direction },
					   { NULL } };
	struct measured m = { 0 };

	scene_measure(s, &m, "seismo_tcp_resets_total", where);
	group_release(&m.group);
	return !m.now.unknown && m.now.cnt >= RESETS && !(measured_rate_factor(&m) < MANY);
}

/* Are connections of the service reset, and those that the callee serves? */
static bool are_reset(const struct scene *s, const char *callee)
{
	return more_resets(s, s->service, "outbound") && more_resets(s, callee, "inbound");
}

static bool is_slower(const struct scene *s, const struct condition *where)
{
	struct measured m = { 0 };

	scene_measure(s, &m, "seismo_request_duration_seconds", where);
	group_release(&m.group);
	return measured_mean_factor(&m) >= SLOWER;
}

static double candidate_trouble(const struct scene *s, const struct candidate *c)
{
	const struct condition where[] = { { "service", s->service },
					   { "direction", "outbound" },
					   { "protocol", c->protocol },
					   { "peer", c->service },
					   { NULL } };
	double oldest = scene_age(s, "seismo_request_oldest_seconds", where), ret;

	if (!protocol_awaits(c->protocol) || !(oldest >= WAITS) ||
	    oldest < OLDER * scene_usual_ages(s, "seismo_request_oldest_seconds", where))
		oldest = 0;
	ret = answers_trouble(s, c, oldest > 0 || is_slower(s, where)) + fmin(oldest / 10, 1);
	if (callee_gauge_of(s, c->service, "seismo_processes") == 0)
		ret += 2;
	if (callee_gauge_of(s, c->service, "seismo_stopped_tasks") > 0)
		ret += 2;
	if (are_reset(s, c->service))
		ret += 1;
	return ret + (scene_deaths(s, c->service) > 0);
}

/* Why it fails, or gets no answer: whose answers are errors, stay away, or have become rare. */
static bool callee_troubled(const struct scene *s, const char **service, const char **protocol)
{
	static const char *const metrics[] = { "seismo_requests_total",
					       "seismo_request_oldest_seconds" };
	const struct condition where[] = { { "service", s->service },
					   { "direction", "outbound" },
					   { NULL } };
	struct candidate most = { .trouble = 0 };

	for (size_t m = 0; m < sizeof(metrics) / sizeof(*metrics); m++) {
		struct candidate before = { 0 };
		struct group g;

		group_find(&g, s->src->registry, metrics[m], where);
		for (size_t i = 0; i < g.cnt; i++) {
			struct candidate c = { series_label(g.at[i], "peer"),
					       series_label(g.at[i], "protocol"), 0 };

			if (!c.service ||
			    (c.service == before.service && c.protocol == before.protocol))
				continue;
			before = c;
			c.trouble = candidate_trouble(s, &c);
			if (c.trouble > most.trouble)
				most = c;
		}
		group_release(&g);
	}
	if (most.trouble < TROUBLE)
		return false;
	*service = most.service;
	*protocol = most.protocol;
	return true;
}

/* The one that it usually waits for most: where it gets no answer at all it is not among those of now. */
static void callee_usual(const struct scene *s, const char **service, const char **protocol)
{
	const struct condition where[] = { { "service", s->service },
					   { "direction", "outbound" },
					   { NULL } };
	double most = 0;
	struct group g;

	group_find(&g, s->src->registry, "seismo_request_duration_seconds", where);
	for (size_t i = 0; s->usual && i < g.cnt; i++) {
		double seconds = series_increase(g.at[i], s->usual);

		if (seconds <= most)
			continue;
		most = seconds;
		*service = series_label(g.at[i], "peer");
		*protocol = series_label(g.at[i], "protocol");
	}
	group_release(&g);
}

/* That whose time has grown most; where nothing tells what is usual, that which takes most. */
static const struct part *outbound_most(const struct scene *s)
{
	const struct part *most = NULL;

	for (size_t i = 0; i < s->budget.part_cnt; i++) {
		const struct part *p = &s->budget.parts[i];

		if (!strcmp(p->row->name, "outbound") &&
		    (!most || p->seconds - p->usual > most->seconds - most->usual))
			most = p;
	}
	return most;
}

/* Is it about requests that take long, and not about those that fail? */
static bool about_time(const struct scene *s)
{
	return !strcmp(s->subject.metric, "seismo_request_duration_seconds");
}

static void callee_inbound_measure(struct scene *s)
{
	const struct condition where[] = { { "service", s->callee.service ?: "" },
					   { "direction", "inbound" },
					   { NULL } };

	scene_measure(s, &s->callee_inbound, "seismo_request_duration_seconds", where);
	if (!s->callee_inbound.group.cnt)
		s->callee_inbound.now.unknown = s->callee_inbound.usual.unknown =
			"it serves no requests on this host";
}

/* The callee that the subject names, the one that is in trouble, or the one that takes most of the time. */
static void callee_find(struct scene *s)
{
	const struct part *most = outbound_most(s);
	struct call *c = &s->callee;

	if (s->peer) {
		c->service = s->peer;
		c->protocol = s->protocol;
		s->callee_troubled = true;
	} else if ((!about_time(s) || s->budget.rest > s->budget.time / 2) &&
		   callee_troubled(s, &c->service, &c->protocol)) {
		s->callee_troubled = true;
	} else if (most) {
		c->service = most->of;
		c->protocol = most->protocol;
	} else {
		callee_usual(s, &c->service, &c->protocol);
	}
	if (c->service)
		call_measure(s, c, s->service, c->service);
	else
		c->duration.now.unknown = c->duration.usual.unknown = "whom it asks is not known";
	callee_inbound_measure(s);
}

/* Those whose requests have ended, or wait for an answer. */
static void callers_find(struct scene *s)
{
	static const char *const metrics[] = { "seismo_request_duration_seconds",
					       "seismo_request_oldest_seconds" };
	const struct condition where[] = { { "direction", "outbound" },
					   { "peer", s->service },
					   { NULL } };
	double most = 0;
	struct group g;

	for (size_t m = 0; m < sizeof(metrics) / sizeof(*metrics); m++) {
		u32 waiting = 0;

		group_find(&g, s->src->registry, metrics[m], where);
		for (size_t i = 0; i < g.cnt; i++) {
			double seconds = m ? scene_waiting(s, g.at[i])
					   : series_increase(g.at[i], &s->now_window);

			waiting += seconds > 0;
			if (seconds <= most)
				continue;
			most = seconds;
			s->caller.service = g.at[i]->label[0];
			s->caller.protocol = series_label(g.at[i], "protocol");
		}
		group_release(&g);
		if (waiting > s->callers_total)
			s->callers_total = waiting;
	}
	if (s->caller.service)
		call_measure(s, &s->caller, s->caller.service, s->service);
}

static int by_service(const void *a, const void *b)
{
	const struct series *const *x = a, *const *y = b;

	return ((*x)->label[0] > (*y)->label[0]) - ((*x)->label[0] < (*y)->label[0]);
}

/* By how many more requests a second it asks than usual, of the series from `at` on that are of one caller. */
static double asks_more(const struct scene *s, const struct group *g, size_t at, size_t *ret_end)
{
	size_t end = at;
	double more = 0;

	for (; end < g->cnt && g->at[end]->label[0] == g->at[at]->label[0]; end++)
		more += series_increase(g->at[end], &s->now_window) / window_seconds(s) -
			series_increase(g->at[end], s->usual) / seconds_of(s->usual);
	*ret_end = end;
	return more;
}

/* Of those on this host the one whose requests have grown most, if that is a good part of what comes in more. */
static void asker_find(struct scene *s)
{
	const struct condition where[] = { { "direction", "outbound" },
					   { "peer", s->service },
					   { NULL } };
	const struct measured *in = &s->inbound;
	double grown, most = 0;
	struct group g;

	if (!s->usual || in->now.unknown || in->usual.unknown)
		return;
	grown = measure_rate(&in->now) - measure_rate(&in->usual);
	if (!(grown > 0))
		return;
	s->asker = "clients that are not on this host";
	group_find(&g, s->src->registry, "seismo_requests_total", where);
	if (g.cnt)
		qsort(g.at, g.cnt, sizeof(*g.at), by_service);
	for (size_t i = 0, end; i < g.cnt; i = end) {
		double more = asks_more(s, &g, i, &end);

		if (more <= most || more < GOOD_PART * grown || !g.at[i]->label[0])
			continue;
		most = more;
		s->asker = s->asker_service = g.at[i]->label[0];
	}
	group_release(&g);
}

/*
 * Where the daemon has just been started, what is usual begins with the first request that is known: requests on connections of before
 * are, once they are recognized.
 */
static void settle_usual(const struct scene *s, struct measured *m)
{
	u64 begin_ns = s->usual_window.begin_ns, first_ns = UINT64_MAX;
	struct history_stats stats;
	double late;

	history_stats(s->src->history, &stats);
	if (m->usual.unknown || begin_ns > stats.begin_ns + YOUNG_NS)
		return;
	for (size_t i = 0; i < m->group.cnt; i++)
		if (m->group.at[i]->born_ns < first_ns)
			first_ns = m->group.at[i]->born_ns;
	late = first_ns > begin_ns && first_ns < s->usual_window.end_ns
		       ? (double)(first_ns - begin_ns) / 1e9
		       : 0;
	if (late < m->usual.seconds / 2)
		m->usual.seconds -= late;
}

/* The other service whose use of the CPUs has grown most or, where nothing tells what is usual, that uses most. */
static void cpu_user_find(struct scene *s)
{
	const struct condition where[] = { { NULL } };
	double most = 0;
	struct group g;

	group_find(&g, s->src->registry, "seismo_cpu_seconds_total", where);
	for (size_t i = 0; i < g.cnt; i++) {
		double used = series_increase(g.at[i], &s->now_window) / window_seconds(s), more;

		/* it has not grown by more than that: what is usual takes long to add up */
		if (used < most + CPU_LITTLE || !g.at[i]->label[0] ||
		    !strcmp(g.at[i]->label[0], s->service))
			continue;
		more = used -
		       (s->usual ? series_increase(g.at[i], s->usual) / seconds_of(s->usual) : 0);
		if (more <= most)
			continue;
		most = more;
		s->cpu_user = g.at[i]->label[0];
		s->cpu_used = used;
	}
	group_release(&g);
}

void scene_service(struct scene *s)
{
	const struct condition where[] = { { "service", s->service },
					   { "direction", "inbound" },
					   { NULL } };

	scene_measure(s, &s->inbound, "seismo_request_duration_seconds", where);
	settle_usual(s, &s->inbound);
	scene_time(s);
	callee_find(s);
	callers_find(s);
	asker_find(s);
	cpu_user_find(s);
}
