// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests, from the bytes that go through sockets. On the server side of a connection received bytes are requests
 * and sent bytes are responses; on the client side the reverse. If the protocol is known, requests and responses
 * are parsed; otherwise every exchange counts as a request: bytes in the request direction that follow bytes in the
 * response direction. A request's time starts when its first byte arrives (outbound: when it is sent) and ends at
 * the first byte of its response.
 */
#include "arrival.bpf.h"
#include "dns.bpf.h"
#include "exchange.bpf.h"
#include "http.bpf.h"
#include "request_scan.bpf.h"
#include "response.bpf.h"
#include "tls.bpf.h"
#include "unanswered.bpf.h"

static __always_inline bool is_parsed(const struct request_ctx *r)
{
	return !r->desync && (protocol_is_parsed(r->protocol) ||
			      (r->protocol == PROTOCOL_HTTP && (r->pipelined || r->interim)));
}

/* --- requests */

/* Not all of these bytes were parsed: there is one request at least. */
static __noinline int requests_desync(struct event *e)
{
	u32 streams = protocol_has_streams(e->sc->request.protocol), n = e->p->request_cnt;

	if (e->p->lost)
		parser_lost(e);
	if (n)
		return streams ? 0 : n;
	return exchange_begin(e);
}

/* How many requests begin in these bytes. They are parsed in one place, whatever the protocol: the verifier walks through it once. */
static __always_inline int requests_begun(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	int parsed;

	if (r->desync && !r->outstanding) /* tries to parse again */
		flows_reset(r);
	e->p->single = r->protocol == PROTOCOL_HTTP && !r->pipelined;
	e->p->begins = flow_at_boundary(event_flow(e));
	if (e->p->single) {
		if (r->unparsed && r->outstanding && !http_begins_another(e))
			return 0;
	} else if (!r->protocol || r->desync) {
		return exchange_begin(e);
	}
	parsed = parse(e);
	if (e->p->single)
		return http_requests_begun(e, parsed);
	if (!parsed)
		return r->desync ? exchange_begin(e) : 0;
	if (r->desync)
		return requests_desync(e);
	if (!r->outstanding && is_simple(r)) /* the rest of the last response was not parsed */
		__builtin_memset(&r->stream.flow[FLOW_RESPONSE], 0, sizeof(struct flow));
	if (r->protocol == PROTOCOL_TLS) {
		tls_on_request(e);
		if (!e->p->request_cnt)
			return 0;
		r->setup = SETUP_NONE;
		return exchange_begin(e);
	}
	return e->p->request_cnt;
}

static __noinline int on_request(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 n;

	if (r->tls == TLS_HELD)
		tls_release(e);
	if (!e->sent && r->arrived_ns)
		e->now = r->arrived_ns;
	if (!r->protocol && !r->outstanding && r->tries < TRIES && !event_detect_protocol(e))
		return 0;
	e->p->blocking = 0;
	n = forget(&e->p->found, requests_begun(e));
	if (!n)
		return 0;
	if (!r->peer_known)
		peer_resolve(e);
	if (!protocol_has_streams(r->protocol))
		inflight_add(r, e->p->blocking ? 0 : e->now, n);
	else if (!r->setup)
		r->begun_ns = e->now;
	if (!e->sent)
		queue_add(e, e->p->call_ns - e->now, n);
	if (r->race_cnt)
		race_take(e);
	return 0;
}

/* --- responses */

/* Nothing has gone in the other direction of the connection. */
static __always_inline bool is_greeting(const struct event *e)
{
	struct tcp_sock *tp = tcp_sock_or_null(e->sk);

	return tp && !(e->sent ? READ(tp, bytes_received) : READ(tp, bytes_sent));
}

/* A response, before the protocol is known: what the server says first may tell. */
static __noinline int response_detect(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (detect_waits(r)) { /* what was read is all of the request that the server wanted */
		r->stream.flow[FLOW_REQUEST].carry_len = 0;
		inflight_add(r, r->begun_ns, 1);
		queue_add(e, 0, 1);
		e->p->owed = 1;
	}
	if (!r->tries) {
		event_detect_protocol(e);
		r->greeted = !r->protocol && r->watched && is_greeting(e);
	}
	return 0;
}

static __noinline int on_response(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	int status = RESPONSE_LATER;

	if (r->peer_known == PEER_SEEMING)
		peer_route(e);
	if (r->outstanding && r->unparsed) {
		if (e->sent)
			queue_add(e, queue_ns(r), 1);
		r->unparsed = 0;
	}
	if (!e->sent && r->arrived_ns)
		e->now = r->arrived_ns;
	if (!r->protocol && (!r->tries || detect_waits(r)))
		response_detect(e);
	if (r->outstanding && !r->response_ns)
		r->response_ns = e->now;
	if (!is_parsed(r)) {
		if (!r->outstanding)
			return race_http(e);
		status = exchange_status(e);
	}
	if (is_parsed(r)) {
		if (response_simple(e))
			return 0;
		status = response_parse(e);
	}
	status = (int)forget(&e->p->found, (u32)status);
	if (status == RESPONSE_LATER)
		return 0;
	if (status >= 0) {
		if (r->outstanding == 1)
			return response_to_one(e, status);
		response_to_all(e, status);
	}
	response_runs(e);
	if (status == RESPONSE_LOST)
		r->protocol = PROTOCOL_UNKNOWN;
	return 0;
}

/* --- hooks */

/*
 * The side that sends first has usually opened the connection. An accepted Unix socket has its listener's address, a
 * connecting one has none, or one of its own; in a socketpair neither has.
 */
static __noinline int direction_find(struct event *e)
{
	struct sock *sk = e->sk;
	struct unix_sock *u = (void *)sk, *peer;
	struct sock_ctx *sc = e->sc;
	bool named;

	sc->known = 1;
	sc->direction = e->sent ? TCP_OUTBOUND : TCP_INBOUND;
	if (READ(sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	peer = (void *)BPF_CORE_READ(u, peer);
	named = peer && BPF_CORE_READ(peer, addr);
	if (BPF_CORE_READ(u, addr))
		sc->direction = named ? sc->direction : TCP_INBOUND;
	else if (named)
		sc->direction = TCP_OUTBOUND;
	else
		sc->request.protocol = PROTOCOL_OPAQUE;
	return 0;
}

static __always_inline void direction_know(struct event *e)
{
	if (!e->sc->known)
		direction_find(e);
	e->is_request = e->sent == (e->sc->direction == TCP_OUTBOUND);
}

/* Bytes that change nothing: more of a request, or more of a response. */
static __always_inline bool is_more(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (r->protocol == PROTOCOL_OPAQUE)
		return true;
	if (is_parsed(r))
		return false;
	if (!e->is_request)
		return !r->outstanding && r->tries && !detect_waits(r) &&
		       (r->protocol != PROTOCOL_HTTP || !is_race_at(e, write_seq(e->sk)));
	return r->outstanding && !r->tail && (r->desync || r->protocol != PROTOCOL_HTTP);
}

#define DATAGRAM_TRIES 16

static __always_inline bool event_begin(struct event *e)
{
	e->p = bpf_map_lookup_elem(&request_parsers, &e->sent);
	if (!e->p)
		return false;
	e->p->sock = (u64)e->sk;
	e->p->call_ns = e->now = bpf_ktime_get_ns();
	return true;
}

static __always_inline int event_end(struct event *e)
{
	int ret = 0;

	if (e->sc->request.multi_msg)
		message_done();
	barrier_var(
		ret); /* a constant would not be returned, but what happens to be there, which the verifier may refuse */
	return ret;
}

static __noinline int on_datagram(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (r->protocol == PROTOCOL_OPAQUE)
		return 0;
	direction_know(e);
	if (!event_begin(e))
		return 0;
	if (!e->sent && r->arrived_ns)
		e->now = r->arrived_ns;
	if (head_read(e)) {
		if (!r->peer_known)
			peer_resolve(e);
		if (on_dns(e))
			r->tries = 0;
		else if (++r->tries > DATAGRAM_TRIES)
			r->protocol = PROTOCOL_OPAQUE;
	}
	if (!e->sent)
		arrival_end(e->sk, r, true);
	return event_end(e);
}

static __always_inline void on_stream_used(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	e->p->owed = r->outstanding;
	if (e->is_request)
		on_request(e);
	else
		on_response(e);
	if (e->p->owed && !r->outstanding)
		r->answered_ns = e->p->call_ns;
	inflight_reset(r);
	fastpath_update(r);
}

static __always_inline int on_stream(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	bool used;

	direction_know(e);
	if (e->is_request && e->sent)
		sent_note(e->sk, r);
	if (e->unseen)
		unseen_pass(e);
	used = !is_more(e);
	if (used) {
		if (!event_begin(e))
			return 0;
		e->p->sent_seq = write_seq(e->sk);
		on_stream_used(e);
	} else if (e->is_request && r->outstanding && !r->oneway) {
		inflight_continues(r, bpf_ktime_get_ns());
	}
	if (e->is_request && e->sent) /* not before the request can be found: see is_race() */
		r->sent_seq = used ? e->p->sent_seq : write_seq(e->sk);
	if (!e->sent)
		arrival_end(e->sk, r, used);
	return event_end(e);
}

/* End of stream. */
static __noinline int on_stream_end(struct event *e)
{
	struct sock *sk = e->sk; /* READ() of e->sk would relocate `struct event` */

	if (e->sc->request.tls == TLS_HELD)
		tls_release(e);
	if (READ(sk, __sk_common.skc_family) == AF_UNIX)
		unix_stream_end(sk, e->sc);
	return 0;
}

/*
 * Set by user space when sends and receives are both seen. Before that the response to a request may be missed, which would then
 * be in flight for as long as its connection is open.
 */
volatile u64 both_ways;

static __always_inline int on_stream_data(struct sock *sk, int bytes, bool sent)
{
	struct event e = { .sk = sk, .bytes = bytes, .sent = sent, .sc = sock_ctx(sk) };

	if (bytes < 0 || !e.sc || !both_ways)
		return 0;
	sock_claim(e.sc);
	request_sock_note(sk);
	if (!bytes)
		return sent ? 0 : on_stream_end(&e);
	if (!sent)
		e.unseen = arrival_begin(sk, &e.sc->request, bytes);
	return on_stream(&e);
}

static __always_inline int on_stream_traced(struct sock *sk, int bytes, bool sent, bool count)
{
	struct event e = { .sk = sk, .bytes = bytes, .sent = sent, .sc = sock_ctx(sk) };

	if (bytes < 0 || !e.sc)
		return 0;
	sock_claim(e.sc);
	request_sock_note(sk);
	if (!bytes)
		return sent ? 0 : on_stream_end(&e);
	if (count)
		bytes_count(sk, e.sc, bytes, sent ? TCP_SENT : TCP_RECEIVED);
	if (!both_ways)
		return 0;
	if (!sent)
		e.unseen = arrival_begin(sk, &e.sc->request, bytes);
	if (e.unseen || !fastpath(sk, e.sc, bytes, sent))
		return on_stream(&e);
	if (!sent)
		arrival_end(sk, &e.sc->request, true);
	return 0;
}

static __always_inline int on_datagram_data(struct sock *sk, int bytes, bool sent)
{
	struct event e = { .sk = sk, .bytes = bytes, .sent = sent, .sc = sock_ctx(sk) };

	if (bytes <= 0 || !e.sc || !both_ways)
		return 0;
	sock_claim(e.sc);
	request_sock_note(sk);
	return on_datagram(&e);
}

/* Set by the loader: these programs also count bytes, in place of the tcp family's. */
const volatile bool supersedes_send SEC(".rodata"), supersedes_recv SEC(".rodata");

static __always_inline int on_data(struct sock *sk, int bytes, bool sent)
{
	bool count = sent ? supersedes_send : supersedes_recv, tcp = is_tcp(sk) || is_mptcp(sk);

	if (is_udp(sk))
		return on_datagram_data(sk, bytes, sent);
	if (!tcp &&
	    (READ(sk, __sk_common.skc_family) != AF_UNIX || READ(sk, sk_type) != SOCK_STREAM))
		return 0;
	return !tcp && bytes == -ECONNRESET ? unix_stream_reset(sk)
					    : on_stream_traced(sk, bytes, sent, tcp && count);
}

TRACEPOINT(sock_send_length, send, struct sock *sk, int bytes)
{
	return on_data(sk, bytes, true);
}

/* A byte out of band is no part of the stream. */
static __always_inline int on_urgent(struct sock *sk, int bytes)
{
	struct sock_ctx *sc = supersedes_recv && is_tcp(sk) ? sock_ctx(sk) : NULL;

	if (!sc)
		return 0;
	sock_claim(sc);
	return bytes_add(sc, bytes, TCP_RECEIVED);
}

TRACEPOINT(sock_recv_length, recv, struct sock *sk, int bytes, int flags)
{
	if (flags & MSG_OOB)
		return on_urgent(sk, bytes);
	return flags & MSG_PEEK ? 0 : on_data(sk, bytes, false);
}

const volatile u32 nr_recvmmsg SEC(".rodata"), nr_sendmmsg SEC(".rodata"), nr_splice SEC(".rodata");

/* Somebody reads sockets by splice(2): user space attaches the program that follows. */
volatile u64 splice_seen;

/* How many bytes the running call has spliced from this socket; counts them. A function for the sake of the stack. */
static __noinline u32 spliced(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);
	struct pt_regs *regs = registers();
	struct sock_ctx *sc;
	u32 end, before;

	if (!regs || !tp || (u32)CALL_NUMBER(regs) != nr_splice || has_upper_protocol(sk))
		return 0;
	sc = sock_ctx(sk);
	if (!sc)
		return 0;
	end = READ(tp, copied_seq) - end_is_read(sk, tp);
	before = sc->request.read_seq ?: sc->read_seq;
	if (!before)
		sc->request.read_seq = before = end;
	if (supersedes_recv && end != before) {
		sock_claim(sc);
		bytes_count(sk, sc, end - before, TCP_RECEIVED);
	}
	return end - before;
}

/* Reads of TCP. All but those by splice(2) are seen by other programs; what is spliced cannot be parsed, but counted. */
TRACEPOINT(tcp_rcv_space_adjust, splice, struct sock *sk)
{
	u32 n = spliced(sk);

	return n ? on_stream_data(sk, (int)n, false) : 0;
}

/* recvmmsg(2) and sendmmsg(2) return: the next call starts with its first message. Or splice(2) does. */
TRACEPOINT(sys_exit, messages, struct pt_regs *regs)
{
	u32 nr = syscall_nr(regs);
	u64 task;

	if (nr == nr_splice && !splice_seen)
		splice_seen = file_type(descriptor_file(CALL_FIRST(regs))) == S_IFSOCK;
	if (nr != nr_recvmmsg && nr != nr_sendmmsg)
		return 0;
	task = bpf_get_current_pid_tgid();
	bpf_map_delete_elem(&request_messages, &task);
	return 0;
}

SEC("?tp/raw_syscalls/sys_exit")
int messages_tp(unsigned long long *ctx)
{
	return on_messages(ctx, (void *)bpf_task_pt_regs(task_current()));
}

/* The end of connections; and, when the tcp family does not run and call it for that, which side opened them. */
TRACEPOINT(inet_sock_set_state, state, struct sock *sk, int oldstate, int newstate)
{
	struct sock_ctx *sc;

	if (!is_tcp(sk) && !is_mptcp(sk))
		return 0;
	if (newstate == FIN_WAIT1 || newstate == CLOSE_WAIT || newstate == CLOSE)
		return tcp_ending(sk, oldstate, newstate);
	if (is_mptcp(sk)) /* what it sends first tells who has opened it */
		return 0;
	if (newstate != SYN_SENT && (newstate != ESTABLISHED || oldstate != SYN_RECV))
		return 0;
	sc = sock_ctx(sk);
	if (sc)
		sock_opened(sc, newstate == SYN_SENT ? TCP_OUTBOUND : TCP_INBOUND);
	return 0;
}

/* Kernels without these tracepoints (before 6e6eda44b939, 6.3): the functions of each protocol. */

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

/* ec095263a965 ("net: remove noblock parameter from recvmsg() entities") removed the fourth of six. */
const volatile u32 arity_tcp_recvmsg SEC(".rodata");

/* The function's result, 0 for MSG_PEEK. */
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
	if (bytes == -ECONNRESET)
		return unix_stream_reset(socket->sk);
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

TRACEPOINT(sk_data_ready, arrive, struct sock *sk)
{
	return on_arrival(sk);
}

/* Called by all sockets, before 40e0b0908142 ("net/sock: Introduce trace_sk_data_ready()"), 6.3. */
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
 * Without socket storage: the socket's address is about to be reused. __sk_destruct() is the last function that every
 * socket passes, and never inlined, since it is also called through a pointer. (sk_free() would run for each
 * segment sent.)
 */
static __always_inline int on_destruct(struct callback_head *head)
{
	u64 sk = (u64)container_of(head, struct sock, sk_rcu);
	struct sock_ctx *sc = bpf_map_lookup_elem(&socks_by_address, &sk);

	if (sc && sc->request.outstanding) /* of a Unix socket */
		unanswered((struct sock *)sk, sc, closed_by(sc, true), bpf_ktime_get_ns());
	bpf_map_delete_elem(&socks_by_address, &sk);
	return 0;
}

SEC("?fentry/__sk_destruct")
int BPF_PROG(destruct_fentry, struct callback_head *head)
{
	return on_destruct(head);
}

SEC("?kprobe/__sk_destruct")
int BPF_KPROBE(destruct_kprobe, struct callback_head *head)
{
	return on_destruct(head);
}
