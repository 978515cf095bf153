/* SPDX-License-Identifier: BSD-3-Clause */
/* What a scan of all live tasks finds: gauges, and what counters have not flushed yet. */
#ifndef COLLECT_TASK_SCAN_H
#define COLLECT_TASK_SCAN_H

#include "collect/families.h"
#include "probe/probe.h"

/* Fills the table of totals: the core's part first, then the other families'. `runs` ends with NULL. 0 or negative errno. */
int scan(struct probe_run *const *runs);
/*
 * Sets the gauges of live tasks, and counters with an unflushed part. A counter's slots were read before the scan, so
 * nothing is in both; what was flushed in between is in neither, so a value is held where it was shown higher before.
 */
void task_totals_read(const struct tables *tables, struct families *families);

#endif
