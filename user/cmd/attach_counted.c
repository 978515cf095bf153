// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/attach_counted.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attach/values.h"
#include "metric/hist.h"

static void quantile_add(json_t *o, const char *key, const struct hist *h, double q)
{
	double value = hist_quantile(h, q);

	json_object_set_new(o, key, isnan(value) ? json_null() : json_real(value));
}

static void hist_add_to(json_t *o, const struct hist *h)
{
	json_object_set_new(o, "count_total", values_integer(hist_count(h)));
	json_object_set_new(o, "sum_seconds", values_seconds(h->sum_ns));
	quantile_add(o, "p50_seconds", h, 0.5);
	quantile_add(o, "p99_seconds", h, 0.99);
}

static void row_add(void *ctx, const struct watched_row *row)
{
	static const char *const keys[METRIC_UNITS] = { [UNIT_NONE] = "value_total",
							[UNIT_SECONDS] = "value_seconds",
							[UNIT_BYTES] = "value_bytes",
							[UNIT_CORES] = "value_cores" };
	const struct metric *m = row->metric;
	json_t *o;

	/* system calls are counted anew, and each of them is timed */
	if (m->hidden || m->sample || m->from_identity || !strncmp(m->name, "seismo_syscall", 14) ||
	    (m->kind != METRIC_HISTOGRAM && !row->count) || row->dim == SERIES_OTHER)
		return;
	o = json_object();
	json_object_set_new(o, "metric", json_string(m->name));
	json_object_set_new(o, "labels", values_labels(m, row->dim));
	if (m->kind == METRIC_HISTOGRAM)
		hist_add_to(o, &row->hist);
	else if (unit_billionths(m->unit))
		json_object_set_new(o, keys[m->unit], values_seconds(row->count));
	else
		json_object_set_new(o, keys[m->unit], values_integer(row->count));
	json_array_append_new(ctx, o);
}

json_t *attach_counted(struct watched *w, u32 watch)
{
	json_t *list = json_array();

	watched_visit(w, watch, row_add, list);
	return list;
}
