// SPDX-License-Identifier: BSD-3-Clause
/* Devices that do not answer, fail requests, or are slower than usual. */
#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "conf/pattern.h"
#include "diagnose/find.h"
#include "metric/hist.h"

#define OTHERS	   "dm-*|md*|zram*|sr*|fd*" /* what happens there happens on disks below */
#define RISE	   0.5
#define FLOOR_S	   0.0003
#define EVENTS_MIN 2
#define SLOWER	   2.0
#define SLOWER_S   0.008
#define HUNG_S	   5.0
#define ABSOLUTE_S 0.08 /* a request of a few KiB: slow whatever is usual */
#define RECENT_NS  (15 * 1000000000ULL)
#define EVENTS_FEW 8

static const char *const errors = "EIO|ENODATA|ETIMEDOUT|EILSEQ|EREMOTEIO|ENOLINK";

/* A device and what it does. Interned. */
struct lane {
	const char *device, *operation;
	struct group group;
};

static double count_in(const struct lane *l, const struct history_window *w, double *ret_seconds)
{
	struct hist h = { 0 };

	for (size_t k = 0; k < l->group.cnt; k++)
		history_hist(w, l->group.at[k], &h);
	*ret_seconds = (double)h.sum_ns / 1e9;
	return (double)hist_count(&h);
}

static void hist_of(const struct lane *l, const struct finder *f, u32 first, u32 end,
		    struct hist *ret)
{
	struct history_window w;

	if (first >= end)
		return;
	steps_window(&f->steps, first, end, &w);
	for (size_t k = 0; k < l->group.cnt; k++)
		history_hist(&w, l->group.at[k], ret);
}

static struct symptom slow(const struct lane *l)
{
	return (struct symptom){ .kind = SYMPTOM_DISK_SLOW,
				 .metric = "seismo_block_io_duration_seconds",
				 .device = l->device,
				 .operation = l->operation,
				 .usual = NAN,
				 .rate = NAN };
}

static void slower_find(struct finder *f, const struct lane *l)
{
	struct symptom s = slow(l);
	struct hist now = { 0 }, usual = { 0 };
	double values[STEPS_MAX] = { 0 };
	struct run r;

	for (u32 i = 0; i < f->steps.cnt; i++) {
		double seconds, cnt = count_in(l, &f->steps.at[i], &seconds);

		values[i] = cnt >= EVENTS_MIN ? log(seconds / cnt + FLOOR_S) : NAN;
	}
	if (!run_find(values, f->steps.cnt, RISE, &r) || !find_is_recent(f, &r, values))
		return;
	hist_of(l, f, find_now_first(f, &r), r.end, &now);
	hist_of(l, f, 0, r.first, &usual);
	if (!hist_count(&usual))
		hist_of(l, f, r.end, f->steps.cnt, &usual);
	s.now = hist_quantile(&now, 0.75);
	s.usual = hist_quantile(&usual, 0.75);
	if (!(s.now >= SLOWER * s.usual) || s.now - s.usual < SLOWER_S ||
	    hist_count(&now) < EVENTS_FEW)
		return;
	s.weight = 0.4;
	find_date(f, &r, &s);
	symptoms_add(f->to, &s);
}

/* Whatever is usual, or where nothing tells that: no disk is so slow. */
static void very_slow_find(struct finder *f, const struct lane *l)
{
	struct symptom s = slow(l);
	struct history_window w;
	struct hist now = { 0 };

	if (!history_window(f->src->history, RECENT_NS, &w))
		return;
	for (size_t k = 0; k < l->group.cnt; k++)
		history_hist(&w, l->group.at[k], &now);
	s.now = hist_quantile(&now, 0.5);
	if (hist_count(&now) < EVENTS_FEW || !(s.now >= ABSOLUTE_S))
		return;
	s.ongoing = true;
	s.end_ns = f->steps.now_ns;
	s.weight = 0.35;
	symptoms_add(f->to, &s);
}

static void hung_find(struct finder *f, const char *device)
{
	const struct condition where[] = { { "device", device }, { NULL } };
	struct symptom s = { .kind = SYMPTOM_DISK_HUNG,
			     .metric = "seismo_block_io_oldest_seconds",
			     .device = device,
			     .ongoing = true,
			     .end_ns = f->steps.now_ns,
			     .usual = NAN,
			     .rate = NAN,
			     .weight = 1.5 };
	struct history_window w;
	struct measure m;
	struct group g;

	if (!history_window_tick(f->src->history, &w))
		return;
	group_find(&g, f->src->registry, s.metric, where);
	group_measure(&g, &w, NULL, &m);
	group_release(&g);
	s.now = m.unknown ? 0 : m.last;
	if (s.now < HUNG_S)
		return;
	s.begin_ns = s.end_ns > (u64)(s.now * 1e9) ? s.end_ns - (u64)(s.now * 1e9) : 0;
	symptoms_add(f->to, &s);
}

static void fails_find(struct finder *f, const struct series *series)
{
	int error = family_label(series->family, "error");
	struct symptom s = { .kind = SYMPTOM_DISK_FAILS,
			     .metric = series->family->metric->name,
			     .device = series->label[0],
			     .usual = NAN,
			     .rate = NAN,
			     .weight = 1.4 };

	if (error < 0 || !pattern_match(errors, series->label[error] ?: "") || !s.device ||
	    pattern_match(OTHERS, s.device))
		return;
	for (u32 i = 0; i < f->steps.cnt; i++) {
		const struct history_window *w = &f->steps.at[i];
		double cnt = series_increase(series, w);

		if (!(cnt > 0) || w->end_ns + f->since_ns <= f->steps.now_ns)
			continue;
		s.begin_ns = s.now > 0 ? s.begin_ns : w->begin_ns;
		s.end_ns = w->end_ns;
		s.now += cnt;
	}
	s.ongoing = s.end_ns + FIND_NOW_NS >= f->steps.now_ns;
	if (s.now > 0)
		symptoms_add(f->to, &s);
}

static void lane_look(struct finder *f, struct lane *l)
{
	const struct condition where[] = { { "device", l->device },
					   { "operation", l->operation },
					   { "phase", "device" },
					   { NULL } };

	group_find(&l->group, f->src->registry, "seismo_block_io_duration_seconds", where);
	slower_find(f, l);
	if (f->newest)
		very_slow_find(f, l);
	group_release(&l->group);
}

/* Of its device: the families' series are in the order in which they came up. */
static bool is_first(const struct family *io, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (io->series[i]->label[0] == io->series[at]->label[0] &&
		    !strcmp(io->series[i]->label[2] ?: "", "device"))
			return false;
	return true;
}

void find_devices(struct finder *f)
{
	const struct family *io = registry_find(f->src->registry,
						"seismo_block_io_duration_seconds"),
			    *failed =
				    registry_find(f->src->registry, "seismo_block_io_errors_total"),
			    *oldest = registry_find(f->src->registry,
						    "seismo_block_io_oldest_seconds");

	for (size_t i = 0; io && i < io->series_cnt; i++) {
		struct lane l = { .device = io->series[i]->label[0] ?: "",
				  .operation = io->series[i]->label[1] ?: "" };

		if (strcmp(io->series[i]->label[2] ?: "", "device") != 0 ||
		    pattern_match(OTHERS, l.device))
			continue;
		f->to->devices += f->newest && is_first(io, i);
		if (!strcmp(l.operation, "read") || !strcmp(l.operation, "write"))
			lane_look(f, &l);
	}
	for (size_t i = 0; f->newest && oldest && i < oldest->series_cnt; i++)
		if (oldest->series[i]->label[0] &&
		    !pattern_match(OTHERS, oldest->series[i]->label[0]))
			hung_find(f, oldest->series[i]->label[0]);
	for (size_t i = 0; failed && i < failed->series_cnt; i++)
		fails_find(f, failed->series[i]);
}
