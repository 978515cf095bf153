/* SPDX-License-Identifier: GPL-2.0-only */
/* The sockets' side of plaintext.bpf.h: tells which socket a thread uses that calls a library for TLS. */
#ifndef PLAINTEXT_SOCK_BPF_H
#define PLAINTEXT_SOCK_BPF_H

#include "connection.bpf.h"
#include "plaintext.bpf.h"

/* Connections whose plain text is seen: the table of tls.bpf.c. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, struct sock_ctx, 8192, 0) plain_socks SEC(".maps");

/* Programs of the services to look at: also one that starts anew is known at once. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct identity_key, u64, 1024, 0) tls_programs SEC(".maps");

static __always_inline void tls_end_note(struct tls_end *end, struct event *e, u64 first_ns)
{
	struct sock_ctx *sc = e->sc;
	struct request_ctx *r = &sc->request;

	end->arrived_ns = first_ns ?: e->sent ? 0 : r->arrived_ns;
	end->identity = sc->identity;
	end->gen = sc->gen;
	end->epoch = connection_epoch(r, bpf_ktime_get_ns());
	end->direction = sc->direction;
	end->known = 1;
	end->fresh = r->watched && !r->answered_ns && !r->outstanding;
	end->sock = (u64)e->sk;
}

/* NULL: the running task does not call such a library, or its service is not looked into. */
static __always_inline struct tls_call *tls_call_find(const struct sock_ctx *sc)
{
	struct tls_caller who = tls_thread();
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &who);
	u32 identity = sc->identity;
	struct identity *row;

	if (!call) {
		who = tls_goroutine(CALL_GOROUTINE(registers()));
		call = bpf_map_lookup_elem(&tls_calls, &who);
	}
	if (!call)
		return NULL;
	row = bpf_map_lookup_elem(&identities, &identity);
	return row && bpf_map_lookup_elem(&tls_programs, &row->key) ? call : NULL;
}

/* From here on requests are those inside. */
static __always_inline void tls_show(struct request_ctx *r)
{
	r->shown = 1;
	inflight_drop(r);
}

/* What the goroutine has encrypted is sent, unless another one does that, and this is something else. */
static __always_inline void tls_hand_over(struct event *e, struct tls_call *call)
{
	struct tls_session key = tls_session(call->session);

	call->hands_over = 0;
	if (e->sc->request.protocol && e->sc->request.protocol != PROTOCOL_TLS)
		return;
	tls_end_note(&call->within, e, 0);
	bpf_map_update_elem(&tls_sessions, &key, &call->within, BPF_ANY);
}

/* Since when the record has been arriving whose data the call returns: it reads another one only where those before had none. */
static __always_inline u64 tls_record_arrived(struct event *e, const struct tls_call *call)
{
	return call->within.sock == (u64)e->sk && !flow_at_boundary(event_flow(e))
		       ? call->within.arrived_ns
		       : 0;
}

/* The running task sends or receives, and its direction is known. */
static __noinline int tls_note(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct tls_call *call = tls_call_find(e->sc);
	u64 key = (u64)e->sk;

	if (!call)
		return 0;
	if (call->active)
		tls_end_note(&call->within, e, tls_record_arrived(e, call));
	else if (!e->sent)
		tls_end_note(&call->read, e, 0);
	else if (call->hands_over)
		tls_hand_over(e, call);
	if (!r->shown && (call->active ||
			  (r->protocol == PROTOCOL_TLS && bpf_map_lookup_elem(&plain_socks, &key))))
		tls_show(r);
	return 0;
}

/* What a library had encrypted has been sent: is it on this connection? */
static __noinline int tls_bind_sent(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct tls_call *call;
	struct tls_session key;
	struct tls_end end = {};

	if (r->protocol != PROTOCOL_TLS || r->shown)
		return 0;
	call = tls_call_find(e->sc);
	if (!call || call->active || !call->session)
		return 0;
	key = tls_session(call->session);
	tls_end_note(&end, e, 0);
	bpf_map_update_elem(&tls_sessions, &key, &end, BPF_NOEXIST);
	return 0;
}

#endif
