// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "expo/services.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "metric/hist.h"

#define WINDOW_NS (60 * 1000000000ULL)

/* What tells calls apart, in this order; interned, so that pointers can be compared. NULL: absent. */
enum { SERVICE, DIRECTION, PEER, PROTOCOL, KEYS };
static const char *const key_labels[KEYS] = { "service", "direction", "peer", "protocol" };

struct call {
	const char *key[KEYS];
	u64 requests, errors;		/* as long as the service has been known */
	u64 last_requests, last_errors; /* in the window */
	struct hist last_durations;
	UT_hash_handle hh;
};

/* Which of a family's labels has this name, or label_cnt. */
static unsigned label_find(const struct family *f, const char *name)
{
	unsigned i = 0;

	while (i < f->label_cnt && strcmp(f->label_names[i], name) != 0)
		i++;
	return i;
}

static struct call *call_get(struct call **calls, const struct series *s)
{
	const char *key[KEYS];
	struct call *call;

	for (unsigned i = 0; i < KEYS; i++) {
		unsigned label = label_find(s->family, key_labels[i]);

		key[i] = label < s->family->label_cnt ? s->label[label] : NULL;
	}
	HASH_FIND(hh, *calls, key, sizeof(key), call);
	if (call)
		return call;
	call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	memcpy(call->key, key, sizeof(key));
	HASH_ADD(hh, *calls, key, sizeof(key), call);
	if (call->hh.tbl)
		return call;
	free(call);
	return NULL;
}

static bool is_error(const struct series *s, unsigned status_label)
{
	const char *status = status_label < s->family->label_cnt ? s->label[status_label] : NULL;

	return status && (!strcmp(status, "error") || (status[0] == '5' && strlen(status) == 3));
}

static bool requests_add(struct call **calls, const struct family *f,
			 const struct history_window *w)
{
	unsigned status = f ? label_find(f, "status") : 0;

	for (size_t i = 0; f && i < f->series_cnt; i++) {
		const struct series *s = f->series[i];
		struct call *call = call_get(calls, s);
		u64 last = w ? (u64)history_delta(w, s) : 0;

		if (!call)
			return false;
		call->requests += (u64)*s->value;
		call->last_requests += last;
		if (!is_error(s, status))
			continue;
		call->errors += (u64)*s->value;
		call->last_errors += last;
	}
	return true;
}

static bool durations_add(struct call **calls, const struct family *f,
			  const struct history_window *w)
{
	for (size_t i = 0; f && w && i < f->series_cnt; i++) {
		struct call *call = call_get(calls, f->series[i]);

		if (!call)
			return false;
		history_hist(w, f->series[i], &call->last_durations);
	}
	return true;
}

static int call_compare(struct call *a, struct call *b)
{
	int order = 0;

	for (unsigned i = 0; i < KEYS && !order; i++)
		order = strcmp(a->key[i] ?: "", b->key[i] ?: "");
	return order;
}

/* Of nothing there is no percentile, and no rate in no time. */
static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *call_json(const struct call *call, double seconds, bool outbound)
{
	const struct hist *h = &call->last_durations;
	json_t *o = json_pack("{s:s?, s:I, s:I, s:o, s:o, s:o, s:o}", "protocol",
			      call->key[PROTOCOL], "requests_total", (json_int_t)call->requests,
			      "errors_total", (json_int_t)call->errors, "requests_per_second",
			      number_json((double)call->last_requests / seconds),
			      "errors_per_second", number_json((double)call->last_errors / seconds),
			      "p50_seconds", number_json(hist_quantile(h, 0.5)), "p99_seconds",
			      number_json(hist_quantile(h, 0.99)));

	if (outbound)
		json_object_set_new(o, "peer",
				    call->key[PEER] ? json_string(call->key[PEER]) : json_null());
	return o;
}

/* One object a service, with what is asked of it and what it asks. */
static json_t *services_json(struct call *calls, double seconds)
{
	json_t *services = json_array(), *service = NULL;
	const char *name = NULL;

	for (const struct call *call = calls; call; call = call->hh.next) {
		bool outbound = call->key[DIRECTION] && !strcmp(call->key[DIRECTION], "outbound");

		if (!service || call->key[SERVICE] != name) {
			name = call->key[SERVICE];
			service = json_pack("{s:s?, s:[], s:[]}", "service", name, "requests",
					    "calls");
			json_array_append_new(services, service);
		}
		json_array_append_new(json_object_get(service, outbound ? "calls" : "requests"),
				      call_json(call, seconds, outbound));
	}
	return services;
}

static int out_add(const char *data, size_t len, void *out)
{
	buf_add(out, data, len);
	return 0;
}

void expo_services(const struct registry *r, const struct history *h, struct buf *out)
{
	struct history_window window;
	bool known = history_window(h, WINDOW_NS, &window);
	const struct history_window *w = known ? &window : NULL;
	double seconds = known ? (double)(window.end_ns - window.begin_ns) / 1e9 : 0;
	struct call *calls = NULL, *call, *next;
	json_t *doc = NULL;

	if (requests_add(&calls, registry_find(r, "seismo_requests_total"), w) &&
	    durations_add(&calls, registry_find(r, "seismo_request_duration_seconds"), w)) {
		HASH_SORT(calls, call_compare);
		doc = json_pack("{s:f, s:o}", "window_seconds", seconds, "services",
				services_json(calls, seconds));
	}
	if (!doc || json_dump_callback(doc, out_add, out, JSON_INDENT(2)))
		out->failed = true;
	buf_char(out, '\n');
	json_decref(doc);
	HASH_ITER(hh, calls, call, next) {
		HASH_DEL(calls, call);
		free(call);
	}
}
