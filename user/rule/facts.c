// SPDX-License-Identifier: BSD-3-Clause
#include "rule/facts.h"

#include <math.h>
#include <string.h>

#define UP	    2.0	 /* times the usual */
#define LOAD_UP	    1.5	 /* times the usual rate, or bytes a request */
#define HANGS	    5.0	 /* seconds without an answer */
#define DOMINATES   0.5	 /* of the service's time */
#define MUCH	    0.25 /* of it */
#define THROTTLED   0.1	 /* of the periods of a quota */
#define LOADS_MOST  0.5	 /* of the bytes or requests of a device */
#define PHASE_MIN   0.2	 /* of what a phase and the other take together, for it to matter */
#define MEMORY_FULL 0.9	 /* of the limit */

enum answer { NO, YES, UNKNOWN };

/* Comparisons with NAN are unknown. */
static enum answer at_least(double value, double bound)
{
	return isnan(value) ? UNKNOWN : value >= bound ? YES : NO;
}

static enum answer both(enum answer a, enum answer b)
{
	return a == NO || b == NO ? NO : a == UNKNOWN || b == UNKNOWN ? UNKNOWN : YES;
}

static enum answer either(enum answer a, enum answer b)
{
	return a == YES || b == YES ? YES : a == UNKNOWN || b == UNKNOWN ? UNKNOWN : NO;
}

/* --- the alert */

static bool metric_begins(const struct scene *s, const char *prefix)
{
	return !strncmp(s->alert->rule->term.metric, prefix, strlen(prefix));
}

/* Is it the device that the alert is about, and not a service that waits for it? */
static enum answer about_device(const struct scene *s)
{
	return metric_begins(s, "seismo_block_");
}

static enum answer about_block_errors(const struct scene *s)
{
	return metric_begins(s, "seismo_block_io_errors");
}

static enum answer about_connects(const struct scene *s)
{
	return metric_begins(s, "seismo_tcp_connect_");
}

static enum answer most_is(const struct scene *s, const char *value)
{
	const struct family *f = s->value.group.family;

	for (unsigned i = 0; s->most && i < f->label_cnt; i++)
		if (s->most->label[i] && !strcmp(s->most->label[i], value))
			return YES;
	return NO;
}

static enum answer about_oom(const struct scene *s)
{
	return metric_begins(s, "seismo_oom_");
}

/* Of a cgroup's limit, as the kernel said. */
static enum answer oom_of_cgroup(const struct scene *s)
{
	return both(about_oom(s), most_is(s, "cgroup"));
}

static enum answer about_exits(const struct scene *s)
{
	return metric_begins(s, "seismo_process_");
}

static enum answer exits_by_oom(const struct scene *s)
{
	return both(about_exits(s), most_is(s, "oom"));
}

static enum answer about_overflows(const struct scene *s)
{
	return metric_begins(s, "seismo_tcp_listen_overflows");
}

static enum answer about_calls(const struct scene *s)
{
	return metric_begins(s, "seismo_syscall_errors");
}

static enum answer connect_refused(const struct scene *s)
{
	return both(about_connects(s), most_is(s, "ECONNREFUSED"));
}

static enum answer about_network(const struct scene *s)
{
	return metric_begins(s, "seismo_tcp_re") || metric_begins(s, "seismo_tcp_rtt");
}

/* --- the device */

static enum answer device_hangs(const struct scene *s)
{
	return s->device ? at_least(s->device_oldest, HANGS) : NO;
}

/* Nothing has completed in the last tick. */
static enum answer device_silent(const struct scene *s)
{
	struct history_window tick;
	struct measure m;

	if (!s->device)
		return NO;
	if (!history_window_tick(s->src->history, &tick))
		return UNKNOWN;
	group_measure(&s->io.group, &tick, NULL, &m);
	return m.unknown ? UNKNOWN : m.cnt == 0;
}

/* Its share of the time matters, too: a queue that was empty is soon many times as long. */
static enum answer phase_up(const struct scene *s, const struct measured *phase)
{
	double mean = measure_mean(&phase->now), device = measure_mean(&s->in_device.now),
	       queue = s->in_queue.now.unknown ? 0 : measure_mean(&s->in_queue.now);

	if (!s->device)
		return NO;
	if (phase->now.unknown || isnan(mean))
		return UNKNOWN;
	if (mean < PHASE_MIN * (device + (isnan(queue) ? 0 : queue)))
		return NO;
	return at_least(measured_mean_factor(phase), UP);
}

/* Where nothing tells what is usual, the rule itself says that it is too slow. */
static enum answer device_slow(const struct scene *s)
{
	enum answer up = phase_up(s, &s->in_device);

	if (up == UNKNOWN && s->operation && metric_begins(s, "seismo_block_io_duration"))
		return YES;
	return up;
}

static enum answer queue_slow(const struct scene *s)
{
	return s->device && s->is_volume ? NO : phase_up(s, &s->in_queue);
}

static double bytes_by_request(double bytes, double ops)
{
	return bytes / ops;
}

static enum answer device_loaded(const struct scene *s)
{
	double now = bytes_by_request(s->bytes, measure_rate(&s->io.now)),
	       usual = s->io.usual.unknown
			       ? NAN
			       : bytes_by_request(s->usual_bytes, measure_rate(&s->io.usual));

	if (!s->device)
		return NO;
	return either(at_least(measured_rate_factor(&s->io), LOAD_UP),
		      at_least(usual > 0 ? now / usual : NAN, LOAD_UP));
}

static enum answer several_suffer(const struct scene *s)
{
	return s->device && s->slower_total >= 2;
}

/* Others use it, and for them it is as always. */
static enum answer others_fine(const struct scene *s)
{
	return s->device && s->slower_total == 1 && s->as_usual_total > 0;
}

static const struct user *loader(const struct scene *s)
{
	return s->user_cnt ? &s->users[0] : NULL;
}

static enum answer one_loads(const struct scene *s)
{
	const struct user *u = loader(s);
	double ops = s->io.now.unknown ? NAN : measure_rate(&s->io.now);

	if (!s->device || !u)
		return NO;
	return either(at_least(u->bytes / s->bytes, LOADS_MOST),
		      at_least(u->ops / ops, LOADS_MOST));
}

/* It does so more than usual, or had not done so before. */
static enum answer loader_up(const struct scene *s)
{
	const struct user *u = loader(s);

	if (!s->device || !u)
		return NO;
	return either(at_least(u->bytes / u->usual_bytes, LOAD_UP),
		      at_least(u->ops / u->usual_ops, LOAD_UP));
}

/* Who loads it is the one that suffers, or the only one that uses it. */
static enum answer loads_itself(const struct scene *s)
{
	const struct user *u = loader(s);

	return u && (s->service ? !strcmp(u->service, s->service) : s->waiting_total <= 1);
}

/* --- the service */

static enum answer part_takes(const struct scene *s, const char *name, double share)
{
	const struct part *p = scene_part(s, name);

	return p ? at_least(scene_share(s, p), share) : NO;
}

static enum answer io_limited(const struct scene *s)
{
	return part_takes(s, "io_limit", MUCH);
}

static enum answer disk_matters(const struct scene *s)
{
	return either(part_takes(s, "disk", MUCH),
		      metric_begins(s, "seismo_block_") || metric_begins(s, "seismo_service_"));
}

/* Periods of its quota in which it was throttled. */
static enum answer cpu_throttled(const struct scene *s)
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

/* Is it clearly more than usual, or is nothing known of that? */
static enum answer is_more(double factor)
{
	return isnan(factor) || factor >= LOAD_UP;
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

static enum answer cpu_waits(const struct scene *s)
{
	return both(part_takes(s, "cpu_wait", MUCH),
		    is_more(part_factor(s, "seismo_run_queue_wait_seconds", false)));
}

static enum answer cpu_dominates(const struct scene *s)
{
	return part_takes(s, "cpu", DOMINATES);
}

static enum answer cpu_up(const struct scene *s)
{
	return is_more(part_factor(s, "seismo_cpu_seconds_total", true));
}

static enum answer locks_dominate(const struct scene *s)
{
	return s->by_requests ? part_takes(s, "locks_at_most", DOMINATES) : NO;
}

/* Requests take longer than usual, and nothing that is measured takes the time. */
static enum answer waits_unexplained(const struct scene *s)
{
	double rest = s->time;

	for (size_t i = 0; i < s->part_cnt; i++)
		rest -= s->parts[i].seconds;
	return s->service && s->by_requests && rest >= DOMINATES * s->time &&
	       is_more(measured_mean_factor(&s->inbound));
}

static enum answer sleeps(const struct scene *s)
{
	return both(part_takes(s, "sleep_at_most", DOMINATES),
		    is_more(measured_mean_factor(&s->inbound)));
}

static enum answer callee_silent(const struct scene *s)
{
	return s->callee.service ? at_least(s->callee.oldest, HANGS) : NO;
}

/* A gauge of the callee, where that is a service of this host. */
static double callee_gauge(const struct scene *s, const char *metric)
{
	const struct condition where[] = { { "service", s->callee.service ?: "" }, { NULL } };

	return s->callee.service ? scene_gauge(s, metric, where) : NAN;
}

static enum answer callee_stopped(const struct scene *s)
{
	return callee_gauge(s, "seismo_stopped_tasks") > 0;
}

/* It had processes, and has none any more. */
static enum answer callee_gone(const struct scene *s)
{
	const char *const labels[SERIES_LABELS] = { s->callee.service };
	const struct family *f = registry_find(s->src->registry, "seismo_processes");

	return s->callee.service && f && family_find(f, labels) &&
	       callee_gauge(s, "seismo_processes") == 0;
}

/* --- errors */

static enum answer about_errors(const struct scene *s)
{
	return metric_begins(s, "seismo_requests_");
}

static double connect_failures(const struct scene *s, const struct history_window *w)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	struct measure m;
	struct group g;

	group_find(&g, s->src->registry, "seismo_tcp_connect_failures_total", where);
	group_measure(&g, w, "", &m);
	group_release(&g);
	return m.unknown ? NAN : measure_rate(&m);
}

static enum answer connects_fail(const struct scene *s)
{
	double now = s->service ? connect_failures(s, &s->now_window) : 0;

	return now > 0 ? is_more(now / connect_failures(s, s->usual)) : NO;
}

/* Either told by the alert itself, or by its failing connects. */
static enum answer asks_in_vain(const struct scene *s)
{
	return either(connect_refused(s), both(about_errors(s), connects_fail(s)));
}

/* Again and again. */
static enum answer callee_dies(const struct scene *s)
{
	for (size_t i = 0; s->callee.service && i < s->changed_cnt; i++)
		if ((s->changed[i].kind == CHANGE_DIED || s->changed[i].kind == CHANGE_OOM) &&
		    s->changed[i].cnt > 1 && !strcmp(s->changed[i].service, s->callee.service))
			return YES;
	return NO;
}

static bool is_error(const struct series *s)
{
	int at = family_label(s->family, "status");
	const char *status = at < 0 || !s->label[at] ? "" : s->label[at];

	return !strcmp(status, "error") || (*status == '5' && strlen(status) == 3);
}

static double errors_in(const struct scene *s, const char *direction)
{
	const struct condition where[] = { { "service", s->service ?: "" },
					   { "direction", direction },
					   { NULL } };
	double errors = 0;
	struct group g;

	group_find(&g, s->src->registry, "seismo_requests_total", where);
	for (size_t i = 0; i < g.cnt; i++)
		if (is_error(g.at[i]))
			errors += series_increase(g.at[i], &s->now_window);
	group_release(&g);
	return errors;
}

/* Half of the errors that it answers, or more, it has been answered itself. */
static enum answer callee_errs(const struct scene *s)
{
	double inbound = errors_in(s, "inbound");

	return inbound > 0 && errors_in(s, "outbound") >= inbound / 2;
}

static enum answer has_died(const struct scene *s)
{
	for (size_t i = 0; s->service && i < s->changed_cnt; i++)
		if ((s->changed[i].kind == CHANGE_DIED || s->changed[i].kind == CHANGE_OOM) &&
		    !strcmp(s->changed[i].service, s->service))
			return YES;
	return NO;
}

static enum answer callee_dominates(const struct scene *s)
{
	return both(part_takes(s, "outbound", DOMINATES),
		    is_more(measured_mean_factor(&s->callee.duration)));
}

static enum answer requests_up(const struct scene *s)
{
	return s->service ? at_least(measured_rate_factor(&s->inbound), LOAD_UP) : NO;
}

static enum answer memory_stalls(const struct scene *s)
{
	return part_takes(s, "memory_reclaim", MUCH);
}

static enum answer memory_full(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	double limit = scene_gauge(s, "seismo_memory_limit_bytes", where),
	       resident = scene_gauge(s, "seismo_memory_resident_bytes", where);

	return s->service && limit > 0 ? at_least(resident / limit, MEMORY_FULL) : NO;
}

static enum answer memory_limited(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };

	return s->service && scene_gauge(s, "seismo_memory_limit_bytes", where) > 0;
}

static enum answer is_stopped(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };

	return s->service ? at_least(scene_gauge(s, "seismo_stopped_tasks", where), 1) : NO;
}

static enum answer was_replaced(const struct scene *s)
{
	for (size_t i = 0; s->service && i < s->changed_cnt; i++)
		if (s->changed[i].kind == CHANGE_REPLACED &&
		    !strcmp(s->changed[i].service, s->service))
			return YES;
	return NO;
}

/* --- rows */

#define FACT_ROW(name, missing) { name, missing },
static const struct {
	enum answer (*answer)(const struct scene *s);
	const char *missing;
} facts[] = { FACTS(FACT_ROW) };

void facts_find(const struct scene *s, u64 *yes, u64 *unknown)
{
	*yes = *unknown = 0;
	for (unsigned i = 0; i < FACT_CNT; i++) {
		enum answer a = facts[i].answer(s);

		*yes |= (u64)(a == YES) << i;
		*unknown |= (u64)(a == UNKNOWN) << i;
	}
}

const char *facts_missing(u64 unknown)
{
	return unknown ? facts[__builtin_ctzll(unknown)].missing : NULL;
}
