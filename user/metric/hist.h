/* SPDX-License-Identifier: BSD-3-Clause */
/* What a histogram tells; see struct hist in types.h. */
#ifndef METRIC_HIST_H
#define METRIC_HIST_H

#include "types.h"

u64 hist_count(const struct hist *h);
/* Both wrap: what was subtracted before it was added is made up for. */
void hist_add(struct hist *h, const struct hist *more);
void hist_subtract(struct hist *h, const struct hist *less);
/* Halves what is in it; which way odd numbers are rounded is left to chance. */
void hist_halve(struct hist *h);
/*
 * The value, in seconds, below which the part q (0 to 1) lies, as histogram_quantile() of Prometheus tells it of native
 * histograms: within the right bucket, whose bounds are 9 % apart, interpolated. NAN: it is empty.
 */
double hist_quantile(const struct hist *h, double q);
/* The same, where hist_count() is known. */
double hist_quantile_of(const struct hist *h, u64 cnt, double q);

#endif
