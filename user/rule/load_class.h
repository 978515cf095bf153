/* SPDX-License-Identifier: BSD-3-Clause */
/* What is usual under one load: how the values of windows are distributed, and the events behind them. See baseline.h. */
#ifndef RULE_LOAD_CLASS_H
#define RULE_LOAD_CLASS_H

#include <stdbool.h>
#include <stddef.h>

#include "metric/hist.h"

/* Classes per doubling of the load. */
#define LOAD_STEPS 2

/* The class of a rate or size; 0: there is none. */
u8 load_step(double value);

/*
 * Sparse histograms. Up to CELL_EVENTS a cell counts windows with values of 2^(1/8) steps, from there on it counts events, in two
 * buckets of struct hist each.
 */
struct cell {
	u32 at : 11, cnt : 21;
};
#define CELL_EVENTS 1024
#define EVENT_CELLS (HIST_BUCKETS / 2)
#define CELLS	    (CELL_EVENTS + EVENT_CELLS)

u32 cell_of_value(double value);
/* Cells of what is in a histogram; if there are many events, each is smaller by this power of two. */
unsigned cells_of_hist(const struct hist *h, struct cell ret[EVENT_CELLS], unsigned *ret_shift);

struct load_class {
	u8 rate, size; /* load_step() */
	u16 windows, cell_cnt;
	float usual, high;  /* as they are used: their growth is limited */
	float seconds;	    /* of the events */
	u64 learned_ns;	    /* 0: not since the start */
	struct cell *cells; /* ascending */
};

void load_class_release(struct load_class *c);
/* Allocated for its cells. */
size_t load_class_bytes(const struct load_class *c);
/*
 * Adds a window and, if `more` has cells, events of so many seconds. `growth`: by what the usual value may grow, 0: by anything.
 * When out of memory (-ENOMEM) nothing is learned.
 */
int load_class_learn(struct load_class *c, double value, const struct cell *more, unsigned cnt,
		     double seconds, double growth);
/* Cells of a state file; -EINVAL: they cannot be those of a class. */
int load_class_restore(struct load_class *c, const struct cell *cells, unsigned cnt);
/* The events; their sum is that of the middles of the buckets. */
void load_class_hist(const struct load_class *c, struct hist *ret);

#endif
