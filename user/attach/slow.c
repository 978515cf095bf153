// SPDX-License-Identifier: BSD-3-Clause
#include "attach/slow.h"

#include <stdlib.h>
#include <string.h>

#include "attach/calls.h"
#include "attach/summary.h"
#include "attach/values.h"
#include "probe/probe.h"

struct slow_entry {
	u64 end_ns;
	bool is_call;
	union {
		struct attach_event call;
		struct ring_watched other;
	};
};

static struct slow_entry *entry_new(struct slow_list *l, u64 end_ns, bool is_call)
{
	struct slow_entry *e;

	l->entries = l->entries ?: calloc(SLOW_KEPT, sizeof(*e));
	if (!l->entries)
		return NULL;
	e = &l->entries[l->cnt++ % SLOW_KEPT];
	e->end_ns = end_ns;
	e->is_call = is_call;
	return e;
}

void slow_call_note(struct slow_list *l, const struct attach_event *e)
{
	struct slow_entry *entry = entry_new(l, e->end_ns, true);

	if (entry)
		entry->call = *e;
}

void slow_other_note(struct slow_list *l, const struct ring_watched *e)
{
	struct slow_entry *entry = entry_new(l, e->slow.io.head.time_ns, false);

	if (entry)
		entry->other = *e;
}

void slow_list_release(struct slow_list *l)
{
	free(l->entries);
	*l = (struct slow_list){ 0 };
}

/* --- JSON */

static void waker_add(json_t *o, const struct waker *w)
{
	static const char *const kinds[] = { [WAKER_TASK] = "thread",
					     [WAKER_KERNEL] = "kernel_thread",
					     [WAKER_INTERRUPT] = "interrupt" };
	json_t *waker;

	if (w->kind == WAKER_UNKNOWN || w->kind > WAKER_INTERRUPT)
		return;
	waker = json_pack("{s:s}", "kind", kinds[w->kind]);
	if (*w->comm)
		json_object_set_new(waker, "command", values_text_n(w->comm, sizeof(w->comm)));
	if (w->tid) {
		json_object_set_new(waker, "pid", values_integer(w->pid));
		json_object_set_new(waker, "tid", values_integer(w->tid));
	}
	json_object_set_new(o, "waker", waker);
}

static void call_add(json_t *o, const struct attach_event *e)
{
	json_object_set_new(o, "call", json_string(call_name((u64)e->call)));
	json_object_set_new(o, "off_cpu_seconds", values_seconds(e->away_ns));
	if (e->wait_ns) {
		json_object_set_new(o, "waits_for", json_string(wait_name(e->wait)));
		json_object_set_new(o, "wait_seconds", values_seconds(e->wait_ns));
		waker_add(o, &e->waker);
	}
	summary_result_add(o, e->ret);
	summary_object_add(o, e);
}

static void labels_add(json_t *o, const char *metric, u64 dim)
{
	const struct metric *m = probe_metric(metric);
	json_t *labels = m ? values_labels(m, dim) : NULL;

	json_object_update(o, labels);
	json_decref(labels);
}

static void io_add(json_t *o, const struct ring_watched *e)
{
	const struct ring_io *io = &e->slow.io;

	labels_add(o, "seismo_service_block_io_duration_seconds", io->dim);
	if (io->sector != IO_SECTOR_UNKNOWN)
		json_object_set_new(o, "sector", values_integer(io->sector));
	json_object_set_new(o, "size_bytes", values_integer(io->bytes));
	if (io->device_ns)
		json_object_set_new(o, "device_seconds", values_seconds(io->device_ns));
}

static void request_add(json_t *o, const struct ring_watched *e)
{
	char remote[64];

	labels_add(o, "seismo_request_duration_seconds", e->slow.io.dim);
	values_remote(&e->ends, remote, sizeof(remote));
	if (*remote)
		json_object_set_new(o, "remote", json_string(remote));
	if (e->ends.local_port)
		json_object_set_new(o, "local_port", values_integer(e->ends.local_port));
}

static json_t *head_json(const char *what, u64 end_ns, u32 pid, u32 tid, const char *comm, u64 ns)
{
	json_t *o = json_pack("{s:s, s:o, s:o}", "what", what, "time", values_time(end_ns),
			      "duration_seconds", values_seconds(ns));

	if (!pid) /* written back by the kernel, for example */
		return o;
	json_object_set_new(o, "pid", values_integer(pid));
	json_object_set_new(o, "tid", values_integer(tid));
	json_object_set_new(o, "command", values_text_n(comm, ATTACH_COMM));
	return o;
}

static json_t *entry_json(const struct slow_entry *e)
{
	const struct ring_watched *other = &e->other;
	const struct ring_event *head = &other->slow.io.head;
	bool io = !e->is_call && other->slow.what == SLOW_IO;
	json_t *o;

	if (e->is_call) {
		o = head_json("call", e->end_ns, e->call.pid, e->call.tid, e->call.comm,
			      e->call.ns);
		call_add(o, &e->call);
		return o;
	}
	o = head_json(io ? "io" : "request", e->end_ns, head->pid, other->tid, head->comm,
		      other->slow.io.total_ns);
	(io ? io_add : request_add)(o, other);
	return o;
}

static int by_end(const void *a, const void *b)
{
	u64 x = (*(const struct slow_entry *const *)a)->end_ns,
	    y = (*(const struct slow_entry *const *)b)->end_ns;

	return (x > y) - (x < y);
}

json_t *slow_list_json(const struct slow_list *l, u64 *after, u64 *lost)
{
	u64 first = l->cnt > SLOW_KEPT ? l->cnt - SLOW_KEPT : 0;
	const struct slow_entry *order[SLOW_KEPT];
	json_t *list = json_array();
	unsigned cnt = 0;

	if (*after > l->cnt)
		*after = l->cnt;
	*lost = *after < first ? first - *after : 0;
	for (u64 i = *after + *lost; i < l->cnt; i++)
		order[cnt++] = &l->entries[i % SLOW_KEPT];
	if (cnt)
		qsort(order, cnt, sizeof(*order), by_end);
	for (unsigned i = 0; i < cnt; i++)
		json_array_append_new(list, entry_json(order[i]));
	*after = l->cnt;
	return list;
}
