/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests that have numbers, which their responses have too: whichever comes first is remembered here until the other one comes.
 * Who uses a number again does not wait for the former request any more. In the parser's table; see struct numbered.
 */
#ifndef NUMBERED_BPF_H
#define NUMBERED_BPF_H

#include "parser_table.bpf.h"
#include "request_count.bpf.h"

enum numbered_state {
	NUMBERED_WAITS,
	NUMBERED_BLOCKS,   /* on purpose */
	NUMBERED_ANSWERED, /* before its request was seen: the call that sent it had not returned */
};

struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct stream_key, struct numbered, 16384, 0) request_numbered
	SEC(".maps");

static __always_inline void numbered_count(struct parser *p, u32 status, u64 since, u64 now)
{
	request_count(p->identity, dimension(p->protocol, p->direction, p->peer, status), 1, since,
		      now);
}

/* Another CPU may be entering the response: whoever comes second sees what is there. */
static __always_inline void numbered_request(struct parser *p, struct stream_key *key)
{
	struct numbered *r;

	p->request_cnt++;
	p->numbered.since_ns = p->now;
	p->numbered.seen_ns = p->call_ns;
	p->numbered.begun_ns = 0;
	p->numbered.note = p->found.note;
	p->numbered.status = 0;
	p->numbered.state =
		p->found.kind == FOUND_NUMBERED_BLOCKING ? NUMBERED_BLOCKS : NUMBERED_WAITS;
	if (!bpf_map_update_elem(&request_numbered, key, &p->numbered, BPF_NOEXIST))
		return;
	r = bpf_map_lookup_elem(&request_numbered, key);
	if (r &&
	    r->state == NUMBERED_ANSWERED) { /* how long that took is unknown, but it was short */
		numbered_count(p, r->status, p->now, p->now);
		bpf_map_delete_elem(&request_numbered, key);
		return;
	}
	bpf_map_update_elem(&request_numbered, key, &p->numbered, BPF_ANY);
}

/*
 * A response without a request: to one that is being sent right now, or something that nobody has asked for. Returns the request
 * if it has come meanwhile.
 */
static __always_inline struct numbered *numbered_unasked(struct parser *p, struct stream_key *key)
{
	u32 kind = p->found.kind;
	struct numbered *r = NULL;

	if (kind == FOUND_NUMBERED_RESPONSE && p->raced_now) {
		p->numbered.since_ns = p->now;
		p->numbered.begun_ns = p->numbered.note = 0;
		p->numbered.status = p->found.status;
		p->numbered.state = NUMBERED_ANSWERED;
		if (bpf_map_update_elem(&request_numbered, key, &p->numbered, BPF_NOEXIST))
			r = bpf_map_lookup_elem(&request_numbered, key);
		if (r && r->state == NUMBERED_ANSWERED) {
			bpf_map_update_elem(&request_numbered, key, &p->numbered, BPF_ANY);
			return NULL;
		}
	} else if (kind == FOUND_NUMBERED_FAILURE) {
		numbered_count(p, STATUS_ERROR, 0, p->now);
		p->answered = 1;
	}
	return r;
}

/* The response is complete, or will never be. */
static __always_inline void numbered_done(struct parser *p, const struct numbered *r)
{
	u32 kind = p->found.kind, status = p->found.status;

	if (kind == FOUND_NUMBERED_DROPPED && !r->begun_ns) {
		if (r->state == NUMBERED_WAITS)
			count_add(requests_unanswered_total, p->identity,
				  dimension(p->protocol, p->direction, 0, UNANSWERED_CLIENT_CLOSED),
				  1);
		return;
	}
	if (kind == FOUND_NUMBERED_FAILURE || kind == FOUND_NUMBERED_DROPPED)
		status = STATUS_ERROR;
	numbered_count(p, status, r->state == NUMBERED_BLOCKS ? 0 : r->since_ns,
		       r->begun_ns ?: p->now);
	p->answered = 1;
}

static __always_inline void parser_numbered(struct parser *p)
{
	struct stream_key *key = &p->key;
	u32 kind = p->found.kind;
	struct numbered *r;

	*key = (struct stream_key){ p->sock, p->epoch, p->found.number };
	if (kind == FOUND_NUMBERED_REQUEST || kind == FOUND_NUMBERED_BLOCKING) {
		numbered_request(p, key);
		return;
	}
	r = bpf_map_lookup_elem(&request_numbered, key);
	if (kind == FOUND_NUMBERED_BEGUN)
		parser_flow(p)->note = r ? r->note : 0;
	if (!r || r->state == NUMBERED_ANSWERED)
		r = numbered_unasked(p, key);
	if (!r)
		return;
	if (kind == FOUND_NUMBERED_BEGUN) {
		if (!r->begun_ns)
			r->begun_ns = p->now;
	} else {
		numbered_done(p, r);
		bpf_map_delete_elem(&request_numbered, key);
	}
}

#endif
