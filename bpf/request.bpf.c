// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests, from the bytes that go through sockets. On the server side of a connection received bytes are requests
 * and sent bytes are responses; on the client side the reverse. If the protocol is known, requests and responses
 * are parsed; otherwise every exchange counts as a request: bytes in the request direction that follow bytes in the
 * response direction. A request's time starts when its first byte arrives (outbound: when it is sent) and ends at
 * the first byte of its response.
 */
#define SPLICES /* some of what is received cannot be read */
#include "arrival.bpf.h"
#include "connection.bpf.h"
#include "dns.bpf.h"
#include "ktls_sock.bpf.h"
#include "plaintext_sock.bpf.h"
#include "request_scan.bpf.h"

/* --- hooks */

#define DATAGRAM_TRIES 16

static __always_inline bool event_begin(struct event *e)
{
	e->p = bpf_map_lookup_elem(&request_parsers, &e->sent);
	if (!e->p)
		return false;
	e->p->slot = e->sent;
	e->p->made = 0;
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

static __always_inline int on_stream(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 record = KTLS_BYTES;
	bool used;

	direction_know(e);
	if (tls_inside)
		tls_note(e);
	if (!ktls_is_hidden && !is_spliced(e) && (r->ktls || ktls_may_begin(r)))
		record = ktls_event(e);
	if (e->is_request && e->sent)
		sent_note(e->sk, r);
	if (e->unseen)
		unseen_pass(e);
	used = record != KTLS_NOTHING && !is_more(e);
	if (used) {
		if (!event_begin(e))
			return 0;
		e->p->sent_seq = write_seq(e->sk);
		if (record)
			ktls_make(e, record);
		on_stream_used(e);
	} else if (!record && e->is_request && r->outstanding && !r->oneway) {
		inflight_continues(r, bpf_ktime_get_ns());
	}
	if (e->is_request && e->sent) /* not before the request can be found: see is_race() */
		r->sent_seq = used ? e->p->sent_seq : write_seq(e->sk);
	if (!e->sent)
		arrival_end(e->sk, r, used);
	if (tls_inside && e->sent)
		tls_bind_sent(e);
	return event_end(e);
}

/* A call has failed since the other side has closed without having read all. */
static __noinline int unix_stream_reset(struct sock *sk)
{
	struct sock_ctx *sc = sock_ctx_find(sk);

	/* a client can still read the response */
	if (sc && !(sc->direction == TCP_OUTBOUND && READ(sk, sk_receive_queue.qlen))) {
		unix_peer_ends(sk);
		unanswered(sk, sc, UNANSWERED_RESET, bpf_ktime_get_ns());
	}
	return 0;
}

/* Read to the end. A server that sends nothing more does not answer; a client may still wait if it is open. */
static __noinline int unix_stream_end(struct sock *sk, struct sock_ctx *sc)
{
	bool ended = unix_has_ended(sk);

	if (!(READ(sk, sk_shutdown) & RCV_SHUTDOWN))
		return 0;
	if (ended)
		unix_peer_ends(sk);
	if (ended || sc->direction == TCP_OUTBOUND)
		unanswered(sk, sc, closed_by(sc, false), bpf_ktime_get_ns());
	return 0;
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

static __always_inline int on_stream_bytes(struct sock *sk, int bytes, bool sent, bool spliced)
{
	struct event e = {
		.sk = sk, .bytes = bytes, .sent = sent, .sc = sock_ctx(sk), .spliced = spliced
	};

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

static __always_inline int on_stream_data(struct sock *sk, int bytes, bool sent)
{
	return on_stream_bytes(sk, bytes, sent, false);
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

	if (bytes < 0 || !e.sc || !both_ways)
		return 0;
	if (!bytes) { /* of several messages an empty one is one, too */
		if (e.sc->request.multi_msg)
			message_done();
		return 0;
	}
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

/* A byte out of band is no part of the stream, but has a number there. */
static __always_inline int on_urgent(struct sock *sk, int bytes)
{
	struct sock_ctx *sc = supersedes_recv && is_tcp(sk) ? sock_ctx(sk) : NULL;

	if (!sc)
		return 0;
	sock_claim(sc);
	return bytes > 0 ? bytes_read_add(sc, bytes) : 0;
}

TRACEPOINT(sock_recv_length, recv, struct sock *sk, int bytes, int flags)
{
	if (flags & MSG_NOT_READ)
		return 0;
	return flags & MSG_OOB ? on_urgent(sk, bytes) : on_data(sk, bytes, false);
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
	u64 untold;

	if (!regs || !tp || (u32)CALL_NUMBER(regs) != nr_splice || has_upper_protocol(sk))
		return 0;
	sc = sock_ctx(sk);
	if (!sc)
		return 0;
	end = READ(tp, copied_seq) - end_is_read(sk, tp);
	untold = bytes_untold(sk, sc);
	before = sc->request.read_seq ?: end - (u32)untold;
	sc->request.read_seq = before;
	if (untold) { /* some family counts bytes */
		sock_claim(sc);
		bytes_read_add(sc, untold);
	}
	return end - before;
}

/* Reads of TCP. All but those by splice(2) are seen by other programs; what is spliced cannot be parsed, but counted. */
TRACEPOINT(tcp_rcv_space_adjust, splice, struct sock *sk)
{
	u32 n = spliced(sk);

	return n ? on_stream_bytes(sk, (int)n, false, true) : 0;
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
	if (newstate != SYN_SENT &&
	    (newstate != ESTABLISHED || (oldstate != SYN_SENT && oldstate != SYN_RECV)))
		return 0;
	sc = sock_ctx(sk);
	if (sc && oldstate == SYN_SENT)
		sock_connected(sc);
	else if (sc)
		sock_opened(sc, newstate == SYN_SENT ? TCP_OUTBOUND : TCP_INBOUND);
	return 0;
}

/* Kernels without these tracepoints (before 6e6eda44b939, 6.3): the functions of each protocol. */

struct msghdr;
struct page;

SEC("?fexit/tcp_sendmsg")
int BPF_PROG(send_fexit, struct sock *sk, struct msghdr *msg, u64 size, int bytes)
{
	return on_stream_data(sk, bytes, true);
}

/* Called by sendfile and splice, a page at a time, up to 1d7e4538a546 ("ipv4, ipv6: Use splice_eof() to flush"), 6.5. */
SEC("?fexit/tcp_sendpage")
int BPF_PROG(sendpage_fexit, struct sock *sk, struct page *page, int offset, u64 size, int flags,
	     int bytes)
{
	return on_stream_data(sk, bytes, true);
}

SEC("?fexit/unix_stream_sendpage")
int BPF_PROG(unix_sendpage_fexit, struct socket *socket, struct page *page, int offset, u64 size,
	     int flags, int bytes)
{
	return on_stream_data(socket->sk, bytes, true);
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

/* The function's result, negative for what was not read of the stream: 0 is its end. */
#define RECEIVED()                                                                     \
	(arity_tcp_recvmsg > 5 ? (int)(ARG(ctx, 4) & MSG_NO_STREAM ? -1 : ARG(ctx, 6)) \
			       : (int)(ARG(ctx, 3) & MSG_NO_STREAM ? -1 : ARG(ctx, 5)))

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
	return flags & MSG_NO_STREAM ? 0 : on_stream_data(socket->sk, bytes, false);
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
