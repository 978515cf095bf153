// SPDX-License-Identifier: BSD-3-Clause
/* Facts about requests that fail, and whom the service asks. */
#include <math.h>
#include <string.h>

#include "conf/pattern.h"
#include "metric/status.h"
#include "rule/fact.h"

#define CONNECT_HANGS  0.9 /* second: the first SYN had no answer */
#define MANY_PROCESSES 5
#define HANDSHAKES     3     /* that fail */
#define FLAT	       0.4   /* of what the service waits, at most: the callee has no part in it */
#define ACCEPT_LATE    0.01  /* second until a connection is accepted */
#define ACCEPT_PART    0.05  /* of what a request takes */
#define RESENT_LEAST   3     /* segments */
#define RESENT	       0.015 /* segments a request */
#define RTT_LONG       0.01  /* second: more than a busy CPU on a fast path makes of it */

enum answer fact_about_errors(const struct scene *s)
{
	return subject_begins(s, "seismo_requests_");
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

enum answer fact_connects_fail(const struct scene *s)
{
	double now = s->service ? connect_failures(s, &s->now_window) : 0;

	return now > 0 ? is_more(now / connect_failures(s, s->usual)) : NO;
}

/* Either told by the alert itself, or by its failing connects. */
enum answer fact_asks_in_vain(const struct scene *s)
{
	return either(fact_connect_refused(s), both(fact_about_errors(s), fact_connects_fail(s)));
}

/* Again and again. */
enum answer fact_callee_dies(const struct scene *s)
{
	return scene_deaths(s, s->callee.service) > 1;
}

/* It has failed, and is there again. */
enum answer fact_callee_restarted(const struct scene *s)
{
	return scene_deaths(s, s->callee.service) && scene_starts(s, s->callee.service);
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
		if (status_is_failed(series_label(g.at[i], "status")))
			errors += series_increase(g.at[i], &s->now_window);
	group_release(&g);
	return errors;
}

/* Half of the errors that it answers, or more, it has been answered itself. */
enum answer fact_callee_errs(const struct scene *s)
{
	double inbound = errors_in(s, "inbound");

	return inbound > 0 && errors_in(s, "outbound") >= inbound / 2;
}

/* More than usual, and no few. */
enum answer fact_answers_errors(const struct scene *s)
{
	return errors_in(s, "inbound") >= 2;
}

/* --- limits */

/* Calls that fail where a limit is reached, and how often within the window that matters. */
static const struct limit {
	const char *syscalls, *errnos;
	double least;
} limits[LIMITS] = {
	[LIMIT_FILES] = { "*", "EMFILE|ENFILE", 3 },
	[LIMIT_TASKS] = { "clone|clone3|fork|vfork", "EAGAIN|ENOMEM", 2 },
	[LIMIT_SPACE] = { "!inotify_add_watch|bpf|perf_event_open|epoll_ctl", "ENOSPC|EDQUOT", 2 },
};

static bool is_of_limit(const struct series *s, const struct limit *l)
{
	int call = family_label(s->family, "syscall"), code = family_label(s->family, "errno");

	return call >= 0 && code >= 0 && pattern_match(l->syscalls, s->label[call] ?: "") &&
	       pattern_match(l->errnos, s->label[code] ?: "");
}

const struct series *scene_limited(const struct scene *s, enum limit_kind kind, double *ret_cnt)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	const struct series *most = NULL;
	double sum = 0, usual = 0, largest = 0;
	struct group g;

	group_find(&g, s->src->registry, "seismo_syscall_errors_total", where);
	for (size_t i = 0; s->service && i < g.cnt; i++) {
		double cnt = series_increase(g.at[i], &s->now_window);

		if (!is_of_limit(g.at[i], &limits[kind]))
			continue;
		sum += cnt;
		usual += s->usual ? series_increase(g.at[i], s->usual) : 0;
		if (cnt > largest) {
			largest = cnt;
			most = g.at[i];
		}
	}
	group_release(&g);
	if (s->usual)
		usual *= (double)(s->now_window.end_ns - s->now_window.begin_ns) /
			 (double)(s->usual->end_ns - s->usual->begin_ns);
	if (ret_cnt)
		*ret_cnt = sum;
	return is_up((struct counted){ sum, usual }, limits[kind].least) ? most : NULL;
}

enum answer fact_files_limited(const struct scene *s)
{
	return scene_limited(s, LIMIT_FILES, NULL) != NULL;
}

enum answer fact_tasks_limited(const struct scene *s)
{
	return scene_limited(s, LIMIT_TASKS, NULL) != NULL;
}

enum answer fact_space_limited(const struct scene *s)
{
	return scene_limited(s, LIMIT_SPACE, NULL) != NULL;
}

/* It has run into one of them: the subject itself says so. */
enum answer fact_about_limits(const struct scene *s)
{
	return subject_begins(s, "seismo_syscall_errors");
}

/* --- how processes end */

enum answer fact_killed_at_limit(const struct scene *s)
{
	return is_up(service_counted(s, "seismo_oom_kills_total", s->service, "scope", "!host"), 1);
}

enum answer fact_killed_by_host(const struct scene *s)
{
	return is_up(service_counted(s, "seismo_oom_kills_total", s->service, "scope", "host"), 1);
}

/*
 * So many processes fail, and that not as always. Servers with a process for each client end some with an error whenever clients go
 * away, which is a consequence of what these suffer from.
 */
static enum answer processes_fail(const struct scene *s, double least)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	bool many = s->service && scene_gauge(s, "seismo_processes", where) >= MANY_PROCESSES;

	return is_up(service_counted(s, "seismo_process_exits_total", s->service, "reason",
				     many ? "signal|oom" : "error|signal|oom"),
		     least);
}

enum answer fact_has_died(const struct scene *s)
{
	return processes_fail(s, 1);
}

enum answer fact_crashes(const struct scene *s)
{
	return processes_fail(s, 2);
}

/* --- connects */

enum answer fact_refused(const struct scene *s)
{
	return is_up(service_counted(s, "seismo_tcp_connect_failures_total", s->service, "errno",
				     "ECONNREFUSED"),
		     2);
}

/* No answer comes to a SYN, or none has come until the program gave up. */
enum answer fact_connects_hang(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };

	if (!s->service)
		return NO;
	return either(at_least(scene_age(s, "seismo_tcp_connect_oldest_seconds", where),
			       CONNECT_HANGS),
		      is_up(service_counted(s, "seismo_tcp_connect_failures_total", s->service,
					    "errno", "ETIMEDOUT|EHOSTUNREACH|ENETUNREACH"),
			    2)) == YES;
}

enum answer fact_connects_slow(const struct scene *s)
{
	return part_takes(s, "connect", MUCH);
}

enum answer fact_resets(const struct scene *s)
{
	return is_up(service_counted(s, "seismo_tcp_resets_total", s->service, "direction",
				     "outbound"),
		     3);
}

/* --- the callee */

enum answer fact_callee_is_dns(const struct scene *s)
{
	return s->callee.protocol && !strcmp(s->callee.protocol, "dns");
}

/* What the service asks stays without an answer: the time is up, or the connection ends. */
enum answer fact_callee_unanswering(const struct scene *s)
{
	struct counted c = service_counted(s, "seismo_requests_unanswered_total", s->service,
					   "direction", "outbound");

	return is_up(c, 2);
}

/*
 * For the callee itself it is as ever: the time that the service waits longer than usual, or most of the time where nothing tells
 * what is usual, is not spent there.
 */
enum answer fact_callee_flat(const struct scene *s)
{
	const struct measured *own = &s->callee_inbound, *seen = &s->callee.duration;
	double more, own_more;

	if (own->now.unknown || seen->now.unknown || !(seen->now.cnt > 0))
		return NO;
	if (!(own->now.cnt > 0))
		return YES;
	more = measure_mean(&seen->now);
	own_more = measure_mean(&own->now);
	if (!seen->usual.unknown && seen->usual.cnt > 0 && own->usual.cnt > 0) {
		more -= measure_mean(&seen->usual);
		own_more -= measure_mean(&own->usual);
	}
	return more > 0 ? own_more < FLAT * more : NO;
}

/* It serves, and nobody waits for it there. */
enum answer fact_callee_idle(const struct scene *s)
{
	const struct condition where[] = { { "service", s->callee.service ?: "" },
					   { "direction", "inbound" },
					   { NULL } };
	double oldest;

	if (!s->callee.service || s->callee_inbound.now.unknown)
		return NO;
	oldest = scene_age(s, "seismo_request_oldest_seconds", where);
	return !(oldest >= FLAT * s->callee.oldest);
}

/* It is known to be the one, not only the one that is asked most. */
enum answer fact_callee_in_trouble(const struct scene *s)
{
	return s->callee_troubled;
}

enum answer fact_callee_alive(const struct scene *s)
{
	return callee_gauge(s, "seismo_processes") > 0;
}

/* `least`: seconds. */
static enum answer accepts_slowly(const struct scene *s, const char *service, double least)
{
	const struct condition where[] = { { "service", service ?: "" }, { NULL } };
	struct measured m = { 0 };
	double mean;

	if (!service)
		return NO;
	scene_measure(s, &m, "seismo_tcp_accept_duration_seconds", where);
	group_release(&m.group);
	mean = m.now.unknown ? NAN : measure_mean(&m.now);
	return mean >= least && !(measured_mean_factor(&m) < MANY);
}

/* ... or drops them. */
static enum answer accepts_late(const struct scene *s, const char *service, double least)
{
	struct counted dropped =
		service_counted(s, "seismo_tcp_listen_overflows_total", service, NULL, NULL);

	return either(is_up(dropped, 2), accepts_slowly(s, service, least));
}

/* Where requests take seconds, what is long for an accept alone explains nothing. */
static double callee_accept_least(const struct scene *s)
{
	const struct measure *now = &s->callee.duration.now;

	return now->unknown ? ACCEPT_LATE : fmax(ACCEPT_LATE, ACCEPT_PART * measure_mean(now));
}

enum answer fact_callee_accepts_slowly(const struct scene *s)
{
	return accepts_slowly(s, s->callee.service, callee_accept_least(s));
}

enum answer fact_callee_accepts_late(const struct scene *s)
{
	return accepts_late(s, s->callee.service, callee_accept_least(s));
}

enum answer fact_accepts_late(const struct scene *s)
{
	return accepts_late(s, s->service, ACCEPT_LATE);
}

/* --- TLS */

static enum answer handshakes_fail(const struct scene *s, const char *direction)
{
	const struct condition where[] = { { "service", s->service },
					   { "direction", direction },
					   { "protocol", "tls" },
					   { NULL } };

	return s->service
		       ? is_up(counted_where(s, "seismo_requests_total", where, "status", "error"),
			       HANDSHAKES)
		       : NO;
}

/* Those of others with it. */
enum answer fact_handshakes_fail(const struct scene *s)
{
	return handshakes_fail(s, "inbound");
}

/* Those of its own with the callee. */
enum answer fact_callee_handshakes_fail(const struct scene *s)
{
	return both(s->callee.protocol && !strcmp(s->callee.protocol, "tls"),
		    handshakes_fail(s, "outbound"));
}

/* --- the path */

/* Segments that were sent again, for each of so many requests. */
static enum answer resends(const struct scene *s, const char *service)
{
	struct counted c = service_counted(s, "seismo_tcp_retransmits_total", service, NULL, NULL),
		       of = service_counted(s, "seismo_requests_total", service, NULL, NULL);

	return both(is_up(c, RESENT_LEAST), c.now >= RESENT * of.now);
}

enum answer fact_resent(const struct scene *s)
{
	return resends(s, s->service);
}

enum answer fact_callee_resent(const struct scene *s)
{
	return resends(s, s->callee.service);
}

enum answer fact_path_slow(const struct scene *s)
{
	const char *const ends[] = { s->service, s->callee.service };
	enum answer ret = NO;

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		const struct condition where[] = { { "service", ends[i] ?: "" }, { NULL } };
		struct measured m = { 0 };
		double mean;

		if (!ends[i])
			continue;
		scene_measure(s, &m, "seismo_tcp_rtt_seconds", where);
		group_release(&m.group);
		mean = m.now.unknown ? NAN : measure_mean(&m.now);
		if (mean >= RTT_LONG)
			ret = either(ret, at_least(measured_mean_factor(&m), MANY));
	}
	return ret;
}
