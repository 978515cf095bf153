/* SPDX-License-Identifier: GPL-2.0-only */
/* The status of responses, and which of the requests in flight they complete. */
#ifndef RESPONSE_BPF_H
#define RESPONSE_BPF_H

#include "http.bpf.h"
#include "ktls.bpf.h"
#include "ticket.bpf.h"

/* The first bytes of a response contain its status, and at most one request is in flight. */
static __always_inline bool is_simple(const struct request_ctx *r)
{
	return r->protocol == PROTOCOL_REDIS && !r->pipelined;
}

/* With no request in flight, whatever the parser takes the responses to be at is over. */
static __always_inline bool is_settled(const struct request_ctx *r)
{
	return !r->outstanding &&
	       (is_simple(r) || (r->protocol == PROTOCOL_MYSQL &&
				 !r->stream.flow[FLOW_REQUEST].size_at)); /* not compressed */
}

static __always_inline int exchange_status(struct event *e)
{
	u32 protocol = e->sc->request.protocol;

	if (protocol == PROTOCOL_HTTP)
		return http_response(e);
	return protocol == PROTOCOL_UNKNOWN ? response_unknown(e) : STATUS_UNKNOWN;
}

/* Finds a response's status in p->head. */
__noinline int parser_simple_step(u32 slot)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);

	if (!p)
		return 0;
	__builtin_memset(&p->stream.flow[FLOW_RESPONSE], 0, sizeof(struct flow));
	p->protocol = PROTOCOL_REDIS;
	p->is_request = p->pos = 0;
	__builtin_memcpy(p->bytes, p->head, PARSE_WINDOW);
	parser_protocol_step(slot, p->head_len);
	return p->found.kind == FOUND_RESPONSE;
}

/*
 * The only request in flight gets its response, whose status is in its first bytes. The rest is not parsed. 0: the
 * status is not there.
 */
static __noinline int response_simple(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct parser *p = e->p;

	if (!is_simple(r) || r->outstanding != 1 || event_flow(e)->carry_len || !head_read(e) ||
	    !parser_simple_step(e->p->slot))
		return 0;
	inflight_complete_one(e->sc, event_dimension(e, p->found.status), e->now);
	return 1;
}

/* The parsed responses belong to the requests in flight, oldest first. */
static __always_inline void response_runs(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u64 dim = event_dimension(e, 0);
	struct parser *p = e->p;
	bool upgraded = false;

	p->run = 0;
	for (int i = 0; i < RUNS + INFLIGHT_GROUPS && p->run < RUNS && r->outstanding; i++) {
		struct run *run;
		u32 at = p->run;

		barrier_var(at); /* the compiler would drop the mask that the verifier needs */
		run = &p->runs[at & (RUNS - 1)];
		if (!run->cnt)
			break;
		run->cnt -=
			inflight_complete(e->sc, with_status(dim, run->status), run->cnt, e->now);
		upgraded |= SCRIPT_EQUAL(run->status, 101);
		p->run += SCRIPT_LESS(run->cnt, 1);
	}
	if (upgraded)
		r->protocol = PROTOCOL_OPAQUE;
	if (!r->outstanding && p->runs[p->run & (RUNS - 1)].cnt && is_race(e))
		race_note(r, p->runs[p->run & (RUNS - 1)].cnt, p->runs[p->run & (RUNS - 1)].status);
}

/* The response makes no sense: whatever is in flight is taken to have it. A handshake was a request, as it turns out. */
static __noinline int response_lost(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 protocol = r->protocol, setup = r->setup, status;
	bool wrong = parser_was_wrong(r) && !setup;

	parser_lost(e);
	if (!r->outstanding && (setup || (wrong && protocol_is_numbered(protocol))))
		inflight_add(r, r->begun_ns, 1);
	status = e->p->runs[0].cnt ? STATUS_UNKNOWN : http_answer(e);
	parser_response(e->p, status ?: setup ? STATUS_ERROR : STATUS_UNKNOWN, r->outstanding);
	if (status || wrong)
		return RESPONSE_RUNS;
	r->protocol = protocol;
	return RESPONSE_LOST;
}

static __always_inline int response_parse(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	int parsed;

	if (r->protocol == PROTOCOL_TLS)
		event_flow(e)->rest = 0;
	if (is_made(e) && r->outstanding && !made_response(e))
		return RESPONSE_LATER;
	parsed = parse(e);
	if (parsed && e->p->began_as == PROTOCOL_HTTP && r->protocol == PROTOCOL_HTTP2)
		return http_upgraded(e);
	if (r->interim && !r->pipelined)
		return http_past_interim(e, parsed);
	r->interim = 0;
	if (parsed && e->p->lost && r->protocol != PROTOCOL_HTTP &&
	    (r->outstanding || r->setup || protocol_is_numbered(r->protocol)))
		return response_lost(e);
	if (r->desync && r->outstanding)
		return exchange_status(e);
	if (is_shown(r)) {
		if (parsed && e->p->runs[0].cnt && r->setup != SETUP_FAILED)
			r->setup = SETUP_NONE;
		return RESPONSE_LATER;
	}
	if (r->protocol == PROTOCOL_TLS && !r->outstanding && r->tls == TLS_OPEN && parsed &&
	    e->p->runs[0].cnt && is_race(e))
		race_note(r, 1, STATUS_UNKNOWN);
	if (r->protocol == PROTOCOL_TLS && !tls_on_response(e, parsed ? e->p->runs[0].cnt : 0))
		return RESPONSE_LATER;
	if (is_made(e))
		e->p->runs[0].status = e->p->made_status;
	if (r->unparsed && tls_queues_later(r)) {
		if (e->sent)
			queue_add(e, queue_ns(r), 1);
		r->unparsed = 0;
	}
	if (r->desync)
		return RESPONSE_LATER;
	if (!(parsed && e->p->runs[0].cnt) && !protocol_response_begun(r->protocol, event_flow(e)))
		r->response_ns = 0;
	if (!parsed)
		return RESPONSE_LATER;
	if (e->p->runs[0].cnt && r->setup != SETUP_FAILED)
		r->setup = SETUP_NONE;
	return RESPONSE_RUNS;
}

static __always_inline void response_to_all(struct event *e, u32 status)
{
	struct request_ctx *r = &e->sc->request;

	e->p->runs[0] = (struct run){ status, r->outstanding };
	e->p->runs[1].cnt = 0;
}

/* The only request in flight has its response. */
static __always_inline int response_to_one(struct event *e, u32 status)
{
	inflight_complete_one(e->sc, event_dimension(e, status), e->now);
	http_upgrade(&e->sc->request, status);
	return 0;
}

#endif
