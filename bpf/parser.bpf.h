/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parser: goes through the bytes of a connection message by message, a chunk at a time. Its state between steps is
 * kept in a table, where the verifier does not track it.
 */
#ifndef PARSER_BPF_H
#define PARSER_BPF_H

#include "bytes.bpf.h"
#include "holder.bpf.h"
#include "numbered.bpf.h"
#include "stream.bpf.h"

/* --- parsing */

/* Reads the next chunk behind the unparsed rest; 1: there is none. */
static __always_inline int parser_fill(struct parser *p)
{
	u32 rest = p->len - p->pos, n;

	if (rest >= PROTOCOL_CARRY) {
		p->desync = 1;
		return 1;
	}
	if (!p->payload.left && !payload_next(&p->payload))
		return 1;
	n = p->payload.left < PARSER_CHUNK ? p->payload.left : PARSER_CHUNK;
	bpf_probe_read_kernel(p->bytes, PROTOCOL_CARRY,
			      &p->bytes[(p->len - PROTOCOL_CARRY) & PARSER_MASK]);
	barrier_var(n); /* the compiler would drop the mask that the verifier needs */
	if (bpf_probe_read_user(p->bytes + PROTOCOL_CARRY, n & PARSER_MASK,
				(void *)p->payload.at)) {
		p->desync = 1;
		return 1;
	}
	p->payload.at += n;
	p->payload.left -= n;
	p->pos = PROTOCOL_CARRY - rest;
	p->len = PROTOCOL_CARRY + n;
	return 0;
}

static __always_inline void parser_skip(struct parser *p, struct flow *f)
{
	u32 n = p->len - p->pos;

	n = f->skip < n ? f->skip : n;
	p->pos += n;
	f->skip -= n;
	n = f->skip < p->payload.left ? f->skip : p->payload.left;
	p->payload.at += n;
	p->payload.left -= n;
	f->skip -= n;
}

static __always_inline void parser_response(struct parser *p, u32 status, u32 n)
{
	struct run *run = p->runs;

	/* the last run takes all statuses that have no run of their own */
	for (int i = 0; i < RUNS - 1 && run->cnt && run->status != status; i++)
		run++;
	if (!run->cnt)
		run->status = status;
	run->cnt += n;
}

/* Another protocol begins here, between two messages; or HTTP/2 turned out to be gRPC. */
static __always_inline void parser_switch(struct parser *p, u32 protocol)
{
	p->protocol = protocol;
	if (protocol == PROTOCOL_HTTP2)
		stream_upgrade(p);
	if (protocol == PROTOCOL_TLS || protocol == PROTOCOL_REDIS)
		__builtin_memset(&p->stream, 0, sizeof(p->stream));
}

/* What kind of error it is, a response or not. */
static __always_inline void error_count(u32 identity, u32 protocol, u32 direction, u32 class)
{
	count_add(request_errors_total, identity, dimension(protocol, direction, 0, class), 1);
}

static __always_inline void parser_found(struct parser *p)
{
	const struct found *found = &p->found;

	if (found->class)
		error_count(p->identity, p->protocol, p->direction, found->class);
	if (found->kind == FOUND_REQUEST || found->kind == FOUND_BLOCKING) {
		p->request_cnt++;
		p->blocking |= found->kind == FOUND_BLOCKING;
	} else if (found->kind == FOUND_RESPONSE)
		parser_response(p, found->status, 1);
	else if (is_stream(found->kind))
		parser_stream(p);
	else if (found->kind == FOUND_DESYNC)
		p->desync = p->lost = 1;
	else if (found->kind == FOUND_PROTOCOL)
		parser_switch(p, found->protocol);
	else if (found->kind >= FOUND_NUMBERED_REQUEST)
		parser_numbered(p);
	else if (found->kind >= FOUND_SETUP)
		p->setup = found->kind;
}

/* The next step of the protocol; of one whose requests have numbers; and of HTTP/2. */
__noinline int parser_protocol_step(u32 slot, u32 avail)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);

	return p ? protocol_step(p->protocol, p->is_request, &p->stream,
				 &p->bytes[p->pos & PARSER_MASK], avail, &p->found)
		 : 0;
}

__noinline int parser_numbered_step(u32 slot, u32 avail)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);

	return p ? numbered_step(p->protocol, p->is_request, &p->stream,
				 &p->bytes[p->pos & PARSER_MASK], avail, &p->found)
		 : 0;
}

__noinline int parser_stream_step(u32 slot, u32 avail)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);

	return p ? stream_step(p->protocol, p->is_request, &p->stream, &p->hpack,
			       &p->bytes[p->pos & PARSER_MASK], avail, &p->found)
		 : 0;
}

/* 1: at the end. */
__noinline int parser_step(u32 slot)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);
	struct flow *f;
	u32 avail, n;

	if (!p)
		return 1;
	f = parser_flow(p);
	if (f->skip)
		parser_skip(p, f);
	avail = p->len - p->pos;
	if (avail && !f->skip) {
		if (avail > PARSE_WINDOW)
			avail = PARSE_WINDOW;
		n = protocol_is_numbered(p->protocol) ? parser_numbered_step(slot, avail)
		    : protocol_is_http2(p->protocol)  ? parser_stream_step(slot, avail)
						      : parser_protocol_step(slot, avail);
		p->pos += n;
		parser_found(p);
		if (p->desync)
			return 1;
		if (n || p->found.kind)
			return 0;
	}
	return parser_fill(p);
}

/* 1: at the end. */
__noinline int parser_steps(u32 slot)
{
	for (int i = 0; i < PARSER_STEPS; i++)
		if (parser_step(slot))
			return 1;
	return 0;
}

/* Parses all bytes, or as many as steps allow: the rest is not seen. Nested loops cost the verifier little. */
__noinline int parser_run(u32 slot)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);

	for (int i = 0; i < PARSER_STEPS; i++)
		if (parser_steps(slot))
			return 0;
	if (p)
		p->desync = 1;
	return 0;
}

/* Of a connection; `BEGUN`: the client waits, `ANSWERED`: it is its turn. */
enum setup { SETUP_NONE, SETUP_BEGUN, SETUP_ANSWERED, SETUP_DONE, SETUP_FAILED };

static __always_inline void flows_reset(struct request_ctx *r)
{
	__builtin_memset(&r->stream, 0, sizeof(r->stream));
	r->desync = 0;
}

/* All these bytes are inside a message of known length: skips them, readable or not. */
static __always_inline bool message_skip(const struct event *e)
{
	struct flow *f = event_flow(e);

	if (f->skip < e->bytes)
		return false;
	f->skip -= e->bytes;
	return true;
}

__noinline int parser_payload(u32 slot, u32 bytes)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);

	if (p && p->made) { /* it is all in what was carried over */
		p->payload.left = p->payload.total = 0;
		return PAYLOAD_FOUND;
	}
	return p ? payload_find(&p->payload, bytes) : PAYLOAD_UNREADABLE;
}

static __always_inline bool payload_note(const struct event *e, int found)
{
	if (found == PAYLOAD_MULTI)
		e->sc->request.multi_msg = 1;
	return found;
}

/* These received bytes, with no request in flight, respond to a request that has not been seen yet: sends have got to `seq`. */
static __always_inline bool is_race_at(const struct event *e, u32 seq)
{
	const struct request_ctx *r = &e->sc->request;

	return !e->sent && r->sent_seq && seq != r->sent_seq;
}

static __always_inline bool is_race(const struct event *e)
{
	return is_race_at(e, e->p->sent_seq);
}

static __noinline int parser_begin(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct flow *f = event_flow(e);
	struct parser *p = e->p;

	if (is_spliced(e) || !payload_note(e, parser_payload(e->p->slot, e->bytes)))
		return 0;
	p->stream = r->stream;
	p->now = e->now;
	p->epoch = connection_epoch(r, e->now);
	p->identity = e->sc->identity;
	p->direction = e->sc->direction;
	p->peer = r->peer;
	p->protocol = p->began_as = r->protocol;
	p->is_request = e->is_request;
	p->oldest_ns = r->inflight[r->oldest % INFLIGHT_GROUPS].since_ns;
	p->request_cnt = p->blocking = p->desync = p->lost = p->setup = p->answered = 0;
	p->raced_now = is_race(e);
	__builtin_memset(p->runs, 0, sizeof(p->runs));
	__builtin_memcpy(p->bytes, f->carry, PROTOCOL_CARRY);
	p->pos = PROTOCOL_CARRY - (f->carry_len < PROTOCOL_CARRY ? f->carry_len : 0);
	p->len = PROTOCOL_CARRY;
	parser_flow(p)->carry_len = 0;
	if (protocol_is_http2(p->protocol))
		stream_begin(e->sk, p, e->sent);
	return 1;
}

static __noinline int parser_end(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct parser *p = e->p;
	struct flow *f = parser_flow(p);
	u32 rest = p->len - p->pos;

	if (rest >= PROTOCOL_CARRY)
		p->desync = 1;
	f->carry_len = rest;
	bpf_probe_read_kernel(f->carry, PROTOCOL_CARRY,
			      &p->bytes[(p->len - PROTOCOL_CARRY) & PARSER_MASK]);
	if ((p->protocol != p->began_as && p->protocol != PROTOCOL_GRPC) ||
	    p->protocol == PROTOCOL_POSTGRESQL)
		r->stream = p->stream;
	else /* another CPU may be parsing the other direction right now, and find out what it is */
		*event_flow(e) = *f;
	if (p->protocol != p->began_as) {
		r->protocol = p->protocol;
		r->setup = SETUP_NONE;
	}
	r->desync = p->desync;
	if (p->hpack.changed)
		hpack_save(p->slot);
	if (p->answered) {
		r->answered_ns = p->call_ns;
		r->setup = SETUP_NONE;
	}
	return 0;
}

/* --- the set-up of a connection, which counts as a request if it fails */

static __always_inline u64 event_dimension(const struct event *e, u32 status)
{
	const struct request_ctx *r = &e->sc->request;

	return dimension(request_protocol(r), e->sc->direction, r->peer, status);
}

/* Once per connection: looks up the peer, or records that this service answers here. */
static __noinline int peer_resolve(struct event *e)
{
	struct sock_ctx *sc = e->sc;

	sc->request.peer_known = PEER_FOUND;
	if (sc->direction == TCP_OUTBOUND) {
		sc->request.peer = peer_find(e->p->sock);
		if (translates && sc->request.watched)
			sc->request.peer_known = PEER_SEEMING;
		return 0;
	}
	peer_note(e->p->sock, sc->identity);
	if (translates)
		route_note(e->sk, &e->p->route);
	return 0;
}

/* The first response: the end that seemed to be the peer may be another one's name. */
static __noinline int peer_route(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 number = route_find(e->sk, &e->p->route);

	r->peer_known = PEER_FOUND;
	if (number)
		r->peer = number;
	return 0;
}

/* By begin and direction: set-ups that have failed just now. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, u32, 1024, 0) request_setups SEC(".maps");

/*
 * The last bytes of a connection may be looked at while another CPU sees its end, as where a client says that it refuses and
 * resets: one of them counts it. What both write does not tell which; a table does.
 */
static __noinline bool setup_fails(struct sock_ctx *sc)
{
	struct request_ctx *r = &sc->request;
	u64 key = r->begun_ns << 1 | (sc->direction & 1);
	u32 setup = r->setup;

	r->setup = SETUP_FAILED;
	return !setup || !bpf_map_update_elem(&request_setups, &key, &setup, BPF_NOEXIST);
}

/* It counts for the request in flight, if a client did not wait for the end of the set-up. */
static __always_inline void setup_failed(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct inflight *b = &r->inflight[r->oldest % INFLIGHT_GROUPS];
	u64 since = r->outstanding ? b->since_ns : r->setup ? r->begun_ns : 0;

	if (!setup_fails(e->sc))
		return;
	r->inside = 0;
	request_count(e->sc->identity, event_dimension(e, STATUS_ERROR), 1, since, e->now);
	r->outstanding = b->cnt = 0;
	r->response_ns = 0;
}

/* Who refuses what the other side has shown does so at once. Later an end is that of a connection that nobody needs. */
#define SETUP_SETTLED_NS 3000000000ULL

static __always_inline bool setup_settled(const struct request_ctx *r, u64 now)
{
	return r->setup == SETUP_DONE && (s64)(now - r->begun_ns) > (s64)SETUP_SETTLED_NS;
}

static __noinline int setup_found(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 found = e->p->setup;

	if (!r->peer_known)
		peer_resolve(e);
	if (found == FOUND_SETUP) {
		r->setup = SETUP_BEGUN;
		r->begun_ns = e->now;
		return 0;
	}
	if (r->setup == SETUP_FAILED) /* the connection may have ended before this was read */
		return 0;
	if (found == FOUND_SETUP_FAILURE && !setup_settled(r, e->now)) {
		setup_failed(e);
	} else {
		r->setup = r->setup && found == FOUND_SETUP_DONE ? SETUP_DONE : SETUP_NONE;
	}
	return 0;
}

#define TRIES	   4 /* to detect the protocol */
#define LOSSES_MAX 4 /* so often it is tried anew */

/* Nothing of a connection that was seen from its begin has been answered in a way that makes sense: it never was this protocol. */
static __always_inline bool parser_was_wrong(const struct request_ctx *r)
{
	return r->watched && !r->answered_ns;
}

/*
 * The bytes make no sense: from here on it is no protocol that is known, and exchanges count. If that was a mistake, as after
 * bytes that were not seen, the protocol is found again.
 */
static __noinline int parser_lost(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct holders *h;

	if (protocol_has_streams(r->protocol)) {
		h = holders_of(e->sk);
		if (h)
			holder_note(&h->ended, e->sc, HOLDER_LOST);
	}
	if (!r->lost)
		count_add(request_parser_lost_total, e->sc->identity,
			  dimension(r->protocol, 0, 0, 0), 1);
	if (parser_was_wrong(r))
		r->lost = LOSSES_MAX;
	else if (r->lost < LOSSES_MAX)
		r->lost++;
	r->tries = r->lost < LOSSES_MAX ? 1 : TRIES;
	r->protocol = PROTOCOL_UNKNOWN;
	r->setup = r->tls = r->interim = r->unparsed = r->fastpath_score = r->inside = 0;
	flows_reset(r);
	return 0;
}

/* Parses all bytes; the results are in e->p. 0: there are none, or r->desync is set. */
static __always_inline int parse(struct event *e)
{
	e->p->lost = e->p->setup = 0;
	if (message_skip(e))
		return 0;
	if (!parser_begin(e)) {
		e->sc->request.desync = 1;
		return 0;
	}
	parser_run(e->p->slot);
	parser_end(e);
	if (e->p->setup)
		setup_found(e);
	return 1;
}

#endif
