// SPDX-License-Identifier: BSD-3-Clause
/* What each task scan reports: gauges, and the unflushed part of counters. */
#include "collect/collector.h"

int task_scan(struct collector *c)
{
	int err = 0;

	for (struct probe_run *const *run = c->runs; *run; run++)
		if ((*run)->state == PROBE_ON && (*run)->probe->task_scan)
			err = err ?: (*run)->probe->task_scan(*run);
	return err;
}

static bool tally_unflushed(const struct tally *t)
{
	return t && t->family && t->family->metric->unflushed;
}

void unflushed_read(struct collector *c)
{
	for (struct tally *t = c->tallies; t; t = t->hh.next)
		if (tally_unflushed(t))
			*t->series->value = t->base;
	for (u32 slot = 1; slot < c->counters.top; slot++)
		if (tally_unflushed(c->counters.tallies[slot]))
			slot_add(c, &c->counters, slot, c->counters.tallies[slot]);
}

/* Adds what the task scan counted, at this offset in its rows, to the series of a family. */
static void task_total_add(struct collector *c, struct family *f, size_t offset)
{
	for (u32 i = 0; i < c->tables->sizes.identities; i++) {
		u64 value = *(const u64 *)((const char *)&c->tables->task_totals[i] + offset);
		struct tally *t;

		if (!value)
			continue;
		t = tally_get(c, f, identity_service(c, i), 0);
		if (t)
			*t->series->value += (s64)value;
	}
}

void gauges_read(struct collector *c)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++)
		if (c->families[metric] && c->families[metric]->metric->task_total)
			task_total_add(c, c->families[metric],
				       c->families[metric]->metric->task_total);
}

void unflushed_add(struct collector *c)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++)
		if (c->families[metric] && c->families[metric]->metric->unflushed)
			task_total_add(c, c->families[metric],
				       c->families[metric]->metric->unflushed);
	for (struct tally *t = c->tallies; t; t = t->hh.next)
		if (tally_unflushed(t) && *t->series->value > t->shown_max)
			t->shown_max = *t->series->value;
}

void clamp_monotonic(struct collector *c)
{
	for (struct tally *t = c->tallies; t; t = t->hh.next) {
		if (!tally_unflushed(t))
			continue;
		if (*t->series->value < t->shown_max)
			*t->series->value = t->shown_max;
		t->shown_max = *t->series->value;
	}
}
