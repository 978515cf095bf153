// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/unknown.h"

#include "lib/buf.h"
#include "probe/probe.h"
#include "rule/text.h"

#define YOUNG_NS (60 * 1000000000ULL) /* a history that is younger knows little of what is usual */
#define BLIND_NS (3 * 1000000000ULL)

/* What a diagnosis looks at, and of which probe it is. */
static const struct {
	const char *probe, *metric, *what;
} needed[] = {
	{ "request", "seismo_requests_total", "requests" },
	{ "block", "seismo_block_io_duration_seconds", "disks" },
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

static void lossy_say(json_t *list, const char *what, const struct history_window *w,
		      const struct family *f)
{
	struct history_coverage c;
	struct buf b = { 0 };

	history_family_coverage(w, f, &c);
	if (!(c.missing & HISTORY_LOSSY))
		return;
	buf_printf(&b, "%s: events were lost in ", what);
	quantity_write(&b, QUANTITY_PERCENT, 1 - c.ratio);
	buf_str(&b, " of the time; what follows holds for the rest");
	sentence(list, &b);
}

json_t *unknown_list(const struct evidence_sources *src, u64 since_ns)
{
	json_t *list = json_array();
	struct history_window w;
	struct buf b = { 0 };
	u64 age_ns;

	if (!history_window(src->history, since_ns, &w)) {
		buf_str(&b, "nothing has been read yet");
		sentence(list, &b);
		return list;
	}
	age_ns = w.end_ns - w.begin_ns;
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		const struct family *f = registry_find(src->registry, needed[i].metric);

		if (f) {
			lossy_say(list, needed[i].what, &w, f);
			continue;
		}
		buf_printf(&b, "%s: the probe %s does not run", needed[i].what, needed[i].probe);
		sentence(list, &b);
	}
	if (age_ns >= YOUNG_NS || age_ns >= since_ns)
		return list;
	buf_str(&b, "what is usual: Seismo has watched for ");
	quantity_write(&b, QUANTITY_SECONDS, (double)age_ns / 1e9);
	buf_str(&b, " only");
	sentence(list, &b);
	return list;
}

bool unknown_is_blind(const struct evidence_sources *src)
{
	struct history_stats stats;

	history_stats(src->history, &stats);
	return stats.end_ns - stats.begin_ns < BLIND_NS ||
	       !registry_find(src->registry, "seismo_requests_total") ||
	       !registry_find(src->registry, "seismo_block_io_duration_seconds");
}
