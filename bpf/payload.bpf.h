/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the caller of a system call has the bytes that it sends or receives, from the registers at system call entry.
 * Bytes moved by io_uring and sendfile cannot be found this way.
 */
#ifndef PAYLOAD_BPF_H
#define PAYLOAD_BPF_H

#include "core.bpf.h"
#include "request.h"

struct user_vector {
	u64 base, len;
};

struct user_message {
	u64 name;
	u32 name_len, unused;
	u64 vectors, vector_cnt;
};

/* struct mmsghdr. */
struct user_messages {
	struct user_message message;
	u64 control[3];
	u32 len, unused;
};

/* The current buffer, and the buffers that follow. */
struct payload {
	u64 at;
	u64 vectors; /* the next iovec */
	u32 left;    /* bytes of this buffer */
	u32 vector_cnt;
	u32 total; /* bytes of all buffers after this one */
	u32 unused;
	u64 plain; /* where the plain text is: see plain_text */
};

/* The bytes are not those of a system call, but what a library that speaks TLS was given or has returned. */
const volatile bool plain_text SEC(".rodata");

const volatile u8 request_calls[REQUEST_CALLS] SEC(".rodata");

/* The registers with which the running task entered the kernel. */
static __always_inline struct pt_regs *registers(void)
{
	return task_registers(task_current());
}

#if defined(__TARGET_ARCH_x86)
#define CALL_FIRST(regs) READ(regs, di)
#define CALL_THIRD(regs) REGISTER(regs, dx)
/* If it is one that calls: Go's own register for it. */
#define CALL_GOROUTINE(regs) REGISTER(regs, r14)
#elif defined(__TARGET_ARCH_arm64)
#define CALL_FIRST(at)	   READ(at, orig_x0)
#define CALL_THIRD(at)	   REGISTER(at, regs[2]) /* the member: hence not the parameter's name */
#define CALL_GOROUTINE(at) REGISTER(at, regs[28])
#endif

/*
 * Programs on functions of TCP, before Linux 6.3, see nothing of what the kernel makes records of TLS of; the loader sets it. Those on
 * tracepoints see what is inside.
 */
const volatile bool with_send_fexit SEC(".rodata");
#define ktls_is_hidden with_send_fexit

/* Skips a few empty buffers. */
static __always_inline bool payload_next(struct payload *p)
{
	struct user_vector vector;

	for (int i = 0; i < 4 && p->vector_cnt && p->total; i++) {
		if (bpf_probe_read_user(&vector, sizeof(vector), (void *)p->vectors))
			return false;
		p->vectors += sizeof(vector);
		p->vector_cnt--;
		p->at = vector.base;
		p->left = vector.len < p->total ? vector.len : p->total;
		p->total -= p->left;
		if (p->left)
			return true;
	}
	return false;
}

/*
 * Tasks inside recvmmsg(2) or sendmmsg(2): how many messages have been done. Removed at the end of the call; if that
 * end cannot be observed, the bytes of these calls are not read.
 */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, u32, 1024, 0) request_messages SEC(".maps");

const volatile bool with_messages_btf SEC(".rodata"), with_messages_raw SEC(".rodata");
const volatile bool with_messages_tp SEC(".rodata");
#define messages_end (with_messages_btf || with_messages_raw || with_messages_tp)

static __always_inline u32 call_kind(struct pt_regs *regs)
{
	u32 nr = CALL_NUMBER(regs);

	return nr < REQUEST_CALLS ? request_calls[nr] : CALL_OTHER;
}

static __always_inline u64 message_at(u64 messages)
{
	u64 task = bpf_get_current_pid_tgid();
	u32 *cnt = bpf_map_lookup_elem(&request_messages, &task);

	return messages + (cnt ? *cnt : 0) * sizeof(struct user_messages);
}

/* One message is done, if the current call handles several. */
static __always_inline void message_done(void)
{
	u64 task = bpf_get_current_pid_tgid();
	u32 one = 1, *cnt;

	if (call_kind(registers()) != CALL_MESSAGES)
		return;
	cnt = bpf_map_lookup_elem(&request_messages, &task);
	if (cnt)
		++*cnt;
	else
		bpf_map_update_elem(&request_messages, &task, &one, BPF_ANY);
}

enum payload_found { PAYLOAD_UNREADABLE, PAYLOAD_FOUND, PAYLOAD_MULTI };

/*
 * Finds the `bytes` that the current call has sent or received. PAYLOAD_MULTI: from now on message_done() must be
 * called for every event of this socket.
 */
static __always_inline int payload_find(struct payload *p, u32 bytes)
{
	struct pt_regs *regs = plain_text ? NULL : registers();
	struct user_message message;
	u32 kind;

	if (plain_text) {
		p->at = p->plain;
		p->left = bytes;
		p->vector_cnt = p->total = 0;
		return PAYLOAD_FOUND;
	}
	if (!regs || CALL_COMPAT(regs))
		return PAYLOAD_UNREADABLE;
	kind = call_kind(regs);
	*p = (struct payload){ .at = CALL_SECOND(regs), .left = bytes };
	switch (kind) {
	case CALL_BUFFER:
		return PAYLOAD_FOUND;
	case CALL_VECTOR:
		p->vectors = p->at;
		p->vector_cnt = CALL_THIRD(regs);
		break;
	case CALL_MESSAGES:
		if (!messages_end)
			return PAYLOAD_UNREADABLE;
		p->at = message_at(p->at);
		/* fallthrough */
	case CALL_MESSAGE:
		if (bpf_probe_read_user(&message, sizeof(message), (void *)p->at))
			return PAYLOAD_UNREADABLE;
		p->vectors = message.vectors;
		p->vector_cnt = message.vector_cnt;
		break;
	default:
		return PAYLOAD_UNREADABLE;
	}
	p->left = 0;
	p->total = bytes;
	if (!payload_next(p))
		return PAYLOAD_UNREADABLE;
	return kind == CALL_MESSAGES ? PAYLOAD_MULTI : PAYLOAD_FOUND;
}

#endif
