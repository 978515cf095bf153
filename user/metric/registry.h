/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registry: every metric family with its series and their current values. Collectors write it,
 * every output (exposition formats, JSON, rules) walks it. One thread; values are only written
 * between walks, so a walk is never torn.
 */
#ifndef METRIC_REGISTRY_H
#define METRIC_REGISTRY_H

#include "metric/buckets.h"
#include "metric/intern.h"
#include "metric/slab.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_KINDS };

/* What a value is counted in, and how it is written out. */
enum metric_unit {
	UNIT_NONE,
	UNIT_SECONDS, /* held in ns, written in seconds */
	UNIT_BYTES,
	UNIT_CORES, /* held in billionths, written in CPUs */
	METRIC_UNITS
};

extern const char *const metric_units[METRIC_UNITS]; /* their names; "": it has none */

static inline bool unit_billionths(enum metric_unit unit)
{
	return unit == UNIT_SECONDS || unit == UNIT_CORES;
}

/* A label whose value is a bit field of the series' dimension. */
struct metric_label {
	const char *name;
	unsigned shift, bits;
	/* Writes the value's name, NUL-terminated, any bytes. */
	void (*format)(u64 value, char *buf, size_t size);
	/*
	 * Optional: whose service the label's value is, if anybody's. False: nobody's that is known, and the
	 * value is what format() writes. A label whose value is "" is left out.
	 */
	bool (*owner)(u64 value, u32 *identity, u32 *gen);
	/*
	 * Optional: the label is exposed only where this is not 0 when its family is added. Series that differ in nothing
	 * else are then exposed as one, but are apart for all others.
	 */
	const u64 *shown;
};

#define METRIC_LABELS 4
#define SERIES_LABELS (METRIC_LABELS + 1) /* with the service */

/* One row; immutable. */
struct metric {
	const char *name; /* as scraped, with its prefix and suffix (_total, _seconds) */
	enum metric_kind kind;
	enum metric_unit unit;
	const char *help;
	bool hidden;				   /* in the history, but not exposed */
	bool service;				   /* first label is the service */
	struct metric_label labels[METRIC_LABELS]; /* ends with a row without name */
	unsigned max; /* ceiling of kernel series; 0: not counted in the kernel */
	/*
	 * A histogram that the kernel side does not add every event to: the counter of all events, and which value of the
	 * last label those have here that have `value` there. The row that follows is `sample`: it has no series of its own,
	 * what it counts stands for the events that are missing here (collect/estimate.h).
	 */
	const char *events;
	const char *(*events_label)(const char *value);
	bool sample;
	/*
	 * The dimension is no label: 0, or 1 + the identity that it was before. Counts only where that
	 * was another service.
	 */
	bool from_identity;
	size_t task_total; /* a gauge of struct task_totals: the offset of a u64 in it; 0: none */
	bool proportional; /* a gauge of the memory of processes, see collect/proportional.h */
	bool no_zero;	   /* a gauge that is absent where it would be 0; with task_total */
	/* A gauge in slots of the kernel side, like a counter, which each scan fills anew: gauge_add(), gauge_max(). */
	bool scan;
	/* A gauge: what is exposed or asked for together has the largest of the values, not their sum. */
	bool largest;
	/*
	 * A counter that the kernel side adds to only when a task is switched or ends: what live tasks have
	 * used since then is a u64 at this offset in struct task_totals; 0: nothing is unflushed.
	 */
	size_t unflushed;
	/* Counters that the kernel side notes by cgroup: the dimensions 0 to usage_cnt - 1 are these values from here on. */
	enum {
		USAGE_NONE,
		USAGE_PRESSURE,
		USAGE_QUOTA = USAGE_PRESSURE + USAGE_VALUES,
		USAGE_THROTTLED_PERIODS,
		USAGE_THROTTLED_NS,
	} usage;
	unsigned usage_cnt;
	size_t cgroup; /* counted by cgroups: the offset of a u64 in struct cgroup_stats; 0: none */
	enum bucket_set buckets; /* of a histogram, by default */
};

struct series {
	struct family *family;
	u32 id; /* among the series of its kind; see struct slab */
	u64 born_ns;
	/*
	 * Since when both its family and its subject are known; the subject is the value of the first label, in most
	 * families the service. Between then and its creation a series is known to have been 0.
	 */
	u64 known_ns;
	s64 *value;	   /* counter, gauge; otherwise NULL */
	struct hist *hist; /* histogram; otherwise NULL */

	/*
	 * The collector's. Of a counter with an unflushed part: what the kernel side has added, and what was shown. Of a
	 * histogram: the slots that it is the sum of, and what it had from slots that are gone.
	 */
	s64 base, shown;
	struct hist *hist_base; /* owned; NULL: nothing */
	u32 first_slot;		/* 0: none */
	bool stale;		/* *hist is to be added up again */
	/*
	 * Of a histogram with `events`: how many there were, and the sample for those that are missing, halved now and then.
	 * Of a counter of events: the histogram.
	 */
	s64 event_cnt;
	struct sample *sample; /* owned; NULL: nothing */
	struct series *part_of;
	void *owner; /* whose it is; NULL: nobody's */

	/* Exposed together, as `exposed`, which counts for the limit of samples; it comes first. */
	struct series *exposed, *next_exposed;

	const char *
		labels; /* rendered and escaped: service="nginx",syscall="read"; "" when there are none */
	size_t labels_len;
	const char *label[]; /* by family->label_names: interned, clean; NULL: absent */
};

/* The value of two series, slots or tasks together. */
static inline s64 metric_merge(const struct metric *m, s64 a, s64 b)
{
	return !m->largest ? a + b : a > b ? a : b;
}

struct family {
	const struct metric *metric;
	struct registry *registry;
	const char *label_names[SERIES_LABELS];
	unsigned label_cnt, hidden_labels; /* the latter are bits */
	u32 samples;			   /* exposed for each series */
	const struct buckets *buckets;	   /* of a histogram */
	u64 born_ns;
	u64 sources;		/* bits of what may lose its events; set by the collector */
	struct series **series; /* in order of creation, owned */
	size_t series_cnt;
	struct series_entry *index, *exposed; /* private */
	u64 created;			      /* counts series, also those that were removed */
	u64 linked;			      /* the collector's */
};

/* A sample that later events count more in than earlier ones. */
struct sample {
	struct hist hist;
	u64 cnt, halved_cnt; /* events in it; when it was halved last */
};

/* All zeros is an empty registry. */
struct registry {
	struct family **families; /* in order of registration, owned */
	size_t family_cnt;
	/* Of s64, s64 and struct hist: values by kind of metric and id. */
	struct slab slabs[METRIC_KINDS];
	struct intern_table strings;
	struct buckets
		buckets[BUCKET_SETS]; /* set before the first family is added, else by default */
	u64 now_ns;		      /* when the values were read; the reader sets it first */
	u32 tick;		      /* number of calls of registry_recycle() */
	u32 samples;		      /* exposed in all */
	u32 reserved;		      /* samples of one more series of each family */
};

void registry_release(struct registry *r);
/* Adds a family without series. The row must outlive the registry. NULL when there is no memory. */
struct family *registry_add(struct registry *r, const struct metric *metric);
struct family *registry_find(const struct registry *r, const char *name);
/* Index of the label with this name, -1 if the family has none. */
int family_label(const struct family *f, const char *name);
/* Ends a tick: from now on new series may get the ids of removed ones. */
void registry_recycle(struct registry *r);

/*
 * The series with these values of the family's labels, any bytes, NULL or "" where absent; NULL when there is
 * none (or, of family_series(), which adds it, zero at first: no memory).
 */
struct series *family_find(const struct family *f, const char *const values[]);
struct series *family_series(struct family *f, const char *const values[]);
/*
 * Whether one more series would exceed a limit of `max` samples. Room for one more series of each family, for what does not
 * fit, is kept free.
 */
bool family_full(const struct family *f, u32 max);
/* Removes a series and frees it; the others keep their order. */
void family_remove(struct family *f, struct series *s);

#endif
