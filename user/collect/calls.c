// SPDX-License-Identifier: BSD-3-Clause
#include "collect/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/buf.h"
#include "lib/loop.h"
#include "metric/hist.h"
#include "probe/peer.h"

#define HALF_NS	  (30 * 1000000000ULL)
#define CALLS_MAX 2048
#define NAME_SIZE 512

/* A call with what it had counted at the last two marks. */
struct entry {
	char *key; /* service, peer, protocol, direction: each with its NUL but the last */
	size_t key_len;
	const char *service, *peer;
	u32 protocol;
	bool outbound, seen;
	struct call_count now, mark[2]; /* the older mark first */
	UT_hash_handle hh;
};

struct calls {
	struct collector *collector;
	struct entry *entries;
	struct call *list;
	u64 mark_ns[2];
};

struct calls *calls_new(struct collector *collector)
{
	struct calls *c = calloc(1, sizeof(*c));

	if (c)
		*c = (struct calls){ .collector = collector,
				     .mark_ns = { clock_now_ns(), clock_now_ns() } };
	return c;
}

static void entry_free(struct calls *c, struct entry *e)
{
	HASH_DEL(c->entries, e);
	free(e->key);
	free(e);
}

void calls_free(struct calls *c)
{
	struct entry *e, *next;

	if (!c)
		return;
	HASH_ITER(hh, c->entries, e, next)
		entry_free(c, e);
	free(c->list);
	free(c);
}

static void peer_name(struct calls *c, u32 number, char *buf, size_t size)
{
	const char *service = NULL;
	u32 identity, gen;

	if (peer_owner(number, &identity, &gen))
		service = collector_service(c->collector, identity, gen);
	if (service)
		snprintf(buf, size, "%s", service);
	else
		peer_address(number, buf, size);
}

static struct entry *entry_add(struct calls *c, const struct buf *key, size_t peer_at)
{
	struct entry *e = HASH_COUNT(c->entries) < CALLS_MAX ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	e->key = malloc(key->len);
	if (!e->key) {
		free(e);
		return NULL;
	}
	memcpy(e->key, key->data, key->len);
	e->key_len = key->len;
	e->service = e->key;
	e->peer = e->key + peer_at;
	HASH_ADD_KEYPTR(hh, c->entries, e->key, e->key_len, e);
	return e;
}

/* The call that a slot counts for; NULL: there is no room. */
static struct entry *entry_get(struct calls *c, const struct slot *slot)
{
	u32 protocol = (u32)slot->dim & ((1 << REQUEST_PROTOCOL_BITS) - 1);
	bool outbound = slot->dim >> REQUEST_DIRECTION_AT & 1;
	char peer[NAME_SIZE];
	struct buf key = { 0 };
	struct entry *e = NULL;
	size_t peer_at;

	peer_name(c, (u32)(slot->dim >> REQUEST_PEER_AT) & ((1 << REQUEST_PEER_BITS) - 1), peer,
		  sizeof(peer));
	buf_add(&key, slot->service, strlen(slot->service) + 1);
	peer_at = key.len;
	buf_add(&key, peer, strlen(peer) + 1);
	buf_char(&key, (char)protocol);
	buf_char(&key, (char)outbound);
	if (!key.failed)
		HASH_FIND(hh, c->entries, key.data, key.len, e);
	if (!key.failed && !e)
		e = entry_add(c, &key, peer_at);
	buf_release(&key);
	if (!e)
		return NULL;
	e->protocol = protocol;
	e->outbound = outbound;
	e->seen = true;
	return e;
}

static void total_add(void *ctx, const struct slot *slot)
{
	u32 status = (u32)(slot->dim >> REQUEST_STATUS_AT) & ((1 << REQUEST_STATUS_BITS) - 1);
	struct entry *e = slot->dim == SERIES_OTHER ? NULL : entry_get(ctx, slot);

	if (!e)
		return;
	e->now.requests += slot->value;
	if (status == STATUS_ERROR || (status >= 500 && status < 600))
		e->now.errors += slot->value;
}

static void duration_add(void *ctx, const struct slot *slot)
{
	struct entry *e = slot->dim == SERIES_OTHER ? NULL : entry_get(ctx, slot);
	const u64 *from = (const u64 *)slot->hist;

	for (size_t i = 0; e && i < sizeof(struct hist) / sizeof(u64); i++)
		((u64 *)&e->now.durations)[i] += from[i];
}

static void entries_read(struct calls *c)
{
	struct entry *e, *next;

	for (e = c->entries; e; e = e->hh.next) {
		memset(&e->now, 0, sizeof(e->now));
		e->seen = false;
	}
	collector_each(c->collector, "seismo_requests_total", total_add, c);
	collector_each(c->collector, "seismo_request_duration_seconds", duration_add, c);
	HASH_ITER(hh, c->entries, e, next)
		if (!e->seen)
			entry_free(c, e);
}

void calls_tick(struct calls *c, u64 now_ns)
{
	if (now_ns - c->mark_ns[1] < HALF_NS)
		return;
	entries_read(c);
	for (struct entry *e = c->entries; e; e = e->hh.next) {
		e->mark[0] = e->mark[1];
		e->mark[1] = e->now;
	}
	c->mark_ns[0] = c->mark_ns[1];
	c->mark_ns[1] = now_ns;
}

static struct call call_of(const struct entry *e)
{
	struct call call = {
		.service = e->service,
		.peer = e->peer,
		.protocol = request_protocols[e->protocol],
		.outbound = e->outbound,
		.total = e->now,
		.last = { count_since(e->now.requests, e->mark[0].requests),
			  count_since(e->now.errors, e->mark[0].errors) },
	};

	hist_since(&call.last.durations, &e->now.durations, &e->mark[0].durations);
	return call;
}

static int call_compare(const void *a, const void *b)
{
	const struct call *x = a, *y = b;
	int order = strcmp(x->service, y->service);

	order = order ? order : x->outbound - y->outbound;
	order = order ? order : strcmp(x->peer, y->peer);
	return order ? order : strcmp(x->protocol, y->protocol);
}

size_t calls_read(struct calls *c, u64 now_ns, const struct call **ret, u64 *window_ns)
{
	struct call *list;
	size_t cnt = 0;

	entries_read(c);
	list = reallocarray(c->list, HASH_COUNT(c->entries) + 1, sizeof(*list));
	if (!list)
		return 0;
	c->list = list;
	for (const struct entry *e = c->entries; e; e = e->hh.next)
		if (request_protocols[e->protocol])
			list[cnt++] = call_of(e);
	qsort(list, cnt, sizeof(*list), call_compare);
	*ret = list;
	*window_ns = now_ns - c->mark_ns[0];
	return cnt;
}
