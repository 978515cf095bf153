// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests, by what goes through sockets. Of a connection that was accepted, what is received asks and what
 * is sent answers; of one that was opened, the other way round. Where the protocol is known, requests
 * and answers are found in the bytes; otherwise a turn is one: bytes that ask after bytes that answered.
 * Time runs from the arrival of the first byte of a request (inbound; outbound: from when it was sent) to
 * the first byte of its answer.
 */
#include "batch.bpf.h"
#include "dns.bpf.h"

#define TRIES	  4  /* to tell the protocol */
#define HTTP_LOOK 63 /* one of so many and one turns is looked at for more than one request */

static __always_inline bool is_walked(const struct request_ctx *r)
{
	return !r->lost &&
	       (protocol_is_walked(r->protocol) || (r->protocol == PROTOCOL_HTTP && r->pipelined));
}

static __always_inline u64 event_dimension(const struct event *e, u32 status)
{
	const struct request_ctx *r = &e->sc->request;

	return dimension(r->protocol, e->sc->direction, r->peer, status);
}

/* The first bytes of an answer say how it went, and nothing else is under way. */
static __always_inline bool is_simple(const struct request_ctx *r)
{
	return !r->pipelined && (r->protocol == PROTOCOL_REDIS || r->protocol == PROTOCOL_MYSQL);
}

/* --- the first bytes */

#define FIRST_BYTES 4 /* fewer say nothing */

enum first_bytes { FIRST_UNSEEN, FIRST_FEW, FIRST_THERE };

/*
 * The first bytes of a flow, of which some may have been before, into w->bytes at w->pos, up to w->len. Fewer than
 * `least` are kept for the next time.
 */
static __noinline int first_bytes(struct event *e, u32 least)
{
	struct walk *w = e->w;

	if (!walk_begin(e))
		return FIRST_UNSEEN;
	walk_gather(e->sent);
	if (w->len - w->pos >= least)
		return FIRST_THERE;
	walk_end(e);
	return FIRST_FEW;
}

/* 0: there are too few to tell. */
static __noinline int protocol_find(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 total = e->bytes + event_flow(e)->carry_len;
	int there = first_bytes(e, FIRST_BYTES);
	struct walk *w = e->w;

	if (there != FIRST_THERE)
		return there == FIRST_UNSEEN;
	r->tries++;
	r->protocol = walk_detect(e->sent, total);
	r->tunnel = le32_at(&w->bytes[w->pos & WALK_MASK]) == PROTOCOL_WORD('C', 'O', 'N', 'N');
	return 1;
}

/* The same in w->head, up to PROTOCOL_CARRY bytes. */
static __noinline int head_gather(struct event *e, u32 least)
{
	struct flow *f = event_flow(e);
	struct walk *w = e->w;
	int there;

	if (!f->carry_len && head_read(e) && w->head_len >= least)
		return FIRST_THERE;
	there = first_bytes(e, least);
	if (there == FIRST_FEW)
		return there;
	f->carry_len = 0;
	if (there == FIRST_UNSEEN)
		return there;
	w->head_len = PROTOCOL_CARRY;
	bpf_probe_read_kernel(w->head, PROTOCOL_CARRY, &w->bytes[w->pos & WALK_MASK]);
	return FIRST_THERE;
}

/* A turn of HTTP of which the head lies in one piece: nothing of it was before. */
static __always_inline bool http_head(const struct event *e, u32 least)
{
	struct request_ctx *r = &e->sc->request;

	return r->protocol == PROTOCOL_HTTP && !r->pipelined && !event_flow(e)->carry_len &&
	       head_read(e) && e->w->head_len >= least;
}

/* --- asking */

static __always_inline void flows_reset(struct request_ctx *r)
{
	__builtin_memset(&r->stream, 0, sizeof(r->stream));
	r->lost = 0;
}

/*
 * A turn of HTTP begins with a method; other bytes are what an early answer did not wait for. Now and then it is looked
 * whether more than one request is in them.
 */
static __always_inline int asked_http(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (r->outstanding || head_gather(e, FIRST_BYTES) != FIRST_THERE ||
	    !http_is_method(le32_at(e->w->head)))
		return 0;
	if (r->turns++ & HTTP_LOOK)
		return 1;
	flows_reset(r);
	if (walk(e) && e->w->asks > 1)
		return e->w->asks;
	flows_reset(r);
	return 1;
}

/* How many requests begin in these bytes. */
static __noinline int asked(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (r->lost && !r->outstanding) /* these may make sense again */
		flows_reset(r);
	if (r->protocol == PROTOCOL_HTTP && !r->pipelined)
		return asked_http(e);
	if (!r->protocol || r->lost)
		return !r->outstanding;
	if (!walk(e))
		return r->lost && !r->outstanding;
	if (!r->outstanding && is_simple(r)) /* the rest of the last answer was not looked at */
		__builtin_memset(&r->stream.flow[FLOW_ANSWER], 0, sizeof(struct flow));
	if (r->protocol == PROTOCOL_TLS)
		return e->w->asks && !r->outstanding;
	return e->w->asks;
}

/* Once for a connection: who is asked, or that it is answered here. */
static __noinline int place(struct event *e)
{
	struct sock_ctx *sc = e->sc;

	sc->request.placed = 1;
	if (e->sent)
		sc->request.peer = peer_find(e->sk);
	else
		peer_note(e->sk, sc->identity);
	return 0;
}

static __always_inline bool is_http_turn(const struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (!(r->turns & HTTP_LOOK) || r->outstanding || !http_head(e, FIRST_BYTES) ||
	    !http_is_method(le32_at(e->w->head)))
		return false;
	r->turns++;
	return true;
}

static __always_inline void on_ask(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u64 read_ns = e->now;
	u32 n, waits = 0;

	if (!e->sent && r->arrived_ns)
		e->now = r->arrived_ns;
	if (!r->protocol && r->tries < TRIES && !protocol_find(e))
		return;
	if (is_http_turn(e)) {
		n = 1;
	} else {
		e->w->waits = 0;
		n = asked(e);
		waits = e->w->waits;
	}
	if (!n)
		return;
	if (!r->placed)
		place(e);
	if (!protocol_has_streams(r->protocol))
		batch_add(r, waits ? 0 : e->now, n);
	if (!e->sent)
		hist_add_many_at(series_slot_cached(&r->queue, request_queue_seconds,
						    e->sc->identity,
						    dimension(r->protocol, 0, 0, 0), true),
				 read_ns - e->now, n);
}

/* --- answering */

#define HTTP_STATUS_BYTES 12

static __noinline int answered_turn(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 status = STATUS_UNKNOWN;
	int there = FIRST_UNSEEN;

	if (r->protocol == PROTOCOL_HTTP)
		there = head_gather(e, HTTP_STATUS_BYTES);
	if (there == FIRST_FEW)
		return 0;
	if (there == FIRST_THERE)
		status = http_status(e->w->head, HTTP_STATUS_BYTES);
	if (status >= 100 && status < 200 && status != 101) {
		r->answer_ns = 0; /* the answer is still to come */
		return 0;
	}
	if (protocol_is_walked(r->protocol) && r->protocol != PROTOCOL_TLS)
		status = STATUS_OK;
	batch_answer(e->sc, event_dimension(e, status), r->outstanding, e->now);
	if (status == 101 || (r->tunnel && status >= 200 && status < 300))
		r->protocol = PROTOCOL_SILENT;
	return 0;
}

/*
 * Nothing else is under way, and the answer begins here: its first bytes say how it went. The rest of it is not
 * looked at. 0: they do not say it.
 */
static __noinline int answered_simply(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct walk *w = e->w;
	struct flow *flow = &w->stream.flow[FLOW_ANSWER];

	if (!is_simple(r) || r->outstanding != 1 || event_flow(e)->carry_len || !head_read(e))
		return 0;
	__builtin_memset(&w->found, 0, sizeof(w->found));
	__builtin_memset(flow, 0, sizeof(*flow));
	if (r->protocol == PROTOCOL_REDIS)
		redis_step(flow, w->head, w->head_len, false, &w->found);
	else
		mysql_step(flow, w->head, w->head_len, false, &w->found);
	if (w->found.kind != FOUND_ANSWER)
		return 0;
	batch_answer_one(e->sc, event_dimension(e, w->found.status), e->now);
	return 1;
}

static __noinline int answered_walk(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct walk *w = e->w;
	int walked = walk(e);

	if (r->lost && r->outstanding)
		answered_turn(e);
	for (int i = 0; i < RUNS && walked && !r->lost && w->runs[i].cnt && r->outstanding; i++)
		batch_answer(e->sc, event_dimension(e, w->runs[i].status), w->runs[i].cnt, e->now);
	return 0;
}

static __always_inline int answered(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (!r->protocol && !r->tries)
		protocol_find(e);
	if (r->outstanding && !r->answer_ns)
		r->answer_ns = e->now;
	if (is_walked(r))
		return answered_simply(e) || answered_walk(e);
	return r->outstanding ? answered_turn(e) : 0;
}

static __always_inline void on_answer(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 status = 0;

	if (!e->sent && r->arrived_ns)
		e->now = r->arrived_ns;
	if (r->outstanding == 1 && !r->tunnel && http_head(e, HTTP_STATUS_BYTES))
		status = http_status(e->w->head, HTTP_STATUS_BYTES);
	if (status >= 200)
		batch_answer_one(e->sc, event_dimension(e, status), e->now);
	else
		answered(e);
}

/* --- hooks */

/*
 * What is still to be read has arrived after what has been read; how long after, is not known: the time is
 * kept once.
 */
static __always_inline void arrival_read(struct sock *sk, struct request_ctx *r, u64 now)
{
	bool more = READ(sk, sk_receive_queue.qlen);

	if (!more)
		r->arrived_ns = 0;
	else if (r->kept)
		r->arrived_ns = now;
	r->kept = more;
}

/*
 * Who speaks first has opened a connection, mostly. A Unix socket that was accepted has its listener's address,
 * one that connects has none; of a pair neither has.
 */
static __noinline int direction_find(struct event *e)
{
	struct sock *sk = e->sk;
	struct unix_sock *u = (void *)sk, *peer;
	struct sock_ctx *sc = e->sc;

	sc->known = 1;
	sc->direction = e->sent ? TCP_OUTBOUND : TCP_INBOUND;
	if (READ(sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	sc->direction = BPF_CORE_READ(u, addr) ? TCP_INBOUND : TCP_OUTBOUND;
	peer = (void *)BPF_CORE_READ(u, peer);
	if (sc->direction == TCP_OUTBOUND && (!peer || !BPF_CORE_READ(peer, addr)))
		sc->request.protocol = PROTOCOL_SILENT;
	return 0;
}

/* Bytes that change nothing: more of a request, more of an answer. */
static __always_inline bool is_more(const struct request_ctx *r, bool ask)
{
	if (r->protocol == PROTOCOL_SILENT)
		return true;
	if (is_walked(r))
		return false;
	return ask ? r->outstanding : !r->outstanding && r->tries;
}

static __always_inline void on_stream(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u64 now = r->arrived_ns;

	if (!is_more(r, e->ask)) {
		own_current(e->sc);
		e->now = now = bpf_ktime_get_ns();
		if (e->ask)
			on_ask(e);
		else
			on_answer(e);
	}
	if (!e->sent)
		arrival_read(e->sk, r, now);
}

#define DATAGRAM_TRIES 16

static __noinline int on_datagram(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (r->protocol == PROTOCOL_SILENT)
		return 0;
	e->now = bpf_ktime_get_ns();
	if (head_read(e)) {
		own_current(e->sc);
		if (!r->placed)
			place(e);
		if (on_dns(e, e->sent ? e->now : r->arrived_ns ?: e->now))
			r->tries = 0;
		else if (++r->tries > DATAGRAM_TRIES)
			r->protocol = PROTOCOL_SILENT;
	}
	if (!e->sent)
		arrival_read(e->sk, r, e->now);
	return 0;
}

static __always_inline bool event_begin(struct event *e)
{
	e->sc = sock_ctx(e->sk);
	e->w = bpf_map_lookup_elem(&request_walks, &e->sent);
	if (!e->sc || !e->w)
		return false;
	if (!e->sc->known)
		direction_find(e);
	e->ask = e->sent == (e->sc->direction == TCP_OUTBOUND);
	return true;
}

static __always_inline int event_end(struct event *e)
{
	if (e->sc->request.several)
		message_done();
	return 0;
}

static __always_inline int on_stream_data(struct sock *sk, int bytes, bool sent)
{
	struct event e = { .sk = sk, .bytes = bytes, .sent = sent };

	if (bytes <= 0 || !event_begin(&e))
		return 0;
	on_stream(&e);
	return event_end(&e);
}

static __always_inline int on_datagram_data(struct sock *sk, int bytes, bool sent)
{
	struct event e = { .sk = sk, .bytes = bytes, .sent = sent };

	if (bytes <= 0 || !event_begin(&e))
		return 0;
	on_datagram(&e);
	return event_end(&e);
}

static __always_inline int on_data(struct sock *sk, int bytes, bool sent)
{
	u32 protocol = READ(sk, sk_protocol);

	if (protocol == IPPROTO_UDP)
		return on_datagram_data(sk, bytes, sent);
	if (protocol == IPPROTO_TCP ||
	    (READ(sk, __sk_common.skc_family) == AF_UNIX && READ(sk, sk_type) == SOCK_STREAM))
		return on_stream_data(sk, bytes, sent);
	return 0;
}

TRACEPOINT(sock_send_length, send, struct sock *sk, int bytes)
{
	return on_data(sk, bytes, true);
}

TRACEPOINT(sock_recv_length, recv, struct sock *sk, int bytes, int flags)
{
	return flags & MSG_PEEK ? 0 : on_data(sk, bytes, false);
}

const volatile u32 nr_recvmmsg SEC(".rodata"), nr_sendmmsg SEC(".rodata");

/* recvmmsg(2) and sendmmsg(2) return: the next one begins with its first message. */
TRACEPOINT(sys_exit, messages, struct pt_regs *regs)
{
	u32 nr = syscall_nr(regs);
	u64 task;

	if (nr != nr_recvmmsg && nr != nr_sendmmsg)
		return 0;
	task = bpf_get_current_pid_tgid();
	bpf_map_delete_elem(&request_messages, &task);
	return 0;
}

/*
 * Which side has opened a connection, where the tcp family is not there to know it.
 */
TRACEPOINT(inet_sock_set_state, state, struct sock *sk, int oldstate, int newstate)
{
	struct sock_ctx *sc;

	if (READ(sk, sk_protocol) != IPPROTO_TCP ||
	    (newstate != SYN_SENT && (newstate != ESTABLISHED || oldstate != SYN_RECV)))
		return 0;
	sc = sock_ctx(sk);
	if (sc)
		opened(sc, newstate == SYN_SENT ? TCP_OUTBOUND : TCP_INBOUND);
	return 0;
}

/* Kernels without these tracepoints (before 6e6eda44b939, 6.3): each protocol's own functions. */

struct msghdr;

SEC("?fexit/tcp_sendmsg")
int BPF_PROG(send_fexit, struct sock *sk, struct msghdr *msg, u64 size, int bytes)
{
	return on_stream_data(sk, bytes, true);
}

SEC("?fexit/unix_stream_sendmsg")
int BPF_PROG(unix_send_fexit, struct socket *socket, struct msghdr *msg, u64 size, int bytes)
{
	return on_stream_data(socket->sk, bytes, true);
}

SEC("?fexit/udp_sendmsg")
int BPF_PROG(udp_send_fexit, struct sock *sk, struct msghdr *msg, u64 size, int bytes)
{
	return on_datagram_data(sk, bytes, true);
}

SEC("?fexit/udpv6_sendmsg")
int BPF_PROG(udpv6_send_fexit, struct sock *sk, struct msghdr *msg, u64 size, int bytes)
{
	return on_datagram_data(sk, bytes, true);
}

/* ec095263a965 ("net: remove noblock parameter from recvmsg() entities") took out the fourth of six. */
const volatile u32 arity_tcp_recvmsg SEC(".rodata");

/* A function's result, where its bytes were taken and not only looked at. */
#define RECEIVED()                                                               \
	(arity_tcp_recvmsg > 5 ? (int)(ARG(ctx, 4) & MSG_PEEK ? 0 : ARG(ctx, 6)) \
			       : (int)(ARG(ctx, 3) & MSG_PEEK ? 0 : ARG(ctx, 5)))

SEC("?fexit/tcp_recvmsg")
int BPF_PROG(recv_fexit, struct sock *sk)
{
	return on_stream_data(sk, RECEIVED(), false);
}

SEC("?fexit/unix_stream_recvmsg")
int BPF_PROG(unix_recv_fexit, struct socket *socket, struct msghdr *msg, u64 size, int flags,
	     int bytes)
{
	return flags & MSG_PEEK ? 0 : on_stream_data(socket->sk, bytes, false);
}

SEC("?fexit/udp_recvmsg")
int BPF_PROG(udp_recv_fexit, struct sock *sk)
{
	return on_datagram_data(sk, RECEIVED(), false);
}

SEC("?fexit/udpv6_recvmsg")
int BPF_PROG(udpv6_recv_fexit, struct sock *sk)
{
	return on_datagram_data(sk, RECEIVED(), false);
}

static __always_inline int on_arrival(struct sock *sk)
{
	struct sock_ctx *sc = sock_ctx_find(sk);

	if (sc && !sc->request.arrived_ns)
		sc->request.arrived_ns = bpf_ktime_get_ns();
	return 0;
}

TRACEPOINT(sk_data_ready, arrive, struct sock *sk)
{
	return on_arrival(sk);
}

/* What all sockets call, before 40e0b0908142 ("net/sock: Introduce trace_sk_data_ready()"), 6.3. */
SEC("?fentry/sock_def_readable")
int BPF_PROG(arrive_fentry, struct sock *sk)
{
	return on_arrival(sk);
}

SEC("?kprobe/sock_def_readable")
int BPF_KPROBE(arrive_kprobe, struct sock *sk)
{
	return on_arrival(sk);
}

/*
 * Without storage: the socket is gone, its address will be another's. By the last that each one comes through, which
 * is called through a pointer too and so is never inlined away: sk_free() is called for each segment that was sent.
 */
static __always_inline int on_gone(struct callback_head *head)
{
	u64 sk = (u64)container_of(head, struct sock, sk_rcu);

	bpf_map_delete_elem(&socks_by_address, &sk);
	return 0;
}

SEC("?fentry/__sk_destruct")
int BPF_PROG(gone_fentry, struct callback_head *head)
{
	return on_gone(head);
}

SEC("?kprobe/__sk_destruct")
int BPF_KPROBE(gone_kprobe, struct callback_head *head)
{
	return on_gone(head);
}
