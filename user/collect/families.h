/* SPDX-License-Identifier: BSD-3-Clause */
/* The metric families that probes count, by number of metric, and the series of a service in them. */
#ifndef COLLECT_FAMILIES_H
#define COLLECT_FAMILIES_H

#include "collect/identities.h"
#include "metric/registry.h"

struct families {
	struct registry *registry;
	struct identities *identities;
	const struct conf *conf;
	struct family *by_number[METRIC_MAX]; /* NULL: nobody counts it, or not yet */
	u64 folded[METRIC_MAX];		      /* events that families_fold() made "other" */
};

/* Adds metrics, which are numbered from `number` on, to the registry; `sources` is what may lose their events. -ENOMEM. */
int families_add(struct families *t, const struct metric *metrics, unsigned number, u64 sources);
/*
 * The series of a family for a service, which families without one ignore, and a dimension. Where limits.series has no
 * room for it the one that takes the rest, and *refused is true. NULL: no memory, or a label's value is not known yet.
 */
struct series *families_series(struct families *t, struct family *f, struct service *s, u64 dim,
			       bool *refused);
/* Has the family a label whose value becomes that of a service as soon as that is known? */
bool families_owner_may_change(const struct family *f);
/* Is the service in one of the labels, the first apart, that of an identity that was moved? */
bool families_moved(const struct families *t, const struct family *f, u64 dim);
/* What a service has counted, which nobody has seen, is counted as "other": the sums stay. */
void families_fold(struct families *t, const struct service *s);
/* Removes all series of a service. */
void families_forget(struct families *t, const struct service *s);
/* What a histogram has beside its slots, NULL: no memory. */
struct hist *series_hist_base(struct series *s);

#endif
