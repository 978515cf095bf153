/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Streams: requests of one connection that are answered in any order, HTTP/2 and gRPC. A request of HTTP/2 counts when its
 * response begins, a call of gRPC when it ends, since its status comes last; the duration of both is the time to the first byte.
 */
#ifndef STREAM_BPF_H
#define STREAM_BPF_H

#include "parser_table.bpf.h"
#include "request_count.bpf.h"

struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct stream_key, struct stream_entry, 16384,
	     0) request_streams SEC(".maps");

/* --- where the statuses are in the table of HPACK, for connections that have one there */

struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct stream_key, struct hpack, 8192, 0) request_hpack
	SEC(".maps");

__noinline int hpack_load(u32 slot)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);
	struct flow *f;
	struct hpack *h;

	if (!p || p->is_request)
		return 0;
	p->key = (struct stream_key){ p->sock, p->epoch, 0 };
	f = &p->stream.flow[FLOW_RESPONSE];
	h = f->begun ? bpf_map_lookup_elem(&request_hpack, &p->key) : NULL;
	if (h)
		p->hpack = *h;
	else if (f->begun) /* others needed the place */
		hpack_lose(f, &p->hpack);
	else
		__builtin_memset(&p->hpack, 0, sizeof(p->hpack));
	p->hpack.changed = 0;
	return 0;
}

__noinline int hpack_save(u32 slot)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);

	if (!p)
		return 0;
	p->key = (struct stream_key){ p->sock, p->epoch, 0 };
	bpf_map_update_elem(&request_hpack, &p->key, &p->hpack, BPF_ANY);
	p->hpack.changed = 0;
	return 0;
}

/* Before the bytes of a connection that has streams are parsed. */
static __always_inline void stream_begin(struct sock *sk, struct parser *p, u32 sent)
{
	u32 state = READ(sk, __sk_common.skc_state);

	p->peer_closed = sent && (state == CLOSE_WAIT || state == CLOSE);
	hpack_load(p->slot);
}

/* --- requests and responses */

/* The client has opened the stream, but the call that did so was not seen to return; or just now, and its entry is there. */
static __always_inline struct stream_entry *stream_race(struct parser *p)
{
	if (p->direction != TCP_OUTBOUND || !(p->key.stream & 1) ||
	    p->key.stream <= p->stream.flow[FLOW_REQUEST].last)
		return NULL;
	p->entry = (struct stream_entry){ .response_ns = p->now, .status = p->found.status };
	bpf_map_update_elem(&request_streams, &p->key, &p->entry, BPF_NOEXIST);
	return bpf_map_lookup_elem(&request_streams, &p->key);
}

/* The response is complete, or all of it that matters. Who takes the entry away counts: another CPU may be at the request. */
static __always_inline void stream_count(struct parser *p, const struct stream_entry *e)
{
	p->entry = *e;
	if (!p->entry.since_ns || bpf_map_delete_elem(&request_streams, &p->key))
		return;
	request_count(p->identity,
		      dimension(p->entry.protocol, p->direction, p->peer, p->entry.status), 1,
		      p->entry.since_ns, p->entry.response_ns);
	p->answered = 1;
}

/*
 * Of request and response, one at least sees that the other is there: the addition is a barrier, but on arm64, where streams_scan() finds
 * what each has left to the other.
 */
static __always_inline void stream_done(struct parser *p, struct stream_entry *e, u32 protocol,
					u32 status)
{
	e->status = status;
	__sync_fetch_and_add(&e->protocol, protocol);
	stream_count(p, e);
}

/* A request that was read has no response yet, but one that was sent may. How long that took is unknown, but it was short. */
static __always_inline void stream_request(struct parser *p)
{
	struct stream_entry *e;

	p->request_cnt++;
	p->entry = (struct stream_entry){ .since_ns = p->now, .seen_ns = p->call_ns };
	if (!bpf_map_update_elem(&request_streams, &p->key, &p->entry, BPF_NOEXIST))
		return;
	e = bpf_map_lookup_elem(&request_streams, &p->key);
	if (!e || e->since_ns)
		return;
	e->seen_ns = p->call_ns;
	__sync_fetch_and_add(&e->since_ns, e->response_ns);
	if (e->protocol)
		stream_count(p, e);
}

static __always_inline void stream_response(struct parser *p, struct stream_entry *e)
{
	const struct found *found = &p->found;
	u32 protocol = p->protocol, status;

	if (!e && found->kind == FOUND_STREAM_RESPONSE)
		e = stream_race(p);
	if (!e || e->protocol)
		return;
	if (!e->response_ns) {
		e->response_ns = p->now;
		e->status = found->status;
	}
	status = e->status;
	if (protocol == PROTOCOL_GRPC) {
		if (found->kind == FOUND_STREAM_RESPONSE && !found->ends)
			return;
		status = found->grpc ?: grpc_status(status, found->kind == FOUND_STREAM_END);
		protocol = grpc_is_status(status) ? PROTOCOL_GRPC : PROTOCOL_HTTP2;
	}
	stream_done(p, e, protocol, status);
}

/* After the begin of its response it has a status, as the client is told; before, it stays without an answer. */
static __always_inline void stream_reset(struct parser *p, struct stream_entry *e)
{
	u32 reason;

	if (!e || !e->since_ns || e->protocol)
		return;
	if (e->response_ns) {
		stream_done(p, e, PROTOCOL_GRPC, grpc_reset_status(p->found.status));
		return;
	}
	reason = !p->is_request	  ? UNANSWERED_RESET
		 : p->peer_closed ? UNANSWERED_SERVER_CLOSED /* the client only tidies up */
				  : UNANSWERED_CLIENT_CLOSED;
	if (time_since(e->since_ns, p->now) != NOT_TIMED)
		count_add(requests_unanswered_total, p->identity,
			  dimension(p->protocol, p->direction, 0, reason), 1);
	bpf_map_delete_elem(&request_streams, &p->key);
}

static __always_inline void parser_stream(struct parser *p)
{
	const struct found *found = &p->found;
	struct stream_entry *e;

	p->key = (struct stream_key){ p->sock, p->epoch, found->stream };
	if (found->kind == FOUND_STREAM_REQUEST) {
		stream_request(p);
		return;
	}
	if (found->kind == FOUND_STREAM_END ? p->protocol != PROTOCOL_GRPC
					    : found->kind == FOUND_STREAM_RESPONSE &&
						      found->status >= 100 && found->status < 200)
		return; /* it has been counted, or an interim response */
	if (found->grpc)
		p->protocol = PROTOCOL_GRPC;
	e = bpf_map_lookup_elem(&request_streams, &p->key);
	if (found->kind == FOUND_STREAM_RESET)
		stream_reset(p, e);
	else
		stream_response(p, e);
}

static __always_inline bool is_stream(u32 kind)
{
	return kind >= FOUND_STREAM_REQUEST && kind <= FOUND_STREAM_RESET;
}

/*
 * The request of HTTP that asked for it has become the first stream: its response is still to come, and what follows in
 * both directions is HTTP/2.
 */
static __always_inline void stream_upgrade(struct parser *p)
{
	__builtin_memset(&p->stream, 0, sizeof(p->stream));
	__builtin_memset(&p->hpack, 0, sizeof(p->hpack));
	p->stream.flow[FLOW_REQUEST].last = 1;
	p->key = (struct stream_key){ p->sock, p->epoch, 1 };
	p->entry = (struct stream_entry){ .since_ns = p->oldest_ns, .seen_ns = p->call_ns };
	bpf_map_update_elem(&request_streams, &p->key, &p->entry, BPF_ANY);
}

#endif
