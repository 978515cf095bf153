// SPDX-License-Identifier: BSD-3-Clause
#include "rule/fact.h"

#include <string.h>

#include "conf/pattern.h"

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

struct counted counted_where(const struct scene *s, const char *metric,
			     const struct condition *where, const char *label, const char *values)
{
	struct counted ret = { 0, s->usual ? 0 : NAN };
	struct group g;

	group_find(&g, s->src->registry, metric, where);
	for (size_t i = 0; i < g.cnt; i++) {
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

struct counted service_counted(const struct scene *s, const char *metric, const char *service,
			       const char *label, const char *values)
{
	const struct condition where[] = { { "service", service }, { NULL } };

	return service ? counted_where(s, metric, where, label, values)
		       : (struct counted){ 0, s->usual ? 0 : NAN };
}

enum answer is_up(struct counted c, double least)
{
	return c.now >= least && (isnan(c.usual) || c.now >= MANY * c.usual);
}
