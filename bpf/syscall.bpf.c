// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls: counts, errors, durations.
 *
 * Counting needs sys_exit alone, and so do slow calls, those that keep their task from the CPU for long: sched_switch
 * notices them (core.bpf.h). To time any other call takes sys_enter: its program is attached all the time (mode full) or
 * for a part of each period (sampled). Then calls that are not slow are a sample, which user space scales up.
 */
#include "descriptor.bpf.h"
#include "event.bpf.h"
#include "hist.bpf.h"
#include "syscall.h"

METRIC(syscalls_total);
METRIC(syscall_errors_total);
METRIC(syscall_duration_seconds);
METRIC(syscall_quick_seconds);

struct syscall_count_slots {
	u16 slot[SYSCALLS];
};
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct syscall_count_slots, 1,
	     BPF_F_MMAPABLE) syscall_count_slots SEC(".maps");

struct syscall_class_slots {
	u16 all[SYSCALL_CLASSES];
	u16 quick[SYSCALL_CLASSES];
};
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct syscall_class_slots, 1,
	     BPF_F_MMAPABLE) syscall_class_slots SEC(".maps");

/* For each number, its class and flags; set by the loader. */
const volatile u8 syscall_class[SYSCALLS] SEC(".rodata");
const volatile u32 rt_sigreturn SEC(".rodata");
const volatile bool sampled SEC(".rodata");

/* The time stamp is kept in the CPU's row; sched_switch saves it to the task and restores it. */
TRACEPOINT(sys_enter, enter, struct pt_regs *regs, long number)
{
	struct cpu *cpu = cpu_row();

	if (!cpu)
		return 0;
	if (cpu->identity == IDENTITY_UNKNOWN)
		cpu_fill(cpu);
	cpu->call = number;
	cpu->left_ns = 0;
	barrier(); /* sched_switch drops a start of another call: where this program can be preempted, it comes last */
	cpu->enter_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("?tp/raw_syscalls/sys_enter")
int enter_tp(unsigned long long *ctx)
{
	return on_enter(ctx, NULL, ctx[1]);
}

/*
 * Did the program get an error? Not after rt_sigreturn, which returns what it restores. Nor does it see the codes by which
 * the kernel tells itself to restart a call that a signal has interrupted.
 */
static __always_inline bool failed(int number, long ret)
{
	u64 err = -ret;

	return err - 1 < 4095 && number >= 0 &&
	       err - ERESTARTSYS > ERESTART_RESTARTBLOCK - ERESTARTSYS;
}

/* Calls without a number of their own are counted together. */
static __always_inline u32 table_nr(u32 nr, bool compat)
{
	if (nr >= SYSCALL_UNKNOWN || compat)
		nr = SYSCALL_OTHER;
	barrier_var(nr); /* the compiler would drop the mask that the verifier needs */
	return nr & (SYSCALLS - 1);
}

static __always_inline void count(struct cpu *cpu, u32 *identity, u32 nr, u32 err)
{
	struct syscall_count_slots *slots = bpf_map_lookup_elem(&syscall_count_slots, identity);

	if (!slots)
		return;
	counter_add_local(cpu, SLOT_CACHED(&slots->slot[nr], syscalls_total, *identity, nr, false),
			  1);
	if (err) {
		u64 dim = nr | (u64)err << SYSCALL_ERRNO_SHIFT;

		counter_add_local(cpu, series_slot(syscall_errors_total, *identity, dim, false), 1);
	}
}

#if defined(__TARGET_ARCH_x86)
#define CALL_FIRST(regs) REGISTER(regs, di)
#elif defined(__TARGET_ARCH_arm64)
#define CALL_FIRST(regs) REGISTER(regs, orig_x0)
#endif

#define S_IFMT 0170000

/* Of regular files, folders and disks: whoever reads from anything else waits for somebody to write to it. */
static __always_inline bool has_data(struct file *file)
{
	u32 type = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;

	return type == 0100000 || type == 0040000 || type == 0060000;
}

static __always_inline void file_names(struct ring_slow_call *e, struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);

	bpf_probe_read_kernel_str(e->file[0], RING_FILE, BPF_CORE_READ(dentry, d_name.name));
	bpf_probe_read_kernel_str(e->file[1], RING_FILE,
				  BPF_CORE_READ(dentry, d_parent, d_name.name));
}

/* A system call of the running task took so long. */
__noinline int slow_call(u32 identity, u32 nr, u32 class, u64 ns)
{
	struct ring_slow_call e = { .slow = { .what = SLOW_SYSCALL, .syscall = nr } };
	struct file *file = NULL;

	if (class & SYSCALL_FILE) {
		file = descriptor_file(CALL_FIRST(task_registers(task_current())));
		if (!has_data(file))
			return 0;
	}
	if (!slow_is_longest(identity, SLOW_SYSCALL, ns))
		return 0;
	event_head(&e.slow.io.head, RING_SLOW, identity);
	event_current(&e.slow.io.head);
	e.slow.class = class & (SYSCALL_CLASSES - 1);
	e.slow.io.total_ns = ns;
	if (file)
		file_names(&e, file);
	event_send(RING_SLOW, &e, sizeof(e));
	return 0;
}

/* The call ends of which the CPU's row has time stamps. Those of another call are of one whose end was not seen. */
static __always_inline void time(struct cpu *cpu, u32 *identity, int number, u32 flags)
{
	u32 class = flags & (SYSCALL_CLASSES - 1);
	struct syscall_class_slots *slots = bpf_map_lookup_elem(&syscall_class_slots, identity);
	bool quick = sampled && !(cpu->left_ns && cpu->slow);
	u64 start = cpu->enter_ns, ns;
	u32 slot;

	cpu->enter_ns = cpu->left_ns = 0;
	if (!slots || !start || (cpu->call != number && number >= 0))
		return;
	if (quick)
		slot = SLOT_CACHED(&slots->quick[class], syscall_quick_seconds, *identity, class,
				   true);
	else
		slot = SLOT_CACHED(&slots->all[class], syscall_duration_seconds, *identity, class,
				   true);
	ns = bpf_ktime_get_ns() - start;
	hist_add_local(cpu, slot, ns);
	if (ns >= SLOW_MIN_NS && flags & SYSCALL_SLOW)
		slow_call(*identity, number, flags, ns);
}

/* A task returns from the fork that made it. */
static __always_inline int started(void)
{
	struct task_ctx *tc = preemptible ? task_ctx_get(task_current()) : NULL;

	if (tc)
		tc->starting = 0;
	return 0;
}

TRACEPOINT(sys_exit, exit, struct pt_regs *regs, long ret)
{
	u32 nr, class, other = IDENTITY_OTHER, *identity;
	struct cpu *cpu = cpu_row();
	int number = syscall_nr(regs);

	if (!cpu)
		return 0;
	if (cpu->identity == IDENTITY_UNKNOWN)
		cpu_fill(cpu);
	identity = cpu->identity == IDENTITY_UNKNOWN ? &other : &cpu->identity;
	/* rt_sigreturn overwrites the number */
	nr = table_nr(number < 0 ? rt_sigreturn : number, syscall_compat(regs));
	class = syscall_class[nr];
	if (class & SYSCALL_FORKS && !ret)
		return started();
	count(cpu, identity, nr, failed(number, ret) ? -ret : 0);
	if (cpu->enter_ns)
		time(cpu, identity, number, class);
	else
		cpu->left_ns = 0;
	if (class & SYSCALL_TAIL_CALL)
		bpf_tail_call(ctx, &sys_exit_tail_calls, nr);
	return 0;
}

SEC("?tp/raw_syscalls/sys_exit")
int exit_tp(struct trace_event_raw_sys_exit *event)
{
	return on_exit((void *)event, (void *)bpf_task_pt_regs(task_current()), event->ret);
}

#define EINTR	   4
#define SIG_IGN	   1
#define SA_RESTART 0x10000000

/* A signal handler is about to run. If the signal interrupted a system call that is not restarted, that returns EINTR. */
TRACEPOINT(signal_deliver, deliver, int sig, void *info, struct k_sigaction *action)
{
	struct pt_regs *regs = task_registers(task_current());
	u64 err = syscall_interrupted(regs), dim;

	if (!err || (u64)READ(action, sa.sa_handler) <= SIG_IGN)
		return 0;
	if (err == ERESTART_RESTARTBLOCK || err == ERESTARTNOHAND ||
	    (err == ERESTARTSYS && !(READ(action, sa.sa_flags) & SA_RESTART))) {
		dim = table_nr(CALL_NUMBER(regs), CALL_COMPAT(regs));
		count_add(syscall_errors_total, identity_current(),
			  dim | (u64)EINTR << SYSCALL_ERRNO_SHIFT, 1);
	}
	return 0;
}
