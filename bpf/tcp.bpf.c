// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP connections. State changes mostly happen in soft interrupts, where the current task means nothing:
 * a socket carries its owner. That is who connects or listens, a child socket inherits from its
 * listener, and whoever sends or receives takes it over.
 */
#include "core.bpf.h"
#include "tcp.h"

METRIC(tcp_connect_duration_seconds);
METRIC(tcp_connect_failures_total);
METRIC(tcp_accept_duration_seconds);
METRIC(tcp_connections_total);
METRIC(tcp_rtt_seconds);
METRIC(tcp_retransmits_total);
METRIC(tcp_resets_total);
METRIC(tcp_bytes_total);

struct sock_ctx {
	u32 identity;
	u32 gen;
	u64 start_ns; /* of the connect */
	u32 direction;
	u32 sends;
	u32 retransmits; /* counted so far */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__type(key, int);
	__type(value, struct sock_ctx);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
} tcp_socks SEC(".maps");

/* Established and not yet accepted, by the address of the socket: since when. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, u64, 16384, 0) tcp_accept_queue SEC(".maps");

/* Ports that somebody listens on, found when the daemon starts. */
struct TABLE(BPF_MAP_TYPE_HASH, u32, u32, 16384, BPF_F_NO_PREALLOC) tcp_listeners SEC(".maps");

struct tcp_slots {
	u32 bytes[2];
};
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct tcp_slots, 1, BPF_F_MMAPABLE) tcp_slots SEC(".maps");

#define IPPROTO_TCP 6
#define MSG_PEEK    2

enum tcp_state {
	ESTABLISHED = 1,
	SYN_SENT = 2,
	SYN_RECV = 3,
	CLOSE = 7,
	LISTEN = 10,
};

static __always_inline struct sock_ctx *sock_ctx(struct sock *sk)
{
	return bpf_sk_storage_get(&tcp_socks, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void own(struct sock_ctx *sc, u32 identity)
{
	sc->identity = identity;
	sc->gen = identity_gen(identity);
}

static __always_inline u32 owner(struct sock_ctx *sc)
{
	return identity_valid(sc->identity, sc->gen);
}

static __always_inline void sample_rtt(struct sock *sk, struct sock_ctx *sc)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	u32 srtt_us = tp ? tp->srtt_us >> 3 : 0;

	if (srtt_us)
		hist_add(tcp_rtt_seconds, owner(sc), 0, srtt_us * 1000ULL);
}

static __always_inline void connecting(struct sock_ctx *sc)
{
	own(sc, identity_current());
	sc->direction = TCP_OUTBOUND;
	sc->start_ns = bpf_ktime_get_ns();
	sc->retransmits = sc->sends = 0;
}

static __always_inline void connected(struct sock *sk, struct sock_ctx *sc)
{
	hist_add(tcp_connect_duration_seconds, owner(sc), 0, bpf_ktime_get_ns() - sc->start_ns);
	count_add(tcp_connections_total, owner(sc), TCP_OUTBOUND, 1);
	sample_rtt(sk, sc);
}

static __always_inline void arrived(struct sock *sk, struct sock_ctx *sc)
{
	u64 key = (u64)sk, now = bpf_ktime_get_ns();

	sc->direction = TCP_INBOUND;
	sc->retransmits = sc->sends = 0;
	count_add(tcp_connections_total, owner(sc), TCP_INBOUND, 1);
	bpf_map_update_elem(&tcp_accept_queue, &key, &now, BPF_ANY);
	sample_rtt(sk, sc);
}

static __always_inline void closed(struct sock *sk, struct sock_ctx *sc, int oldstate)
{
	u64 key = (u64)sk;

	if (oldstate == SYN_SENT) {
		/* Without an error the caller gave up, or there was no local port. */
		u64 error = sk->sk_err ? sk->sk_err : 125 /* ECANCELED */;

		count_add(tcp_connect_failures_total, owner(sc), error, 1);
		return;
	}
	if (oldstate == LISTEN)
		return;
	sample_rtt(sk, sc);
	if (sc->direction == TCP_INBOUND && bpf_map_lookup_elem(&tcp_accept_queue, &key))
		bpf_map_delete_elem(&tcp_accept_queue, &key);
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(state_btf, struct sock *sk, int oldstate, int newstate)
{
	struct sock_ctx *sc;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (newstate != SYN_SENT && newstate != ESTABLISHED && newstate != CLOSE &&
	    newstate != LISTEN)
		return 0;
	sc = sock_ctx(sk);
	if (!sc)
		return 0;
	if (newstate == SYN_SENT)
		connecting(sc);
	else if (newstate == LISTEN)
		own(sc, identity_current());
	else if (newstate == CLOSE)
		closed(sk, sc, oldstate);
	else if (oldstate == SYN_SENT)
		connected(sk, sc);
	else if (oldstate == SYN_RECV)
		arrived(sk, sc);
	return 0;
}

static __always_inline void accepted(u64 sk)
{
	u64 *since = bpf_map_lookup_elem(&tcp_accept_queue, &sk);

	if (!since)
		return;
	hist_add(tcp_accept_duration_seconds, identity_current(), 0, bpf_ktime_get_ns() - *since);
	bpf_map_delete_elem(&tcp_accept_queue, &sk);
}

SEC("?fexit/inet_csk_accept")
int accept_fexit(u64 *ctx)
{
	u64 sk = 0;

	bpf_get_func_ret(ctx, &sk);
	accepted(sk);
	return 0;
}

struct msghdr;
struct page;

struct socket___sk {
	struct sock *sk;
} __attribute__((preserve_access_index));

struct file___private {
	void *private_data;
} __attribute__((preserve_access_index));

struct fdtable {
	unsigned int max_fds;
	struct file___private **fd;
} __attribute__((preserve_access_index));

struct files_struct {
	struct fdtable *fdt;
} __attribute__((preserve_access_index));

struct task_struct___files {
	struct files_struct *files;
} __attribute__((preserve_access_index));

const volatile u32 nr_accept SEC(".rodata"), nr_accept4 SEC(".rodata");

/* accept(2) and accept4(2) return: the new descriptor leads to the socket. */
SEC("?tp_btf/sys_exit")
int BPF_PROG(accept_exit, struct pt_regs *regs, long fd)
{
	struct task_struct___files *task = (void *)bpf_get_current_task();
	struct file___private *file = NULL, **slots;
	struct fdtable *fdt;
	struct socket___sk *socket;
	u32 nr = syscall_nr(regs);

	if (fd < 0 || (nr != nr_accept && nr != nr_accept4))
		return 0;
	fdt = BPF_CORE_READ(task, files, fdt);
	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	slots = BPF_CORE_READ(fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]);
	socket = BPF_CORE_READ(file, private_data);
	accepted((u64)BPF_CORE_READ(socket, sk));
	return 0;
}

/* One call may be several segments; the socket's own count is what the stack's counters are made of. */
SEC("?tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit_btf, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct sock_ctx *sc = sock_ctx(sk);
	u32 total;

	if (!sc || !tp)
		return 0;
	total = tp->total_retrans;
	if (total - sc->retransmits)
		count_add(tcp_retransmits_total, owner(sc), sc->direction, total - sc->retransmits);
	sc->retransmits = total;
	sample_rtt(sk, sc);
	return 0;
}

SEC("?tp_btf/tcp_retransmit_synack")
int BPF_PROG(retransmit_synack_btf, struct sock *sk)
{
	struct sock_ctx *sc = sock_ctx(sk);

	if (sc)
		count_add(tcp_retransmits_total, owner(sc), TCP_INBOUND, 1);
	return 0;
}

static __always_inline int on_reset(struct sock *sk)
{
	struct sock_ctx *sc;

	if (!sk)
		return 0;
	sc = bpf_sk_storage_get(&tcp_socks, sk, NULL, 0);
	if (sc)
		count_add(tcp_resets_total, owner(sc), sc->direction, 1);
	return 0;
}

SEC("?tp_btf/tcp_receive_reset")
int BPF_PROG(receive_reset_btf, struct sock *sk)
{
	return on_reset(sk);
}

SEC("?tp_btf/tcp_send_reset")
int BPF_PROG(send_reset_btf, struct sock *sk)
{
	return on_reset(sk);
}

static __always_inline int on_bytes(struct sock *sk, int bytes, u32 flow)
{
	u32 identity = identity_current();
	struct sock_ctx *sc;
	struct tcp_slots *slots;
	u64 *value;

	if (bytes <= 0 || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	sc = sock_ctx(sk);
	slots = bpf_map_lookup_elem(&tcp_slots, &identity);
	if (!sc || !slots)
		return 0;
	if (sc->identity != identity)
		own(sc, identity);
	if (!slots->bytes[flow])
		slots->bytes[flow] = series_slot(tcp_bytes_total, identity, flow, false);
	value = counter_value(slots->bytes[flow]);
	if (value)
		__sync_fetch_and_add(value, bytes);
	if (flow == TCP_SENT && !(++sc->sends & 63))
		sample_rtt(sk, sc);
	return 0;
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(send_btf, struct sock *sk, int bytes)
{
	return on_bytes(sk, bytes, TCP_SENT);
}

/* Kernels without these tracepoints (before 6e6eda44b939, 6.3). A result stands behind the arguments. */
SEC("?fexit/tcp_sendmsg")
int BPF_PROG(send_fexit, struct sock *sk, struct msghdr *msg, u64 size, int bytes)
{
	return on_bytes(sk, bytes, TCP_SENT);
}

/* What sendfile calls, up to 1d7e4538a546 ("ipv4, ipv6: Use splice_eof() to flush"), 6.5. */
SEC("?fexit/tcp_sendpage")
int BPF_PROG(sendpage_fexit, struct sock *sk, struct page *page, int offset, u64 size, int flags,
	     int bytes)
{
	return on_bytes(sk, bytes, TCP_SENT);
}

/* ec095263a965 ("net: remove noblock parameter from recvmsg() entities") took out the fourth of six. */
const volatile u32 arity_tcp_recvmsg SEC(".rodata");

static __always_inline int on_received(struct sock *sk, int flags, int bytes)
{
	return flags & MSG_PEEK ? 0 : on_bytes(sk, bytes, TCP_RECEIVED);
}

SEC("?fexit/tcp_recvmsg")
int BPF_PROG(recv_fexit, struct sock *sk)
{
	if (arity_tcp_recvmsg > 5)
		return on_received(sk, ARG(ctx, 4), ARG(ctx, 6));
	return on_received(sk, ARG(ctx, 3), ARG(ctx, 5));
}

SEC("?tp_btf/sock_recv_length")
int BPF_PROG(recv_btf, struct sock *sk, int bytes, int flags)
{
	return on_received(sk, flags, bytes);
}

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
} __attribute__((preserve_access_index));

struct socket {
	struct sock *sk;
} __attribute__((preserve_access_index));

/*
 * Sockets that were there before us. Run twice: the first pass finds the ports that are listened on, the
 * second can tell by them which side opened a connection.
 */
SEC("?iter/task_file")
int sockets_iter(struct bpf_iter__task_file *it)
{
	struct task_struct *task = it->task;
	struct file *file = it->file;
	struct socket *socket;
	struct task_ctx *tc;
	struct sock_ctx *sc;
	struct tcp_sock *tp;
	struct sock *sk;
	u32 port, one = 1;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	sk = socket ? socket->sk : NULL;
	if (!sk || sk->sk_protocol != IPPROTO_TCP || sk->sk_type != 1 /* SOCK_STREAM */)
		return 0;
	port = sk->__sk_common.skc_num;
	if (sk->__sk_common.skc_state == LISTEN)
		bpf_map_update_elem(&tcp_listeners, &port, &one, BPF_ANY);
	tc = task_ctx_find(task);
	sc = bpf_sk_storage_get(&tcp_socks, sk, NULL, 0);
	if (!sc) {
		sc = sock_ctx(sk);
		if (!sc || !tc)
			return 0;
		sc->identity = tc->identity;
		sc->gen = tc->gen;
		tp = bpf_skc_to_tcp_sock(sk);
		sc->retransmits = tp ? tp->total_retrans : 0;
	}
	sc->direction = bpf_map_lookup_elem(&tcp_listeners, &port) ? TCP_INBOUND : TCP_OUTBOUND;
	return 0;
}
