// SPDX-License-Identifier: BSD-3-Clause
#include "rule/facts.h"

#include <string.h>

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
