// SPDX-License-Identifier: BSD-3-Clause
#include "expo/services.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "expo/json.h"
#include "metric/hist.h"
#include "metric/query.h"
#include "metric/status.h"

#define WINDOW_DEFAULT (60 * 1000000000ULL)
#define CALLS_MAX      4096 /* more than the kernel side can count */

/* Calls differ in the first four labels; the fifth tells errors. */
enum { SERVICE, DIRECTION, PEER, PROTOCOL, KEYS, STATUS = KEYS };
static const char *const labels[SERIES_LABELS] = { "service", "direction", "peer", "protocol",
						   "status" };

/* Queries a metric by the first `by_cnt` labels, which it must have. A metric that does not exist has no groups. */
static int metric_query(const struct registry *r, const struct history *h,
			const struct expo_window *w, const char *name, unsigned by_cnt,
			struct query_result *ret)
{
	struct query q = { .family = registry_find(r, name),
			   .window_ns = w->length_ns,
			   .ago_ns = w->ago_ns,
			   .by_cnt = by_cnt,
			   .groups_max = CALLS_MAX };

	for (unsigned i = 0; q.family && i < by_cnt; i++)
		q.by[i] = (unsigned)family_label(q.family, labels[i]);
	return q.family ? query_run(&q, h, ret) : 0;
}

static int call_compare(const struct query_group *a, const struct query_group *b)
{
	int order = 0;

	for (int i = 0; i < KEYS && !order; i++)
		order = strcmp(a->label[i] ?: "", b->label[i] ?: "");
	return order;
}

struct call {
	const struct query_group *key;
	u64 requests, errors;		/* as long as the service has been known */
	u64 last_requests, last_errors; /* in the window */
};

/* Adds up the groups from *at on that differ in status alone, and advances *at. */
static struct call call_take(const struct query_result *requests, u32 *at)
{
	struct call c = { .key = requests->groups[*at] };

	for (; *at < requests->group_cnt && !call_compare(requests->groups[*at], c.key); ++*at) {
		const struct query_group *g = requests->groups[*at];
		bool error = status_is_failed(g->label[STATUS]);

		c.requests += g->total;
		c.last_requests += g->delta;
		c.errors += error ? g->total : 0;
		c.last_errors += error ? g->delta : 0;
	}
	return c;
}

/* Finds the durations of a call; both results are sorted alike, so *at only advances. */
static const struct hist *durations_take(const struct query_result *durations, u32 *at,
					 const struct call *c)
{
	int order = -1;

	while (*at < durations->group_cnt &&
	       (order = call_compare(durations->groups[*at], c->key)) < 0)
		++*at;
	return order ? NULL : durations->groups[*at]->hist;
}

/* Percentiles without requests, and rates before the first reading, are null. */
static json_t *call_json(const struct call *c, const struct hist *h, double seconds, bool outbound)
{
	const char *const *label = c->key->label;
	json_t *o = json_pack("{s:s?, s:I, s:I, s:o, s:o, s:o, s:o}", "protocol", label[PROTOCOL],
			      "requests_total", (json_int_t)c->requests, "errors_total",
			      (json_int_t)c->errors, "requests_per_second",
			      json_number((double)c->last_requests / seconds), "errors_per_second",
			      json_number((double)c->last_errors / seconds), "p50_seconds",
			      json_number(h ? hist_quantile(h, 0.5) : NAN), "p99_seconds",
			      json_number(h ? hist_quantile(h, 0.99) : NAN));

	if (outbound)
		json_object_set_new(o, "peer",
				    label[PEER] ? json_string(label[PEER]) : json_null());
	return o;
}

/* One object per service: the requests it serves and the calls it makes. */
static json_t *services_json(const struct query_result *requests,
			     const struct query_result *durations, double seconds)
{
	json_t *services = json_array(), *service = NULL;
	const char *name = NULL;

	for (u32 i = 0, next = 0; i < requests->group_cnt;) {
		const struct call c = call_take(requests, &i);
		const struct hist *h = durations_take(durations, &next, &c);
		const char *const *label = c.key->label;
		bool outbound = label[DIRECTION] && !strcmp(label[DIRECTION], "outbound");

		if (!service || label[SERVICE] != name) {
			name = label[SERVICE];
			service = json_pack("{s:s?, s:[], s:[]}", "service", name, "requests",
					    "calls");
			json_array_append_new(services, service);
		}
		json_array_append_new(json_object_get(service, outbound ? "calls" : "requests"),
				      call_json(&c, h, seconds, outbound));
	}
	return services;
}

unsigned expo_services(const struct registry *r, const struct history *h,
		       const struct expo_params *params, struct buf *out)
{
	struct query_result requests = { 0 }, durations = { 0 };
	struct expo_window w = { .length_ns = WINDOW_DEFAULT };
	struct buf error = { 0 };
	unsigned status = 200;
	double seconds;
	int err = expo_window_read(&w, params, &error);

	err = err ?: metric_query(r, h, &w, "seismo_requests_total", KEYS + 1, &requests);
	err = err ?: metric_query(r, h, &w, "seismo_request_duration_seconds", KEYS, &durations);
	seconds = (double)(requests.window.end_ns - requests.window.begin_ns) / 1e9;
	if (err && err != -EAGAIN)
		status = expo_error(err, &error, out);
	else
		json_write(json_pack("{s:f, s:o}", "window_seconds", seconds, "services",
				     services_json(&requests, &durations, seconds)),
			   out);
	buf_release(&error);
	query_release(&requests);
	query_release(&durations);
	return status;
}
