/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Of an attachment: TCP connections, from when its tasks open them, or from when they are found among their files, to their ends.
 * The kernel counts in the socket itself: that is read at the end, or for whoever asks.
 */
#ifndef ATTACH_CONNECTION_BPF_H
#define ATTACH_CONNECTION_BPF_H

#include "attach_event.bpf.h"
#include "table_scan.bpf.h"

#define ATTACH_CONNECTIONS 8192 /* open at a time */

/* By address of the socket. */
struct TABLE(BPF_MAP_TYPE_HASH, u64, struct attach_connection, ATTACH_CONNECTIONS,
	     BPF_F_NO_PREALLOC) attach_connections SEC(".maps");

static __always_inline struct attach_connection *connection_find(struct sock *sk)
{
	u64 key = (u64)sk;

	return bpf_map_lookup_elem(&attach_connections, &key);
}

enum sock_flags { SOCK_DONE = 1 };

/* The other side's FIN has come, which the kernel counts as a byte. */
static __always_inline u64 fin_received(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_flags) >>
		       bpf_core_enum_value(enum sock_flags, SOCK_DONE) &
	       1;
}

/* It has its ports from when it connects until it has ended. */
static __always_inline void connection_read(struct attach_connection *c, struct sock *sk)
{
	struct tcp_sock *tp = (void *)sk;

	if (BPF_CORE_READ(sk, __sk_common.skc_num))
		ends_read(&c->ends, sk);
	c->received_bytes = BPF_CORE_READ(tp, bytes_received) - fin_received(sk);
	c->sent_bytes = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
	c->rtt_us = BPF_CORE_READ(tp, srtt_us) >> 3;
	c->retransmits = BPF_CORE_READ(tp, total_retrans);
}

static __always_inline void connection_tell(const struct attach_connection *c)
{
	struct attach_state *state = attach_state();

	if (state && bpf_ringbuf_output(&attach_events, (void *)c, sizeof(*c), ring_flags(state)))
		__sync_fetch_and_add(&state->connections_lost, 1);
}

static __always_inline bool connection_is_over(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state) == CLOSE;
}

/* 0 for `begin_ns`: it was there before. The running task's otherwise. */
static __noinline int connection_note(u64 sk, u64 begin_ns, u32 outbound, u32 connected)
{
	struct attach_connection new = {
		.kind = ATTACH_CONNECTION,
		.begin_ns = begin_ns,
		.outbound = outbound,
		.connected = connected,
	};
	struct attach_state *state = attach_state();
	u64 id = begin_ns ? bpf_get_current_pid_tgid() : 0;

	if (!state)
		return 0;
	new.pid = id >> 32;
	new.tid = (u32)id;
	ends_read(&new.ends, (void *)sk);
	if (!bpf_map_update_elem(&attach_connections, &sk, &new, BPF_NOEXIST))
		__sync_fetch_and_add(&state->connections, 1);
	else if (!bpf_map_lookup_elem(&attach_connections, &sk))
		__sync_fetch_and_add(&state->connections_lost, 1);
	else if (begin_ns) /* found just now among the files; or the address was another one's */
		bpf_map_update_elem(&attach_connections, &sk, &new, BPF_ANY);
	if (connected &&
	    connection_is_over((struct sock *)sk)) /* which nothing else tells of any more */
		bpf_map_delete_elem(&attach_connections, &sk);
	return 0;
}

/* The running task has accepted one; it may have been reset before. */
static __noinline int connection_accepted(u64 fd)
{
	struct sock *sk = (void *)descriptor_sock(fd);

	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP &&
	    BPF_CORE_READ(sk, sk_type) == SOCK_STREAM && !connection_is_over(sk))
		connection_note((u64)sk, bpf_ktime_get_ns(), 0, 1);
	return 0;
}

static __always_inline int connection_ends(struct sock *sk, struct attach_connection *c)
{
	u64 key = (u64)sk;

	c->end_ns = bpf_ktime_get_ns();
	c->error = READ(sk, sk_err);
	if (!c->connected)
		c->connect_ns = c->end_ns - c->begin_ns;
	connection_read(c, sk);
	connection_tell(c);
	bpf_map_delete_elem(&attach_connections, &key);
	return 0;
}

/* Most of it happens in interrupts, but not the begin. */
TRACEPOINT(inet_sock_set_state, connection, struct sock *sk, int oldstate, int newstate)
{
	struct attach_state *state = attach_state();
	struct attach_cpu *cpu = attach_cpu();
	struct attach_connection *c;

	if (!state || !cpu || !state->begun || READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	if (newstate == SYN_SENT && running_watched(state, cpu, bpf_get_current_pid_tgid()))
		return connection_note((u64)sk, bpf_ktime_get_ns(), 1, 0);
	if (newstate != ESTABLISHED && newstate != CLOSE)
		return 0;
	c = connection_find(sk);
	if (!c)
		return 0;
	if (newstate == CLOSE)
		return connection_ends(sk, c);
	ends_read(&c->ends, sk);
	c->connected = 1;
	c->connect_ns = bpf_ktime_get_ns() - c->begin_ns;
	return 0;
}

/* --- those that are open */

/* By the ports that are listened at: who has opened a connection that was there before? */
struct attach_port {
	u64 net; /* namespace */
	u64 port;
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct attach_port, u32, 4096, 0) attach_ports SEC(".maps");

static __always_inline int connection_look(struct attach_state *as, struct sock *sk)
{
	struct attach_port port = { .net = (u64)BPF_CORE_READ(sk, __sk_common.skc_net.net),
				    .port = BPF_CORE_READ(sk, __sk_common.skc_num) };
	u32 state = BPF_CORE_READ(sk, __sk_common.skc_state), one = 1;

	if (state == LISTEN)
		bpf_map_update_elem(&attach_ports, &port, &one, BPF_ANY);
	else if (!as->ports_only && (state == ESTABLISHED || state == CLOSE_WAIT))
		connection_note((u64)sk, 0, !bpf_map_lookup_elem(&attach_ports, &port), 1);
	return 0;
}

/*
 * Files of the process: connections that were there before, or that somebody has passed to it. Who listens may be another one, which
 * it is a child of.
 */
SEC("?iter/task_file")
int files_iter(struct bpf_iter__task_file *it)
{
	struct attach_state *state = attach_state();
	struct task_struct *task = it->task;
	struct file *file = it->file;
	struct sock *sk;

	if (!state || !task || !file || (!state->ports_only && !is_watched(task)))
		return 0;
	sk = file_sock(file);
	if (sk && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP &&
	    BPF_CORE_READ(sk, sk_type) == SOCK_STREAM)
		connection_look(state, sk);
	return 0;
}

/* Brings each up to date. One that has ended unseen has given its memory to another one, or to none. */
TABLE_SCAN(connections, attach_connections, u64, struct attach_connection)
{
	struct attach_connection now;

	if (!entry || !value)
		return 0;
	now = *value;
	connection_read(&now, (struct sock *)*entry);
	if (now.ends.port != value->ends.port ||
	    (value->ends.local_port && now.ends.local_port != value->ends.local_port))
		return 0;
	value->ends = now.ends;
	value->received_bytes = now.received_bytes;
	value->sent_bytes = now.sent_bytes;
	value->rtt_us = now.rtt_us;
	value->retransmits = now.retransmits;
	return 0;
}

#endif
