// SPDX-License-Identifier: BSD-3-Clause
#include "attach/connections.h"

#include <stdlib.h>
#include <string.h>

#include "attach/values.h"
#include "lib/loop.h"
#include "probe/probe.h"

struct list {
	struct attach_connection *rows;
	size_t cnt, room;
};

void connections_note(struct connections *c, const struct attach_connection *ended)
{
	c->ended = c->ended ?: calloc(CONNECTIONS_KEPT, sizeof(*ended));
	if (c->ended)
		c->ended[c->ended_cnt++ % CONNECTIONS_KEPT] = *ended;
}

void connections_release(struct connections *c)
{
	free(c->ended);
	*c = (struct connections){ 0 };
}

static void row_take(void *ctx, const void *address, const void *connection)
{
	const struct attach_connection *row = connection;
	struct list *l = ctx;
	struct attach_connection *more;

	(void)address;
	if (l->cnt == l->room) {
		more = realloc(l->rows, (2 * l->room + 64) * sizeof(*more));
		if (!more)
			return;
		l->rows = more;
		l->room = 2 * l->room + 64;
	}
	l->rows[l->cnt++] = *row;
}

static json_t *row_json(const struct attach_connection *c, u64 now_ns)
{
	u64 end_ns = c->end_ns ?: now_ns;
	char text[64];
	json_t *o;

	values_remote(&c->ends, text, sizeof(text));
	o = json_pack("{s:s, s:s, s:o, s:s, s:o}", "direction",
		      c->outbound ? "outbound" : "inbound", "peer", text, "local_port",
		      values_integer(c->ends.local_port), "state",
		      !c->end_ns     ? c->connected ? "open" : "connecting"
		      : c->connected ? "ended"
				     : "failed",
		      "since_before", json_boolean(!c->begin_ns));
	json_object_set_new(o, "received_bytes", values_integer(c->received_bytes));
	json_object_set_new(o, "sent_bytes", values_integer(c->sent_bytes));
	json_object_set_new(o, "retransmits_total", values_integer(c->retransmits));
	if (c->rtt_us)
		json_object_set_new(o, "rtt_seconds", values_seconds(c->rtt_us * 1000ULL));
	if (c->connect_ns)
		json_object_set_new(o, "connect_seconds", values_seconds(c->connect_ns));
	if (c->begin_ns)
		json_object_set_new(o, "duration_seconds",
				    values_seconds(end_ns > c->begin_ns ? end_ns - c->begin_ns
									: 0));
	if (c->error) {
		label_errno(c->error, text, sizeof(text));
		json_object_set_new(o, "errno", json_string(text));
	}
	if (c->pid) {
		json_object_set_new(o, "pid", values_integer(c->pid));
		json_object_set_new(o, "tid", values_integer(c->tid));
	}
	return o;
}

static int by_bytes(const void *a, const void *b)
{
	const struct attach_connection *x = a, *y = b;
	u64 of_x = x->received_bytes + x->sent_bytes, of_y = y->received_bytes + y->sent_bytes;

	return (of_x < of_y) - (of_x > of_y);
}

void connections_add(json_t *doc, const struct connections *c, struct attachment *a, size_t max)
{
	u64 kept = c->ended_cnt < CONNECTIONS_KEPT ? c->ended_cnt : CONNECTIONS_KEPT;
	json_t *list = json_array();
	struct list l = { 0 };
	u64 now_ns;

	attachment_connections(a, row_take, &l);
	now_ns = clock_now_ns();
	for (u64 i = 0; i < kept; i++)
		row_take(&l, NULL, &c->ended[i]);
	if (l.cnt)
		qsort(l.rows, l.cnt, sizeof(*l.rows), by_bytes);
	for (size_t i = 0; i < l.cnt && i < max; i++)
		json_array_append_new(list, row_json(&l.rows[i], now_ns));
	free(l.rows);
	json_object_set_new(doc, "connections", list);
	json_object_set_new(doc, "connections_total", values_integer(a->state->connections));
}
