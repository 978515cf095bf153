// SPDX-License-Identifier: BSD-3-Clause
/* The service of a scene: where its time goes, whom it calls, who calls it. */
#include <math.h>
#include <string.h>

#include "rule/scene.h"

#define CPU_LITTLE 0.02 /* CPUs, that no neighbour is blamed for */
#define TROUBLE	   0.1	/* of a callee, from which on it is looked at */
#define OLDER	   3.0	/* times the usual age */

enum {
	/* one series of the service each */
	PART_CPU,
	PART_THROTTLED,
	PART_CPU_WAIT,
	PART_MEMORY,
	PART_CONNECT,
	/* the sum of several */
	PART_DISK,
	PART_IO_LIMIT,
	PART_OUTBOUND,
	PART_QUEUE,
	PART_LOCKS,
	PART_SLEEP,
	PARTS,
};

static const struct part_row rows[PARTS] = {
	[PART_CPU] = { "cpu", "CPU", "seismo_cpu_seconds_total" },
	[PART_THROTTLED] = { "cpu_throttled", "its CPU quota",
			     "seismo_cpu_throttled_seconds_total" },
	[PART_CPU_WAIT] = { "cpu_wait", "waiting for a CPU", "seismo_run_queue_wait_seconds" },
	[PART_MEMORY] = { "memory_reclaim", "reclaiming memory",
			  "seismo_memory_reclaim_stall_seconds" },
	[PART_CONNECT] = { "connect", "connecting", "seismo_tcp_connect_duration_seconds" },
	[PART_DISK] = { "disk", "disk", "seismo_service_block_io_duration_seconds" },
	[PART_IO_LIMIT] = { "io_limit", "its I/O limit on",
			    "seismo_service_block_io_throttled_seconds" },
	[PART_OUTBOUND] = { "outbound", "waiting for", "seismo_request_duration_seconds" },
	[PART_QUEUE] = { "queue", "waiting to be read", "seismo_request_queue_seconds" },
	[PART_LOCKS] = { "locks_at_most", "locks (at most)", "seismo_syscall_duration_seconds" },
	[PART_SLEEP] = { "sleep_at_most", "sleeping (at most)", "seismo_syscall_duration_seconds" },
};

static double seconds_of(const struct history_window *w)
{
	return (double)(w->end_ns - w->begin_ns) / 1e9;
}

static double window_seconds(const struct scene *s)
{
	return seconds_of(&s->now_window);
}

/* A budget that is being made. */
struct split {
	const struct scene *s;
	const struct history_window *window;
	struct time_budget *to;
};

static bool is_same(const struct part *p, const struct part_row *row, const char *of,
		    const char *protocol)
{
	return p->row == row && p->of == of && p->protocol == protocol;
}

/* Adds to the part of this row and subject. Where there are too many, small ones stay unattributed. */
static void part_add(const struct split *x, int row, const char *of, const char *protocol,
		     double seconds)
{
	struct time_budget *b = x->to;
	size_t i = 0;

	if (!(seconds > 0))
		return;
	while (i < b->part_cnt && !is_same(&b->parts[i], &rows[row], of, protocol))
		i++;
	if (i == b->part_cnt && b->part_cnt == PARTS_MAX) {
		for (size_t least = i = 0; least < b->part_cnt; least++)
			if (b->parts[least].seconds < b->parts[i].seconds)
				i = least;
		if (b->parts[i].seconds >= seconds)
			return;
		b->parts[i].seconds = 0;
	}
	b->part_cnt += i == b->part_cnt;
	b->parts[i] = (struct part){ &rows[row], of, protocol, seconds + b->parts[i].seconds, NAN };
}

static const char *label_of(const struct series *s, const char *name)
{
	int at = family_label(s->family, name);

	return at < 0 ? NULL : s->label[at];
}

bool protocol_awaits(const char *protocol)
{
	static const char *const others[] = { "unknown", "tls", "mqtt", NULL };

	for (const char *const *one = others; protocol && *one; one++)
		if (!strcmp(protocol, *one))
			return false;
	return true;
}

/* Of the window, in which something is under way, by how much that is longer than usual. */
static double waiting_seconds(const struct split *x, const struct series *s)
{
	double usual = scene_usual_age(x->s, s), length = seconds_of(x->window);
	struct history_gauge gauge;

	if (x->window != &x->s->now_window || !protocol_awaits(label_of(s, "protocol")))
		return 0;
	history_gauge(x->window, s, &gauge);
	return fmin((double)(x->s->subject.peaks ? gauge.max : gauge.last) / 1e9, length) -
	       (isnan(usual) ? 0 : fmin(usual, length));
}

/* What a series has grown by in the window; of what is under way, as long as it was in the window. Gauges are known of now only. */
static double series_seconds(const struct split *x, const struct series *s)
{
	return s->family->metric->kind == METRIC_GAUGE ? waiting_seconds(x, s)
						       : series_increase(s, x->window);
}

/* The longest. */
static double longest_seconds(const struct split *x, const char *metric,
			      const struct condition *where)
{
	double max = 0;
	struct group g;

	group_find(&g, x->s->src->registry, metric, where);
	for (size_t i = 0; i < g.cnt; i++)
		max = fmax(max, waiting_seconds(x, g.at[i]));
	group_release(&g);
	return max;
}

/* Adds all series of a metric that the conditions hold for, each to the part of its labels. */
static void group_add_parts(const struct split *x, int row, const char *metric,
			    const struct condition *where, const char *of, const char *protocol)
{
	struct group g;

	group_find(&g, x->s->src->registry, metric, where);
	for (size_t i = 0; i < g.cnt; i++)
		part_add(x, row, label_of(g.at[i], of), label_of(g.at[i], protocol),
			 series_seconds(x, g.at[i]));
	group_release(&g);
}

static void totals_add(const struct split *x)
{
	const char *const labels[SERIES_LABELS] = { x->s->service };
	double throttled = 0;

	for (int row = PART_CPU; row <= PART_CONNECT; row++) {
		double seconds =
			metric_increase(x->s->src->registry, rows[row].metric, labels, x->window);

		if (row == PART_THROTTLED && seconds > 0)
			throttled = seconds;
		/* who is throttled also waits for a CPU */
		if (row == PART_CPU_WAIT)
			seconds -= throttled;
		part_add(x, row, NULL, NULL, seconds);
	}
}

static double class_seconds(const struct split *x, const char *class)
{
	return metric_increase(x->s->src->registry, "seismo_syscall_duration_seconds",
			       (const char *[SERIES_LABELS]){ x->s->service, class }, x->window);
}

/*
 * Most writes are written back later and nobody waits for them: of those, and of flushes, as much counts as the service spent in
 * system calls that may wait for them.
 */
static void disk_add(const struct split *x)
{
	const struct condition where[] = { { "service", x->s->service }, { NULL } };
	double reads = 0, writes = 0, scale;
	double waited = class_seconds(x, "sync") + class_seconds(x, "write");
	struct group g;

	group_find(&g, x->s->src->registry, "seismo_service_block_io_duration_seconds", where);
	for (size_t i = 0; i < g.cnt; i++)
		*(strcmp(g.at[i]->label[2] ?: "", "read") ? &writes : &reads) +=
			series_increase(g.at[i], x->window);
	scale = waited < writes ? waited / writes : 1;
	for (size_t i = 0; i < g.cnt; i++) {
		bool read = !strcmp(g.at[i]->label[2] ?: "", "read");

		part_add(x, PART_DISK, g.at[i]->label[1], NULL,
			 series_increase(g.at[i], x->window) * (read ? 1 : scale));
	}
	group_release(&g);
	/* whether what is under way is read or written is not known: it is as what has ended */
	if (reads + writes > 0)
		scale = (reads + writes * scale) / (reads + writes);
	group_find(&g, x->s->src->registry, "seismo_service_block_io_oldest_seconds", where);
	for (size_t i = 0; i < g.cnt; i++)
		part_add(x, PART_DISK, label_of(g.at[i], "device"), NULL,
			 waiting_seconds(x, g.at[i]) * scale);
	group_release(&g);
	group_add_parts(x, PART_IO_LIMIT, "seismo_service_block_io_throttled_seconds", where,
			"device", "");
}

/* Requests that have ended, and for the oldest under way what it has waited in the window. */
static void outbound_add(const struct split *x)
{
	const struct condition where[] = { { "service", x->s->service },
					   { "direction", "outbound" },
					   { NULL } };

	group_add_parts(x, PART_OUTBOUND, "seismo_request_duration_seconds", where, "peer",
			"protocol");
	group_add_parts(x, PART_OUTBOUND, "seismo_request_oldest_seconds", where, "peer",
			"protocol");
}

static void parts_order(struct time_budget *b)
{
	for (size_t i = 1; i < b->part_cnt; i++) {
		struct part p = b->parts[i];
		size_t at = i;

		for (; at > 0 && b->parts[at - 1].seconds < p.seconds; at--)
			b->parts[at] = b->parts[at - 1];
		b->parts[at] = p;
	}
}

/*
 * Parts of the time in which requests were under way; where there are none, of the window. Threads that wait for work wait in
 * futex(2) as well as those that wait for a lock: only what is left of the time can have been locks, or sleep.
 */
static void time_split(const struct split *x, const struct measure *inbound)
{
	const struct scene *s = x->s;
	const struct condition where[] = { { "service", s->service },
					   { "direction", "inbound" },
					   { NULL } };
	const struct condition queue[] = { { "service", s->service }, { NULL } };
	static const struct {
		int part;
		const char *class;
	} rest[] = { { PART_LOCKS, "futex" }, { PART_SLEEP, "sleep" } };
	struct time_budget *b = x->to;
	double sum = 0, waiting = longest_seconds(x, "seismo_request_oldest_seconds", where);

	b->requests = inbound->unknown ? 0 : inbound->cnt;
	b->time = inbound->unknown ? 0 : inbound->sum;
	b->time += waiting;
	b->by_requests = b->time > 0;
	if (!b->by_requests)
		b->time = seconds_of(x->window);
	totals_add(x);
	disk_add(x);
	outbound_add(x);
	group_add_parts(x, PART_QUEUE, rows[PART_QUEUE].metric, queue, "", "");
	for (size_t i = 0; i < b->part_cnt; i++)
		sum += b->parts[i].seconds;
	for (size_t i = 0; i < sizeof(rest) / sizeof(*rest) && sum < b->time; i++) {
		double seconds = fmin(class_seconds(x, rest[i].class), b->time - sum);

		part_add(x, rest[i].part, NULL, NULL, seconds);
		sum += seconds > 0 ? seconds : 0;
	}
	b->time = fmax(b->time, sum);
	b->rest = fmax(b->time - sum, 0);
	parts_order(b);
}

static double usual_seconds(const struct time_budget *usual, const struct part *p)
{
	for (size_t i = 0; i < usual->part_cnt; i++)
		if (is_same(&usual->parts[i], p->row, p->of, p->protocol))
			return usual->parts[i].seconds;
	return 0;
}

/* Now, and what would be usual for as many requests, or as long a time. */
static void budget_find(struct scene *s)
{
	const struct split now = { s, &s->now_window, &s->budget };
	struct time_budget was = { .part_cnt = 0 };
	const struct split usual = { s, s->usual, &was };
	double scale;

	time_split(&now, &s->inbound.now);
	if (!s->usual)
		return;
	time_split(&usual, &s->inbound.usual);
	if (was.by_requests != s->budget.by_requests)
		return;
	scale = was.by_requests ? s->budget.requests / was.requests
				: window_seconds(s) / seconds_of(s->usual);
	if (!isfinite(scale))
		return;
	for (size_t i = 0; i < s->budget.part_cnt; i++)
		s->budget.parts[i].usual = usual_seconds(&was, &s->budget.parts[i]) * scale;
	s->usual_time = was.time * scale;
	s->usual_rest = was.rest * scale;
}

/* Waiting to be read is what others suffer while the service is held up elsewhere: no reason by itself. */
double scene_growth(const struct scene *s, const struct part *p)
{
	double sum = s->budget.by_requests ? fmax(s->budget.rest - s->usual_rest, 0) : 0;

	for (size_t i = 0; i < s->budget.part_cnt; i++) {
		const struct part *one = &s->budget.parts[i];

		if (one->row != &rows[PART_QUEUE])
			sum += fmax(one->seconds - one->usual, 0);
	}
	return sum > 0 ? (p->seconds - p->usual) / sum : NAN;
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
	c->usual_oldest = scene_usual_ages(s, "seismo_request_oldest_seconds", where);
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

static bool status_is_error(const struct series *s)
{
	const char *status = label_of(s, "status") ?: "";

	return !strcmp(status, "error") || (*status == '5' && strlen(status) == 3);
}

/* How its answers to the service are: part of them that are errors, and how many fewer there are than usual. */
static double answers_trouble(const struct scene *s, const struct candidate *c)
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

		answers += cnt;
		usual += before;
		errors += status_is_error(g.at[i]) ? cnt : 0;
		usual_errors += status_is_error(g.at[i]) ? before : 0;
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
		fewer = fmax(1 - answers / usual, 0);
	if (answers > 0)
		errors = fmax(errors / answers - (usual > 0 ? usual_errors / usual : 0), 0);
	return fmax(errors, fewer);
}

static double candidate_trouble(const struct scene *s, const struct candidate *c)
{
	const struct condition where[] = { { "service", s->service },
					   { "direction", "outbound" },
					   { "protocol", c->protocol },
					   { "peer", c->service },
					   { NULL } };
	double oldest = scene_age(s, "seismo_request_oldest_seconds", where), ret;

	if (!protocol_awaits(c->protocol) ||
	    oldest < OLDER * scene_usual_ages(s, "seismo_request_oldest_seconds", where))
		oldest = 0;
	ret = answers_trouble(s, c) + (oldest >= 1 ? fmin(oldest / 10, 1) : 0);
	if (callee_gauge_of(s, c->service, "seismo_processes") == 0)
		ret += 2;
	if (callee_gauge_of(s, c->service, "seismo_stopped_tasks") > 0)
		ret += 2;
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
			struct candidate c = { label_of(g.at[i], "peer"),
					       label_of(g.at[i], "protocol"), 0 };

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
		*service = label_of(g.at[i], "peer");
		*protocol = label_of(g.at[i], "protocol");
	}
	group_release(&g);
}

/* That whose time has grown most; where nothing tells what is usual, that which takes most. */
static const struct part *outbound_most(const struct scene *s)
{
	const struct part *most = NULL;

	for (size_t i = 0; i < s->budget.part_cnt; i++) {
		const struct part *p = &s->budget.parts[i];

		if (p->row == &rows[PART_OUTBOUND] &&
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
			double seconds = series_increase(g.at[i], &s->now_window);

			waiting += seconds > 0;
			if (seconds <= most)
				continue;
			most = seconds;
			s->caller.service = g.at[i]->label[0];
			s->caller.protocol = label_of(g.at[i], "protocol");
		}
		group_release(&g);
		if (waiting > s->callers_total)
			s->callers_total = waiting;
	}
	if (s->caller.service)
		call_measure(s, &s->caller, s->caller.service, s->service);
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
	budget_find(s);
	callee_find(s);
	callers_find(s);
	cpu_user_find(s);
}
