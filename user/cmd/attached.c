// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/attached.h"

#include "attach/blocked.h"
#include "cmd/attach_counted.h"
#include "lib/loop.h"

#define LOOK_NS		 (200 * NS_PER_MS)
#define CONNECTIONS_LIVE 16 /* rows of them, as long as it lasts */
/* So many events on files in a tick are enough: from then on only slower calls are told. */
#define FILE_EVENTS_MAX 500

static void event_come(void *ctx, const struct attach_event *e)
{
	struct attached *a = ctx;

	a->file_events += e->on_file;
	details_note(&a->details, e);
	if (e->slow)
		slow_call_note(&a->slow, e);
}

static void connection_ended(void *ctx, const struct attach_connection *c)
{
	struct attached *a = ctx;

	connections_note(&a->connections, c);
}

void attached_begin(struct attached *a, struct event_ring *ring)
{
	a->attachment.event = event_come;
	a->attachment.connection = connection_ended;
	a->attachment.ctx = a;
	summary_look(&a->sums, &a->attachment);
	if (!a->setup.slow_ns || !ring)
		return;
	a->slow_lost = event_ring_watched_lost(ring);
	event_ring_watch(ring, a->setup.watch, a->setup.slow_ns);
}

void attached_look(struct attached *a, u64 now_ns, bool last)
{
	u64 pages = target_resident(a->target.pid);

	if (now_ns - a->sums.at_ns < LOOK_NS && !last)
		return;
	attachment_read(&a->attachment);
	summary_look(&a->sums, &a->attachment);
	a->resident_pages = a->attachment.state->ended ? 0 : pages;
}

void attached_tick(struct attached *a)
{
	attachment_drain(&a->attachment);
	if (a->file_events > FILE_EVENTS_MAX)
		a->attachment.state->file_ns *= 2;
	a->file_events = 0;
}

static void slow_add(json_t *doc, struct attached *a, const struct attached_sources *src, u64 after)
{
	struct event_ring *ring = a->setup.slow_ns ? src->ring : NULL;
	u64 lost, ring_lost = a->slow_lost;

	if (ring) {
		event_ring_read(ring, clock_now_ns());
		ring_lost = event_ring_watched_lost(ring);
	}
	json_object_set_new(doc, "slow", slow_list_json(&a->slow, &after, &lost));
	json_object_set_new(doc, "slow_lost_total",
			    json_integer((json_int_t)(lost + ring_lost - a->slow_lost)));
	json_object_set_new(doc, "after", json_integer((json_int_t)after));
	a->slow_lost = ring_lost;
}

void attached_add(json_t *doc, struct attached *a, const struct attached_sources *src, u64 after,
		  bool last)
{
	const struct attach_state *state = a->attachment.state;
	const struct summary s = {
		.attachment = &a->attachment,
		.details = &a->details,
		.target = &a->target,
		.sums = &a->sums,
		.service = collector_service(src->collector, state->identity, state->gen),
		.resident_pages = a->resident_pages,
	};

	summary_add(doc, &s);
	json_object_set_new(doc, "metrics",
			    attach_counted(collector_watched(src->collector), a->setup.watch));
	blocked_add(doc, src->stacks, a->setup.watch, last, src->stacks_error);
	connections_add(doc, &a->connections, &a->attachment,
			last ? CONNECTIONS_KEPT : CONNECTIONS_LIVE);
	slow_add(doc, a, src, after);
}

void attached_release(struct attached *a)
{
	details_release(&a->details);
	slow_list_release(&a->slow);
	connections_release(&a->connections);
}
