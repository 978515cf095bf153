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

static void frames_follow(u32 tid, u64 fp, struct stack_trace *trace)
{
	struct {
		u64 fp, ip;
	} frame = { 0, 0 };

	while (fp && !(fp % sizeof(u64)) && trace->cnt < STACK_DEPTH &&
	       memory_read(tid, fp, &frame, sizeof(frame)) && frame.ip) {
		trace->frame[trace->cnt++] = frame.ip;
		fp = frame.fp - fp - 1 < STACK_BYTES ? frame.fp : 0;
	}
}

static bool frames_contain(const struct stack_trace *trace, u64 address)
{
	for (u64 i = 0; i < trace->cnt; i++)
		if (trace->frame[i] == address)
			return true;
	return false;
}

static u64 frame_find(const u64 *words, u64 caller, const struct wait_now *from, u64 code_size)
{
	u64 start = from->code_start;

	if (stack_is_frame(words, from->sp, caller, from->fp, start, code_size))
		return from->fp;
	for (u64 i = 0; i < caller; i++)
		if (stack_is_frame(words, from->sp, caller, words[i], start, code_size))
			return words[i];
	return 0;
}

/* As caller_follow() in bpf/stacks.bpf.c does. */
static void caller_follow(u32 tid, const struct wait_now *from, struct stack_trace *trace)
{
	u64 words[STACK_WORDS] = { 0 }, size = from->code_end - from->code_start, caller = 0;

	if (from->ip - from->code_start < size ||
	    (!memory_read(tid, from->sp, words, sizeof(words)) &&
	     !memory_read(tid, from->sp, words, sizeof(words) / 4)))
		return;
	while (caller < STACK_WORDS && words[caller] - from->code_start >= size)
		caller++;
	if (caller == STACK_WORDS || frames_contain(trace, words[caller]))
		return;
	trace->frame[1] = words[caller];
	trace->cnt = 2;
	frames_follow(tid, frame_find(words, caller, from, size), trace);
}

void stack_walk(u32 tid, const struct wait_now *from, struct stack_trace *ret)
{
	*ret = (struct stack_trace){ .frame[0] = from->ip, .cnt = 1 };
	if (from->fp - from->sp < STACK_BYTES)
		frames_follow(tid, from->fp, ret);
	caller_follow(tid, from, ret);
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
