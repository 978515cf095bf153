// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/unknown.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/utf8.h"
#include "probe/probe.h"
#include "rule/text.h"

#define YOUNG_NS (60 * 1000000000ULL) /* a history that is younger knows little of what is usual */
#define BLIND_NS (3 * 1000000000ULL)
#define MUCH	 0.5 /* of the time, in which events were lost */

/* What a diagnosis looks at, and of which probe it is. */
static const struct {
	const char *probe, *metric, *what;
	bool always; /* without it nothing can be said */
} needed[] = {
	{ "request", "seismo_requests_total", "requests", true },
	{ "block", "seismo_block_io_duration_seconds", "disks", true },
	{ "tcp", "seismo_tcp_connections_total", "TCP connections" },
	{ "syscall", "seismo_syscall_errors_total", "limits and failing calls" },
	{ "core", "seismo_cpu_seconds_total", "CPU time" },
	{ "process", "seismo_process_exits_total", "processes" },
	{ "memory", "seismo_major_faults_total", "memory" },
};

static void sentence(json_t *list, struct buf *b)
{
	json_array_append_new(list, json_stringn(b->data ?: "", b->len));
	buf_release(b);
}

/* In what part of the time that is covered. */
static double lossy_say(json_t *list, const char *what, const struct history_window *w,
			const struct family *f)
{
	struct history_coverage c;
	struct buf b = { 0 };

	history_family_coverage(w, f, &c);
	if (!(c.missing & HISTORY_LOSSY))
		return 0;
	buf_printf(&b, "%s: events were lost in ", what);
	quantity_write(&b, QUANTITY_PERCENT, 1 - c.ratio);
	buf_str(&b, " of the time");
	buf_str(&b, c.ratio > 0 ? "; what follows holds for the rest" : "");
	sentence(list, &b);
	return 1 - c.ratio;
}

json_t *unknown_list(const struct evidence_sources *src, u64 since_ns, bool *ret_much)
{
	json_t *list = json_array();
	struct history_window w;
	struct buf b = { 0 };

	*ret_much = true;
	if (!history_window(src->history, since_ns, &w)) {
		buf_str(&b, "nothing has been read yet");
		sentence(list, &b);
		return list;
	}
	*ret_much = w.end_ns - w.begin_ns < BLIND_NS;
	w.asked_ns = w.end_ns - w.begin_ns;
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		const struct family *f = registry_find(src->registry, needed[i].metric);

		*ret_much |=
			needed[i].always && (!f || lossy_say(list, needed[i].what, &w, f) >= MUCH);
		if (f && !needed[i].always)
			lossy_say(list, needed[i].what, &w, f);
		if (f)
			continue;
		buf_printf(&b, "%s: the probe %s does not run", needed[i].what, needed[i].probe);
		sentence(list, &b);
	}
	return list;
}

static bool family_has(const struct family *f, const char *service)
{
	for (size_t i = 0; f->metric->service && i < f->series_cnt; i++)
		if (f->series[i]->label[0] && !strcmp(f->series[i]->label[0], service))
			return true;
	return false;
}

bool unknown_service(json_t *list, const struct registry *r, const char *service)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < r->family_cnt; i++)
		if (family_has(r->families[i], service))
			return false;
	buf_str(&b, "the service ");
	utf8_printable(&b, service);
	buf_str(&b, ": there is none of that name; seismo top lists those that there are");
	sentence(list, &b);
	return true;
}

void unknown_omitted(json_t *list, u32 symptoms, bool causes)
{
	struct buf b = { 0 };

	if (symptoms) {
		buf_printf(&b, "%u more symptoms, for which there was no room", symptoms);
		sentence(list, &b);
	}
	if (causes) {
		buf_str(&b,
			"more causes: there was more to look at than is looked at, or no memory");
		sentence(list, &b);
	}
}

void unknown_young(json_t *list, const struct evidence_sources *src, u64 since_ns)
{
	struct history_stats stats;
	struct buf b = { 0 };
	u64 age_ns;

	history_stats(src->history, &stats);
	age_ns = src->registry->now_ns - stats.begin_ns;
	if (age_ns >= since_ns && age_ns >= YOUNG_NS)
		return;
	buf_str(&b, age_ns < YOUNG_NS ? "what is usual: Seismo has watched for "
				      : "what was before: Seismo has watched for ");
	quantity_write(&b, QUANTITY_SECONDS, (double)age_ns / 1e9);
	buf_str(&b, " only");
	sentence(list, &b);
}
