// SPDX-License-Identifier: BSD-3-Clause
#include "rule/words.h"

#include <math.h>
#include <string.h>

#include "rule/reason.h"
#include "rule/text.h"
#include "rule/variable.h"

#define VICTIMS_SAID 3
#define CHANGES_SAID 3
#define LITTLE	     0.01 /* of a service's time: not worth a word */

/* Writes what is outside of brackets, and inside if all in it is known. Brackets do not nest. */
void words_write(struct buf *out, const char *template, const struct scene *s)
{
	struct template_part part;
	size_t begin = 0;
	bool inside = false, known = true;

	while (template_next(&template, &part)) {
		if (part.variable) {
			if (variable_write(out, &part, s))
				continue;
			known = false;
			if (!inside)
				buf_str(out, "unknown");
			continue;
		}
		for (size_t i = 0; i < part.len; i++) {
			char c = part.text[i];

			if (c == '[') {
				inside = known = true;
				begin = out->len;
			} else if (c == ']') {
				if (!known)
					out->len = begin;
				inside = false;
			} else {
				buf_char(out, c);
			}
		}
	}
}

/* --- lines */

static void summary_line(struct buf *out, const struct scene *s)
{
	if (s->subject.alert)
		summary_write(out, s->subject.alert);
}

static void cause_line(struct buf *out, const struct scene *s)
{
	buf_printf(out, "%s: ", reason_kinds[s->reason->kind]);
	words_write(out, s->reason->why, s);
}

static void waiter_write(struct buf *out, const struct scene *s, const struct waiter *w)
{
	buf_str(out, w->service);
	if (w->busy > 0) {
		buf_char(out, ' ');
		quantity_write(out, QUANTITY_PERCENT, waiter_share(s, w));
		buf_str(out, " of its time");
	} else if (!w->now.unknown && w->now.cnt > 0) {
		buf_char(out, ' ');
		quantity_write(out, QUANTITY_SECONDS, measure_mean(&w->now));
		buf_str(out, " a request");
	}
	if (w->oldest >= 1) {
		buf_str(out, ", waiting for ");
		quantity_write(out, QUANTITY_SECONDS, w->oldest);
	}
}

static void caller_write(struct buf *out, const struct scene *s)
{
	const struct measure *m = &s->inbound.now;

	if (s->caller.service) {
		buf_str(out, s->caller.service);
		if (s->caller.protocol)
			buf_printf(out, " (%s)", s->caller.protocol);
		if (s->caller.oldest >= 1) {
			buf_str(out, " has waited ");
			quantity_write(out, QUANTITY_SECONDS, s->caller.oldest);
			buf_printf(out, " for %s", s->service);
		} else if (!s->caller.duration.now.unknown && s->caller.duration.now.cnt > 0) {
			buf_str(out, " waits ");
			quantity_write(out, QUANTITY_SECONDS,
				       measure_mean(&s->caller.duration.now));
			buf_printf(out, " for %s", s->service);
		}
		if (s->callers_total > 1)
			buf_printf(out, ", and %u more", s->callers_total - 1);
	} else if (!m->unknown && m->cnt > 0) {
		buf_printf(out, "clients of %s, ", s->service);
		quantity_write(out, QUANTITY_PLAIN, measure_rate(m));
		buf_str(out, " requests/s");
	} else {
		buf_str(out, s->service);
	}
}

/* Who loads the device at the expense of others does not count as their fellow. */
static bool is_offender(const struct scene *s, const struct waiter *w)
{
	return s->reason->kind == REASON_NEIGHBOUR && s->user_cnt &&
	       !strcmp(s->users[0].service, w->service);
}

static void victims_line(struct buf *out, const struct scene *s)
{
	u32 said = 0, others = s->waiting_total;

	if (s->device && s->waiter_cnt) {
		for (size_t i = 0; i < s->waiter_cnt && said < VICTIMS_SAID; i++) {
			others--;
			if (is_offender(s, &s->waiters[i]))
				continue;
			buf_str(out, said++ ? ", " : "");
			waiter_write(out, s, &s->waiters[i]);
		}
		if ((s32)others > 0)
			buf_printf(out, ", and %u more", others);
	} else if (s->service) {
		caller_write(out, s);
	} else {
		buf_str(out, "nobody that is known");
	}
}

static void change_write(struct buf *out, const struct scene *s, const struct change *c)
{
	static const char *const words[CHANGE_KINDS] = {
		[CHANGE_REPLACED] = "was replaced", [CHANGE_OOM] = "was killed for want of memory",
		[CHANGE_DIED] = "failed",	    [CHANGE_STARTED] = "started",
		[CHANGE_ENDED] = "ended",
	};

	buf_printf(out, "%s %s", c->service, words[c->kind]);
	if (*c->detail)
		buf_printf(out, " (%s)", c->detail);
	if (c->cnt > 1)
		buf_printf(out, " %llu times, first", (unsigned long long)c->cnt);
	buf_str(out, " at ");
	variable_time(out, s, c->first_ns);
}

/* Writes so many of the changes from `first` on, and how many more there are of `cnt`. */
static void changes_write(struct buf *out, const struct scene *s, size_t first, size_t cnt,
			  size_t max)
{
	size_t said = 0;

	for (; said < cnt && said < max && first + said < s->changed_cnt; said++) {
		buf_str(out, said ? "; " : "");
		change_write(out, s, &s->changed[first + said]);
	}
	if (cnt > said)
		buf_printf(out, "%s%zu more", said ? "; and " : "", cnt - said);
}

/* What changed in the services that have to do with it, and then what did elsewhere. */
static void changed_line(struct buf *out, const struct scene *s)
{
	size_t elsewhere = s->changed_total - s->concerned_total;

	if (!s->changed_since_ns) {
		buf_str(out,
			s->changed_until_ns < s->now_window.end_ns
				? "unknown: processes were not watched then, or it is too long ago"
				: "unknown: processes are not watched, or not yet");
		return;
	}
	if (s->concerned_total) {
		changes_write(out, s, 0, s->concerned_total, CHANGES_SAID);
	} else {
		buf_printf(out, "nothing%s started%s or killed since ",
			   elsewhere ? " of these services" : "",
			   changes_watched(s->src->changes, CHANGE_REPLACED) ? ", replaced" : "");
		variable_time(out, s, s->changed_since_ns);
		if (s->changed_until_ns < s->now_window.end_ns) {
			buf_str(out, ", until ");
			variable_time(out, s, s->changed_until_ns);
		}
	}
	if (!elsewhere)
		return;
	buf_str(out, "; elsewhere: ");
	changes_write(out, s, s->concerned_total, elsewhere, 1);
}

static void do_line(struct buf *out, const struct scene *s)
{
	words_write(out, s->reason->todo, s);
}

static void time_line(struct buf *out, const struct scene *s)
{
	size_t said = 0;

	if (!s->service || !s->budget.part_cnt || scene_share(s, s->budget.parts) < LITTLE)
		return;
	buf_printf(out, "%s, of %s:", s->service,
		   s->budget.by_requests ? "the time in which requests are under way"
					 : "each second");
	for (size_t i = 0; i < s->budget.part_cnt; i++) {
		const struct part *p = &s->budget.parts[i];

		if (scene_share(s, p) < LITTLE)
			break;
		buf_str(out, said++ ? ", " : " ");
		variable_part(out, s, p);
	}
}

const struct words_row words_rows[] = {
	{ "summary", summary_line },
	{ "cause", cause_line },
	{ "victims", victims_line },
	{ "changed", changed_line },
	{ "do", do_line },
	{ "time", time_line },
	{ NULL, NULL },
};

void words_line(struct buf *out, const char *name, const struct scene *s)
{
	for (const struct words_row *row = words_rows; row->name; row++)
		if (!strcmp(row->name, name))
			row->write(out, s);
}
