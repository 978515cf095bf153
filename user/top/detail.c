// SPDX-License-Identifier: BSD-3-Clause
#include "top/detail.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utc.h"
#include "top/format.h"

#define NS_PER_SEC   1000000000ULL
#define DEATHS_NS    (60 * NS_PER_SEC)
#define LABELS_WIDTH 34
#define LABELS_MAX   4
#define GROUPS_MAX   256 /* that are sorted */

#define EVENTS_ROUTE	"/api/v1/events"
#define ALERTS_ROUTE	"/api/v1/alerts"
#define PROCESSES_ROUTE "/api/v1/processes"

const struct top_part top_parts[] = {
	{ "alerts", .route = ALERTS_ROUTE, .max = 8 },
	{ "last deaths, in 60 s", .route = EVENTS_ROUTE, .max = 20 },
	{ "disks", "seismo_service_block_io_duration_seconds", "device,operation", .max = 8 },
	{ "disks, bytes", "seismo_service_block_io_bytes_total", "device,operation", .max = 8 },
	{ "disks, oldest under way", "seismo_service_block_io_oldest_seconds", "device", .max = 8 },
	{ "disks, waiting in its own limit", "seismo_service_block_io_throttled_seconds", "device",
	  .max = 8 },
	{ "requests, by peer where it calls", "seismo_request_duration_seconds",
	  "direction,protocol,peer", .max = 12 },
	{ "requests, by status", "seismo_requests_total", "direction,protocol,status", .max = 12 },
	{ "requests without an answer", "seismo_requests_unanswered_total",
	  "direction,protocol,reason", .max = 8 },
	{ "requests, oldest under way", "seismo_request_oldest_seconds", "direction,protocol,peer",
	  .max = 12 },
	{ "connections open", "seismo_tcp_connections_open", "direction", .max = 4 },
	{ "connects that fail", "seismo_tcp_connect_failures_total", "errno", .max = 8 },
	{ "round trip", "seismo_tcp_rtt_seconds", "", .max = 1 },
	{ "system calls", "seismo_syscalls_total", "syscall", .max = 12 },
	{ "system calls that fail", "seismo_syscall_errors_total", "syscall,errno", .max = 8 },
	{ "system calls, times by class", "seismo_syscall_duration_seconds", "class", .max = 16 },
	{ "pressure", "seismo_pressure_stalled_seconds_total", "resource,kind", .max = 6 },
	{ "processes", "seismo_processes", "", .max = 1 },
	{ "processes, as far as they are known", .route = PROCESSES_ROUTE, .max = 12 },
	{ "processes that ended, in 60 s", "seismo_process_exits_total", "reason", .max = 4,
	  .window_ns = DEATHS_NS },
	{ NULL },
};

/* --- asking */

static void duration_add(struct buf *path, const char *key, u64 ns, top_param_add add)
{
	struct buf text = { 0 };

	buf_printf(&text, "%llums", (unsigned long long)(ns / 1000000));
	add(path, key, buf_cstr(&text));
	buf_release(&text);
}

static void time_add(struct buf *path, const char *key, s64 ns, top_param_add add)
{
	struct utc_cache cache = { 0 };
	struct buf text = { 0 };

	utc_add(&text, &cache, ns);
	add(path, key, buf_cstr(&text));
	buf_release(&text);
}

/* The name may have anything in it: each of these characters gets a backslash. */
static void escaped_add(struct buf *b, const char *service, const char *special)
{
	for (; *service; service++) {
		if (strchr(special, *service))
			buf_char(b, '\\');
		buf_char(b, *service);
	}
}

static void query_path(struct buf *path, const struct top_part *p, const char *service,
		       const struct top_window *w, top_param_add add)
{
	struct buf where = { 0 };

	buf_str(path, "/api/v1/query?");
	add(path, "metric", p->metric);
	duration_add(path, "window", p->window_ns ?: w->length_ns, add);
	if (w->ago_ns)
		duration_add(path, "ago", w->ago_ns, add);
	add(path, "by", p->by);
	buf_str(&where, "service=\"");
	escaped_add(&where, service, "\"\\");
	buf_char(&where, '"');
	add(path, "where", buf_cstr(&where));
	buf_release(&where);
}

static void events_path(struct buf *path, const char *service, const struct top_window *w,
			top_param_add add)
{
	struct buf pattern = { 0 };

	buf_str(path, EVENTS_ROUTE "?");
	add(path, "kind", "process_exit");
	time_add(path, "since", w->end_ns - (s64)DEATHS_NS, add);
	if (w->ago_ns)
		time_add(path, "until", w->end_ns, add);
	escaped_add(&pattern, service, "*?[\\");
	add(path, "service", buf_cstr(&pattern));
	buf_release(&pattern);
}

const char *top_part_path(struct buf *path, const struct top_part *p, const char *service,
			  const struct top_window *w, top_param_add add)
{
	if (p->metric)
		query_path(path, p, service, w, add);
	else if (!strcmp(p->route, EVENTS_ROUTE))
		events_path(path, service, w, add);
	else if (w->ago_ns)
		return "only those of now are known";
	else
		buf_str(path, p->route);
	if (!p->metric && !strcmp(p->route, PROCESSES_ROUTE)) {
		buf_char(path, '?');
		add(path, "service", service);
	}
	return NULL;
}

/* --- answers of the history */

struct group {
	const json_t *o;
	double by; /* sorted by */
};

static const json_t *first_number(const json_t *o, const char *const keys[])
{
	const json_t *ret = NULL;

	for (; *keys && !json_is_number(ret); keys++)
		ret = json_object_get(o, *keys);
	return json_is_number(ret) ? ret : NULL;
}

static double group_value(const json_t *o)
{
	static const char *const keys[] = { "rate_per_second",
					    "rate_bytes_per_second",
					    "rate_seconds_per_second",
					    "last_seconds",
					    "last_bytes",
					    "last_value",
					    "last_cores",
					    NULL };

	return json_number_value(first_number(o, keys));
}

static int groups_compare(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return (x->by < y->by) - (x->by > y->by);
}

static void number_write(struct buf *b, const char *what, enum top_unit unit, const json_t *value)
{
	const struct top_cell c = { json_is_number(value) ? TOP_KNOWN : TOP_NONE,
				    json_number_value(value) };
	char text[TOP_CELL + 1];

	top_format(text, unit, &c, false);
	buf_printf(b, "  %s%*s", what, TOP_CELL, text);
}

static void labels_write(struct buf *b, const char *by, const json_t *labels)
{
	struct buf text = { 0 };
	char *names = strdup(by), *next = names, *name;

	while (names && (name = strsep(&next, ","))) {
		const char *value = json_string_value(json_object_get(labels, name));

		if (value && *value)
			buf_printf(&text, "%s%s", text.len ? " " : "", value);
	}
	buf_str(b, "  ");
	top_text_add(b, text.len ? buf_cstr(&text) : "all", LABELS_WIDTH);
	free(names);
	buf_release(&text);
}

static void group_write(struct buf *b, const struct top_part *p, const json_t *o)
{
	static const struct {
		const char *key, *what;
		enum top_unit unit;
	} numbers[] = {
		{ "rate_per_second", "/s ", TOP_UNIT_PER_SECOND },
		{ "rate_bytes_per_second", "/s ", TOP_UNIT_BYTES_PER_SECOND },
		{ "rate_seconds_per_second", "", TOP_UNIT_SHARE },
		{ "mean_seconds", "mean ", TOP_UNIT_SECONDS },
		{ "p50_seconds", "p50 ", TOP_UNIT_SECONDS },
		{ "p99_seconds", "p99 ", TOP_UNIT_SECONDS },
		{ "last_value", "", TOP_UNIT_COUNT },
		{ "last_seconds", "", TOP_UNIT_SECONDS },
		{ "last_bytes", "", TOP_UNIT_BYTES },
	};
	bool gauge = json_object_get(o, "max_seconds") || json_object_get(o, "max_value") ||
		     json_object_get(o, "max_bytes");

	labels_write(b, p->by, json_object_get(o, "labels"));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		const json_t *value = json_object_get(o, numbers[i].key);

		if (value && !(gauge && *numbers[i].what))
			number_write(b, numbers[i].what, numbers[i].unit, value);
	}
	buf_char(b, '\n');
}

static void title_write(struct buf *b, const struct top_part *p, bool *written)
{
	if (!*written)
		buf_printf(b, "%s\n", p->title);
	*written = true;
}

/* The largest first; what did nothing in the window is left out. */
static void groups_write(struct buf *b, const struct top_part *p, const json_t *list)
{
	struct group groups[GROUPS_MAX] = { 0 };
	bool written = false;
	size_t cnt = 0, i;
	const json_t *o;

	json_array_foreach((json_t *)list, i, o)
	{
		double by = group_value(o);

		if (by > 0 && cnt < GROUPS_MAX)
			groups[cnt++] = (struct group){ o, by };
	}
	qsort(groups, cnt, sizeof(*groups), groups_compare);
	for (i = 0; i < cnt && i < p->max; i++) {
		title_write(b, p, &written);
		group_write(b, p, groups[i].o);
	}
	if (cnt > p->max)
		buf_printf(b, "  ... and %zu more\n", cnt - p->max);
}

/* --- events and alerts */

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

static void death_write(struct buf *b, const json_t *e)
{
	const char *time = text_of(e, "time"), *clock = strchr(time, 'T');
	json_int_t signal = json_integer_value(json_object_get(e, "signal")),
		   status = json_integer_value(json_object_get(e, "status"));

	buf_printf(b, "  %.8s  %s[%lld]  ", clock ? clock + 1 : "", text_of(e, "command"),
		   (long long)json_integer_value(json_object_get(e, "pid")));
	buf_str(b, text_of(e, "reason"));
	if (signal)
		buf_printf(b, " %lld", (long long)signal);
	else if (json_object_get(e, "status"))
		buf_printf(b, " %lld", (long long)status);
	number_write(b, "after ", TOP_UNIT_SECONDS, json_object_get(e, "life_seconds"));
	buf_char(b, '\n');
}

/* Those that ended without a failure are no deaths; the last first. */
static void deaths_write(struct buf *b, const struct top_part *p, const char *service,
			 const struct top_window *w, const json_t *answer)
{
	const json_t *list = json_object_get(answer, "events");
	const char *from = text_of(answer, "from");
	bool written = false;
	unsigned cnt = 0;
	s64 from_ns = 0;

	for (size_t i = json_array_size(list); i > 0 && cnt < p->max; i--) {
		const json_t *e = json_array_get(list, i - 1);

		if (strcmp(text_of(e, "service"), service) != 0 ||
		    !strcmp(text_of(e, "reason"), "ok"))
			continue;
		title_write(b, p, &written);
		death_write(b, e);
		cnt++;
	}
	if (json_is_false(json_object_get(answer, "recorded"))) {
		title_write(b, p, &written);
		buf_str(b, "  ? there is no event log\n");
	} else if (!utc_parse(from, &from_ns) && from_ns > w->end_ns - (s64)DEATHS_NS) {
		title_write(b, p, &written);
		buf_printf(b, "  ? before %.8s: see seismo events\n",
			   strchr(from, 'T') ? strchr(from, 'T') + 1 : from);
	}
}

static bool is_about(const json_t *alert, const char *service)
{
	const json_t *labels = json_object_get(alert, "labels");

	return !strcmp(text_of(labels, "service"), service);
}

static void alerts_write(struct buf *b, const struct top_part *p, const char *service,
			 const json_t *list)
{
	bool written = false;
	unsigned cnt = 0;
	const json_t *a;
	size_t i;

	json_array_foreach((json_t *)list, i, a)
	{
		const char *cause =
			json_string_value(json_object_get(json_object_get(a, "evidence"), "cause"));

		if (!is_about(a, service) || cnt == p->max)
			continue;
		cnt++;
		title_write(b, p, &written);
		buf_printf(b, "  %s %s %s: %s\n", text_of(a, "state"), text_of(a, "severity"),
			   text_of(a, "rule"), text_of(a, "summary"));
		if (cause)
			buf_printf(b, "    cause: %s\n", cause);
	}
}

static void process_write(struct buf *b, const json_t *process)
{
	const char *command = text_of(process, "command");

	buf_printf(b, "  %7lld  ", (long long)json_integer_value(json_object_get(process, "pid")));
	top_text_add(b, *command ? command : "?", 16);
	buf_printf(b, "  %s", text_of(process, "state"));
	number_write(b, "threads ", TOP_UNIT_COUNT, json_object_get(process, "threads_total"));
	number_write(b, "memory ", TOP_UNIT_BYTES, json_object_get(process, "proportional_bytes"));
	buf_char(b, '\n');
}

/* The largest first. */
static void processes_write(struct buf *b, const struct top_part *p, const json_t *list)
{
	struct group processes[GROUPS_MAX] = { 0 };
	size_t cnt = 0, i;
	const json_t *o;
	bool written = false;

	json_array_foreach((json_t *)list, i, o) if (cnt < GROUPS_MAX) processes[cnt++] =
		(struct group){ o, json_number_value(json_object_get(o, "proportional_bytes")) };
	qsort(processes, cnt, sizeof(*processes), groups_compare);
	for (i = 0; i < cnt && i < p->max; i++) {
		title_write(b, p, &written);
		process_write(b, processes[i].o);
	}
	if (cnt > p->max)
		buf_printf(b, "  ... and %zu more\n", cnt - p->max);
}

void top_part_write(struct buf *b, const struct top_part *p, const char *service,
		    const struct top_window *w, const json_t *answer, const char *why)
{
	if (!answer)
		buf_printf(b, "%s\n  ? %s\n", p->title, why);
	else if (p->metric)
		groups_write(b, p, json_object_get(answer, "groups"));
	else if (!strcmp(p->route, ALERTS_ROUTE))
		alerts_write(b, p, service, json_object_get(answer, "alerts"));
	else if (!strcmp(p->route, PROCESSES_ROUTE))
		processes_write(b, p, json_object_get(answer, "processes"));
	else
		deaths_write(b, p, service, w, answer);
}
