// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP connections. Most state changes happen in soft interrupts, where the current task is unrelated: the socket
 * carries its owner. The owner is the task that connects or listens; an accepted socket inherits its listener's
 * owner; a task that sends or receives becomes the owner.
 */
#include "bytes.bpf.h"
#include "tcp_scan.bpf.h"

METRIC(tcp_connect_duration_seconds);
METRIC(tcp_connect_failures_total);
METRIC(tcp_accept_duration_seconds);
METRIC(tcp_connections_total);
METRIC(tcp_retransmits_total);
METRIC(tcp_resets_total);

/* Sockets in the accept queue, by address: the time they were established. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, u64, 16384, 0) tcp_accept_queue SEC(".maps");

/* Listeners by port: they tell which side opened a connection, and own those that arrive. */
struct listener {
	u64 net; /* namespace */
	u64 port;
};
struct listener_owner {
	u32 identity;
	u32 gen;
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct listener, struct listener_owner, 16384, 0) tcp_listeners
	SEC(".maps");

static __always_inline struct listener listener_of(struct sock *sk)
{
	return (struct listener){ .net = (u64)BPF_CORE_READ(sk, __sk_common.skc_net.net),
				  .port = BPF_CORE_READ(sk, __sk_common.skc_num) };
}

static __always_inline void listener_note(struct sock *sk, u32 identity, u32 gen)
{
	struct listener listener = listener_of(sk);
	struct listener_owner owner = { identity, gen };

	bpf_map_update_elem(&tcp_listeners, &listener, &owner, BPF_ANY);
}

static __always_inline struct listener_owner *listener_find(struct sock *sk)
{
	struct listener listener = listener_of(sk);

	return bpf_map_lookup_elem(&tcp_listeners, &listener);
}

static __always_inline void sock_inherit_listener(struct sock *sk, struct sock_ctx *sc)
{
	struct listener_owner *owner = listener_find(sk);

	if (owner)
		sock_set_owner(sc, owner->identity, owner->gen);
	else
		sock_set_owner(sc, IDENTITY_OTHER, 0);
}

static __always_inline void connecting(struct sock_ctx *sc)
{
	sock_claim(sc);
	sock_opened(sc, TCP_OUTBOUND);
	sc->start_ns = bpf_ktime_get_ns();
	sc->retransmits = sc->sends = sc->sent_seq = 0;
}

/* Set by the loader: this program is in use. */
const volatile bool with_send_kprobe SEC(".rodata");

/* Bytes are counted from now on. */
static __always_inline void bytes_begin(struct sock *sk, struct sock_ctx *sc)
{
	if (with_send_kprobe)
		sc->sent_seq = BPF_CORE_READ((struct tcp_sock *)sk, write_seq);
	bytes_read_begin(sk, sc, 0);
}

static __always_inline int sent_so_far(struct sock *sk, struct sock_ctx *sc)
{
	u32 seq = BPF_CORE_READ((struct tcp_sock *)sk, write_seq), before = sc->sent_seq;
	s32 more = before ? seq - before : 0;

	/* two threads that send: the other one has read it later, and counted already */
	if (more < 0)
		return 0;
	sc->sent_seq = seq;
	return bytes_add_later(sc, more, TCP_SENT);
}

static __always_inline void listening(struct sock *sk, struct sock_ctx *sc)
{
	sock_claim(sc);
	identity_serves(sc->identity);
	sc->listen_drops = listen_drops(sk);
	if (!storage)
		listener_note(sk, sc->identity, sc->gen);
}

static __always_inline void connected(struct sock *sk, struct sock_ctx *sc)
{
	if (sc->start_ns) /* otherwise it was under way when this program was attached */
		hist_add(tcp_connect_duration_seconds, sock_owner(sc), 0,
			 bpf_ktime_get_ns() - sc->start_ns);
	count_add(tcp_connections_total, sock_owner(sc), TCP_OUTBOUND, 1);
	sock_connected(sc);
	bytes_begin(sk, sc);
	sample_rtt(sk, sc);
}

static __always_inline void arrived(struct sock *sk, struct sock_ctx *sc)
{
	u64 key = (u64)sk, now = bpf_ktime_get_ns(), *since;

	if (!storage) /* with storage, the kernel has cloned the listener's */
		sock_inherit_listener(sk, sc);
	sock_opened(sc, TCP_INBOUND);
	sc->sends = 0;
	sc->start_ns = 0;
	/* It starts with the retransmits of its SYN-ACK, which another program counts. */
	sc->retransmits = BPF_CORE_READ((struct tcp_sock *)sk, total_retrans);
	bytes_begin(sk, sc);
	count_add(tcp_connections_total, sock_owner(sc), TCP_INBOUND, 1);
	since = bpf_map_lookup_elem(&tcp_accept_queue, &key);
	if (since && !*since)
		bpf_map_delete_elem(&tcp_accept_queue, &key); /* already accepted */
	else
		bpf_map_update_elem(&tcp_accept_queue, &key, &now, BPF_ANY);
	sample_rtt(sk, sc);
}

static __always_inline void closed(struct sock *sk, struct sock_ctx *sc, int oldstate)
{
	u64 key = (u64)sk;

	if (oldstate == SYN_SENT) {
		/* No error: the caller gave up, or there was no local port. */
		u64 error = READ(sk, sk_err) ?: 125 /* ECANCELED */;

		count_add(tcp_connect_failures_total, sock_owner(sc), error, 1);
		return;
	}
	if (oldstate == LISTEN) {
		listen_overflows_count(sk, sc);
		return;
	}
	bytes_read_end(sk, sc);
	sample_rtt(sk, sc);
	if (sc->direction == TCP_INBOUND && bpf_map_lookup_elem(&tcp_accept_queue, &key))
		bpf_map_delete_elem(&tcp_accept_queue, &key);
}

TRACEPOINT(inet_sock_set_state, state, struct sock *sk, int oldstate, int newstate)
{
	struct sock_ctx *sc;

	if (is_mptcp(sk))
		goto end;
	if (!is_tcp(sk))
		return 0;
	if (!with_send_kprobe && newstate != SYN_SENT && newstate != ESTABLISHED &&
	    newstate != CLOSE && newstate != LISTEN)
		goto end;
	sc = sock_ctx(sk);
	if (!sc)
		return 0;
	if (with_send_kprobe && (oldstate == ESTABLISHED || oldstate == CLOSE_WAIT))
		sent_so_far(sk, sc);
	if (newstate == SYN_SENT)
		connecting(sc);
	else if (newstate == LISTEN)
		listening(sk, sc);
	else if (newstate == CLOSE)
		closed(sk, sc, oldstate);
	else if (oldstate == SYN_SENT)
		connected(sk, sc);
	else if (oldstate == SYN_RECV)
		arrived(sk, sc);
end:
	if (newstate == FIN_WAIT1 || newstate == CLOSE_WAIT || newstate == CLOSE)
		bpf_tail_call(ctx, &tcp_end_tail_calls, 0);
	return 0;
}

/*
 * A connection is queued shortly before it is established. If another CPU accepts it in between, the time is 0, and
 * a zero in the table tells arrived().
 */
static __always_inline void accepted(u64 sk)
{
	u64 none = 0, *since;

	if (BPF_CORE_READ((struct sock *)sk, __sk_common.skc_state) == SYN_RECV &&
	    !bpf_map_update_elem(&tcp_accept_queue, &sk, &none, BPF_NOEXIST)) {
		hist_add(tcp_accept_duration_seconds, identity_current(), 0, 0);
		return;
	}
	since = bpf_map_lookup_elem(&tcp_accept_queue, &sk);
	if (!since || !*since)
		return;
	hist_add(tcp_accept_duration_seconds, identity_current(), 0, bpf_ktime_get_ns() - *since);
	bpf_map_delete_elem(&tcp_accept_queue, &sk);
}

/* 92ef0fd55ac8 ("net: change proto and proto_ops accept type") made two arguments of four, 6.10. */
const volatile u32 arity_inet_csk_accept SEC(".rodata");

SEC("?fexit/inet_csk_accept")
int accept_fexit(u64 *ctx)
{
	accepted(arity_inet_csk_accept > 2 ? ARG(ctx, 4) : ARG(ctx, 2));
	return 0;
}

/* Loses nothing where programs on functions can be preempted. */
SEC("?kretprobe.multi/inet_csk_accept")
int accept_multi(struct pt_regs *regs)
{
	accepted(PT_REGS_RC(regs));
	return 0;
}

struct msghdr;
struct page;

const volatile u32 nr_accept SEC(".rodata"), nr_accept4 SEC(".rodata");

/* accept(2) and accept4(2) return: the new file descriptor leads to the socket. */
TRACEPOINT(sys_exit, accept_exit, struct pt_regs *regs, long fd)
{
	u32 nr = syscall_nr(regs);

	if (fd >= 0 && (nr == nr_accept || nr == nr_accept4))
		accepted(descriptor_sock(fd));
	return 0;
}

/* One event may be several segments: uses the socket's own count, as the kernel's statistics do. */
TRACEPOINT(tcp_retransmit_skb, retransmit, struct sock *sk)
{
	struct tcp_sock *tp = tcp_sock(sk);
	struct sock_ctx *sc = sock_ctx(sk);
	u32 total;

	if (!sc || !tp)
		return 0;
	total = READ(tp, total_retrans);
	if (total - sc->retransmits)
		count_add(tcp_retransmits_total, sock_owner(sc), sc->direction,
			  total - sc->retransmits);
	sc->retransmits = total;
	sample_rtt(sk, sc);
	return 0;
}

TRACEPOINT(tcp_retransmit_synack, retransmit_synack, struct sock *sk)
{
	struct sock_ctx *sc = sock_ctx(sk);

	if (sc)
		count_add(tcp_retransmits_total, sock_owner(sc), TCP_INBOUND, 1);
	return 0;
}

static __always_inline int reset(struct sock *sk)
{
	struct sock_ctx *sc;

	if (!sk)
		return 0;
	sc = sock_ctx_find(sk);
	if (sc)
		count_add(tcp_resets_total, sock_owner(sc), sc->direction, 1);
	return 0;
}

TRACEPOINT(tcp_receive_reset, receive_reset, struct sock *sk)
{
	return reset(sk);
}

TRACEPOINT(tcp_send_reset, send_reset, struct sock *sk)
{
	return reset(sk);
}

static __always_inline int on_bytes(struct sock *sk, int bytes, u32 flow, bool urgent)
{
	struct sock_ctx *sc;

	if (bytes <= 0 || !(is_tcp(sk) || is_mptcp(sk)))
		return 0;
	sc = sock_ctx(sk);
	if (!sc)
		return 0;
	sock_claim(sc);
	if (urgent)
		return bytes_read_add(sc, bytes); /* it has a number of the stream */
	bytes_count(sk, sc, bytes, flow);
	return 0;
}

static __always_inline int on_sent(struct sock *sk, int bytes)
{
	return on_bytes(sk, bytes, TCP_SENT, false);
}

TRACEPOINT(sock_send_length, send, struct sock *sk, int bytes)
{
	return on_sent(sk, bytes);
}

/* Kernels without these tracepoints (before 6e6eda44b939, 6.3). The result follows the arguments. */
SEC("?fexit/tcp_sendmsg")
int BPF_PROG(send_fexit, struct sock *sk, struct msghdr *msg, u64 size, int bytes)
{
	return on_sent(sk, bytes);
}

/* Called by sendfile, up to 1d7e4538a546 ("ipv4, ipv6: Use splice_eof() to flush"), 6.5. */
SEC("?fexit/tcp_sendpage")
int BPF_PROG(sendpage_fexit, struct sock *sk, struct page *page, int offset, u64 size, int flags,
	     int bytes)
{
	return on_sent(sk, bytes);
}

/* ec095263a965 ("net: remove noblock parameter from recvmsg() entities") removed the fourth of six. */
const volatile u32 arity_tcp_recvmsg SEC(".rodata");

static __always_inline int on_received(struct sock *sk, int flags, int bytes)
{
	return flags & MSG_NOT_READ ? 0 : on_bytes(sk, bytes, TCP_RECEIVED, flags & MSG_OOB);
}

SEC("?fexit/tcp_recvmsg")
int BPF_PROG(recv_fexit, struct sock *sk)
{
	if (arity_tcp_recvmsg > 5)
		return on_received(sk, ARG(ctx, 4), ARG(ctx, 6));
	return on_received(sk, ARG(ctx, 3), ARG(ctx, 5));
}

TRACEPOINT(sock_recv_length, recv, struct sock *sk, int bytes, int flags)
{
	return on_received(sk, flags, bytes);
}

/*
 * Kernels with neither these tracepoints nor fexit: bytes are the progress of the socket's sequence numbers, read at
 * the next call or at the end.
 */
SEC("?kprobe/tcp_sendmsg")
int BPF_KPROBE(send_kprobe, struct sock *sk)
{
	struct sock_ctx *sc = sock_ctx(sk);

	if (!sc)
		return 0;
	sock_claim(sc);
	return sent_so_far(sk, sc);
}

TRACEPOINT(tcp_rcv_space_adjust, recv_adjust, struct sock *sk)
{
	struct sock_ctx *sc = sock_ctx(sk);

	if (!sc)
		return 0;
	sock_claim(sc);
	if (!sc->reads)
		bytes_read_begin(sk, sc, 0);
	return bytes_read_add(sc, bytes_progress(sk, sc));
}

/*
 * Which side opened a connection from before the daemon: what was acknowledged to who did so includes its SYN
 * (tcp_rcv_synsent_state_process()), to who accepted it not (tcp_create_openreq_child()). While bytes are on their way the
 * numbers may not fit, and then a port that is listened on tells.
 */
static __always_inline u32 opened_by(struct sock *sk)
{
	struct tcp_sock *tp = (void *)sk;
	u32 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	u64 more = BPF_CORE_READ(tp, bytes_acked) + BPF_CORE_READ(tp, bytes_retrans) -
		   BPF_CORE_READ(tp, bytes_sent) +
		   (u32)(BPF_CORE_READ(tp, snd_nxt) - BPF_CORE_READ(tp, snd_una));

	if (more <= 1 && (state == ESTABLISHED || state == CLOSE_WAIT)) /* no FIN was sent */
		return more ? TCP_OUTBOUND : TCP_INBOUND;
	return listener_find(sk) ? TCP_INBOUND : TCP_OUTBOUND;
}

/*
 * Sockets opened before the daemon started. Runs twice: the first pass finds the listening ports, which
 * the second may need to tell which side opened a connection.
 */
SEC("?iter/task_file")
int sockets_iter(struct bpf_iter__task_file *it)
{
	struct task_struct *task = it->task;
	struct file *file = it->file;
	struct task_ctx *tc;
	struct sock_ctx *sc;
	struct sock *sk;

	if (!task || !file)
		return 0;
	sk = file_sock(file);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP ||
	    BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return 0;
	tc = task_ctx_find(task);
	if (!tc)
		return 0;
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == LISTEN) {
		identity_serves(tc->identity);
		listener_note(sk, tc->identity, tc->gen);
	}
	sc = sock_ctx_find(sk);
	if (!sc) {
		sc = sock_ctx(sk);
		if (!sc)
			return 0;
		sc->retransmits = BPF_CORE_READ((struct tcp_sock *)sk, total_retrans);
		sc->listen_drops = listen_drops(sk);
	}
	if (!sc->identity) { /* also where a later event was seen before */
		sc->identity = tc->identity;
		sc->gen = tc->gen;
	}
	sc->direction = opened_by(sk);
	sc->known = 1;
	return 0;
}
