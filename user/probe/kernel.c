// SPDX-License-Identifier: BSD-3-Clause
#include "probe/kernel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/elf.h"

#define ARITY "arity_"

/*
 * a46023d5616e ("tracing: Guard __DECLARE_TRACE() use of __DO_TRACE_CALL() with SRCU-fast"), 7.0: callers of tracepoints
 * are SRCU-fast readers, and no longer disable preemption. Kernels up to 6.12 have an SRCU domain of this name for other
 * callers, but no SRCU-fast.
 */
static bool tracepoints_preemptible(const struct btf *btf)
{
	return btf__find_by_name_kind(btf, "tracepoint_srcu_srcu_data", BTF_KIND_VAR) > 0 &&
	       btf__find_by_name_kind(btf, "srcu_ctr", BTF_KIND_STRUCT) > 0;
}

/* Some kernels refuse tracing programs on functions, or some kinds of iterators: tries with a program of two instructions. */
static int function_attachable(const struct kernel *k, const char *function,
			       enum bpf_attach_type type)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = type);
	int id = btf__find_by_name_kind(k->btf, function, BTF_KIND_FUNC), fd;

	if (id < 0)
		return -ENOENT;
	opts.attach_btf_id = (u32)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "try", "GPL", insns, 2, &opts);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int kernel_open(struct kernel *k, const char *btf_path, char *error, size_t error_size)
{
	struct btf *own = btf__load_vmlinux_btf();
	int err = own ? 0 : -errno;
	char why[128];

	*k = (struct kernel){ .btf = own, .has_btf = own, .attachable = kernel_attachable };
	if (btf_path) {
		k->btf = btf__parse(btf_path, NULL);
		err = k->btf ? 0 : -errno;
		btf__free(own);
	}
	k->typed = k->has_btf;
	k->storage = k->has_btf;
	k->preemptible = !err && tracepoints_preemptible(k->btf);
	k->iterates_tables =
		!err && !function_attachable(k, "bpf_iter_bpf_map_elem", BPF_TRACE_ITER);
	if (!err)
		return 0;
	libbpf_strerror(err, why, sizeof(why));
	if (btf_path)
		snprintf(error, error_size, "no BTF in '%s': %s", btf_path, why);
	else
		snprintf(
			error, error_size,
			"this kernel does not describe its types (no /sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF is off): give a file that does with --btf FILE, made from its vmlinux with debug information by `pahole -J`");
	return err == -EPERM ? err : -ENOTSUP;
}

int kernel_load_btf(struct kernel *k, const char *btf_path)
{
	k->btf = btf_path ? btf__parse(btf_path, NULL) : btf__load_vmlinux_btf();
	return k->btf ? 0 : -errno;
}

void kernel_drop_btf(struct kernel *k)
{
	btf__free(k->btf);
	k->btf = NULL;
}

/* btf_trace_T is a typedef of a pointer to void (*)(void *, arguments...). */
u32 kernel_tracepoint_arity(const struct kernel *k, const char *tracepoint)
{
	const struct btf_type *type;
	char name[128];
	int id;

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(k->btf, name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return 0;
	type = btf__type_by_id(k->btf, btf__type_by_id(k->btf, (u32)id)->type);
	if (!btf_is_ptr(type))
		return 0;
	type = btf__type_by_id(k->btf, type->type);
	return btf_is_func_proto(type) && btf_vlen(type) ? btf_vlen(type) - 1u : 0;
}

static u32 function_arity(const struct kernel *k, const char *function)
{
	int id = btf__find_by_name_kind(k->btf, function, BTF_KIND_FUNC);

	return id < 0 ? 0
		      : btf_vlen(btf__type_by_id(k->btf, btf__type_by_id(k->btf, (u32)id)->type));
}

void kernel_set_arities(const struct kernel *k, struct bpf_object *object)
{
	const char *target;

	for (int i = 0; (target = elf_const_next(object, ARITY, &i));) {
		u32 arity = kernel_tracepoint_arity(k, target) ?: function_arity(k, target);

		elf_const_set(object, target - strlen(ARITY), &arity, sizeof(arity));
	}
}

static int kprobe_attachable(const struct kernel *k, const char *function)
{
	if (access("/sys/bus/event_source/devices/kprobe", F_OK))
		return -EOPNOTSUPP;
	return btf__find_by_name_kind(k->btf, function, BTF_KIND_FUNC) < 0 ? -ENOENT : 0;
}

/* Programs that fprobe calls. */
static int multi_attachable(const struct kernel *k, const char *function)
{
	if (btf__find_by_name_kind(k->btf, "kprobe_multi_link_handler", BTF_KIND_FUNC) < 0)
		return -EOPNOTSUPP;
	return btf__find_by_name_kind(k->btf, function, BTF_KIND_FUNC) < 0 ? -ENOENT : 0;
}

/* 89ae89f53d20 ("bpf: Add multi uprobe link"), 6.6 */
bool kernel_has_uprobe_multi(const struct kernel *k)
{
	return btf__find_by_name_kind(k->btf, "bpf_uprobe_multi_link", BTF_KIND_STRUCT) >= 0;
}

static int tracepoint_attachable(const struct kernel *k, const char *tracepoint)
{
	char name[128];

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	return btf__find_by_name_kind(k->btf, name, BTF_KIND_TYPEDEF) < 0 ? -ENOENT : 0;
}

/* `event` is SYSTEM/NAME. libbpf looks in debugfs where that has tracefs. */
static int event_attachable(const char *event)
{
	static const char *const mounts[] = { "/sys/kernel/debug/tracing", "/sys/kernel/tracing" };
	char path[256];

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		snprintf(path, sizeof(path), "%s/events", mounts[i]);
		if (access(path, X_OK))
			continue;
		snprintf(path, sizeof(path), "%s/events/%s/id", mounts[i], event);
		return access(path, R_OK) ? -ENOENT : 0;
	}
	return -KERNEL_NO_TRACEFS;
}

/* Reads the first line of a file in /proc or /sys, "" if there is none. */
static void line_read(const char *path, char *line, int size)
{
	FILE *f = fopen(path, "re");

	*line = '\0';
	if (f && !fgets(line, size, f))
		*line = '\0';
	if (f)
		fclose(f);
}

/* Is the program called through ftrace? On x86 kprobes at the entry of a function are, too. */
static bool needs_ftrace(const struct bpf_program *program)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(program);

	if (elf_in_user(program))
		return false;
#ifdef __x86_64__
	if (bpf_program__type(program) == BPF_PROG_TYPE_KPROBE)
		return true;
#endif
	return type == BPF_TRACE_FENTRY || type == BPF_TRACE_FEXIT;
}

bool kernel_calls(const struct bpf_program *program)
{
	char enabled[8];

	if (!needs_ftrace(program))
		return true;
	line_read("/proc/sys/kernel/ftrace_enabled", enabled, sizeof(enabled));
	return *enabled != '0';
}

static bool locked_down(void)
{
	char modes[64];

	line_read("/sys/kernel/security/lockdown", modes, sizeof(modes));
	return strstr(modes, "[confidentiality]");
}

/* The number of the first PID namespace, PROC_PID_INIT_INO in the kernel: part of its interface. */
#define INITIAL_PID_NAMESPACE 0xeffffffcU

int kernel_check_namespace(void)
{
	struct stat ns;

	if (stat("/proc/self/ns/pid", &ns) || ns.st_ino == INITIAL_PID_NAMESPACE)
		return 0;
	return -KERNEL_PID_NAMESPACE;
}

static const struct reason {
	int err;
	const char *why, *advice;
} reasons[] = {
	{ ENOENT, "this kernel does not have it", NULL },
	{ ECANCELED, "another hook was requested, or goes with the other probes'", NULL },
	{ KERNEL_NO_FTRACE,
	  "kernel.ftrace_enabled is 0, so that programs on functions are never called",
	  "run `sysctl kernel.ftrace_enabled=1` and restart Seismo" },
	{ KERNEL_NO_TRACEFS, "its tracepoint is not in tracefs",
	  "run `mount -t tracefs tracefs /sys/kernel/tracing` and restart Seismo" },
	{ KERNEL_NOT_PREEMPTIBLE, "this kernel does not preempt tracepoint programs", NULL },
	{ KERNEL_PID_NAMESPACE,
	  "Seismo runs in a PID namespace of its own, in which it sees no processes but a container's",
	  "let it share the host's: hostPID: true in a pod, --pid=host with docker and podman" },
	{ EOPNOTSUPP, "this kernel is built without support for it",
	  "use a kernel with CONFIG_DEBUG_INFO_BTF and CONFIG_KPROBE_EVENTS" },
	{ KERNEL_NO_UPROBES, "this kernel is built without uprobes",
	  "use a kernel with CONFIG_UPROBE_EVENTS" },
	{ EPERM, "the kernel does not permit it",
	  "run as root, or with the capabilities CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE and CAP_SYS_PTRACE" },
	{ EMFILE, "too many open files",
	  "raise the limit of open files (LimitNOFILE=, ulimit -n) to 1024" },
	{ ENOMEM, "not enough memory for its tables",
	  "raise the memory limit of the service (MemoryMax=), or lower limits.memory in the configuration" },
};
/* Under lockdown=confidentiality programs that read kernel memory fail to load with EINVAL. */
static const struct reason lockdown = {
	EINVAL,
	"the kernel is locked down (lockdown=confidentiality): no program may read its memory",
	"boot with lockdown=integrity or without lockdown"
};

/* EPERM although we are root: capabilities are not the reason. */
static const struct reason restricted = {
	EPERM, "the kernel does not permit it",
	"look for a security module, a system call filter or a container runtime that restricts BPF"
};

static const struct reason *reason_find(int err)
{
	if ((err == -EINVAL || err == -EPERM) && locked_down())
		return &lockdown;
	if (err == -EPERM && !geteuid())
		return &restricted;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].err == -err)
			return &reasons[i];
	return NULL;
}

const char *kernel_libbpf_version(void)
{
	return libbpf_version_string() + 1; /* v1.1 */
}

const char *kernel_reason(int err)
{
	const struct reason *r = reason_find(err);

	return r ? r->why : strerror(-err);
}

const char *kernel_advice(int err)
{
	const struct reason *r = reason_find(err);

	return r ? r->advice : NULL;
}

int kernel_attachable(const struct kernel *k, const struct bpf_program *program)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(program);
	const char *target = elf_target(program);

	if (!kernel_calls(program))
		return -KERNEL_NO_FTRACE;
	if (elf_multi(program))
		return multi_attachable(k, target);
	if (elf_in_user(program))
		return access("/sys/bus/event_source/devices/uprobe", F_OK) ? -KERNEL_NO_UPROBES
									    : 0;
	if (bpf_program__type(program) == BPF_PROG_TYPE_KPROBE)
		return kprobe_attachable(k, target);
	if (bpf_program__type(program) == BPF_PROG_TYPE_TRACEPOINT)
		return event_attachable(target);
	if (bpf_program__type(program) == BPF_PROG_TYPE_RAW_TRACEPOINT)
		return tracepoint_attachable(k, target);
	if (!k->has_btf)
		return -EOPNOTSUPP;
	if (type == BPF_TRACE_FENTRY || type == BPF_TRACE_FEXIT)
		return function_attachable(k, target, type);
	if (elf_iterates_table(program))
		return !k->iterates_tables				    ? -EPERM
		       : strcmp(target, "bpf_sk_storage_map") || k->storage ? 0
									    : -ENOENT;
	return type == BPF_TRACE_RAW_TP ? tracepoint_attachable(k, target) : 0;
}
