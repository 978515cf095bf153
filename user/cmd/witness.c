// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/witness.h"

#include <stdio.h>
#include <stdlib.h>

#include "event/replaced.h"
#include "event/ring.h"
#include "lib/loop.h"
#include "lib/utc.h"
#include "probe/disk_info.h"
#include "rule/changes.h"
#include "rule/evidence.h"

struct witness {
	const struct registry *registry;
	const struct history *history;
	const struct baselines *baselines;
	struct changes *changes;
	struct disk_infos *disks;
};

struct witness *witness_new(const struct registry *r, const struct history *h,
			    const struct baselines *b, struct worker *worker)
{
	struct witness *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct witness){ r, h, b, changes_new(), disk_infos_new(worker) };
	if (w->changes && w->disks)
		return w;
	witness_free(w);
	return NULL;
}

void witness_free(struct witness *w)
{
	if (!w)
		return;
	changes_free(w->changes);
	disk_infos_free(w->disks);
	free(w);
}

void witness_tick(struct witness *w)
{
	changes_tick(w->changes, w->registry, w->history);
	disk_infos_tick(w->disks, w->registry);
}

/* The first digits of the build ids, as people compare them. */
static void build_write(const struct process_event *e, char *buf, size_t size)
{
	const unsigned char *now = e->file.build_id, *was = e->before.build_id;

	*buf = '\0';
	if (e->file.build_id_len < 4 || e->before.build_id_len < 4)
		return;
	if (!replaced_build(&e->before, &e->file))
		snprintf(buf, size, ", the same build");
	else
		snprintf(buf, size, ", build %02x%02x%02x%02x -> %02x%02x%02x%02x", was[0], was[1],
			 was[2], was[3], now[0], now[1], now[2], now[3]);
}

void witness_seen(struct witness *w, const struct process_event *e)
{
	char detail[128], build[48];

	changes_watch(w->changes, CHANGE_REPLACED, true);
	if (e->kind != EVENT_REPLACED)
		return;
	build_write(e, build, sizeof(build));
	snprintf(detail, sizeof(detail), "inode %llu -> %llu, %llu -> %llu bytes%s",
		 (unsigned long long)e->before.inode, (unsigned long long)e->file.inode,
		 (unsigned long long)e->before.size, (unsigned long long)e->file.size, build);
	changes_note(w->changes, CHANGE_REPLACED, e->service, detail, 1, e->time_ns);
}

struct evidence_sources witness_sources(const struct witness *w)
{
	return (struct evidence_sources){
		.registry = w->registry,
		.history = w->history,
		.baselines = w->baselines,
		.changes = w->changes,
		.disks = w->disks,
		.wall_offset_ns = utc_now_ns() - (s64)clock_now_ns(),
	};
}

json_t *witness_evidence(const struct witness *w, const struct alert *a)
{
	const struct evidence_sources sources = witness_sources(w);

	return evidence_make(&sources, a);
}
