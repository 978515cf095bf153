// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/steps.h"

#include <math.h>

#define NS_PER_SEC  1000000000ULL
#define STEP_MIN    NS_PER_SEC
#define STEPS_FEW   120	 /* as many as are aimed at */
#define INSIDE_MIN  2	 /* values in a run */
#define OUTSIDE_MIN 3	 /* and besides it, to compare with */
#define CLEAR	    3.5	 /* times what chance does */
#define LAST	    3	 /* values that say whether it goes on */
#define SCATTER	    0.06 /* what values vary by at least, so that a few equal ones prove nothing */

void steps_make(struct steps *s, const struct history *h, u64 now_ns, u64 back_ns)
{
	u64 begin, end, at = now_ns > back_ns ? now_ns - back_ns : 0, length, from = 0;

	*s = (struct steps){ .now_ns = now_ns };
	if (!history_column_after(h, at, &begin, &end))
		begin = end = now_ns;
	length = (now_ns - begin) / STEPS_FEW;
	length = length > STEP_MIN ? length : STEP_MIN;
	for (bool more = begin < end; s->cnt < STEPS_MAX;) {
		from = from ?: begin;
		if (!more || end >= now_ns)
			end = now_ns;
		else if (end - from < length) {
			more = history_column_after(h, end, &begin, &end);
			continue;
		}
		if (end > from &&
		    history_window_past(h, now_ns - from, now_ns - end, &s->at[s->cnt]))
			s->cnt++;
		if (end == now_ns)
			break;
		from = end;
		more = history_column_after(h, end, &begin, &end);
	}
}

void steps_window(const struct steps *s, u32 first, u32 end, struct history_window *ret)
{
	const struct history_window *last = &s->at[end - 1];

	*ret = s->at[first];
	ret->end = last->end;
	ret->end_ns = last->end_ns;
	ret->running = last->running;
	ret->asked_ns = ret->end_ns - ret->begin_ns;
}

/* Sums of the values before each step. */
struct sums {
	double value[STEPS_MAX + 1], square[STEPS_MAX + 1];
	u32 cnt[STEPS_MAX + 1];
};

static void sums_make(struct sums *s, const double *values, u32 cnt)
{
	s->value[0] = s->square[0] = s->cnt[0] = 0;
	for (u32 i = 0; i < cnt; i++) {
		bool known = !isnan(values[i]);
		double v = known ? values[i] : 0;

		s->value[i + 1] = s->value[i] + v;
		s->square[i + 1] = s->square[i] + v * v;
		s->cnt[i + 1] = s->cnt[i] + known;
	}
}

/* How clearly steps [first, end) stand out of all. */
static bool run_judge(const struct sums *s, u32 cnt, u32 first, u32 end, struct run *ret)
{
	double n = s->cnt[end] - s->cnt[first], m = s->cnt[cnt] - n, in, out, scatter;

	if (n < INSIDE_MIN || m < OUTSIDE_MIN)
		return false;
	in = (s->value[end] - s->value[first]) / n;
	out = (s->value[cnt] - s->value[end] + s->value[first]) / m;
	scatter = s->square[cnt] - n * in * in - m * out * out;
	scatter = sqrt(fmax(scatter, 0) / fmax(n + m - 2, 1)) + SCATTER;
	*ret = (struct run){ first, end, end == cnt, in - out,
			     (in - out) / scatter * sqrt(n * m / (n + m)) };
	return true;
}

/*
 * Are the last values of it still high? What has ended seems to go on as long as the time since then is short beside it.
 */
static bool goes_on(const struct sums *s, const double *values, u32 cnt, const struct run *r,
		    double rise)
{
	double in = (s->value[cnt] - s->value[r->first]) / (s->cnt[cnt] - s->cnt[r->first]),
	       sum = 0;
	u32 n = 0;

	for (u32 i = cnt; i > r->first && n < LAST; i--)
		if (!isnan(values[i - 1])) {
			sum += values[i - 1];
			n++;
		}
	return sum / n >= in - r->rise + rise / 2;
}

bool run_find(const double *values, u32 cnt, double rise, struct run *ret)
{
	struct run best = { .clearness = 0 }, going = { .clearness = 0 }, r;
	struct sums sums;

	sums_make(&sums, values, cnt);
	for (u32 first = 0; first < cnt; first++) {
		if (isnan(values[first]))
			continue;
		for (u32 end = first + INSIDE_MIN; end <= cnt; end++) {
			if (!run_judge(&sums, cnt, first, end, &r) || r.rise < rise)
				continue;
			if (r.clearness > best.clearness)
				best = r;
			if (r.ongoing && r.clearness > going.clearness)
				going = r;
		}
	}
	*ret = going.clearness >= CLEAR && goes_on(&sums, values, cnt, &going, rise) ? going : best;
	return ret->clearness >= CLEAR;
}
