/* SPDX-License-Identifier: GPL-2.0-only */
/* What a socket is: from a file to it, its protocol, its state, its ends. */
#ifndef SOCKET_BPF_H
#define SOCKET_BPF_H

#include "descriptor.bpf.h"
#include "ends.h"

#define AF_UNIX	      1
#define AF_INET	      2
#define AF_INET6      10
#define SOCK_STREAM   1
#define SOCK_DGRAM    2
#define IPPROTO_TCP   6
#define IPPROTO_UDP   17
#define IPPROTO_MPTCP 262
#define MSG_OOB	      1
#define MSG_PEEK      2
#define MSG_ERRQUEUE  0x2000

/* What such a call returns is still to be read, or is none of what the other side has sent. */
#define MSG_NOT_READ  (MSG_PEEK | MSG_ERRQUEUE)
#define MSG_NO_STREAM (MSG_NOT_READ | MSG_OOB)

struct socket {
	struct sock *sk;
} __attribute__((preserve_access_index));

/* The address of the socket behind a file descriptor of the running task; meaningless for other files. */
static __always_inline u64 descriptor_sock(u64 fd)
{
	struct socket *socket = BPF_CORE_READ(descriptor_file(fd), private_data);

	return (u64)BPF_CORE_READ(socket, sk);
}

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
} __attribute__((preserve_access_index));

#define S_IFMT	 0170000
#define S_IFSOCK 0140000

static __always_inline u32 file_type(struct file *file)
{
	return BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;
}

/* b60da4955f53 ("bpf: Expose bpf_sock_from_file to tracing programs"), 5.11 */
static __always_inline struct sock *file_sock(struct file *file)
{
	struct socket *socket;

	if (storage) {
		socket = bpf_sock_from_file(file);
		return socket ? socket->sk : NULL;
	}
	if (file_type(file) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

enum tcp_state {
	ESTABLISHED = 1,
	SYN_SENT = 2,
	SYN_RECV = 3,
	FIN_WAIT1 = 4,
	CLOSE = 7,
	CLOSE_WAIT = 8,
	LAST_ACK = 9,
	LISTEN = 10,
};

/* The protocol number alone is not enough: raw sockets and netlink sockets of IPsec can have the same. */
static __always_inline bool is_tcp(struct sock *sk)
{
	return READ(sk, sk_protocol) == IPPROTO_TCP && READ(sk, sk_type) == SOCK_STREAM;
}

/* The socket that a program uses. What it sends goes through TCP sockets that no program sees. */
static __always_inline bool is_mptcp(struct sock *sk)
{
	return READ(sk, sk_protocol) == IPPROTO_MPTCP && READ(sk, sk_type) == SOCK_STREAM;
}

static __always_inline bool is_udp(struct sock *sk)
{
	return READ(sk, sk_protocol) == IPPROTO_UDP && READ(sk, sk_type) == SOCK_DGRAM;
}

static __always_inline void ends_read(struct ends *e, struct sock *sk)
{
	e->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	e->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (e->family == AF_INET) {
		*(u32 *)e->remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		*(u32 *)e->local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	} else if (e->family == AF_INET6) {
		BPF_CORE_READ_INTO(&e->remote, sk, __sk_common.skc_v6_daddr);
		BPF_CORE_READ_INTO(&e->local, sk, __sk_common.skc_v6_rcv_saddr);
	}
}

#endif
