/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registry: every metric family with its series and their current values. Collectors write it,
 * every output (exposition formats, JSON, rules) walks it. One thread; values are only written
 * between walks, so a walk is never torn.
 */
#ifndef METRIC_REGISTRY_H
#define METRIC_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* What a value is counted in, and how it is written out. */
enum metric_unit {
	UNIT_NONE,
	UNIT_SECONDS, /* held in ns, written in seconds */
	UNIT_BYTES,
};

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
	bool optional; /* there only where the configuration asks for it */
};

#define METRIC_LABELS 4

/* One row; immutable. */
struct metric {
	const char *name; /* as scraped, with its prefix and suffix (_total, _seconds) */
	enum metric_kind kind;
	enum metric_unit unit;
	const char *help;
	bool service;				   /* first label is the service */
	struct metric_label labels[METRIC_LABELS]; /* ends with a row without name */
	unsigned max; /* ceiling of kernel series; 0: not counted in the kernel */
	/*
	 * The dimension is no label: 0, or 1 + the identity that it was before. Counts only where that
	 * was another service.
	 */
	bool from_identity;
	size_t task_total; /* a gauge of struct task_totals: the offset of a u64 in it; 0: none */
	/*
	 * A counter that the kernel side adds to only when a task is switched or ends: what live tasks have
	 * used since then is a u64 at this offset in struct task_totals; 0: nothing is unflushed.
	 */
	size_t unflushed;
	size_t cgroup; /* counted by cgroups: the offset of a u64 in struct cgroup_stats; 0: none */
};

struct series {
	const char *
		labels; /* rendered and escaped: service="nginx",syscall="read"; "" when there are none */
	size_t labels_len;
	s64 value;	   /* counter, gauge */
	struct hist *hist; /* METRIC_HISTOGRAM only; owned */
};

struct family {
	const struct metric *metric;
	struct series **series; /* in order of creation, owned */
	size_t series_cnt;
	struct series_entry *index; /* private */
	u64 created;		    /* private */
};

struct registry {
	struct family **families; /* in order of registration, owned */
	size_t family_cnt;
};

void registry_release(struct registry *r);
/* Adds a family without series. The row must outlive the registry. NULL when there is no memory. */
struct family *registry_add(struct registry *r, const struct metric *metric);
struct family *registry_find(const struct registry *r, const char *name);
/* Finds or adds the series with these rendered labels, zero at first; NULL when there is no memory. */
struct series *family_series(struct family *f, const char *labels, size_t labels_len);
/* Removes a series and frees it; the others keep their order. */
void family_remove(struct family *f, struct series *s);

#endif
