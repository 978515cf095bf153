// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/ruled_out.h"

#include <math.h>
#include <string.h>

#include "rule/fact.h"
#include "rule/text.h"

#define SMALL 0.25 /* of its time; more is no little thing, though it may be as ever */
#define GROWN 0.10 /* of what its time has grown by */

static bool is_known(const struct scene *s, const char *metric)
{
	return registry_find(s->src->registry, metric);
}

/* Does this take little of its time, and no more than usual? */
static bool is_little(const struct scene *s, const char *part)
{
	for (size_t i = 0; i < s->budget.part_cnt; i++) {
		const struct part *p = &s->budget.parts[i];

		if (!strcmp(p->row->name, part) &&
		    (!(scene_share(s, p) < SMALL) || scene_growth(s, p) >= GROWN))
			return false;
	}
	return true;
}

static double share_of(const struct scene *s, const char *part)
{
	const struct part *p = scene_part(s, part);

	return p ? scene_share(s, p) : 0;
}

/* What the service has of it; false: nothing. */
static bool own_measure(const struct scene *s, const char *metric, struct measured *ret)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };

	*ret = (struct measured){ .group.cnt = 0 };
	scene_measure(s, ret, metric, where);
	group_release(&ret->group);
	return !ret->now.unknown;
}

/* Round trips are as long as ever, and not more segments are sent again. */
static bool network(struct buf *out, const struct scene *s)
{
	struct counted again =
		service_counted(s, "seismo_tcp_retransmits_total", s->service, NULL, NULL);
	struct measured rtt, resent;
	bool trips = own_measure(s, "seismo_tcp_rtt_seconds", &rtt) && rtt.now.cnt > 0,
	     segments = own_measure(s, "seismo_tcp_retransmits_total", &resent);

	if ((trips && !(measured_mean_factor(&rtt) < LOAD_UP)) ||
	    (segments && (isnan(again.usual) ? again.now > 0 : is_up(again, 1) == YES)))
		return false;
	if (trips) {
		buf_str(out, "RTT ");
		quantity_write(out, QUANTITY_SECONDS, measure_mean(&rtt.now));
	}
	if (segments)
		buf_str(out, trips ? ", " : "");
	if (segments && again.now > 0)
		buf_printf(out, "%.0f segments sent again, as usual", again.now);
	else if (segments)
		buf_str(out, "no retransmissions");
	return trips || segments;
}

static bool cpu(struct buf *out, const struct scene *s)
{
	struct measured used;

	if (!is_known(s, "seismo_run_queue_wait_seconds") || !is_little(s, "cpu_wait") ||
	    !is_little(s, "cpu") || !own_measure(s, "seismo_cpu_seconds_total", &used))
		return false;
	quantity_write(out, QUANTITY_PLAIN, measure_rate(&used.now));
	buf_str(out, " CPUs, ");
	quantity_write(out, QUANTITY_PERCENT, share_of(s, "cpu_wait"));
	buf_str(out, " of its time waiting for one");
	return true;
}

static bool load(struct buf *out, const struct scene *s)
{
	double factor = measured_rate_factor(&s->inbound);

	if (!(factor < LOAD_UP))
		return false;
	quantity_write(out, QUANTITY_PLAIN, measure_rate(&s->inbound.now));
	buf_str(out, "/s, usually ");
	quantity_write(out, QUANTITY_PLAIN, measure_rate(&s->inbound.usual));
	return true;
}

static bool disk(struct buf *out, const struct scene *s)
{
	if (!is_known(s, "seismo_service_block_io_duration_seconds") || !is_little(s, "disk"))
		return false;
	quantity_write(out, QUANTITY_PERCENT, share_of(s, "disk"));
	buf_str(out, " of its time");
	return true;
}

static bool callees(struct buf *out, const struct scene *s)
{
	const struct part *p = scene_part(s, "outbound");

	if (!is_known(s, "seismo_request_duration_seconds") || !is_little(s, "outbound"))
		return false;
	if (!p) {
		buf_str(out, "none");
		return true;
	}
	buf_printf(out, "%s ", p->of ?: p->protocol ?: "");
	quantity_write(out, QUANTITY_PERCENT, scene_share(s, p));
	return true;
}

/* A row is left out where the reason is of its kind, where nothing is known of it, and where it is not little and as usual. */
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
