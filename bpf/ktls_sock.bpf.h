/* SPDX-License-Identifier: GPL-2.0-only */
/* The sockets' side of ktls.bpf.h: what a call has passed that the kernel makes records of. */
#ifndef KTLS_SOCK_BPF_H
#define KTLS_SOCK_BPF_H

#include "connection.bpf.h"

/* struct cmsghdr, and the type of the record. */
struct user_control {
	u64 len;
	s32 level, type;
	u8 record;
};

#define SOL_TLS		    282
#define TLS_SET_RECORD_TYPE 1
#define TLS_GET_RECORD_TYPE 2

/* Of an alert: how bad it is. */
static __always_inline u32 ktls_alert(const struct user_message *m)
{
	struct user_vector vector = {};
	u8 level = 0;

	bpf_probe_read_user(&vector, sizeof(vector), (void *)m->vectors);
	bpf_probe_read_user(&level, sizeof(level), (void *)vector.base);
	return level == TLS_FATAL ? KTLS_FATAL : KTLS_WARNING;
}

/* What the running call has passed, which the kernel makes records of. */
__noinline int ktls_record(u32 bytes)
{
	struct pt_regs *regs = registers();
	struct user_control control = {};
	struct user_messages m;

	if (!regs || CALL_COMPAT(regs) || call_kind(regs) != CALL_MESSAGE ||
	    bpf_probe_read_user(&m, offsetof(struct user_messages, len),
				(void *)CALL_SECOND(regs)) ||
	    !m.control[0] || bpf_probe_read_user(&control, sizeof(control), (void *)m.control[0]) ||
	    control.level != SOL_TLS ||
	    (control.type != TLS_SET_RECORD_TYPE && control.type != TLS_GET_RECORD_TYPE) ||
	    control.record == TLS_DATA)
		return KTLS_DATA;
	if (control.record == TLS_ALERT)
		return ktls_alert(&m.message);
	return control.record == TLS_HANDSHAKE && bytes <= TLS_RECORD_FULL
		       ? KTLS_RECORD(TLS_HANDSHAKE, bytes)
		       : KTLS_NOTHING;
}

/* It may still turn out that the kernel makes records. */
static __always_inline bool ktls_may_begin(const struct request_ctx *r)
{
	return r->protocol == PROTOCOL_TLS || (!r->protocol && r->tries < TRIES);
}

/* From here on calls pass what is inside, in both directions. */
static __always_inline void ktls_plain(struct request_ctx *r)
{
	r->ktls |= KTLS_PLAIN;
	if (!r->protocol)
		return;
	r->protocol = PROTOCOL_UNKNOWN;
	r->tries = r->tls = r->setup = r->inside = 0;
	inflight_drop(r);
	flows_reset(r);
}

/* A call has passed bytes: the record to make of them, KTLS_BYTES or KTLS_NOTHING. */
static __noinline u32 ktls_event(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct sock *sk = e->sk;
	u32 record;

	if (!is_tcp(sk))
		return KTLS_BYTES;
	if (!(r->ktls & KTLS_PLAIN))
		r->ktls = ktls_directions(pointer_address(sk));
	if (r->ktls && r->ktls < KTLS_BOTH && !r->protocol && r->tries < TRIES)
		r->protocol = PROTOCOL_TLS; /* the connection is older than the daemon */
	if (!(r->ktls & (e->sent ? KTLS_SENT : KTLS_RECEIVED)))
		return KTLS_BYTES;
	record = ktls_record(e->bytes);
	if (r->ktls == KTLS_BOTH && record == KTLS_DATA)
		ktls_plain(r);
	if (r->protocol == PROTOCOL_TLS && !(r->ktls & KTLS_PLAIN))
		return record;
	return record == KTLS_DATA ? KTLS_BYTES : KTLS_NOTHING;
}

/* The head of the record is what was carried over; the first byte behind it is no message of a handshake that is looked at. */
static __always_inline void ktls_make(struct event *e, u32 record)
{
	struct request_ctx *r = &e->sc->request;
	struct flow *f = event_flow(e);
	u8 *head = &f->carry[PROTOCOL_CARRY - TLS_RECORD - 1];

	head[0] = record >> 16;
	head[1] = head[2] = 3;
	head[3] = (u8)(record >> 8);
	head[4] = (u8)record;
	head[5] = 0;
	f->carry_len = TLS_RECORD + 1;
	f->skip = 0;
	e->p->made = record;
	if (!e->is_request) /* which data is a ticket is no question */
		r->tls = TLS_OPEN;
}

#endif
