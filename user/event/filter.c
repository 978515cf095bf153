// SPDX-License-Identifier: BSD-3-Clause
#include "event/filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdint.h>
#include <string.h>

#include "lib/parse.h"
#include "lib/utc.h"

static int kinds_set(struct event_filter *f, const char *value, s64 now_ns)
{
	(void)now_ns;
	while (*value) {
		size_t len = strcspn(value, ",");
		char name[32];
		enum event_kind kind;

		if (len >= sizeof(name))
			return -EINVAL;
		memcpy(name, value, len);
		name[len] = '\0';
		kind = event_kind_find(name);
		if (kind == EVENT_KINDS)
			return -EINVAL;
		f->kinds |= 1U << kind;
		value += len + (value[len] == ',');
	}
	return f->kinds ? 0 : -EINVAL;
}

static int service_set(struct event_filter *f, const char *value, s64 now_ns)
{
	(void)now_ns;
	f->service = value;
	return 0;
}

/* So long ago, or a time. */
static int time_parse(const char *value, s64 now_ns, s64 *ret)
{
	u64 ago_ns;

	if (parse_duration(value, &ago_ns))
		return utc_parse(value, ret);
	*ret = now_ns > (s64)ago_ns ? now_ns - (s64)ago_ns : 1;
	return 0;
}

static int since_set(struct event_filter *f, const char *value, s64 now_ns)
{
	return time_parse(value, now_ns, &f->since_ns);
}

static int until_set(struct event_filter *f, const char *value, s64 now_ns)
{
	return time_parse(value, now_ns, &f->until_ns);
}

static int pid_set(struct event_filter *f, const char *value, s64 now_ns)
{
	u64 pid;

	(void)now_ns;
	if (parse_u64(value, 1, INT32_MAX, &pid))
		return -EINVAL;
	f->pid = (s64)pid;
	return 0;
}

const struct event_filter_row event_filter_rows[] = {
	{ "kind", "KIND[,KIND...]", "only events of these kinds (see --kinds)", kinds_set },
	{ "service", "PATTERN", "only of services that match, such as 'nginx*'", service_set },
	{ "since", "TIME", "only from then on: a duration such as 15m, or 2026-11-26T14:44:12Z",
	  since_set },
	{ "until", "TIME", "only until then", until_set },
	{ "pid", "PID", "only of this process", pid_set },
	{ .name = NULL },
};

int event_filter_set(struct event_filter *f, const char *name, const char *value, s64 now_ns,
		     struct buf *error)
{
	for (const struct event_filter_row *row = event_filter_rows; row->name; row++) {
		if (strcmp(row->name, name) != 0)
			continue;
		if (!row->set(f, value, now_ns))
			return 0;
		buf_printf(error, "'%s' is '%.64s', must be %s: %s", name, value, row->argument,
			   row->help);
		return -EINVAL;
	}
	return -ENOENT;
}

static const char *text_of(const json_t *event, const char *key)
{
	return json_string_value(json_object_get(event, key));
}

static bool time_matches(const struct event_filter *f, const json_t *event)
{
	const char *time = text_of(event, "time");
	s64 ns;

	if (!f->since_ns && !f->until_ns)
		return true;
	if (!time || utc_parse(time, &ns))
		return false;
	return ns >= f->since_ns && (!f->until_ns || ns <= f->until_ns);
}

bool event_filter_matches(const struct event_filter *f, const json_t *event)
{
	const char *kind = text_of(event, "kind"), *service = text_of(event, "service");
	enum event_kind number = kind && f->kinds ? event_kind_find(kind) : EVENT_KINDS;

	if (f->kinds && (number == EVENT_KINDS || !(f->kinds & 1U << number)))
		return false;
	if (f->service && (!service || fnmatch(f->service, service, 0)))
		return false;
	if (f->pid && json_integer_value(json_object_get(event, "pid")) != f->pid)
		return false;
	return time_matches(f, event);
}

json_t *event_filter_line(const struct event_filter *f, const char *line, size_t len, bool *bad)
{
	json_t *event = json_loadb(line, len, 0, NULL);

	*bad = !json_is_object(event) || !text_of(event, "kind");
	if (!*bad && event_filter_matches(f, event))
		return event;
	json_decref(event);
	return NULL;
}
