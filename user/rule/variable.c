// SPDX-License-Identifier: BSD-3-Clause
#include "rule/variable.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "rule/reason.h"
#include "rule/text.h"

#define NS_PER_SEC 1000000000LL

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

bool variable_time(struct buf *out, const struct scene *s, u64 ns)
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
	return text(out, s->asker);
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

void variable_part(struct buf *out, const struct scene *s, const struct part *p)
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
	variable_part(out, s, p);
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
	return !s->inbound.now.unknown &&
	       quantity(out, QUANTITY_PLAIN, measure_rate(&s->inbound.now));
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
			return variable_time(out, s, s->changed[i].last_ns);
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
			return variable_time(out, s, s->changed[i].last_ns);
		}
	return false;
}

static bool answer_now(struct buf *out, const struct scene *s)
{
	return mean(out, &s->inbound.now);
}

static bool answer_usual(struct buf *out, const struct scene *s)
{
	return mean(out, &s->inbound.usual);
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
	{ VARIABLE(started) },	      { VARIABLE(answer_now) },	   { VARIABLE(answer_usual) },
};

bool variable_write(struct buf *out, const struct template_part *part, const struct scene *s)
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
