// SPDX-License-Identifier: BSD-3-Clause
#include "expo/services.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "metric/hist.h"

static json_t *quantile_json(const struct hist *h, double q)
{
	double value = hist_quantile(h, q);

	return isnan(value) ? json_null() : json_real(value);
}

static json_t *call_json(const struct call *call, double seconds)
{
	const struct call_count *last = &call->last;
	json_t *o = json_pack("{s:s, s:I, s:I, s:f, s:f, s:o, s:o}", "protocol", call->protocol,
			      "requests_total", (json_int_t)call->total.requests, "errors_total",
			      (json_int_t)call->total.errors, "requests_per_second",
			      (double)last->requests / seconds, "errors_per_second",
			      (double)last->errors / seconds, "p50_seconds",
			      quantile_json(&last->durations, 0.5), "p99_seconds",
			      quantile_json(&last->durations, 0.99));

	if (call->outbound)
		json_object_set_new(o, "peer", *call->peer ? json_string(call->peer) : json_null());
	return o;
}

static json_t *service_json(const char *name)
{
	json_t *text = json_string(name); /* NULL: not UTF-8 */

	return json_pack("{s:o, s:[], s:[]}", "service", text ? text : json_string("?"), "requests",
			 "calls");
}

static int out_add(const char *data, size_t len, void *out)
{
	buf_add(out, data, len);
	return 0;
}

void expo_services(struct calls *calls, u64 now_ns, struct buf *out)
{
	const struct call *list = NULL;
	u64 window_ns = 0;
	size_t cnt = calls_read(calls, now_ns, &list, &window_ns);
	double seconds = (double)window_ns / 1e9;
	json_t *services = json_array(), *service = NULL, *doc;

	for (size_t i = 0; i < cnt; i++) {
		if (!i || strcmp(list[i].service, list[i - 1].service)) {
			service = service_json(list[i].service);
			json_array_append_new(services, service);
		}
		json_array_append_new(json_object_get(service,
						      list[i].outbound ? "calls" : "requests"),
				      call_json(&list[i], seconds));
	}
	doc = json_pack("{s:f, s:o}", "window_seconds", seconds, "services", services);
	if (!doc || json_dump_callback(doc, out_add, out, JSON_INDENT(2)))
		out->failed = true;
	buf_char(out, '\n');
	json_decref(doc);
}
