// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "conf/pattern.h"
#include "rule/fact.h"

bool subject_begins(const struct scene *s, const char *prefix)
{
	return !strncmp(s->subject.metric, prefix, strlen(prefix));
}

enum answer part_takes(const struct scene *s, const char *name, double share)
{
	const struct part *p = s->focus ?: scene_part(s, name);
	double growth;

	if (!p || strcmp(p->row->name, name) != 0)
		return NO;
	growth = scene_growth(s, p);
	return at_least(isnan(growth) ? scene_share(s, p) : growth, share);
}

struct counted service_counted(const struct scene *s, const char *metric, const char *service,
			       const char *label, const char *values)
{
	const struct condition where[] = { { "service", service ?: "" }, { NULL } };
	struct counted ret = { 0, s->usual ? 0 : NAN };
	struct group g;

	group_find(&g, s->src->registry, metric, where);
	for (size_t i = 0; service && i < g.cnt; i++) {
		int at = label ? family_label(g.family, label) : -1;

		if (label && (at < 0 || !pattern_match(values, g.at[i]->label[at] ?: "")))
			continue;
		ret.now += series_increase(g.at[i], &s->now_window);
		if (s->usual)
			ret.usual += series_increase(g.at[i], s->usual);
	}
	group_release(&g);
	if (s->usual)
		ret.usual *= (double)(s->now_window.end_ns - s->now_window.begin_ns) /
			     (double)(s->usual->end_ns - s->usual->begin_ns);
	return ret;
}

enum answer is_up(struct counted c, double least)
{
	return c.now >= least && (isnan(c.usual) || c.now >= MANY * c.usual);
}

/* --- the alert */

/* Is it the device that the alert is about, and not a service that waits for it? */
enum answer fact_about_device(const struct scene *s)
{
	return subject_begins(s, "seismo_block_");
}

enum answer fact_about_block_errors(const struct scene *s)
{
	return subject_begins(s, "seismo_block_io_errors");
}

enum answer fact_about_connects(const struct scene *s)
{
	return subject_begins(s, "seismo_tcp_connect_");
}

static enum answer most_is(const struct scene *s, const char *value)
{
	const struct family *f = s->value.group.family;

	for (unsigned i = 0; s->most && i < f->label_cnt; i++)
		if (s->most->label[i] && !strcmp(s->most->label[i], value))
			return YES;
	return NO;
}

enum answer fact_about_oom(const struct scene *s)
{
	return subject_begins(s, "seismo_oom_");
}

/* Of a cgroup's limit, as the kernel said. */
enum answer fact_oom_of_cgroup(const struct scene *s)
{
	return both(fact_about_oom(s), most_is(s, "cgroup"));
}

enum answer fact_about_exits(const struct scene *s)
{
	return subject_begins(s, "seismo_process_");
}

enum answer fact_exits_by_oom(const struct scene *s)
{
	return both(fact_about_exits(s), most_is(s, "oom"));
}

enum answer fact_about_overflows(const struct scene *s)
{
	return subject_begins(s, "seismo_tcp_listen_overflows");
}

enum answer fact_about_calls(const struct scene *s)
{
	return subject_begins(s, "seismo_syscall_errors");
}

enum answer fact_connect_refused(const struct scene *s)
{
	return both(fact_about_connects(s), most_is(s, "ECONNREFUSED"));
}

enum answer fact_about_network(const struct scene *s)
{
	return subject_begins(s, "seismo_tcp_re") || subject_begins(s, "seismo_tcp_rtt");
}

/* --- rows */

#define FACT_ROW(name, missing) { fact_##name, missing },
static const struct {
	enum answer (*answer)(const struct scene *s);
	const char *missing;
} facts[] = { FACTS(FACT_ROW) };

void facts_find(const struct scene *s, facts_t *yes, facts_t *unknown)
{
	*yes = *unknown = 0;
	for (unsigned i = 0; i < FACT_CNT; i++) {
		enum answer a = facts[i].answer(s);

		*yes |= (facts_t)(a == YES) << i;
		*unknown |= (facts_t)(a == UNKNOWN) << i;
	}
}

const char *facts_missing(facts_t unknown)
{
	for (unsigned i = 0; i < FACT_CNT; i++)
		if (unknown >> i & 1)
			return facts[i].missing;
	return NULL;
}
