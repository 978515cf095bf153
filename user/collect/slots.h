/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slots, in which the kernel counts for an identity and a dimension, and the series that they count for: counters in
 * one pool, histograms in the other. A slot may change its series at any time; what it had counted stays behind.
 */
#ifndef COLLECT_SLOTS_H
#define COLLECT_SLOTS_H

#include "collect/families.h"

enum slot_state {
	SLOT_NEW,     /* not looked at yet, or its service or family is not known yet */
	SLOT_COUNTED, /* for its series */
	SLOT_REFUSED, /* the same, which is "other" since a limit was reached */
	SLOT_IGNORED, /* what it counts is not to be shown */
};

struct slots {
	enum table_pool pool; /* POOL_COUNTER or POOL_HIST */
	struct tables *tables;
	struct families *families;
	u32 size, top;		/* no slot from top on is in use */
	u8 *states;		/* enum slot_state */
	struct series **series; /* NULL unless counted or refused */
	/*
	 * Counters: what it had counted when it was read last, which is in the series. Histograms: a number that
	 * changes with each event, as it was then.
	 */
	u64 *last;
	u32 *next;  /* histograms: the next slot of the same series, 0: none */
	u64 *known; /* histograms: events of a refused slot that are in refused[] */
	struct hist *
		*left; /* histograms: what it had counted for other series before, NULL: nothing */
	u64 refused[METRIC_MAX]; /* events counted as "other" here, by metric */
	/* Optional: before a slot that counted for a dying identity is emptied. */
	void (*on_free)(void *ctx, const struct slots *p, u32 slot);
	void *ctx;
};

/* -ENOMEM; release it all the same. */
int slots_init(struct slots *p, enum table_pool pool, struct tables *tables,
	       struct families *families);
void slots_release(struct slots *p);

/* Finds the series of slots that came into use. */
void slots_resolve(struct slots *p);
/* Adds what was counted since the last time to the series. */
void slots_read(struct slots *p);
/* Of counters, around a scan: empties the gauges that it fills; gives their values to the series. */
void slots_scan_begin(struct slots *p);
void slots_scan_end(struct slots *p);
/* What identities that were moved count from now on, counts for the series of their new services. */
void slots_move(struct slots *p);
/* Where there is room by now, what refused slots count from now on has a series of its own. */
void slots_admit(struct slots *p);
/* Reads the slots of dying identities a last time and gives them back. */
void slots_reclaim(struct slots *p);
u32 slots_used(const struct slots *p);

/* Whose slot it is; the metric is 0 where it is nobody's. */
struct series_key slots_owner(const struct slots *p, u32 slot);

#endif
