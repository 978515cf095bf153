// SPDX-License-Identifier: BSD-3-Clause
/* The service of a scene: where its time goes, whom it calls, who calls it. */
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
	[PART_LOCKS] = { "locks_at_most", "locks (at most)", "seismo_syscall_duration_seconds" },
	[PART_SLEEP] = { "sleep_at_most", "sleeping (at most)", "seismo_syscall_duration_seconds" },
};

static double window_seconds(const struct scene *s)
{
	return (double)(s->now_window.end_ns - s->now_window.begin_ns) / 1e9;
}

/* Adds to the part of this row and subject. Where there are too many, small ones stay unattributed. */
static void part_add(struct scene *s, int row, const char *of, const char *protocol, double seconds)
{
	size_t i = 0;

	if (!(seconds > 0))
		return;
	while (i < s->part_cnt && (s->parts[i].row != &rows[row] || s->parts[i].of != of ||
				   s->parts[i].protocol != protocol))
		i++;
	if (i == s->part_cnt && s->part_cnt == PARTS_MAX) {
		for (size_t least = i = 0; least < s->part_cnt; least++)
			if (s->parts[least].seconds < s->parts[i].seconds)
				i = least;
		if (s->parts[i].seconds >= seconds)
			return;
		s->parts[i].seconds = 0;
	}
	s->part_cnt += i == s->part_cnt;
	s->parts[i] = (struct part){ &rows[row], of, protocol, seconds + s->parts[i].seconds };
}

static void totals_add(struct scene *s)
{
	const char *const labels[SERIES_LABELS] = { s->service };
	double throttled = 0;

	for (int row = PART_CPU; row <= PART_CONNECT; row++) {
		double seconds =
			metric_increase(s->src->registry, rows[row].metric, labels, &s->now_window);

		if (row == PART_THROTTLED && seconds > 0)
			throttled = seconds;
		/* who is throttled also waits for a CPU */
		if (row == PART_CPU_WAIT)
			seconds -= throttled;
		part_add(s, row, NULL, NULL, seconds);
	}
}

static double class_seconds(const struct scene *s, const char *class)
{
	return metric_increase(s->src->registry, "seismo_syscall_duration_seconds",
			       (const char *[SERIES_LABELS]){ s->service, class }, &s->now_window);
}

/*
 * Most writes are written back later and nobody waits for them: of those, and of flushes, as much counts as the service spent in
 * system calls that may wait for them.
 */
static void disk_add(struct scene *s)
{
	const struct condition where[] = { { "service", s->service }, { NULL } };
	double writes = 0, waited = class_seconds(s, "sync") + class_seconds(s, "write"), scale;
	struct group g;

	group_find(&g, s->src->registry, "seismo_service_block_io_duration_seconds", where);
	for (size_t i = 0; i < g.cnt; i++)
		if (strcmp(g.at[i]->label[2] ?: "", "read") != 0)
			writes += series_increase(g.at[i], &s->now_window);
	scale = waited < writes ? waited / writes : 1;
	for (size_t i = 0; i < g.cnt; i++) {
		bool read = !strcmp(g.at[i]->label[2] ?: "", "read");

		part_add(s, PART_DISK, g.at[i]->label[1], NULL,
			 series_increase(g.at[i], &s->now_window) * (read ? 1 : scale));
	}
	group_release(&g);
	group_find(&g, s->src->registry, "seismo_service_block_io_oldest_seconds", where);
	for (size_t i = 0; i < g.cnt; i++)
		part_add(s, PART_DISK, g.at[i]->label[1], NULL,
			 fmin(series_increase(g.at[i], &s->now_window), window_seconds(s)));
	group_release(&g);
	group_find(&g, s->src->registry, "seismo_service_block_io_throttled_seconds", where);
	for (size_t i = 0; i < g.cnt; i++)
		part_add(s, PART_IO_LIMIT, g.at[i]->label[1], NULL,
			 series_increase(g.at[i], &s->now_window));
	group_release(&g);
}

static const char *label_of(const struct series *s, const char *name)
{
	int at = family_label(s->family, name);

	return at < 0 ? NULL : s->label[at];
}

/* Requests that have ended, and for the oldest under way what it has waited in the window. */
static void outbound_add(struct scene *s)
{
	const struct condition where[] = { { "service", s->service },
					   { "direction", "outbound" },
					   { NULL } };
	struct group g;

	group_find(&g, s->src->registry, "seismo_request_duration_seconds", where);
	for (size_t i = 0; i < g.cnt; i++)
		part_add(s, PART_OUTBOUND, label_of(g.at[i], "peer"), label_of(g.at[i], "protocol"),
			 series_increase(g.at[i], &s->now_window));
	group_release(&g);
	group_find(&g, s->src->registry, "seismo_request_oldest_seconds", where);
	for (size_t i = 0; i < g.cnt; i++)
		part_add(s, PART_OUTBOUND, label_of(g.at[i], "peer"), label_of(g.at[i], "protocol"),
			 fmin(series_increase(g.at[i], &s->now_window), window_seconds(s)));
	group_release(&g);
}

static void parts_order(struct scene *s)
{
	for (size_t i = 1; i < s->part_cnt; i++) {
		struct part p = s->parts[i];
		size_t at = i;

		for (; at > 0 && s->parts[at - 1].seconds < p.seconds; at--)
			s->parts[at] = s->parts[at - 1];
		s->parts[at] = p;
	}
}

/*
 * Parts of the time in which requests were under way; where there are none, of the window. Threads that wait for work wait in
 * futex(2) as well as those that wait for a lock: only what is left of the time can have been locks, or sleep.
 */
static void time_split(struct scene *s)
{
	const struct condition where[] = { { "service", s->service },
					   { "direction", "inbound" },
					   { NULL } };
	static const struct {
		int part;
		const char *class;
	} rest[] = { { PART_LOCKS, "futex" }, { PART_SLEEP, "sleep" } };
	double sum = 0, waiting = scene_gauge(s, "seismo_request_oldest_seconds", where);

	s->time = s->inbound.now.unknown ? 0 : s->inbound.now.sum;
	if (waiting > 0)
		s->time += fmin(waiting, window_seconds(s));
	s->by_requests = s->time > 0;
	if (!s->by_requests)
		s->time = window_seconds(s);
	totals_add(s);
	disk_add(s);
	outbound_add(s);
	for (size_t i = 0; i < s->part_cnt; i++)
		sum += s->parts[i].seconds;
	for (size_t i = 0; i < sizeof(rest) / sizeof(*rest) && sum < s->time; i++) {
		double seconds = fmin(class_seconds(s, rest[i].class), s->time - sum);

		part_add(s, rest[i].part, NULL, NULL, seconds);
		sum += seconds > 0 ? seconds : 0;
	}
	s->time = fmax(s->time, sum);
	parts_order(s);
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
	c->oldest = scene_gauge(s, "seismo_request_oldest_seconds", where);
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

/* The callee that the alert names, or the one that takes most of the time. */
static void callee_find(struct scene *s)
{
	const struct part *most = scene_part(s, "outbound");
	struct call *c = &s->callee;

	if (s->peer) {
		c->service = s->peer;
		c->protocol = s->protocol;
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

static void cpu_user_find(struct scene *s)
{
	const struct condition where[] = { { NULL } };
	double most = 0;
	struct group g;

	group_find(&g, s->src->registry, "seismo_cpu_seconds_total", where);
	for (size_t i = 0; i < g.cnt; i++) {
		double seconds = series_increase(g.at[i], &s->now_window);

		if (seconds > most && g.at[i]->label[0] &&
		    strcmp(g.at[i]->label[0], s->service) != 0) {
			most = seconds;
			s->cpu_user = g.at[i]->label[0];
		}
	}
	group_release(&g);
	s->cpu_used = s->cpu_user ? most / window_seconds(s) : NAN;
}

void scene_service(struct scene *s)
{
	const struct condition where[] = { { "service", s->service },
					   { "direction", "inbound" },
					   { NULL } };

	scene_measure(s, &s->inbound, "seismo_request_duration_seconds", where);
	time_split(s);
	callee_find(s);
	callers_find(s);
	cpu_user_find(s);
}
