// SPDX-License-Identifier: BSD-3-Clause
#include "collect/task_scan.h"

int scan(struct probe_run *const *runs)
{
	int err = 0;

	for (; *runs && !err; runs++)
		if ((*runs)->state == PROBE_ON && (*runs)->probe->scan)
			err = (*runs)->probe->scan(*runs);
	return err;
}

/* Adds what the scan found, at this offset in its rows, to the series of a family. */
static void totals_add(const struct tables *tables, struct families *families, struct family *f,
		       size_t offset)
{
	for (u32 i = 0; i < tables->sizes.identities; i++) {
		u64 value = *(const u64 *)((const char *)&tables->task_totals[i] + offset);
		struct service *service =
			value ? identities_service(families->identities, i) : NULL;
		struct series *s;
		bool refused;

		if (!service)
			continue;
		s = families_series(families, f, service, 0, &refused);
		if (s)
			*s->value = metric_merge(f->metric, *s->value, (s64)value);
	}
}

static void family_totals_read(const struct tables *tables, struct families *families,
			       struct family *f)
{
	bool unflushed = f->metric->unflushed;

	for (size_t i = 0; i < f->series_cnt; i++)
		*f->series[i]->value = unflushed ? f->series[i]->base : 0;
	totals_add(tables, families, f, unflushed ? f->metric->unflushed : f->metric->task_total);
	for (size_t i = 0; unflushed && i < f->series_cnt; i++) {
		struct series *s = f->series[i];

		if (*s->value < s->shown)
			*s->value = s->shown;
		s->shown = *s->value;
	}
}

static void zeros_remove(struct family *f)
{
	for (size_t i = f->series_cnt; i-- > 0;)
		if (!*f->series[i]->value)
			family_remove(f, f->series[i]);
}

void task_totals_read(const struct tables *tables, struct families *families)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++) {
		struct family *f = families->by_number[metric];

		if (f && (f->metric->task_total || f->metric->unflushed))
			family_totals_read(tables, families, f);
		if (f && f->metric->no_zero)
			zeros_remove(f);
	}
}
