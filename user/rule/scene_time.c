// SPDX-License-Identifier: BSD-3-Clause
/* Where the time of the service of a scene goes. */
#include <math.h>
#include <string.h>

#include "rule/scene.h"

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

bool protocol_awaits(const char *protocol)
{
	static const char *const others[] = { "unknown", "tls", "mqtt", NULL };

	for (const char *const *one = others; protocol && *one; one++)
		if (!strcmp(protocol, *one))
			return false;
	return true;
}

/* By how much that is longer than usual. */
double scene_waiting(const struct scene *s, const struct series *of)
{
	double length = window_seconds(s), age, usual;
	struct history_gauge gauge;

	if (!protocol_awaits(series_label(of, "protocol")))
		return 0;
	history_gauge(&s->now_window, of, &gauge);
	age = (double)(s->subject.peaks ? gauge.max : gauge.last) / 1e9;
	if (!(age > 0))
		return 0;
	usual = scene_usual_age(s, of);
	return fmax(fmin(age, length) - (isnan(usual) ? 0 : fmin(usual, length)), 0);
}

static double waiting_seconds(const struct split *x, const struct series *s)
{
	return x->window == &x->s->now_window ? scene_waiting(x->s, s) : 0;
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
		part_add(x, row, series_label(g.at[i], of), series_label(g.at[i], protocol),
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
		part_add(x, PART_DISK, series_label(g.at[i], "device"), NULL,
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
void scene_time(struct scene *s)
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
