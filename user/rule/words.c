// SPDX-License-Identifier: BSD-3-Clause
#include "rule/words.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "conf/template.h"
#include "rule/reason.h"
#include "rule/text.h"

#define NS_PER_SEC   1000000000LL
#define VICTIMS_SAID 3
#define CHANGES_SAID 3
#define LITTLE	     0.01 /* of a service's time: not worth a word */

/* --- values */

static bool quantity(struct buf *out, enum quantity unit, double value)
{
	if (isnan(value))
		return false;
	quantity_write(out, unit, value);
	return true;
}

static bool rate(struct buf *out, enum quantity unit, double value)
{
	if (!quantity(out, unit, value))
		return false;
	buf_str(out, "/s");
	return true;
}

static bool text(struct buf *out, const char *value)
{
	if (!value || !*value)
		return false;
	buf_str(out, value);
	return true;
}

static bool mean(struct buf *out, const struct measure *m)
{
	return !m->unknown && quantity(out, QUANTITY_SECONDS, measure_mean(m));
}

static bool mean_usual(struct buf *out, const struct measured *m)
{
	return mean(out, &m->usual);
}

/* UTC, of a time of CLOCK_MONOTONIC. */
static bool clock_time(struct buf *out, const struct scene *s, u64 ns)
{
	time_t seconds = (time_t)(((s64)ns + s->src->wall_offset_ns) / NS_PER_SEC);
	struct tm tm;
	char at[16];

	if (!gmtime_r(&seconds, &tm) || !strftime(at, sizeof(at), "%H:%M UTC", &tm))
		return false;
	buf_str(out, at);
	return true;
}

/* --- variables */

static bool device(struct buf *out, const struct scene *s)
{
	return text(out, s->device);
}

static bool serial(struct buf *out, const struct scene *s)
{
	return s->disk && text(out, s->disk->serial);
}

static bool operations(struct buf *out, const struct scene *s)
{
	if (!s->operation)
		return text(out, "requests");
	buf_printf(out, "%s%s", s->operation, !strcmp(s->operation, "flush") ? "es" : "s");
	return true;
}

static bool service(struct buf *out, const struct scene *s)
{
	return text(out, s->service);
}

static bool victim(struct buf *out, const struct scene *s)
{
	return text(out, s->waiter_cnt ? s->waiters[0].service : s->service);
}

static bool slower(struct buf *out, const struct scene *s)
{
	buf_printf(out, "%u", s->slower_total);
	return true;
}

static bool device_oldest(struct buf *out, const struct scene *s)
{
	return quantity(out, QUANTITY_SECONDS, s->device_oldest);
}

static bool in_flight(struct buf *out, const struct scene *s)
{
	return quantity(out, QUANTITY_PLAIN, s->in_flight);
}

static bool device_now(struct buf *out, const struct scene *s)
{
	return mean(out, &s->in_device.now);
}

static bool device_usual(struct buf *out, const struct scene *s)
{
	return mean_usual(out, &s->in_device);
}

static bool queue_now(struct buf *out, const struct scene *s)
{
	return mean(out, &s->in_queue.now);
}

static bool queue_usual(struct buf *out, const struct scene *s)
{
	return mean_usual(out, &s->in_queue);
}

static bool user(struct buf *out, const struct scene *s)
{
	return s->user_cnt && text(out, s->users[0].service);
}

static bool user_rate(struct buf *out, const struct scene *s)
{
	return s->user_cnt && rate(out, QUANTITY_BYTES, s->users[0].bytes);
}

static bool user_ops(struct buf *out, const struct scene *s)
{
	return s->user_cnt && quantity(out, QUANTITY_PLAIN, s->users[0].ops);
}

static bool user_usual(struct buf *out, const struct scene *s)
{
	return s->user_cnt && rate(out, QUANTITY_BYTES, s->users[0].usual_bytes);
}

static bool callee(struct buf *out, const struct scene *s)
{
	if (s->callee.service || !s->callee.protocol)
		return text(out, s->callee.service);
	buf_printf(out, "its %s callee", s->callee.protocol);
	return true;
}

static bool callee_protocol(struct buf *out, const struct scene *s)
{
	return text(out, s->callee.protocol);
}

static bool callee_oldest(struct buf *out, const struct scene *s)
{
	return quantity(out, QUANTITY_SECONDS, s->callee.oldest);
}

static bool callee_now(struct buf *out, const struct scene *s)
{
	return mean(out, &s->callee.duration.now);
}

static bool callee_usual(struct buf *out, const struct scene *s)
{
	return mean_usual(out, &s->callee.duration);
}

/* What the callee itself takes for a request. */
static bool callee_own(struct buf *out, const struct scene *s)
{
	return mean(out, &s->callee_inbound.now);
}

static bool accept_now(struct buf *out, const struct scene *s)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	struct measured m = { 0 };

	scene_measure(s, &m, "seismo_tcp_accept_duration_seconds", where);
	group_release(&m.group);
	return mean(out, &m.now);
}

/* "accept4 EMFILE, 412 times": what failed most, and how often all did that ran into this limit. */
static bool limited(struct buf *out, const struct scene *s, enum limit_kind kind)
{
	double cnt;
	const struct series *most = scene_limited(s, kind, &cnt);

	if (!most)
		return false;
	buf_printf(out, "%s %s, %.0f times", most->label[1] ?: "", most->label[2] ?: "", cnt);
	return true;
}

static bool files_limited(struct buf *out, const struct scene *s)
{
	return limited(out, s, LIMIT_FILES);
}

static bool tasks_limited(struct buf *out, const struct scene *s)
{
	return limited(out, s, LIMIT_TASKS);
}

static bool space_limited(struct buf *out, const struct scene *s)
{
	return limited(out, s, LIMIT_SPACE);
}

static bool caller(struct buf *out, const struct scene *s)
{
	return text(out, s->caller.service);
}

static bool part_share(struct buf *out, const struct scene *s, const char *name)
{
	const struct part *p = scene_part(s, name);

	return p && quantity(out, QUANTITY_PERCENT, scene_share(s, p));
}

static bool callee_share(struct buf *out, const struct scene *s)
{
	return part_share(out, s, "outbound");
}

static bool cpu_share(struct buf *out, const struct scene *s)
{
	return part_share(out, s, "cpu");
}

static bool cpu_wait_share(struct buf *out, const struct scene *s)
{
	return part_share(out, s, "cpu_wait");
}

static bool locks_share(struct buf *out, const struct scene *s)
{
	return part_share(out, s, "locks_at_most");
}

static bool sleep_share(struct buf *out, const struct scene *s)
{
	return part_share(out, s, "sleep_at_most");
}

/* What the last processes of a service ended with. */
static bool death_of(struct buf *out, const struct scene *s, const char *service)
{
	for (size_t i = 0; service && i < s->changed_cnt; i++) {
		const struct change *c = &s->changed[i];

		if (strcmp(c->service, service) != 0)
			continue;
		if (c->kind == CHANGE_OOM)
			return text(out, "killed for want of memory");
		if (c->kind == CHANGE_DIED)
			return text(out, c->detail);
	}
	return false;
}

static bool callee_death(struct buf *out, const struct scene *s)
{
	return death_of(out, s, s->callee.service);
}

static bool death(struct buf *out, const struct scene *s)
{
	return death_of(out, s, s->service);
}

static bool limited_device(struct buf *out, const struct scene *s)
{
	const struct part *p = scene_part(s, "io_limit");

	return p && text(out, p->of);
}

static void part_write(struct buf *out, const struct scene *s, const struct part *p)
{
	const char *of = p->of ?: p->protocol;

	buf_printf(out, "%s%s%s ", p->row->words, of ? " " : "", of ?: "");
	quantity_write(out, QUANTITY_PERCENT, scene_share(s, p));
}

static bool most_part(struct buf *out, const struct scene *s)
{
	const struct part *p = s->budget.parts;

	if (!s->budget.part_cnt)
		return false;
	part_write(out, s, p);
	return true;
}

static bool cpu_user(struct buf *out, const struct scene *s)
{
	return text(out, s->cpu_user);
}

static bool cpu_used(struct buf *out, const struct scene *s)
{
	return quantity(out, QUANTITY_PLAIN, s->cpu_used);
}

static bool gauge(struct buf *out, const struct scene *s, const char *metric, enum quantity unit)
{
	const struct condition where[] = { { "service", s->service ?: "" }, { NULL } };
	double value = s->service ? scene_gauge(s, metric, where) : NAN;

	return value > 0 && quantity(out, unit, value);
}

static bool cpu_quota(struct buf *out, const struct scene *s)
{
	return gauge(out, s, "seismo_cpu_quota_cores", QUANTITY_PLAIN);
}

static bool memory_limit(struct buf *out, const struct scene *s)
{
	return gauge(out, s, "seismo_memory_limit_bytes", QUANTITY_BYTES);
}

static bool requests_now(struct buf *out, const struct scene *s)
{
	return !s->inbound.now.unknown && rate(out, QUANTITY_PLAIN, measure_rate(&s->inbound.now));
}

static bool requests_usual(struct buf *out, const struct scene *s)
{
	return !s->inbound.usual.unknown &&
	       quantity(out, QUANTITY_PLAIN, measure_rate(&s->inbound.usual));
}

/* The values that most of the events have, of labels that the alert does not have. */
static bool detail(struct buf *out, const struct scene *s)
{
	static const char *const labels[] = { "operation", "error",  "errno", "syscall",
					      "status",	   "reason", "scope", NULL };
	size_t begin = out->len;

	for (const char *const *l = labels; s->most && *l; l++) {
		int at = family_label(s->most->family, *l);

		if (at >= 0 && s->most->label[at])
			buf_printf(out, "%s%s", out->len > begin ? " " : "", s->most->label[at]);
	}
	return out->len > begin;
}

static bool replaced(struct buf *out, const struct scene *s)
{
	for (size_t i = 0; s->service && i < s->changed_cnt; i++)
		if (s->changed[i].kind == CHANGE_REPLACED &&
		    !strcmp(s->changed[i].service, s->service)) {
			buf_str(out, "at ");
			return clock_time(out, s, s->changed[i].last_ns);
		}
	return false;
}

/* When it was started last. */
static bool started(struct buf *out, const struct scene *s)
{
	for (size_t i = 0; s->service && i < s->changed_cnt; i++)
		if ((s->changed[i].kind == CHANGE_STARTED || s->changed[i].kind == CHANGE_DIED) &&
		    !strcmp(s->changed[i].service, s->service)) {
			buf_str(out, "at ");
			return clock_time(out, s, s->changed[i].last_ns);
		}
	return false;
}

static bool missing(struct buf *out, const struct scene *s)
{
	return text(out, s->reason_unknown);
}

/* What stands for {{name}}: the function of this name writes it, and returns false where it is not known. */
#define VARIABLE(name) #name, name
static const struct {
	const char *name;
	bool (*write)(struct buf *out, const struct scene *s);
} variables[] = {
	{ VARIABLE(device) },	      { VARIABLE(serial) },	   { VARIABLE(operations) },
	{ VARIABLE(service) },	      { VARIABLE(victim) },	   { VARIABLE(slower) },
	{ VARIABLE(device_oldest) },  { VARIABLE(in_flight) },	   { VARIABLE(device_now) },
	{ VARIABLE(device_usual) },   { VARIABLE(queue_now) },	   { VARIABLE(queue_usual) },
	{ VARIABLE(user) },	      { VARIABLE(user_rate) },	   { VARIABLE(user_ops) },
	{ VARIABLE(user_usual) },     { VARIABLE(callee) },	   { VARIABLE(callee_protocol) },
	{ VARIABLE(callee_oldest) },  { VARIABLE(callee_now) },	   { VARIABLE(callee_usual) },
	{ VARIABLE(caller) },	      { VARIABLE(callee_share) },  { VARIABLE(cpu_share) },
	{ VARIABLE(cpu_wait_share) }, { VARIABLE(locks_share) },   { VARIABLE(limited_device) },
	{ VARIABLE(most_part) },      { VARIABLE(cpu_user) },	   { VARIABLE(cpu_used) },
	{ VARIABLE(cpu_quota) },      { VARIABLE(memory_limit) },  { VARIABLE(requests_now) },
	{ VARIABLE(requests_usual) }, { VARIABLE(detail) },	   { VARIABLE(replaced) },
	{ VARIABLE(missing) },	      { VARIABLE(sleep_share) },   { VARIABLE(callee_death) },
	{ VARIABLE(callee_own) },     { VARIABLE(accept_now) },	   { VARIABLE(files_limited) },
	{ VARIABLE(tasks_limited) },  { VARIABLE(space_limited) }, { VARIABLE(death) },
	{ VARIABLE(started) },
};

static bool variable_write(struct buf *out, const struct template_part *part, const struct scene *s)
{
	size_t begin = out->len;

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		if (!template_part_is(part, variables[i].name))
			continue;
		if (variables[i].write(out, s))
			return true;
		out->len = begin;
	}
	return false;
}

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
	clock_time(out, s, c->first_ns);
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
		buf_str(out, "unknown: processes are not watched, or not yet");
		return;
	}
	if (s->concerned_total) {
		changes_write(out, s, 0, s->concerned_total, CHANGES_SAID);
	} else {
		buf_printf(out, "nothing%s started%s or killed since ",
			   elsewhere ? " of these services" : "",
			   changes_watched(s->src->changes, CHANGE_REPLACED) ? ", replaced" : "");
		clock_time(out, s, s->changed_since_ns);
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
		part_write(out, s, p);
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
