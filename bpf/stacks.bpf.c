// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where watched tasks wait, and who wakes them. The object is loaded while somebody is attached to a process; for all other
 * tasks its programs look at the mark in the task's context and end.
 *
 * A task that is about to leave the CPU is the running one, so its own stack in the program can be followed as well. Its waker is
 * who runs at sched_waking, unless an interrupt has taken over the CPU from that.
 */
#include <asm/unistd.h>
#include "waits.h"
#include "waker.bpf.h"
#include "watch.bpf.h"

#define FUTEX_CMD	      (~(128 | 256)) /* without its options */
#define FUTEX_WAIT_BITSET     9
#define FUTEX_WAIT_REQUEUE_PI 11

struct TABLE(BPF_MAP_TYPE_HASH, u64, struct stack_trace, STACKS_MAX, 0) stacks SEC(".maps");
struct TABLE(BPF_MAP_TYPE_HASH, struct wait_key, struct wait_value, STACKS_WAITS, 0) waits
	SEC(".maps");
struct TABLE(BPF_MAP_TYPE_HASH, u32, struct wait_now, STACKS_WAITS, 0) waits_now SEC(".maps");

/* Interrupts are disabled at a switch, so a CPU has one stack at a time; and one scan is under way at a time. */
struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct stack_trace, 1, 0) stack_at_switch SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct stack_trace, 1, 0) stack_of_scan SEC(".maps");
struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct wait_now, 1, 0) wait_at_switch SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct wait_now, 1, 0) wait_of_scan SEC(".maps");

struct stack_words {
	u64 word[STACK_WORDS];
};
struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct stack_words, 1, 0) stack_words SEC(".maps");

struct stacks_state state;

const volatile u32 arity_sched_switch SEC(".rodata");

/* --- stacks */

__noinline u64 stack_hash(bool scan)
{
	u32 zero = 0;
	struct stack_trace *trace = scan ? bpf_map_lookup_elem(&stack_of_scan, &zero)
					 : bpf_map_lookup_elem(&stack_at_switch, &zero);
	u64 hash = 0;

	if (!trace)
		return 0;
	for (u32 i = 0; i < STACK_DEPTH && i < trace->cnt; i++)
		hash = hash_mix(hash, trace->frame[i]);
	return hash ?: 1;
}

/* Keeps the stack that is in the room of the caller. Returns its key; 0: it is empty, or there is no room for it. */
static __always_inline u64 stack_keep(struct stack_trace *trace, bool scan)
{
	u64 key;

	if (!trace->cnt)
		return 0;
	key = stack_hash(scan);
	if (bpf_map_lookup_elem(&stacks, &key))
		return key;
	if (!bpf_map_update_elem(&stacks, &key, trace, BPF_ANY))
		return key;
	__sync_fetch_and_add(&state.stacks_lost, 1);
	return 0;
}

static __always_inline u64 frame_cnt(long bytes)
{
	return bytes > 0 ? (u64)bytes / sizeof(u64) : 0;
}

static __always_inline u64 stack_in_kernel(void *ctx)
{
	u32 zero = 0;
	struct stack_trace *trace = bpf_map_lookup_elem(&stack_at_switch, &zero);

	if (!trace)
		return 0;
	trace->cnt = frame_cnt(bpf_get_stack(ctx, trace->frame, sizeof(trace->frame), 0));
	return stack_keep(trace, false);
}

/* The first of these words that points into the program's code; STACK_WORDS: none does. */
__noinline u64 caller_find(u64 code_start, u64 code_size)
{
	u32 zero = 0;
	struct stack_words *words = bpf_map_lookup_elem(&stack_words, &zero);
	u64 found = STACK_WORDS;

	for (u32 i = 0; words && i < STACK_WORDS && found == STACK_WORDS; i++)
		if (words->word[i] - code_start < code_size)
			found = i;
	return found;
}

/* The frame pointer of the function that has made this call; 0: it has none. `fp` is what the register contains. */
__noinline u64 frame_find(u64 sp, u64 caller, u64 fp, u64 code_start, u64 code_size)
{
	u32 zero = 0;
	struct stack_words *words = bpf_map_lookup_elem(&stack_words, &zero);
	u64 found = 0;

	if (!words)
		return 0;
	if (stack_is_frame(words->word, sp, caller, fp, code_start, code_size))
		found = fp;
	for (u32 i = 0; i < STACK_WORDS && i < caller && !found; i++)
		if (stack_is_frame(words->word, sp, caller, words->word[i], code_start, code_size))
			found = words->word[i];
	return found;
}

#define STACK_BYTES (64 << 20) /* between two frames: more is no stack */
#define FOLLOWED    32

/* Replaces all frames but the first by this caller and those that come from this frame pointer on. */
__noinline int frames_follow(u64 caller, u64 fp)
{
	struct {
		u64 fp, ip;
	} frame;
	u32 zero = 0;
	struct stack_trace *trace = bpf_map_lookup_elem(&stack_at_switch, &zero);

	if (!trace)
		return 0;
	trace->frame[1] = caller;
	trace->cnt = 2;
	for (u32 i = 2; i < FOLLOWED && fp; i++) {
		if (bpf_probe_read_user(&frame, sizeof(frame), (void *)fp))
			frame.ip = 0;
		if (frame.ip) {
			trace->frame[i] = frame.ip;
			trace->cnt = i + 1;
		}
		fp = frame.ip && frame.fp - fp - 1 < STACK_BYTES ? frame.fp : 0;
	}
	return 0;
}

/* Is it among the frames that frame pointers led to? */
__noinline bool frames_contain(u64 address)
{
	u32 zero = 0;
	struct stack_trace *trace = bpf_map_lookup_elem(&stack_at_switch, &zero);
	bool found = false;

	for (u32 i = 0; trace && i < STACK_DEPTH && i < trace->cnt; i++)
		found |= trace->frame[i] == address;
	return found;
}

static __always_inline void caller_follow(struct task_struct *task, u64 ip)
{
	u64 start = BPF_CORE_READ(task, mm, start_code);
	u64 size = BPF_CORE_READ(task, mm, end_code) - start, caller, address;
	struct pt_regs *regs = task_registers(task);
	u64 sp = PROGRAM_SP(regs), fp = PROGRAM_FP(regs);
	u32 zero = 0;
	struct stack_words *words = bpf_map_lookup_elem(&stack_words, &zero);

	if (!words || ip - start < size)
		return;
	if (bpf_probe_read_user(words, sizeof(*words), (void *)sp)) {
		__builtin_memset(words, 0, sizeof(*words));
		if (bpf_probe_read_user(words, sizeof(*words) / 4, (void *)sp))
			return;
	}
	caller = caller_find(start, size);
	if (caller >= STACK_WORDS)
		return;
	address = words->word[caller];
	if (!frames_contain(address))
		frames_follow(address, frame_find(sp, caller, fp, start, size));
}

static __always_inline u64 stack_in_program(void *ctx, struct task_struct *task)
{
	u32 zero = 0;
	struct stack_trace *trace = bpf_map_lookup_elem(&stack_at_switch, &zero);

	if (!trace)
		return 0;
	trace->cnt =
		frame_cnt(bpf_get_stack(ctx, trace->frame, sizeof(trace->frame), BPF_F_USER_STACK));
	if (!trace->cnt)
		return 0;
	caller_follow(task, trace->frame[0]);
	return stack_keep(trace, false);
}

/* --- leaving and coming */

/* glibc locks a mutex with FUTEX_WAIT, and waits for conditions, semaphores and threads with the others. */
static __always_inline bool futex_condition(struct task_struct *task)
{
	u32 cmd = (u32)CALL_SECOND(task_registers(task)) & FUTEX_CMD;

	return cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_WAIT_REQUEUE_PI;
}

static __always_inline void wait_begin(struct wait_now *w, struct task_struct *task, u32 watch,
				       u32 task_state)
{
	__builtin_memset(w, 0, sizeof(*w));
	w->key.watch = watch;
	w->key.pid = READ(task, tgid);
	w->key.exec = (u32)READ(task, self_exec_id);
	w->key.call = task_syscall(task);
	if (task_is_stopped(task, task_state))
		w->key.how |= WAIT_IS_STOPPED;
	if (w->key.call == __NR_futex && futex_condition(task))
		w->key.how |= WAIT_IS_CONDITION;
	w->start_ns = READ(task, start_time);
	w->since_ns = bpf_ktime_get_ns();
}

static __always_inline void leave(void *ctx, struct task_struct *task, u32 watch, u32 task_state)
{
	u32 tid = READ(task, pid), zero = 0;
	struct wait_now *w = bpf_map_lookup_elem(&wait_at_switch, &zero);

	if (!w)
		return;
	wait_begin(w, task, watch, task_state);
	w->key.kernel = stack_in_kernel(ctx);
	w->key.user = stack_in_program(ctx, task);
	if (bpf_map_update_elem(&waits_now, &tid, w, BPF_ANY))
		__sync_fetch_and_add(&state.lost_cnt, 1);
}

static __always_inline void wait_count(struct wait_now *w, u64 now)
{
	u64 end = w->woken_ns ?: now, blocked = end - w->since_ns;
	struct wait_value *value, new = {};

	w->key.waker_kind = w->waker.kind;
	w->key.waker_pid = w->waker.pid;
	w->key.waker_tid = w->waker.tid;
	value = bpf_map_lookup_elem(&waits, &w->key);
	if (!value) {
		__builtin_memcpy(new.waker_comm, w->waker.comm, sizeof(new.waker_comm));
		if (!bpf_map_update_elem(&waits, &w->key, &new, BPF_NOEXIST))
			__sync_fetch_and_add(&state.waits, 1);
		value = bpf_map_lookup_elem(&waits, &w->key);
	}
	if (!value) {
		__sync_fetch_and_add(&state.lost_cnt, 1);
		__sync_fetch_and_add(&state.lost_ns, blocked);
		return;
	}
	__sync_fetch_and_add(&value->cnt, 1);
	__sync_fetch_and_add(&value->blocked_ns, blocked);
	__sync_fetch_and_add(&value->cpu_wait_ns, now - end);
	if (blocked > value->longest_ns)
		value->longest_ns = blocked;
}

static __always_inline void arrive(struct task_struct *task)
{
	u32 tid = READ(task, pid);
	struct wait_now *w = bpf_map_lookup_elem(&waits_now, &tid);

	if (!w)
		return;
	if (w->start_ns == READ(task, start_time))
		wait_count(w, bpf_ktime_get_ns());
	bpf_map_delete_elem(&waits_now, &tid);
}

/*
 * Who wakes a task may have changed its state already: 9c2136be0878 ("sched/tracing: Append prev_state to tp args instead"),
 * 5.19, tells the one with which it leaves.
 */
TRACEPOINT(sched_switch, off_cpu, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u32 left = arity_sched_switch > 3 ? (u32)ARG(ctx, 3) : task_state(prev);
	u32 watch;

	if (left && !preempt && !(left & TASK_DEAD)) {
		watch = task_watch(prev);
		if (watch)
			leave(ctx, prev, watch, left);
	}
	if (task_watch(next))
		arrive(next);
	return 0;
}

/* --- the waker */

TRACEPOINT(sched_waking, waking, struct task_struct *task)
{
	struct wait_now *w;
	u32 tid;

	if (!task_watch(task))
		return 0;
	tid = READ(task, pid);
	w = bpf_map_lookup_elem(&waits_now, &tid);
	if (!w || w->woken_ns)
		return 0;
	w->woken_ns = bpf_ktime_get_ns();
	waker_find(&w->waker, ctx);
	return 0;
}

/* --- tasks that do not wake up */

static __always_inline u64 stack_of_blocked(struct task_struct *task)
{
	u32 zero = 0;
	struct stack_trace *trace = bpf_map_lookup_elem(&stack_of_scan, &zero);

	if (!trace)
		return 0;
	trace->cnt = frame_cnt(bpf_get_task_stack(task, trace->frame, sizeof(trace->frame), 0));
	return stack_keep(trace, true);
}

/* It has been blocked since before it was watched: at least from now on. */
static __always_inline void adopt(struct task_struct *task, u32 watch, u32 task_state)
{
	struct pt_regs *regs = task_registers(task);
	u32 tid = task->pid, zero = 0;
	struct wait_now *w = bpf_map_lookup_elem(&wait_of_scan, &zero);

	if (!w)
		return;
	wait_begin(w, task, watch, task_state);
	w->key.kernel = stack_of_blocked(task);
	w->scan = state.scan;
	w->before = true;
	w->ip = PROGRAM_IP(regs);
	w->sp = PROGRAM_SP(regs);
	w->fp = PROGRAM_FP(regs);
	w->code_start = BPF_CORE_READ(task, mm, start_code);
	w->code_end = BPF_CORE_READ(task, mm, end_code);
	bpf_map_update_elem(&waits_now, &tid, w, BPF_NOEXIST);
}

/* The task may go on while it is looked at: then its switch has been seen, or will be. */
SEC("?iter/task")
int blocked_iter(struct bpf_iter__task *it)
{
	struct task_struct *task = it->task;
	u32 watch = task ? task_watch(task) : 0, task_state_now, tid;
	struct wait_now *w;

	if (!watch)
		return 0;
	task_state_now = task_state(task);
	if (!task_state_now || task_state_now & TASK_DEAD || task->on_cpu)
		return 0;
	tid = task->pid;
	w = bpf_map_lookup_elem(&waits_now, &tid);
	if (w && w->start_ns == task->start_time)
		w->scan = state.scan;
	else
		adopt(task, watch, task_state_now);
	return 0;
}
