// SPDX-License-Identifier: BSD-3-Clause
/* What each task scan reports: gauges, and what live tasks have used but counters have not been told yet. */
#include "collect/collector.h"

int task_scan(struct collector *c)
{
	int err = core_task_scan(c->core);

	for (struct probe_run *const *run = c->runs; *run; run++)
		if ((*run)->state == PROBE_ON && (*run)->probe->task_scan)
			err = err ?: (*run)->probe->task_scan(*run);
	return err;
}

static bool tally_pending(const struct tally *t)
{
	return t && t->family && t->family->metric->pending;
}

void pending_read(struct collector *c)
{
	for (struct tally *t = c->tallies; t; t = t->hh.next)
		if (tally_pending(t))
			t->series->value = t->base;
	for (u32 slot = 1; slot < c->counters.top; slot++)
		if (tally_pending(c->counters.tallies[slot]))
			slot_add(c, &c->counters, slot, c->counters.tallies[slot]);
}

/* Adds what the task scan counted, at this offset in its rows, to the series of a family. */
static void task_total_add(struct collector *c, struct family *f, size_t offset)
{
	for (u32 i = 0; i < c->core->sizes.identities; i++) {
		u64 value = *(const u64 *)((const char *)&c->core->task_totals[i] + offset);
		struct tally *t;

		if (!value)
			continue;
		t = tally_get(c, f, identity_service(c, i), 0);
		if (t)
			t->series->value += (s64)value;
	}
}

void gauges_read(struct collector *c)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++)
		if (c->families[metric] && c->families[metric]->metric->task_total)
			task_total_add(c, c->families[metric],
				       c->families[metric]->metric->task_total);
}

void pending_add(struct collector *c)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++)
		if (c->families[metric] && c->families[metric]->metric->pending)
			task_total_add(c, c->families[metric],
				       c->families[metric]->metric->pending);
	for (struct tally *t = c->tallies; t; t = t->hh.next)
		if (tally_pending(t) && t->series->value > t->least)
			t->least = t->series->value;
}

void pending_settle(struct collector *c)
{
	for (struct tally *t = c->tallies; t; t = t->hh.next) {
		if (!tally_pending(t))
			continue;
		if (t->series->value < t->least)
			t->series->value = t->least;
		t->least = t->series->value;
	}
}
