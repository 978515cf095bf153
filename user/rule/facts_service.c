// SPDX-License-Identifier: BSD-3-Clause
/* Facts about the service of a scene: what takes its time. */
#include <string.h>

#include "conf/pattern.h"
#include "rule/fact.h"

#define LOCK_ROWS	"postgresql|mysql|mongodb" /* protocols */
#define SLOWED		5			   /* times the usual */
#define NAMES_FEW	5
#define NAMES_LATE	0.1  /* second */
#define THROTTLED_LEAST 3    /* requests in an I/O limit */
#define THROTTLED_LONG	0.05 /* second that they wait there */
#define HELD		0.5  /* second that a thread hangs in an I/O limit */
#define THROTTLED	0.1  /* of the periods of a quota */
#define SWAPS		100  /* pages a second that come back */
#define STALLED		0.1  /* of each second */
#define RECLAIMS	1    /* a second, in which it waits for memory */
#define CPU_MORE	0.3  /* CPUs that are used more than before */

/* Half of what has to wait there waits long, and that is not as always: who does not get on at all has little of it. */
static enum answer io_throttled(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	struct measured m = { 0 };

	if (!s->service || s->focus)
		return NO;
	scene_measure(s, &m, "seismo_service_block_io_throttled_seconds", where);
	group_release(&m.group);
	if (m.now.unknown || !(m.now.p50 >= THROTTLED_LONG))
		return NO;
	return m.usual.unknown ? m.now.cnt >= THROTTLED_LEAST : !(m.usual.p50 > m.now.p50 / UP);
}

/*
 * Where functions of the kernel cannot be hooked only those are counted that are the first to wait, which is not for long: some do that
 * usually do not, and nothing else explains the time.
 */
static enum answer io_throttles(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	struct measured m = { 0 };

	if (!s->service || s->focus)
		return NO;
	scene_measure(s, &m, "seismo_service_block_io_throttled_seconds", where);
	group_release(&m.group);
	if (m.now.unknown || m.usual.unknown || !(m.now.cnt > 0) || measured_rate_factor(&m) < MANY)
		return NO;
	return fact_waits_unexplained(s);
}

/* So strict is the limit that threads hang in it: what completes is too little to speak of. */
static enum answer io_is_held(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	double age, usual;

	if (!s->service || s->focus)
		return NO;
	age = scene_age(s, "seismo_io_limited_oldest_seconds", where);
	usual = scene_usual_ages(s, "seismo_blocked_oldest_seconds", where);
	return age >= HELD && !(age < MANY * usual);
}

enum answer fact_io_limited(const struct scene *s)
{
	return either(either(part_takes(s, "io_limit", MUCH), io_is_held(s)),
		      either(io_throttled(s), io_throttles(s)));
}

enum answer fact_disk_takes(const struct scene *s)
{
	return part_takes(s, "disk", MUCH);
}

enum answer fact_disk_matters(const struct scene *s)
{
	return either(part_takes(s, "disk", MUCH),
		      subject_begins(s, "seismo_block_") || subject_begins(s, "seismo_service_"));
}

/* Periods of its quota in which it was throttled. */
enum answer fact_cpu_throttled(const struct scene *s)
{
	const char *const labels[SERIES_LABELS] = { s->service };
	const struct registry *r = s->src->registry;
	double periods, throttled;

	if (!s->service)
		return NO;
	periods = metric_increase(r, "seismo_cpu_periods_total", labels, &s->now_window);
	throttled =
		metric_increase(r, "seismo_cpu_throttled_periods_total", labels, &s->now_window);
	return periods > 0 ? at_least(throttled / periods, THROTTLED) : NO;
}

/* By how much more of this the service has than usual: by the second, or by the request. */
static double part_factor(const struct scene *s, const char *metric, bool by_request)
{
	const char *const labels[SERIES_LABELS] = { s->service };
	const struct registry *r = s->src->registry;
	const struct measure *now = &s->inbound.now, *usual = &s->inbound.usual;

	if (!s->usual || now->unknown || usual->unknown)
		return NAN;
	return metric_increase(r, metric, labels, &s->now_window) /
	       (by_request ? now->cnt : now->seconds) /
	       (metric_increase(r, metric, labels, s->usual) /
		(by_request ? usual->cnt : usual->seconds));
}

enum answer fact_cpu_waits(const struct scene *s)
{
	return both(part_takes(s, "cpu_wait", MUCH),
		    is_more(part_factor(s, "seismo_run_queue_wait_seconds", false)));
}

enum answer fact_cpu_dominates(const struct scene *s)
{
	return part_takes(s, "cpu", DOMINATES);
}

enum answer fact_cpu_much(const struct scene *s)
{
	return part_takes(s, "cpu", MUCH);
}

enum answer fact_cpu_up(const struct scene *s)
{
	return is_more(part_factor(s, "seismo_cpu_seconds_total", true));
}

enum answer fact_locks_dominate(const struct scene *s)
{
	return s->budget.by_requests ? part_takes(s, "locks_at_most", DOMINATES) : NO;
}

/* Requests take longer than usual, and nothing that is measured takes the time. */
enum answer fact_waits_unexplained(const struct scene *s)
{
	return s->service && s->budget.by_requests &&
	       s->budget.rest >= DOMINATES * s->budget.time &&
	       is_more(measured_mean_factor(&s->inbound));
}

/* A pool or a proxy of databases keeps no rows. */
static bool asks_database(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service },
					   { "direction", "outbound" },
					   { NULL } };
	bool ret = false;
	struct group g;

	group_find(&g, s->src->registry, "seismo_requests_total", where);
	for (size_t i = 0; i < g.cnt && !ret; i++)
		ret = pattern_match(LOCK_ROWS, series_label(g.at[i], "protocol") ?: "");
	group_release(&g);
	return ret;
}

/* Is it a database, by what most of its time goes to? Those lock rows and tables by means of their own, which no call tells of. */
enum answer fact_row_locks(const struct scene *s)
{
	const struct group *g = &s->inbound.group;
	const char *protocol = NULL;
	double most = 0;

	for (size_t i = 0; i < g->cnt; i++) {
		double seconds = series_increase(g->at[i], &s->now_window);

		if (seconds > most) {
			most = seconds;
			protocol = series_label(g->at[i], "protocol");
		}
	}
	return s->service && protocol && pattern_match(LOCK_ROWS, protocol) && !asks_database(s);
}

/* No resolver should take so long, whatever is usual; what it answers at the second try takes as long as the client waited. */
enum answer fact_names_late(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" },
					   { "direction", "inbound" },
					   { "protocol", "dns" },
					   { NULL } };
	struct measured m = { 0 };

	if (!s->service || subject_begins(s, "seismo_block_"))
		return NO;
	scene_measure(s, &m, "seismo_request_duration_seconds", where);
	group_release(&m.group);
	return !m.now.unknown && m.now.cnt >= NAMES_FEW && measure_mean(&m.now) >= NAMES_LATE;
}

enum answer fact_sleeps(const struct scene *s)
{
	return both(part_takes(s, "sleep_at_most", DOMINATES),
		    is_more(measured_mean_factor(&s->inbound)));
}

enum answer fact_callee_silent(const struct scene *s)
{
	const struct call *c = &s->callee;

	if (!c->service || !protocol_awaits(c->protocol) || c->oldest < MANY * c->usual_oldest)
		return NO;
	return at_least(c->oldest, HANGS);
}

/* A gauge of the callee, where that is a service of this host. */
double callee_gauge(const struct scene *s, const char *metric)
{
	const struct condition where[] = { { "service", s->callee.service ?: "" }, { NULL } };

	return s->callee.service ? scene_gauge(s, metric, where) : NAN;
}

enum answer fact_callee_stopped(const struct scene *s)
{
	return callee_gauge(s, "seismo_stopped_tasks") > 0;
}

/* It had processes, and has none any more. */
enum answer fact_callee_gone(const struct scene *s)
{
	const char *const labels[SERIES_LABELS] = { s->callee.service };
	const struct family *f = registry_find(s->src->registry, "seismo_processes");

	return s->callee.service && f && family_find(f, labels) &&
	       callee_gauge(s, "seismo_processes") == 0;
}

enum answer fact_callee_dominates(const struct scene *s)
{
	return both(part_takes(s, "outbound", DOMINATES),
		    is_more(measured_mean_factor(&s->callee.duration)));
}

/* Not most of its time, which it may also wait to be connected; but many times as long as ever. */
enum answer fact_callee_slowed(const struct scene *s)
{
	return both(part_takes(s, "outbound", MUCH),
		    at_least(measured_mean_factor(&s->callee.duration), SLOWED)) == YES;
}

enum answer fact_requests_up(const struct scene *s)
{
	return s->service ? at_least(measured_rate_factor(&s->inbound), LOAD_UP) : NO;
}

enum answer fact_memory_stalls(const struct scene *s)
{
	return part_takes(s, "memory_reclaim", MUCH);
}

enum answer fact_memory_full(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	double limit = scene_gauge(s, "seismo_memory_limit_bytes", where),
	       resident = scene_gauge(s, "seismo_memory_resident_bytes", where);

	return s->service && limit > 0 ? at_least(resident / limit, MEMORY_FULL) : NO;
}

enum answer fact_memory_limited(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };

	return s->service && scene_gauge(s, "seismo_memory_limit_bytes", where) > 0;
}

enum answer fact_is_stopped(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };

	return s->service ? at_least(scene_gauge(s, "seismo_stopped_tasks", where), 1) : NO;
}

enum answer fact_was_replaced(const struct scene *s)
{
	for (size_t i = 0; s->service && i < s->changed_cnt; i++)
		if (s->changed[i].kind == CHANGE_REPLACED &&
		    !strcmp(s->changed[i].service, s->service))
			return YES;
	return NO;
}

/* It had processes, and has none any more. */
enum answer fact_is_gone(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	const char *const labels[SERIES_LABELS] = { s->service };
	const struct family *f = registry_find(s->src->registry, "seismo_processes");

	return s->service && f && family_find(f, labels) &&
	       scene_gauge(s, "seismo_processes", where) == 0;
}

/* It was started again within what is known of it. */
enum answer fact_restarted(const struct scene *s)
{
	for (size_t i = 0; s->service && i < s->changed_cnt; i++)
		if ((s->changed[i].kind == CHANGE_STARTED || s->changed[i].kind == CHANGE_DIED) &&
		    !strcmp(s->changed[i].service, s->service))
			return YES;
	return NO;
}

/* --- memory */

/* Pages come back from swap. */
enum answer fact_swaps(const struct scene *s)
{
	struct counted c = service_counted(s, "seismo_swap_ins_total", s->service, NULL, NULL);

	return is_up(c, SWAPS * (double)(s->now_window.end_ns - s->now_window.begin_ns) / 1e9);
}

/* What it uses has to be read again and again: it stands still for want of memory. */
enum answer fact_rereads(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" },
					   { "resource", "memory" },
					   { "kind", "some" },
					   { NULL } };
	struct measured m = { 0 };

	if (!s->service)
		return NO;
	scene_measure(s, &m, "seismo_pressure_stalled_seconds_total", where);
	group_release(&m.group);
	return !m.now.unknown && measure_rate(&m.now) >= STALLED &&
	       is_more(measured_rate_factor(&m));
}

/* It has to give up some of its memory, or page cache, before it gets any, and did not before. */
enum answer fact_reclaims(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	struct measured m = { 0 };

	if (!s->service)
		return NO;
	scene_measure(s, &m, "seismo_memory_reclaim_stall_seconds", where);
	group_release(&m.group);
	return !m.now.unknown && measure_rate(&m.now) >= RECLAIMS &&
	       !(measured_rate_factor(&m) < MANY);
}

/* --- who computes */

/* CPUs that the service uses more than usual. */
static double cpu_more(const struct scene *s, const char *service)
{
	struct counted c = service_counted(s, "seismo_cpu_seconds_total", service, NULL, NULL);

	return (c.now - (isnan(c.usual) ? 0 : c.usual)) /
	       ((double)(s->now_window.end_ns - s->now_window.begin_ns) / 1e9);
}

/* The neighbour uses clearly more CPU than before, and the service itself not as much more. Whom it asks for more is no neighbour. */
enum answer fact_outgrown(const struct scene *s)
{
	double other = s->cpu_user ? cpu_more(s, s->cpu_user) : 0;

	if (s->cpu_user && s->callee.service && !strcmp(s->cpu_user, s->callee.service) &&
	    fact_requests_up(s) == YES)
		return NO;
	return other >= CPU_MORE && other > cpu_more(s, s->service);
}

/* The service itself uses clearly more, though it is not asked for more. */
enum answer fact_hogs(const struct scene *s)
{
	if (!s->service || cpu_more(s, s->service) < CPU_MORE)
		return NO;
	return is_more(part_factor(s, "seismo_cpu_seconds_total", s->budget.by_requests));
}

/* Requests wait until they are read. */
enum answer fact_queues(const struct scene *s)
{
	const struct part *p = scene_part(s, "queue");

	return p ? at_least(scene_share(s, p), MUCH) : NO;
}
