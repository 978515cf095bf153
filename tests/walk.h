/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks through the bytes of a connection as the programs in bpf/walk.bpf.h do, in pieces of any size, and notes what
 * is found. A step sees a head of PROTOCOL_HEAD bytes and not one more, of which those that are not set are `noise`.
 */
#ifndef SEISMO_TEST_WALK_H
#define SEISMO_TEST_WALK_H

#include "protocol.h"

#include <stdlib.h>

#define WALK_WINDOW    976
#define WALK_FOUND_MAX 4096 /* what is found later is only counted */

struct walk {
	struct stream stream;
	u32 protocol;
	u32 lost;
	u32 found_cnt;
	struct found found[WALK_FOUND_MAX];
	u32 ask[WALK_FOUND_MAX]; /* in which direction */
	u8 noise;
};

static inline void walk_note(struct walk *w, u32 ask, const struct found *found)
{
	if (w->found_cnt < WALK_FOUND_MAX) {
		w->found[w->found_cnt] = *found;
		w->found[w->found_cnt].forgotten = 0;
		w->ask[w->found_cnt] = ask;
	}
	w->found_cnt++;
	if (found->kind == FOUND_LOST) {
		w->lost = 1;
	} else if (found->kind == FOUND_PROTOCOL) {
		if (w->protocol == found->protocol) /* for ever */
			abort();
		w->protocol = found->protocol;
		if (w->protocol == PROTOCOL_TLS)
			memset(&w->stream, 0, sizeof(w->stream));
	}
}

/* One step at what is next, `len` bytes; how many it took. */
static inline u32 walk_step(struct walk *w, u32 ask, const u8 *at, u32 len)
{
	struct flow *f = &w->stream.flow[ask ? FLOW_ASK : FLOW_ANSWER];
	u32 avail = len < PROTOCOL_HEAD ? len : PROTOCOL_HEAD, n;
	u8 head[PROTOCOL_HEAD];
	struct found found = { 0 };

	if (f->skip) {
		n = f->skip < len ? f->skip : len;
		f->skip -= n;
		return n;
	}
	memset(head, w->noise, sizeof(head));
	memcpy(head, at, avail);
	n = protocol_step(w->protocol, ask, &w->stream, head, avail, &found);
	if (n > avail || (n && (found.kind == FOUND_LOST || found.kind == FOUND_PROTOCOL)))
		abort();
	if (!n && found.kind != FOUND_LOST && found.kind != FOUND_PROTOCOL &&
	    (found.kind || avail >= PROTOCOL_CARRY))
		abort();
	if (found.kind)
		walk_note(w, ask, &found);
	return n;
}

/* At most WALK_WINDOW bytes, behind those that are left over. */
static inline void walk_window(struct walk *w, u32 ask, const u8 *bytes, u32 cnt)
{
	struct flow *f = &w->stream.flow[ask ? FLOW_ASK : FLOW_ANSWER];
	u8 window[PROTOCOL_CARRY + WALK_WINDOW];
	u32 len = f->carry_len, pos = 0;

	if (len >= PROTOCOL_CARRY)
		abort();
	memcpy(window, f->carry, len);
	memcpy(window + len, bytes, cnt);
	len += cnt;
	f->carry_len = 0;
	while (pos < len && !w->lost) {
		u32 before = w->protocol, n = walk_step(w, ask, window + pos, len - pos);

		if (!n && before == w->protocol)
			break;
		pos += n;
	}
	if (w->lost)
		return;
	if (len - pos >= PROTOCOL_CARRY)
		abort();
	f->carry_len = (u8)(len - pos);
	memcpy(f->carry, window + pos, len - pos);
}

/* What a system call moves. */
static inline void walk_piece(struct walk *w, u32 ask, const u8 *bytes, size_t len)
{
	while (len && !w->lost) {
		u32 n = len < WALK_WINDOW ? (u32)len : WALK_WINDOW;

		walk_window(w, ask, bytes, n);
		bytes += n;
		len -= n;
	}
}

/* Whether the same was found in both, in the same order. */
static inline int walk_is_equal(const struct walk *a, const struct walk *b)
{
	u32 cnt = a->found_cnt < WALK_FOUND_MAX ? a->found_cnt : WALK_FOUND_MAX;

	return a->found_cnt == b->found_cnt && a->protocol == b->protocol && a->lost == b->lost &&
	       !memcmp(a->found, b->found, cnt * sizeof(*a->found)) &&
	       !memcmp(a->ask, b->ask, cnt * sizeof(*a->ask));
}

#endif
