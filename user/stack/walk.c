// SPDX-License-Identifier: BSD-3-Clause
#include "stack/walk.h"

#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#define STACK_BYTES (64 << 20) /* between two frames: more is no stack */

static bool memory_read(u32 tid, u64 address, void *mem, size_t size)
{
	const struct iovec here = { mem, size }, there = { (void *)address, size };

	return process_vm_readv((pid_t)tid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* As caller_find() in bpf/stacks.bpf.c does. */
static u64 caller_find(u32 tid, const struct wait_now *from)
{
	u64 words[STACK_WORDS] = { 0 }, size = from->code_end - from->code_start;

	if (from->ip - from->code_start < size)
		return 0;
	if (!memory_read(tid, from->sp, words, sizeof(words)) &&
	    !memory_read(tid, from->sp, words, sizeof(words) / 4))
		return 0;
	for (unsigned i = 0; i < STACK_WORDS; i++)
		if (words[i] - from->code_start < size)
			return words[i];
	return 0;
}

static void caller_insert(struct stack_trace *trace, u64 caller)
{
	for (u64 i = 1; i < trace->cnt; i++)
		if (trace->frame[i] == caller)
			return;
	memmove(&trace->frame[2], &trace->frame[1], (STACK_DEPTH - 2) * sizeof(u64));
	trace->frame[1] = caller;
	if (trace->cnt < STACK_DEPTH)
		trace->cnt++;
}

void stack_walk(u32 tid, const struct wait_now *from, struct stack_trace *ret)
{
	u64 sp = from->sp, fp = from->fp, caller;
	struct {
		u64 fp, ip;
	} frame;

	*ret = (struct stack_trace){ .frame[0] = from->ip, .cnt = 1 };
	while (ret->cnt < STACK_DEPTH && fp >= sp && fp - sp < STACK_BYTES && !(fp % sizeof(u64)) &&
	       memory_read(tid, fp, &frame, sizeof(frame)) && frame.ip) {
		ret->frame[ret->cnt++] = frame.ip;
		sp = fp + sizeof(frame);
		fp = frame.fp;
	}
	caller = caller_find(tid, from);
	if (caller)
		caller_insert(ret, caller);
}

/* As stack_hash() in bpf/stacks.bpf.c does. */
u64 stack_key(const struct stack_trace *trace)
{
	u64 hash = 0;

	for (u64 i = 0; i < trace->cnt && i < STACK_DEPTH; i++) {
		hash = (hash ^ trace->frame[i]) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
	}
	return hash ? hash : 1;
}
