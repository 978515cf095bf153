// SPDX-License-Identifier: GPL-2.0-only
/*
 * An attachment: everything about one process, its threads and its children, and nothing about anybody else. The object is
 * loaded once for each attachment, while it lasts. Its tasks carry its number in their context (watch.bpf.h); whether who runs
 * on a CPU is one of them is remembered for each CPU: that is what others pay.
 */
#include "attach_connection.bpf.h"
#include "attach_task.bpf.h"
#include "exit.bpf.h"
#include "task.bpf.h"

/* --- system calls */

/* The command that was started for the attachment: what is before its program is not its own. */
static __always_inline bool begins(struct attach_state *state, long number)
{
	if (number != execve_number || bpf_get_current_pid_tgid() >> 32 != target)
		return false;
	state->begin_ns = bpf_ktime_get_ns();
	state->begun = 1;
	return true;
}

TRACEPOINT(sys_enter, enter, struct pt_regs *regs, long number)
{
	struct attach_state *state = attach_state();
	struct task_struct *task = task_current();
	struct attach_cpu *cpu = attach_cpu();
	struct attach_task *t;
	u64 now;

	if (!state || !cpu || !running_watched(state, cpu, bpf_get_current_pid_tgid()) ||
	    (!state->begun && !begins(state, number)))
		return 0;
	t = attach_task_get_or_new(state, task);
	if (!t)
		return 0;
	now = bpf_ktime_get_ns();
	task_came(t, task, arrival_clock(task), now);
	t->call = call_row(number, syscall_compat(regs));
	t->away_ns = t->longest_ns = 0;
	t->enter_ns = now;
	return 0;
}

SEC("?tp/raw_syscalls/sys_enter")
int enter_tp(unsigned long long *ctx)
{
	return on_enter(ctx, (void *)bpf_task_pt_regs(task_current()), ctx[1]);
}

static __always_inline u32 errno_index(long ret)
{
	u64 err = -ret;

	if (err < ATTACH_ERRNO)
		return err;
	err -= ATTACH_RESTART;
	return ATTACH_ERRNO + (err < ATTACH_RESTARTS ? err : ATTACH_RESTARTS);
}

static __always_inline void error_count(struct attach_call *row, long ret)
{
	u32 index = errno_index(ret);

	if (index < ATTACH_ERRNO_MAX)
		__sync_fetch_and_add(&row->errors[index], 1);
}

/* Is it worth to be told? Rarely. */
static __always_inline u32 call_judge(const struct attach_state *state,
				      const struct attach_call *row, u32 flags, u64 ns)
{
	u32 is = ns > row->longest_ns ? CALL_LONGEST : 0;

	if (state->slow_ns && ns >= state->slow_ns && !(flags & ATTACH_ON_PURPOSE))
		is |= CALL_SLOW;
	if (ns >= state->file_ns && flags & ATTACH_ON_FILES)
		is |= CALL_ON_FILE;
	return is;
}

static __always_inline void call_look(const struct attach_state *state, struct attach_call *row,
				      const struct attach_task *t, u32 nr, u32 flags, long ret,
				      u64 now)
{
	u64 ns = now - t->enter_ns;
	u32 is = call_judge(state, row, flags, ns);
	struct attach_event *e = is ? attach_scratch_get() : NULL;

	if (!e)
		return;
	e->call = nr;
	e->ret = ret;
	e->end_ns = now;
	e->ns = ns;
	e->away_ns = t->away_ns;
	e->wait_ns = t->longest_ns;
	e->wait = t->longest_wait;
	e->waker = t->longest_waker;
	if (!call_tell(nr, is) && is & CALL_LONGEST)
		row->longest_ns = ns;
}

/* Counts the call, which began at enter_ns unless that was not seen: before the attachment, or it was refused by a filter. */
static __always_inline void call_count(struct attach_state *state, struct attach_call *row,
				       const struct attach_task *t, u64 ns)
{
	if (t->enter_ns) {
		hist_add_to(&row->hist, ns, 1, true);
		if (t->away_ns)
			__sync_fetch_and_add(&row->away_ns, t->away_ns);
		return;
	}
	__sync_fetch_and_add(&row->untimed, 1);
	if (t->call >= 0)
		__sync_fetch_and_add(&state->since_before, 1);
}

TRACEPOINT(sys_exit, exit, struct pt_regs *regs, long ret)
{
	u64 id = bpf_get_current_pid_tgid(), now, ns;
	struct attach_state *state = attach_state();
	struct task_struct *task = task_current();
	struct attach_cpu *cpu = attach_cpu();
	struct attach_call *row;
	struct attach_task *t;
	u32 nr, row_nr, flags;
	int number;

	if (!state || !cpu || !running_watched(state, cpu, id) || !state->begun)
		return 0;
	t = attach_task_get_or_new(state, task);
	if (!t)
		return 0;
	number = t->call >= 0 ? t->call : syscall_nr(regs);
	nr = call_row(number < 0 ? rt_sigreturn : (u32)number, syscall_compat(regs));
	flags = call_flags[nr];
	row_nr = nr;
	row = bpf_map_lookup_elem(&attach_calls, &row_nr);
	if (!row ||
	    (t->call < 0 && flags & ATTACH_FORKS && !ret)) /* a child, which has made no call */
		return 0;
	now = bpf_ktime_get_ns();
	task_came(t, task, arrival_clock(task), now);
	ns = t->enter_ns ? now - t->enter_ns : 0;
	call_count(state, row, t, ns);
	/* rt_sigreturn returns what it restores */
	if ((u64)-ret - 1 < 4095 && syscall_nr(regs) >= 0)
		error_count(row, ret);
	last_note(state, cpu, id, regs, nr, ret, now, ns, 0);
	if (t->enter_ns)
		call_look(state, row, t, nr, flags, ret, now);
	if (flags & ATTACH_ACCEPTS && ret >= 0)
		connection_accepted(ret);
	t->call = -1;
	t->enter_ns = 0;
	return 0;
}

SEC("?tp/raw_syscalls/sys_exit")
int exit_tp(struct trace_event_raw_sys_exit *event)
{
	return on_exit((void *)event, (void *)bpf_task_pt_regs(task_current()), event->ret);
}

/* --- forks, by which the core's program has passed the mark on */

TRACEPOINT(sched_process_fork, fork, struct task_struct *parent, struct task_struct *child)
{
	struct attach_state *state = attach_state();

	if (!state || !is_watched(parent) || !state->begun)
		return 0;
	attach_task_new(state, child);
	if (READ(child, pid) == READ(child, tgid))
		__sync_fetch_and_add(&state->forks, 1);
	else
		__sync_fetch_and_add(&state->threads, 1);
	return 0;
}

TRACEPOINT(sched_wakeup_new, wakeup_new, struct task_struct *child)
{
	return on_fork(ctx, task_current(), child);
}

/* --- on and off the CPU */

static __always_inline u64 task_id(struct task_struct *task)
{
	return (u64)READ(task, tgid) << 32 | (u32)READ(task, pid);
}

TRACEPOINT(sched_switch, switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct attach_state *state = attach_state();
	struct attach_cpu *cpu = attach_cpu();
	struct attach_task *t;
	bool was, is;
	u64 epoch, now, id;

	if (!cpu || !state)
		return 0;
	epoch = *(volatile u64 *)&state->epoch;
	id = task_id(prev);
	was = cpu_knows(cpu, epoch, id) ? cpu->watched : READ(prev, pid) && is_watched(prev);
	is = READ(next, pid) && is_watched(next);
	cpu->watched = is;
	cpu->id = task_id(next);
	cpu->epoch = epoch;
	if (!(was | is) || !state->begun)
		return 0;
	now = bpf_ktime_get_ns();
	if (was) {
		t = attach_task_get(prev);
		if (t)
			task_leaves(state, t, prev, preempt, now);
	}
	if (is && !has_run_queue()) {
		t = attach_task_get(next);
		if (t)
			task_came(t, next, 0, now);
	}
	return 0;
}

/* Loaded where somebody wants to know whom slow calls wait for. */
TRACEPOINT(sched_waking, waking, struct task_struct *task)
{
	struct attach_task *t = is_watched(task) ? attach_task_get(task) : NULL;

	if (t && t->left_ns && !t->waker.kind)
		waker_find(&t->waker, ctx);
	return 0;
}

/* --- the end */

static __always_inline void process_ended(struct attach_state *state, struct task_struct *task,
					  struct signal_struct *signal)
{
	struct task_struct *leader = READ(task, group_leader);
	struct attach_task *t = attach_task_get(leader);
	u32 code = exit_code(leader, signal), sig = code & 0x7f, status = code >> 8 & 0xff;
	u64 pages = READ(signal, maxrss);

	if (t && t->ended)
		return;
	if (t)
		t->ended = 1;
	if (sig && sig < ATTACH_SIGNALS)
		__sync_fetch_and_add(&state->killed[sig], 1);
	else if (status < ATTACH_EXIT_CODES)
		__sync_fetch_and_add(&state->exits[status], 1);
	if (pages > state->resident_pages)
		state->resident_pages = pages;
	if ((u32)READ(leader, tgid) != target)
		return;
	bpf_probe_read_kernel(state->comm, sizeof(state->comm), leader->comm);
	state->exit_code = code;
	state->end_ns = bpf_ktime_get_ns();
	barrier();
	state->ended = 1;
}

static __always_inline int task_ends(struct task_struct *task, bool last)
{
	struct attach_state *state = attach_state();
	struct attach_cpu *cpu = attach_cpu();
	struct attach_task *t;
	u64 now;

	if (!state || !cpu || !is_watched(task) || !state->begun)
		return 0;
	t = attach_task_get_or_new(state, task);
	if (!t)
		return 0;
	usage_count(&state->sums.usage, t, task);
	now = bpf_ktime_get_ns();
	if (t->call >= 0 || last)
		last_note(state, cpu, bpf_get_current_pid_tgid(), task_registers(task), t->call, 0,
			  now, t->enter_ns ? now - t->enter_ns : 0, 1);
	t->call = -1;
	if (last)
		process_ended(state, task, READ(task, signal));
	return 0;
}

TRACEPOINT(sched_process_exit, end, struct task_struct *task)
{
	return task_ends(task, exit_is_last(ctx, task));
}

SEC("?tp/sched/sched_process_exit")
int end_tp(struct trace_event_raw_sched_process_exit *event)
{
	struct task_struct *task = task_current();

	return task_ends(task, exit_is_last_tp(event, task));
}

/* Without task storage: removes the task's entry. */
TRACEPOINT(sched_process_free, free, struct task_struct *task)
{
	u64 key = (u64)task;

	bpf_map_delete_elem(&attach_tasks_by_address, &key);
	return 0;
}

/* --- all tasks */

/* Tasks that were there before, and those for which there was no memory: of the process, or children of one that is marked. */
static __always_inline bool belongs(struct task_struct *task)
{
	return (u32)task->tgid == target || is_watched(task->group_leader) ||
	       is_watched(task->real_parent);
}

/* The call that it is in; negative: none. */
static __always_inline s32 task_call_row(struct task_struct *task)
{
	int number = task_syscall(task);

	return number < 0 ? -1 : (s32)call_row(number, CALL_COMPAT_OF(task, task_registers(task)));
}

/*
 * From now on the task is of the attachment, and an identity apart: the families count it for its service as before. What it waits
 * for before its command is executed is not its own.
 */
static __always_inline bool mark(struct attach_state *state, struct task_struct *task,
				 struct task_ctx *tc)
{
	struct attach_task *t = state->begun ? attach_task_get_or_new(state, task) : NULL;

	if (state->begun && !t)
		return false;
	if (t)
		t->call = task_call_row(task);
	if (t && !task->on_cpu) {
		t->wait = wait_of(task, t->call);
		t->left_ns = bpf_ktime_get_ns();
	}
	tc->watch = watch;
	if (tc->identity)
		task_move(task, tc);
	state->marked++;
	return true;
}

/* Marks what belongs to the process, and looks at what its tasks are at. */
SEC("?iter/task")
int attach_iter(struct bpf_iter__task *it)
{
	struct attach_state *state = attach_state();
	struct task_struct *task = it->task;
	struct task_ctx *tc;
	struct attach_task *t;

	if (!task || !state)
		return 0;
	tc = task_ctx_get(task);
	if (!tc)
		return 0;
	if (!tc->watch && !state->off && belongs(task) && !mark(state, task, tc))
		return 0;
	if (tc->watch != watch)
		return 0;
	if (state->off) { /* the end of the attachment */
		tc->watch = 0;
		task_move(task, tc);
		state->marked++;
		return 0;
	}
	/* those that have ended wait for their parent to notice; the first thread of a process may have ended long before the others */
	state->thread_cnt += !(task->flags & PF_EXITING);
	state->process_cnt += task->pid == task->tgid && task->signal->live.counter > 0;
	if ((u32)task->pid == target) {
		state->identity = tc->identity;
		state->gen = tc->gen;
		bpf_probe_read_kernel(state->comm, sizeof(state->comm), task->comm);
	}
	t = attach_task_get(task);
	if (t)
		task_look(state, t, task);
	return 0;
}
