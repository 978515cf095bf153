// SPDX-License-Identifier: BSD-3-Clause
#include "event/slow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "probe/probe.h"

#define TEXT_SIZE 256

struct worst {
	struct ring_slow_call e;
	s64 wall_ns;
	UT_hash_handle hh;
	char service[]; /* the key, with the sort as its first byte */
};

struct slow {
	const char *(*service)(void *ctx, u32 identity, u32 gen);
	void *ctx;
	struct worst *worst;
};

/* --- what the families' labels tell of a dimension */

static u64 label_value(const struct metric_label *label, u64 dim)
{
	return dim >> label->shift & ((1ULL << label->bits) - 1);
}

/* The labels of this metric as keys of the line. */
static void labels_add(const struct slow *t, struct event_log *l, const char *metric, u64 dim)
{
	const struct metric *m = probe_metric(metric);
	const struct metric_label *label = m ? m->labels : NULL;

	for (; m && label < m->labels + METRIC_LABELS && label->name; label++) {
		u64 value = label_value(label, dim);
		const char *owner = NULL;
		char text[TEXT_SIZE] = "";
		u32 identity, gen;

		if (t && label->owner && label->owner(value, &identity, &gen))
			owner = t->service(t->ctx, identity, gen);
		label->format(value, text, sizeof(text));
		if (owner || *text)
			event_text(l, label->name, owner ?: text);
	}
}

static void sector_add(struct event_log *l, const struct ring_io *e)
{
	if (e->sector != IO_SECTOR_UNKNOWN)
		event_integer(l, "sector", (s64)e->sector);
	event_integer(l, "size_bytes", (s64)e->bytes);
}

void slow_block_error(struct event_log *l, const struct ring_io *e, const char *service,
		      s64 wall_ns)
{
	event_begin(l, EVENT_BLOCK_ERROR, service, wall_ns);
	labels_add(NULL, l, "seismo_block_io_errors_total", e->dim);
	sector_add(l, e);
	event_end(l);
}

/* --- the longest */

struct slow *slow_new(const char *(*service)(void *ctx, u32 identity, u32 gen), void *ctx)
{
	struct slow *t = calloc(1, sizeof(*t));

	if (t)
		*t = (struct slow){ .service = service, .ctx = ctx };
	return t;
}

void slow_note(struct slow *t, const struct ring_slow_call *e, const char *service, s64 wall_ns)
{
	char key[1024];
	size_t len =
		(size_t)snprintf(key, sizeof(key), "%c%s", (char)('0' + e->slow.what), service);
	struct worst *w;

	if (e->slow.what >= SLOW_KINDS || len >= sizeof(key))
		return;
	HASH_FIND(hh, t->worst, key, len, w);
	if (!w) {
		w = calloc(1, sizeof(*w) + len + 1);
		if (!w)
			return;
		memcpy(w->service, key, len + 1);
		HASH_ADD_KEYPTR(hh, t->worst, w->service, len, w);
	}
	if (e->slow.io.total_ns <= w->e.slow.io.total_ns)
		return;
	w->e = *e;
	w->wall_ns = wall_ns;
}

static void process_add(struct event_log *l, const struct ring_event *e)
{
	char command[RING_COMM + 1];

	snprintf(command, sizeof(command), "%.*s", RING_COMM, e->comm);
	event_integer(l, "pid", e->pid);
	event_text(l, "command", command);
}

static void syscall_add(const struct slow *t, struct event_log *l, const struct ring_slow_call *e)
{
	char file[2 * RING_FILE + 2];

	process_add(l, &e->slow.io.head);
	labels_add(t, l, "seismo_syscalls_total", e->slow.syscall);
	labels_add(t, l, "seismo_syscall_duration_seconds", e->slow.class);
	if (!*e->file[0])
		return;
	snprintf(file, sizeof(file), "%.*s%s%.*s", RING_FILE, e->file[1],
		 *e->file[1] && strcmp(e->file[1], "/") != 0 ? "/" : "", RING_FILE, e->file[0]);
	event_text(l, "file", file);
}

static void request_add(const struct slow *t, struct event_log *l, const struct ring_slow_call *e)
{
	process_add(l, &e->slow.io.head);
	labels_add(t, l, "seismo_request_duration_seconds", e->slow.io.dim);
}

static void io_add(const struct slow *t, struct event_log *l, const struct ring_slow_call *e)
{
	labels_add(t, l, "seismo_service_block_io_duration_seconds", e->slow.io.dim);
	if (e->slow.io.device_ns)
		event_seconds(l, "device_seconds", e->slow.io.device_ns);
	sector_add(l, &e->slow.io);
}

static const struct sort {
	const char *name;
	void (*add)(const struct slow *t, struct event_log *l, const struct ring_slow_call *e);
} sorts[SLOW_KINDS] = {
	[SLOW_SYSCALL] = { "syscall", syscall_add },
	[SLOW_REQUEST] = { "request", request_add },
	[SLOW_IO] = { "io", io_add },
};

static void worst_free(struct slow *t, struct worst *w)
{
	HASH_DEL(t->worst, w);
	free(w);
}

void slow_tell(struct slow *t, struct event_log *l, u64 window_ns)
{
	struct worst *w, *next;

	HASH_ITER(hh, t->worst, w, next) {
		event_begin(l, EVENT_SLOW, w->service + 1, w->wall_ns);
		event_text(l, "what", sorts[w->e.slow.what].name);
		event_seconds(l, "duration_seconds", w->e.slow.io.total_ns);
		event_seconds(l, "window_seconds", window_ns);
		sorts[w->e.slow.what].add(t, l, &w->e);
		event_end(l);
		worst_free(t, w);
	}
}

void slow_free(struct slow *t)
{
	struct worst *w, *next;

	if (!t)
		return;
	HASH_ITER(hh, t->worst, w, next)
		worst_free(t, w);
	free(t);
}
