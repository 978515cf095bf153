/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What goes through TLS, where a service is to be looked at that closely: programs on the functions of the library that
 * speaks TLS (tls.bpf.c) see the plain text, and those on sockets tell them which connection it belongs to. A library uses
 * a socket within the call, or hands the bytes over: then the thread has read them just before, or sends them next.
 */
#ifndef PLAINTEXT_BPF_H
#define PLAINTEXT_BPF_H

#include "parser_table.bpf.h"

/* Who calls: a thread; or in Go a goroutine, which goes on in any thread of its process. */
struct tls_caller {
	u64 caller;  /* bpf_get_current_pid_tgid(), or where the goroutine is described */
	u64 process; /* of the goroutine; 0: a thread */
};

/* The connection as the program on its socket knows it. */
struct tls_end {
	u64 sock; /* 0: none */
	u64 arrived_ns;
	u32 identity, gen;
	u32 epoch;
	u8 direction, known;
	u8 fresh; /* nothing has been asked on it before */
	u8 unused;
};

/* A thread, or goroutine, that calls such a library. */
struct tls_call {
	u64 session; /* of the call under way, or of the last one */
	u64 buffer;
	u64 len_at; /* where the function writes how many bytes, 0: it returns that */
	u64 began_ns;
	u8 active, sent;
	u8 on_stack; /* `buffer` is so many bytes below the end of the goroutine's stack, which moves */
	u8 hands_over;	       /* what the goroutine sends next is of this session */
	u32 wanted;	       /* Go: bytes that there is room for */
	struct tls_end within; /* the socket that the call under way has used */
	struct tls_end read;   /* the one that the thread has read last */
};
/* In Go each connection that is waited for has a goroutine of its own, in a call. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct tls_caller, struct tls_call, 16384, 0) tls_calls
	SEC(".maps");

/* Which connection a session is on. */
struct tls_session {
	u64 session;
	u64 process;
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct tls_session, struct tls_end, 8192, 0) tls_sessions
	SEC(".maps");

static __always_inline struct tls_session tls_session(u64 session)
{
	return (struct tls_session){ session, bpf_get_current_pid_tgid() >> 32 };
}

static __always_inline struct tls_caller tls_thread(void)
{
	return (struct tls_caller){ bpf_get_current_pid_tgid(), 0 };
}

/* `g`: what Go has in a register of its own, also where it calls the kernel. */
static __always_inline struct tls_caller tls_goroutine(u64 g)
{
	return (struct tls_caller){ g, bpf_get_current_pid_tgid() >> 32 };
}

#endif
