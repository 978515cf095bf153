// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests inside TLS, from what a library that speaks it is given to send, and returns as received. The plain text takes
 * the way of the bytes of sockets, with a context of its own for the connection; the object is loaded only where some
 * service is to be looked at.
 */
/* The programs on sockets run at the same time, and use their own. */
#define request_parsers	 plain_parsers
#define socks_by_address plain_socks
#define PARSERS		 4
#include "connection.bpf.h"
#include "plaintext.bpf.h"
#include "request_scan.bpf.h"

static __always_inline struct tls_call *call_get(struct tls_caller who)
{
	static const struct tls_call none;
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &who);

	if (call)
		return call;
	bpf_map_update_elem(&tls_calls, &who, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&tls_calls, &who);
}

static __always_inline int call_begin(u64 session, u64 buffer, u64 len_at, bool sent)
{
	struct tls_call *call = call_get(tls_thread());

	if (!call ||
	    (call->active && call->session == session)) /* one function by means of another */
		return 0;
	if (buffer || call->session != session) /* else it goes on with what it had been given */
		call->buffer = buffer;
	call->session = session;
	call->len_at = len_at;
	call->sent = sent;
	call->within.sock = 0;
	call->began_ns = bpf_ktime_get_ns();
	call->active = 1;
	return 0;
}

/* How many bytes the function has taken or given. */
static __always_inline u32 call_bytes(const struct tls_call *call, s32 returned)
{
	u64 len = 0;

	if (returned <= 0 || !call->len_at)
		return returned > 0 ? returned : 0;
	bpf_probe_read_user(&len, sizeof(len), (void *)call->len_at);
	return len < 0x40000000 ? len : 0;
}

/* The context of a connection that is still the one that was noted. */
static __always_inline struct sock_ctx *plain_find(const struct tls_end *end)
{
	u64 key = end->sock;
	struct sock_ctx *sc = bpf_map_lookup_elem(&plain_socks, &key);

	return sc && sc->request.epoch == end->epoch ? sc : NULL;
}

static __always_inline struct sock_ctx *plain_ctx(const struct tls_end *end)
{
	static const struct sock_ctx none;
	struct sock_ctx *sc = plain_find(end);
	u64 key = end->sock;

	if (sc)
		return sc;
	bpf_map_update_elem(&plain_socks, &key, &none, BPF_ANY);
	sc = bpf_map_lookup_elem(&plain_socks, &key);
	if (!sc)
		return NULL;
	sc->direction = end->direction;
	sc->known = end->known;
	sc->request.watched = end->fresh;
	sc->request.epoch = end->epoch;
	return sc;
}

/* Which connection the call was about: sets it in `call`, false: that is not known. */
static __always_inline bool call_connection(struct tls_call *call, u32 bytes)
{
	struct tls_session key = tls_session(call->session);
	struct tls_end *bound;

	if (call->within.sock) {
		bpf_map_update_elem(&tls_sessions, &key, &call->within, BPF_ANY);
		return true;
	}
	bound = bpf_map_lookup_elem(&tls_sessions, &key);
	if (bound) {
		call->within = *bound;
		call->within.arrived_ns = 0;
	}
	if (!call->sent && call->read.sock && (!bound || bound->sock == call->read.sock)) {
		/* the bytes were read just before */
		call->within = call->read;
		call->read.sock = 0;
		if (!bound && bytes)
			bpf_map_update_elem(&tls_sessions, &key, &call->within, BPF_ANY);
	}
	return call->within.sock;
}

/*
 * A parser that nobody uses on this CPU: from 6.0 on these programs can be preempted (8c7dcb84e3b7 "bpf: implement sleepable
 * uprobes by chaining gps"). Who comes second leaves it again, so that an addition is enough.
 */
static __always_inline struct parser *plain_parser(void)
{
	struct parser *p;

	UNROLL
	for (u32 i = 0; i < PARSERS; i++) {
		u32 slot = i;

		p = bpf_map_lookup_elem(&plain_parsers, &slot);
		if (!p)
			return NULL;
		__sync_fetch_and_add(&p->users, 1);
		if (*(volatile u32 *)&p->users == 1) {
			p->slot = slot;
			return p;
		}
		__sync_fetch_and_add(&p->users, -1);
	}
	return NULL;
}

static __always_inline int on_plain(struct event *e, const struct tls_call *call)
{
	struct request_ctx *r = &e->sc->request;

	direction_know(e);
	if (is_more(e)) {
		if (e->is_request && r->outstanding && !r->oneway)
			inflight_continues(r, call->began_ns);
		return 0;
	}
	e->p = plain_parser();
	if (!e->p)
		return parser_lost(e);
	e->p->sock = (u64)e->sk;
	e->p->call_ns = bpf_ktime_get_ns();
	e->now = e->sent ? call->began_ns : e->p->call_ns;
	e->p->payload.plain = call->buffer;
	e->p->plain_more = !e->sent && e->bytes == call->wanted;
	on_stream_used(e);
	__sync_fetch_and_add(&e->p->users, -1);
	return 0;
}

/* So many bytes have gone through the connection `within`. */
static __always_inline int call_pass(const struct tls_call *call, u32 bytes)
{
	struct event e = { .bytes = bytes, .sent = call->sent };

	e.sc = plain_ctx(&call->within);
	if (!e.sc)
		return 0;
	if (e.sc->identity != call->within.identity || e.sc->gen != call->within.gen)
		sock_set_owner(e.sc, call->within.identity, call->within.gen);
	e.sk = (struct sock *)call->within.sock;
	request_sock_note(e.sk);
	e.sc->request.arrived_ns = e.sent ? 0 : call->within.arrived_ns;
	on_plain(&e, call);
	e.sc->request.arrived_ns = 0;
	return 0;
}

static __always_inline int call_end(struct tls_call *call, s32 returned)
{
	u32 bytes = call_bytes(call, returned);

	call->active = 0;
	if (!call_connection(call, bytes) || !bytes)
		return 0;
	return call_pass(call, bytes);
}

/* The session's memory may be another one's soon. */
static __always_inline int session_free(u64 session, struct tls_caller who)
{
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &who);
	struct tls_session key = tls_session(session);

	if (call && call->session == session)
		call->session = 0;
	bpf_map_delete_elem(&tls_sessions, &key);
	return 0;
}

/* --- functions: session, buffer, its length, and of some where the length goes */

SEC("?uprobe")
int BPF_KPROBE(receive_begin, u64 session, u64 buffer)
{
	return call_begin(session, buffer, 0, false);
}

SEC("?uprobe")
int BPF_KPROBE(send_begin, u64 session, u64 buffer)
{
	return call_begin(session, buffer, 0, true);
}

SEC("?uprobe")
int BPF_KPROBE(receive_ex_begin, u64 session, u64 buffer, u64 size, u64 len_at)
{
	return call_begin(session, buffer, len_at, false);
}

SEC("?uprobe")
int BPF_KPROBE(send_ex_begin, u64 session, u64 buffer, u64 size, u64 len_at)
{
	return call_begin(session, buffer, len_at, true);
}

SEC("?uretprobe")
int BPF_KRETPROBE(function_end, u64 returned)
{
	struct tls_caller who = tls_thread();
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &who);

	return call && call->active ? call_end(call, (s32)returned) : 0;
}

SEC("?uprobe")
int BPF_KPROBE(session_end, u64 session)
{
	return session_free(session, tls_thread());
}

/*
 * --- Go's crypto/tls. A goroutine goes on in any thread, and its stack moves when it grows: so a call belongs to the goroutine,
 * its end is seen at the instructions that return, and what is in the stack is found from its upper end.
 */

/* Arguments and results (ABIInternal, 1.17), and the goroutine. */
#if defined(__TARGET_ARCH_x86)
#define GO_FIRST(ctx)	  ((ctx)->ax)
#define GO_SECOND(ctx)	  ((ctx)->bx)
#define GO_THIRD(ctx)	  ((ctx)->cx)
#define GO_FOURTH(ctx)	  ((ctx)->di)
#define GO_GOROUTINE(ctx) ((ctx)->r14)
#elif defined(__TARGET_ARCH_arm64)
#define GO_REGISTER(ctx, i) (((struct user_pt_regs *)(ctx))->regs[i])
#define GO_FIRST(ctx)	    GO_REGISTER(ctx, 0)
#define GO_SECOND(ctx)	    GO_REGISTER(ctx, 1)
#define GO_THIRD(ctx)	    GO_REGISTER(ctx, 2)
#define GO_FOURTH(ctx)	    GO_REGISTER(ctx, 3)
#define GO_GOROUTINE(ctx)   GO_REGISTER(ctx, 28)
#endif

/* What the description of a goroutine begins with. */
struct go_stack {
	u64 low, high;
};

static __always_inline struct go_stack go_stack(u64 goroutine)
{
	struct go_stack stack = {};

	bpf_probe_read_user(&stack, sizeof(stack), (void *)goroutine);
	return stack;
}

/* Conn.Read(buffer []byte). It may begin twice, since the stack grows before anything else is done. */
SEC("?uprobe")
int go_receive_begin(struct pt_regs *ctx)
{
	u64 goroutine = GO_GOROUTINE(ctx), buffer = GO_SECOND(ctx);
	struct tls_call *call = call_get(tls_goroutine(goroutine));
	struct go_stack stack = go_stack(goroutine);

	if (!call)
		return 0;
	call->on_stack = buffer >= stack.low && buffer < stack.high;
	call->buffer = call->on_stack ? stack.high - buffer : buffer;
	call->session = GO_FIRST(ctx);
	call->wanted = GO_THIRD(ctx);
	call->sent = call->hands_over = 0;
	call->within.sock = 0;
	call->began_ns = bpf_ktime_get_ns();
	call->active = 1;
	return 0;
}

SEC("?uprobe")
int go_receive_end(struct pt_regs *ctx)
{
	u64 goroutine = GO_GOROUTINE(ctx);
	struct tls_caller who = tls_goroutine(goroutine);
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &who);

	if (!call || !call->active)
		return 0;
	if (call->on_stack)
		call->buffer = go_stack(goroutine).high - call->buffer;
	if (call->within.sock) /* what was read before has been returned before */
		call->read.sock = 0;
	return call_end(call, (s32)GO_FIRST(ctx));
}

/*
 * Conn.writeRecordLocked(type, data []byte), which also makes what the handshake sends: so the connection is known before there is
 * data. What a read sends, which is no data, is left to that.
 */
SEC("?uprobe")
int go_send_begin(struct pt_regs *ctx)
{
	u64 session = GO_FIRST(ctx);
	struct tls_session key = tls_session(session);
	bool data = (u8)GO_SECOND(ctx) == TLS_DATA;
	struct tls_end *bound;
	struct tls_call *call;

	if (!data && (u8)GO_SECOND(ctx) != TLS_HANDSHAKE)
		return 0;
	call = call_get(tls_goroutine(GO_GOROUTINE(ctx)));
	if (!call || (call->active && call->session == session && !data))
		return 0;
	bound = bpf_map_lookup_elem(&tls_sessions, &key);
	call->session = session;
	call->buffer = GO_THIRD(ctx);
	call->active = 0;
	call->sent = 1;
	call->hands_over = !data || !bound;
	call->began_ns = bpf_ktime_get_ns();
	if (!data || !bound)
		return 0;
	/* at once: the response may be read before this returns */
	call->within = *bound;
	call->within.arrived_ns = 0;
	return call_pass(call, GO_FOURTH(ctx) & 0x3fffffff);
}

/* Conn.Close() */
SEC("?uprobe")
int go_session_end(struct pt_regs *ctx)
{
	return session_free(GO_FIRST(ctx), tls_goroutine(GO_GOROUTINE(ctx)));
}

/* --- the end of connections */

SEC("?raw_tp/inet_sock_set_state")
int ending_raw(unsigned long long *ctx)
{
	struct sock *sk = (void *)ctx[0];
	int oldstate = ctx[1], newstate = ctx[2];
	u64 key = (u64)sk;

	if (newstate != FIN_WAIT1 && newstate != CLOSE_WAIT && newstate != CLOSE)
		return 0;
	tcp_ending(sk, oldstate, newstate);
	if (newstate == CLOSE && !READ(sk, sk_socket)) /* otherwise what has arrived can be read */
		bpf_map_delete_elem(&plain_socks, &key);
	return 0;
}
