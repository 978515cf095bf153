// SPDX-License-Identifier: BSD-3-Clause
#include "attach/values.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/loop.h"
#include "lib/utc.h"
#include "lib/utf8.h"
#include "metric/label.h"
#include "probe/probe.h"

json_t *values_seconds(u64 ns)
{
	return json_real((double)ns / 1e9);
}

json_t *values_integer(u64 n)
{
	return json_integer((json_int_t)n);
}

json_t *values_text(const char *bytes)
{
	struct buf b = { 0 };
	json_t *ret;

	utf8_json(&b, bytes);
	ret = json_loads(buf_cstr(&b), JSON_DECODE_ANY, NULL);
	buf_release(&b);
	return ret;
}

json_t *values_text_n(const char *bytes, size_t max)
{
	char *copy = strndup(bytes, max);
	json_t *ret = values_text(copy ?: "");

	free(copy);
	return ret;
}

json_t *values_time(u64 ns)
{
	struct utc_cache cache = { 0 };
	struct buf time = { 0 };
	json_t *ret;

	utc_add(&time, &cache, utc_now_ns() - (s64)(clock_now_ns() - ns));
	ret = json_string(buf_cstr(&time));
	buf_release(&time);
	return ret;
}

json_t *values_labels(const struct metric *m, u64 dim)
{
	json_t *labels = json_object();
	char value[LABEL_VALUE_SIZE];

	for (const struct metric_label *l = m->labels; l < m->labels + METRIC_LABELS && l->name;
	     l++) {
		if (l->shown && !*l->shown)
			continue;
		l->format(dim >> l->shift & ((1ULL << l->bits) - 1), value, sizeof(value));
		json_object_set_new(labels, l->name, values_text(value));
	}
	return labels;
}

void values_remote(const struct ends *e, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	*text = '\0';
	if ((e->family != AF_INET && e->family != AF_INET6) || !e->port)
		return;
	inet_ntop(e->family, e->remote, address, sizeof(address));
	snprintf(text, size, e->family == AF_INET ? "%s:%u" : "[%s]:%u", address, e->port);
}
