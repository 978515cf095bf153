// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/ruled_out.h"

#include <math.h>
#include <string.h>

#include "rule/text.h"

static double window_seconds(const struct scene *s)
{
	return (double)(s->now_window.end_ns - s->now_window.begin_ns) / 1e9;
}

static bool mean_write(struct buf *out, const struct scene *s, const char *metric)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	struct measured m = { 0 };
	bool known;

	scene_measure(s, &m, metric, where);
	group_release(&m.group);
	known = !m.now.unknown && m.now.cnt > 0;
	if (known)
		quantity_write(out, QUANTITY_SECONDS, measure_mean(&m.now));
	return known;
}

static double increase(const struct scene *s, const char *metric)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	struct group g;
	double sum = 0;

	group_find(&g, s->src->registry, metric, where);
	for (size_t i = 0; i < g.cnt; i++)
		sum += series_increase(g.at[i], &s->now_window);
	group_release(&g);
	return sum;
}

static bool network(struct buf *out, const struct scene *s)
{
	size_t begin = out->len;
	double again = increase(s, "seismo_tcp_retransmits_total");

	buf_str(out, "RTT ");
	if (!mean_write(out, s, "seismo_tcp_rtt_seconds"))
		out->len = begin;
	buf_str(out, out->len > begin ? ", " : "");
	if (again > 0)
		buf_printf(out, "%.0f segments sent again", again);
	else
		buf_str(out, "no retransmissions");
	return true;
}

static bool cpu(struct buf *out, const struct scene *s)
{
	const struct part *p = scene_part(s, "cpu_wait");

	quantity_write(out, QUANTITY_PLAIN,
		       increase(s, "seismo_cpu_seconds_total") / window_seconds(s));
	buf_str(out, " CPUs, ");
	quantity_write(out, QUANTITY_PERCENT, p ? scene_share(s, p) : 0);
	buf_str(out, " of its time waiting for one");
	return true;
}

static bool load(struct buf *out, const struct scene *s)
{
	double factor = measured_rate_factor(&s->inbound);

	if (isnan(factor))
		return false;
	quantity_write(out, QUANTITY_PLAIN, measure_rate(&s->inbound.now));
	buf_str(out, "/s, usually ");
	quantity_write(out, QUANTITY_PLAIN, measure_rate(&s->inbound.usual));
	return true;
}

static bool disk(struct buf *out, const struct scene *s)
{
	const struct part *p = scene_part(s, "disk");

	quantity_write(out, QUANTITY_PERCENT, p ? scene_share(s, p) : 0);
	buf_str(out, " of its time");
	return true;
}

static bool callees(struct buf *out, const struct scene *s)
{
	const struct part *p = scene_part(s, "outbound");

	if (!p) {
		buf_str(out, "none");
		return true;
	}
	buf_printf(out, "%s ", p->of ?: p->protocol ?: "");
	quantity_write(out, QUANTITY_PERCENT, scene_share(s, p));
	return true;
}

/* What each has to do with the kinds of reasons: a row is left out where the reason is of its kind. */
static const struct ruled {
	const char *name;
	bool (*write)(struct buf *out, const struct scene *s);
	u32 kinds;
} rows[] = {
	{ "network", network, 1U << REASON_NETWORK },
	{ "CPU", cpu, 1U << REASON_OWN_LOAD | 1U << REASON_NEIGHBOUR | 1U << REASON_SOFTWARE },
	{ "load", load, 1U << REASON_OWN_LOAD },
	{ "disk", disk, 1U << REASON_HARDWARE | 1U << REASON_NEIGHBOUR },
	{ "callees", callees, 1U << REASON_CALLEE | 1U << REASON_NETWORK },
};

void ruled_out_write(struct buf *out, const struct scene *s)
{
	for (size_t i = 0; s->service && i < sizeof(rows) / sizeof(*rows); i++) {
		size_t begin = out->len;

		if (rows[i].kinds >> s->reason->kind & 1)
			continue;
		buf_printf(out, "%s%s: ", begin ? "   " : "", rows[i].name);
		if (!rows[i].write(out, s))
			out->len = begin;
	}
}

/* The part whose time has grown most but for the one that is the reason; where nothing is usual, that takes most. */
void runner_up_write(struct buf *out, const struct scene *s)
{
	const struct part *next = NULL;
	double most = 0;

	for (size_t i = 0; s->service && i < s->budget.part_cnt; i++) {
		const struct part *p = &s->budget.parts[i];
		double growth = scene_growth(s, p);

		growth = isnan(growth) ? scene_share(s, p) : growth;
		if ((s->focus ? p == s->focus : !i) || growth <= most)
			continue;
		most = growth;
		next = p;
	}
	if (!next || scene_share(s, next) < 0.01)
		return;
	buf_printf(out, "\"%s%s%s\" of %s: ", next->row->words, next->of ? " " : "", next->of ?: "",
		   s->service);
	quantity_write(out, QUANTITY_PERCENT, scene_share(s, next));
	buf_str(out, " of its time");
	if (!isnan(scene_growth(s, next))) {
		buf_str(out, ", and only ");
		quantity_write(out, QUANTITY_PERCENT, most);
		buf_str(out, " of what it has grown by");
	}
}
