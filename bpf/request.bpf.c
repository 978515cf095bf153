// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests, by what goes through sockets. Of a connection that was accepted, what is received asks and what
 * is sent answers; of one that was opened, the other way round. Where the protocol is known, requests
 * and answers are found in the bytes; otherwise a turn is one: bytes that ask after bytes that answered.
 * Time runs from the arrival of the first byte of a request (inbound; outbound: from when it was sent) to
 * the first byte of its answer.
 */
#include "dns.bpf.h"

#define TRIES	  4  /* to tell the protocol */
#define HTTP_LOOK 63 /* one of so many and one turns is looked at for more than one request */

/* --- counting */

/* The same with the caches of the socket, whose owner is valid. */
static __always_inline void request_count_cached(struct sock_ctx *sc, u64 dim, u64 n, u64 ns)
{
	count_add_at(series_slot_cached(&sc->request.total, requests_total, sc->identity, dim,
					false),
		     n);
	hist_add_many_at(series_slot_cached(&sc->request.duration, request_duration_seconds,
					    sc->identity, without_status(dim), true),
			 ns, n);
}

/* --- requests under way, in the order in which they came */

static __always_inline void batch_add(struct request_ctx *r, u64 since_ns, u32 n)
{
	struct batch *b = &r->asked[0];

	if (r->outstanding) {
		r->pipelined = 1;
		b = !r->asked[1].cnt   ? &r->asked[1]
		    : !r->asked[2].cnt ? &r->asked[2]
				       : &r->asked[3];
	} else if (n > 1) {
		r->pipelined = 1;
	}
	if (!b->cnt)
		b->since_ns = since_ns;
	b->cnt += n;
	r->outstanding += n;
}

static __always_inline void batch_shift(struct request_ctx *r)
{
	r->asked[0] = r->asked[1];
	r->asked[1] = r->asked[2];
	r->asked[2] = r->asked[3];
	r->asked[3].cnt = 0;
}

/* The oldest n are answered, all in the same way. */
static __always_inline void batch_answer(struct sock_ctx *sc, u64 dim, u32 n, u64 now)
{
	struct request_ctx *r = &sc->request;
	u64 answer_ns = r->answer_ns ?: now;

	for (int i = 0; i < BATCHES && n && r->asked[0].cnt; i++) {
		u64 since = r->asked[0].since_ns;
		u32 k = n < r->asked[0].cnt ? n : r->asked[0].cnt;

		request_count_cached(sc, dim, k, answer_ns > since ? answer_ns - since : 0);
		n -= k;
		r->outstanding -= k;
		r->asked[0].cnt -= k;
		if (!r->asked[0].cnt)
			batch_shift(r);
		answer_ns = now;
	}
	r->answer_ns = 0;
}

static __always_inline bool is_walked(const struct request_ctx *r)
{
	return !r->lost &&
	       (protocol_is_walked(r->protocol) || (r->protocol == PROTOCOL_HTTP && r->pipelined));
}

/* --- the first bytes */

#define FIRST_BYTES 4 /* fewer say nothing */

/*
 * The first bytes of a flow, of which some may have been before: into w->bytes at w->pos, up to w->len. Fewer than
 * `least` are kept for the next time; NULL then, and when they are not to be seen.
 */
static __always_inline struct walk *first_bytes(struct sock *sk, struct sock_ctx *sc, u32 bytes,
						u32 sent, u32 ask, u32 least, bool *few)
{
	struct walk *w = walk_begin(sk, sc, bytes, sent, ask, 0);

	*few = false;
	if (!w)
		return NULL;
	for (int i = 0; i < 4; i++)
		if (w->len - w->pos >= PROTOCOL_CARRY || walk_fill(w))
			break;
	*few = w->len - w->pos < least;
	if (!*few)
		return w;
	walk_end(w, &sc->request);
	return NULL;
}

/* False: there are too few to tell. */
static __always_inline bool protocol_find(struct sock *sk, struct sock_ctx *sc, u32 bytes, u32 sent,
					  u32 ask)
{
	struct request_ctx *r = &sc->request;
	u32 before = r->stream.flow[ask ? FLOW_ASK : FLOW_ANSWER].carry_len, avail;
	const u8 *head;
	struct walk *w;
	bool few;

	w = first_bytes(sk, sc, bytes, sent, ask, FIRST_BYTES, &few);
	if (!w)
		return !few;
	r->tries++;
	head = &w->bytes[w->pos & WALK_MASK];
	avail = w->len - w->pos < PROTOCOL_HEAD ? w->len - w->pos : PROTOCOL_HEAD;
	r->protocol = ask ? protocol_detect(head, avail, bytes + before)
			  : protocol_detect_greeting(head, avail, bytes + before);
	r->tunnel = le32_at(head) == PROTOCOL_WORD('C', 'O', 'N', 'N');
	return true;
}

/* The same, as a copy, up to PROTOCOL_CARRY bytes. False: `least` are not there, or not yet. */
static __always_inline bool head_gather(struct sock *sk, struct sock_ctx *sc, u32 bytes, u32 sent,
					u32 ask, u32 least, struct head *head, bool *few)
{
	struct request_ctx *r = &sc->request;
	struct flow *f = ask ? &r->stream.flow[FLOW_ASK] : &r->stream.flow[FLOW_ANSWER];
	struct walk *w;

	*few = false;
	if (!f->carry_len && head_read(head, bytes, r) && head->len >= least)
		return true;
	w = first_bytes(sk, sc, bytes, sent, ask, least, few);
	if (*few)
		return false;
	f->carry_len = 0;
	if (!w)
		return false;
	head->len = w->len - w->pos;
	return !bpf_probe_read_kernel(head->bytes, PROTOCOL_CARRY, &w->bytes[w->pos & WALK_MASK]);
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
static __always_inline u32 asked_http(struct sock *sk, struct sock_ctx *sc, u32 bytes, u32 sent,
				      u64 since)
{
	struct request_ctx *r = &sc->request;
	struct head head = {};
	struct walk *w;
	bool few;

	if (r->outstanding || !head_gather(sk, sc, bytes, sent, true, FIRST_BYTES, &head, &few) ||
	    !http_is_method(le32_at(head.bytes)))
		return 0;
	if (r->turns++ & HTTP_LOOK)
		return 1;
	flows_reset(r);
	w = walk(sk, sc, bytes, sent, true, since);
	if (w && w->asks > 1)
		return w->asks;
	flows_reset(r);
	return 1;
}

/* How many requests begin in these bytes. */
static __always_inline u32 asked(struct sock *sk, struct sock_ctx *sc, u32 bytes, u32 sent,
				 u64 since)
{
	struct request_ctx *r = &sc->request;
	struct walk *w;

	if (r->lost && !r->outstanding) /* these may make sense again */
		flows_reset(r);
	if (r->protocol == PROTOCOL_HTTP && !r->pipelined)
		return asked_http(sk, sc, bytes, sent, since);
	if (!r->protocol || r->lost)
		return !r->outstanding;
	w = walk(sk, sc, bytes, sent, true, since);
	if (!w)
		return r->lost && !r->outstanding;
	if (r->protocol == PROTOCOL_TLS)
		return w->asks && !r->outstanding;
	return w->asks;
}

/* Once for a connection: who is asked, or that it is answered here. */
static __always_inline void place(struct sock *sk, struct request_ctx *r, u32 sent, u32 identity)
{
	r->placed = 1;
	if (sent)
		r->peer = peer_find(sk);
	else
		peer_note(sk, identity);
}

static __always_inline void on_ask(struct sock *sk, struct sock_ctx *sc, u32 bytes, u32 sent,
				   u64 now)
{
	struct request_ctx *r = &sc->request;
	u64 since = !sent && r->arrived_ns ? r->arrived_ns : now;
	u32 n;

	if (!r->protocol && r->tries < TRIES && !protocol_find(sk, sc, bytes, sent, true))
		return;
	n = asked(sk, sc, bytes, sent, since);
	if (!n)
		return;
	if (!r->placed)
		place(sk, r, sent, sc->identity);
	if (!protocol_has_streams(r->protocol))
		batch_add(r, since, n);
	if (!sent)
		hist_add_many_at(series_slot_cached(&r->queue, request_queue_seconds, sc->identity,
						    dimension(r->protocol, 0, 0, 0), true),
				 now - since, n);
}

/* --- answering */

#define HTTP_STATUS_BYTES 12

static __always_inline void answered_turn(struct sock *sk, struct sock_ctx *sc, u32 bytes, u32 sent,
					  u64 now)
{
	struct request_ctx *r = &sc->request;
	u32 status = STATUS_UNKNOWN;
	struct head head = {};
	bool few = false;

	if (r->protocol == PROTOCOL_HTTP &&
	    head_gather(sk, sc, bytes, sent, false, HTTP_STATUS_BYTES, &head, &few))
		status = http_status(head.bytes, HTTP_STATUS_BYTES);
	if (few)
		return;
	if (status >= 100 && status < 200 && status != 101)
		return; /* the answer is still to come */
	if (protocol_is_walked(r->protocol) && r->protocol != PROTOCOL_TLS)
		status = STATUS_OK;
	batch_answer(sc, dimension(r->protocol, sc->direction, r->peer, status), r->outstanding,
		     now);
	if (status == 101 || (r->tunnel && status >= 200 && status < 300))
		r->protocol = PROTOCOL_SILENT;
}

/*
 * Nothing else is under way, and the answer begins here: its first bytes say how it went. The rest of it is not
 * looked at. False: they do not say it.
 */
static __always_inline bool answered_simply(struct sock_ctx *sc, u32 bytes, u64 now)
{
	struct request_ctx *r = &sc->request;
	struct found found = {};
	struct stream stream = {};
	struct head head = {};

	if (r->pipelined || r->outstanding != 1 || r->stream.flow[FLOW_ANSWER].carry_len)
		return false;
	if (r->protocol != PROTOCOL_REDIS && r->protocol != PROTOCOL_MYSQL)
		return false;
	if (!head_read(&head, bytes, r))
		return false;
	if (r->protocol == PROTOCOL_REDIS)
		redis_step(&stream.flow[FLOW_ANSWER], head.bytes, head.len, false, &found);
	else
		mysql_step(&stream.flow[FLOW_ANSWER], head.bytes, head.len, false, &found);
	if (found.kind != FOUND_ANSWER)
		return false;
	batch_answer(sc, dimension(r->protocol, sc->direction, r->peer, found.status), 1, now);
	return true;
}

static __always_inline void answered_walk(struct sock *sk, struct sock_ctx *sc, u32 bytes, u32 sent,
					  u64 now)
{
	struct request_ctx *r = &sc->request;
	struct walk *w = walk(sk, sc, bytes, sent, false, now);

	if (r->lost && r->outstanding)
		answered_turn(sk, sc, bytes, sent, now);
	if (!w || r->lost)
		return;
	for (int i = 0; i < RUNS && w->runs[i].cnt && r->outstanding; i++)
		batch_answer(sc, dimension(r->protocol, sc->direction, r->peer, w->runs[i].status),
			     w->runs[i].cnt, now);
}

static __always_inline void on_answer(struct sock *sk, struct sock_ctx *sc, u32 bytes, u32 sent,
				      u64 now)
{
	struct request_ctx *r = &sc->request;

	if (!sent && r->arrived_ns)
		now = r->arrived_ns;
	if (!r->protocol && !r->tries)
		protocol_find(sk, sc, bytes, sent, false);
	if (r->outstanding && !r->answer_ns)
		r->answer_ns = now;
	if (is_walked(r)) {
		if (!answered_simply(sc, bytes, now))
			answered_walk(sk, sc, bytes, sent, now);
	} else if (r->outstanding) {
		answered_turn(sk, sc, bytes, sent, now);
	}
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
static __always_inline void direction_find(struct sock *sk, struct sock_ctx *sc, bool sent,
					   bool is_unix)
{
	struct unix_sock *u = (void *)sk, *peer;

	sc->known = 1;
	sc->direction = sent ? TCP_OUTBOUND : TCP_INBOUND;
	if (!is_unix)
		return;
	sc->direction = BPF_CORE_READ(u, addr) ? TCP_INBOUND : TCP_OUTBOUND;
	peer = (void *)BPF_CORE_READ(u, peer);
	if (sc->direction == TCP_OUTBOUND && (!peer || !BPF_CORE_READ(peer, addr)))
		sc->request.protocol = PROTOCOL_SILENT;
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

static __always_inline void on_stream(struct sock *sk, struct sock_ctx *sc, u32 bytes, bool sent,
				      bool ask)
{
	struct request_ctx *r = &sc->request;
	u64 now;

	if (is_more(r, ask)) {
		if (!sent)
			arrival_read(sk, r, r->arrived_ns);
		return;
	}
	own_current(sc);
	now = bpf_ktime_get_ns();
	if (ask)
		on_ask(sk, sc, bytes, sent, now);
	else
		on_answer(sk, sc, bytes, sent, now);
	if (!sent)
		arrival_read(sk, r, now);
}

#define DATAGRAM_TRIES 16

static __always_inline void on_datagram(struct sock *sk, struct sock_ctx *sc, u32 bytes, bool sent)
{
	struct request_ctx *r = &sc->request;
	u64 now = bpf_ktime_get_ns();
	struct head head = {};

	if (r->protocol == PROTOCOL_SILENT)
		return;
	if (head_read(&head, bytes, r)) {
		if (!r->placed)
			place(sk, r, sent, identity_current());
		if (on_dns((u64)sk, &head, sent, r->peer, sent ? now : r->arrived_ns ?: now, now))
			r->tries = 0;
		else if (++r->tries > DATAGRAM_TRIES)
			r->protocol = PROTOCOL_SILENT;
	}
	if (!sent)
		arrival_read(sk, r, now);
}

static __always_inline int on_data(struct sock *sk, int bytes, bool sent)
{
	bool is_unix = READ(sk, __sk_common.skc_family) == AF_UNIX;
	u32 protocol = READ(sk, sk_protocol);
	struct sock_ctx *sc;

	if (bytes <= 0)
		return 0;
	if (is_unix ? READ(sk, sk_type) != SOCK_STREAM
		    : protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return 0;
	sc = sock_ctx(sk);
	if (!sc)
		return 0;
	if (!sc->known)
		direction_find(sk, sc, sent, is_unix);
	if (protocol == IPPROTO_UDP)
		on_datagram(sk, sc, bytes, sent);
	else
		on_stream(sk, sc, bytes, sent, sent == (sc->direction == TCP_OUTBOUND));
	if (sc->request.several)
		message_done();
	return 0;
}

static __always_inline int on_received(struct sock *sk, int bytes, int flags)
{
	return flags & MSG_PEEK ? 0 : on_data(sk, bytes, false);
}

TRACEPOINT(sock_send_length, send, struct sock *sk, int bytes)
{
	return on_data(sk, bytes, true);
}

TRACEPOINT(sock_recv_length, recv, struct sock *sk, int bytes, int flags)
{
	return on_received(sk, bytes, flags);
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
	return on_data(sk, bytes, true);
}

SEC("?fexit/udp_sendmsg")
int BPF_PROG(udp_send_fexit, struct sock *sk, struct msghdr *msg, u64 size, int bytes)
{
	return on_data(sk, bytes, true);
}

SEC("?fexit/udpv6_sendmsg")
int BPF_PROG(udpv6_send_fexit, struct sock *sk, struct msghdr *msg, u64 size, int bytes)
{
	return on_data(sk, bytes, true);
}

SEC("?fexit/unix_stream_sendmsg")
int BPF_PROG(unix_send_fexit, struct socket *socket, struct msghdr *msg, u64 size, int bytes)
{
	return on_data(socket->sk, bytes, true);
}

/* ec095263a965 ("net: remove noblock parameter from recvmsg() entities") took out the fourth of six. */
const volatile u32 arity_tcp_recvmsg SEC(".rodata");

#define RECEIVED(sk)                                                                        \
	(arity_tcp_recvmsg > 5 ? on_received((struct sock *)(sk), ARG(ctx, 6), ARG(ctx, 4)) \
			       : on_received((struct sock *)(sk), ARG(ctx, 5), ARG(ctx, 3)))

SEC("?fexit/tcp_recvmsg")
int BPF_PROG(recv_fexit, struct sock *sk)
{
	return RECEIVED(sk);
}

SEC("?fexit/udp_recvmsg")
int BPF_PROG(udp_recv_fexit, struct sock *sk)
{
	return RECEIVED(sk);
}

SEC("?fexit/udpv6_recvmsg")
int BPF_PROG(udpv6_recv_fexit, struct sock *sk)
{
	return RECEIVED(sk);
}

SEC("?fexit/unix_stream_recvmsg")
int BPF_PROG(unix_recv_fexit, struct socket *socket, struct msghdr *msg, u64 size, int flags,
	     int bytes)
{
	return on_received(socket->sk, bytes, flags);
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

/* Without storage: the socket is gone, its address will be another's. */
static __always_inline int on_gone(u64 sk)
{
	bpf_map_delete_elem(&socks_by_address, &sk);
	return 0;
}

SEC("?fentry/sk_free")
int BPF_PROG(gone_fentry, struct sock *sk)
{
	return on_gone((u64)sk);
}

SEC("?kprobe/sk_free")
int BPF_KPROBE(gone_kprobe, struct sock *sk)
{
	return on_gone((u64)sk);
}
