/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The history of all series: a sequence of columns, each with the changes of every series over some time. Columns of the last
 * 15 minutes are single ticks; older ones are merged to 1 minute, after an hour to 5, after six hours to 30, and dropped after
 * a day. Memory is bounded: when it is short, columns are merged earlier. That costs resolution in time, never counts; every
 * answer names the window that it really covers.
 */
#ifndef METRIC_HISTORY_H
#define METRIC_HISTORY_H

#include "metric/registry.h"

struct history;

/*
 * Begins at `start_ns` (CLOCK_MONOTONIC), when all values were 0. Uses at most `max_bytes`. NULL when out of memory.
 */
struct history *history_new(struct registry *r, u64 start_ns, size_t max_bytes);
void history_free(struct history *h);

/*
 * Ends a tick at the registry's now_ns: adds a column with the changes since the last one, and recycles the registry's ids.
 * `lost` has the bits of the sources (see struct family) that lost events since then. When it is out of memory (-ENOMEM), or no
 * time has passed (0), nothing is added, and the next tick covers this one as well.
 */
int history_tick(struct history *h, u64 lost);

/*
 * Merges one pair of columns if one is due, and returns whether it did. Call it some times between ticks, which themselves
 * merge only when memory has run out.
 */
bool history_tidy(struct history *h);

struct history_stats {
	size_t bytes; /* allocated in all */
	u32 columns;
	u64 begin_ns, end_ns; /* of all columns together */
};
void history_stats(const struct history *h, struct history_stats *ret);

/* The oldest column that ends after this time. False: there is none. */
bool history_column_after(const struct history *h, u64 after_ns, u64 *ret_begin_ns,
			  u64 *ret_end_ns);
/*
 * Until the next call windows of whole ticks, and the statistics, are as if the column that ended last at this time or before
 * were the newest. UINT64_MAX: as ever, which it must be before the next tick.
 */
void history_look_back(struct history *h, u64 until_ns);

/*
 * A window: the columns from `first` on and before `end`; one that ends now has the running tick as well, up to the present
 * values of the registry. It is valid until those are written.
 */
struct history_window {
	const struct history *history;
	u64 asked_ns;	      /* its length as requested */
	u64 begin_ns, end_ns; /* what it really covers */
	u32 first, end;
	bool running;
};

/* The last `window_ns`, begun at the nearest edge of a column. False: nothing has been read yet. */
bool history_window(const struct history *h, u64 window_ns, struct history_window *ret);
/*
 * From `from_ns` to `to_ns` ago, to the nearest edges of columns; to_ns 0 is now. False: the history has nothing of that
 * time.
 */
bool history_window_past(const struct history *h, u64 from_ns, u64 to_ns,
			 struct history_window *ret);
/*
 * The last `window_ns` of whole ticks, without the running one: what it tells stays the same until the next tick. False: there
 * was none.
 */
bool history_window_ticks(const struct history *h, u64 window_ns, struct history_window *ret);
/* The tick that history_tick() ended last. False: there was none. */
bool history_window_tick(const struct history *h, struct history_window *ret);

/* Was the series there before the end of the window? */
bool history_has(const struct history_window *w, const struct series *s);
/* The increase of a counter in a window, or the change of a gauge. Before it was created a series was 0. */
s64 history_delta(const struct history_window *w, const struct series *s);
/* Adds the increase of a histogram to `ret`. */
void history_hist(const struct history_window *w, const struct series *s, struct hist *ret);
/* The increase of a histogram's sum alone, which costs as little as that of a counter. */
u64 history_hist_sum(const struct history_window *w, const struct series *s);

/* A gauge over a window, from its values at the end and at the ends of ticks, as far as it existed. */
struct history_gauge {
	s64 last, max;
	double mean; /* weighted by time */
};
void history_gauge(const struct history_window *w, const struct series *s,
		   struct history_gauge *ret);

/* Why the coverage is less than 1. */
enum history_missing {
	HISTORY_YOUNG = 1,	  /* the history does not reach back that far */
	HISTORY_SERIES_YOUNG = 2, /* nothing is known of the series for that long, see known_ns */
	HISTORY_LOSSY = 4,	  /* events were lost */
};

/* How they are written out, by number of bit; ends with NULL. */
extern const char *const history_missing_words[];

struct history_coverage {
	double ratio; /* covered part of the requested window */
	unsigned missing;
};
void history_coverage(const struct history_window *w, const struct series *s,
		      struct history_coverage *ret);
/* That of a family as such: of series that would be there if there had been anything to count. */
void history_family_coverage(const struct history_window *w, const struct family *f,
			     struct history_coverage *ret);

#endif
