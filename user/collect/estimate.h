/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Histograms of which the kernel side times only a part: some events always (those that are slow), and of the others a
 * sample. All are counted. Events that are neither in the histogram nor stand for others yet are added to it at each
 * reading, with the durations that the sample has at that time: buckets get their shares of them, and which one gets the
 * rest of a share is left to chance, so that no bucket gains in the long run. So a histogram has as many events as there
 * were, and never fewer than before.
 */
#ifndef COLLECT_ESTIMATE_H
#define COLLECT_ESTIMATE_H

#include "collect/families.h"

/* Adds to the sample of a series. */
void estimate_sample(struct series *s, const struct hist *more);
/* Adds the events that are missing, after all slots were read. */
void estimate_read(struct families *t);

#endif
