// SPDX-License-Identifier: BSD-3-Clause
#include "probe/kernel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/elf.h"

#define ARITY "arity_"

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

/* Tracing programs on functions are refused by some kernels altogether: a program of two instructions tells. */
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

static int kprobe_attachable(const struct kernel *k, const char *function)
{
	if (access("/sys/bus/event_source/devices/kprobe", F_OK))
		return -EOPNOTSUPP;
	return btf__find_by_name_kind(k->btf, function, BTF_KIND_FUNC) < 0 ? -ENOENT : 0;
}

static int tracepoint_attachable(const struct kernel *k, const char *tracepoint)
{
	char name[128];

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	return btf__find_by_name_kind(k->btf, name, BTF_KIND_TYPEDEF) < 0 ? -ENOENT : 0;
}

int kernel_attachable(const struct kernel *k, const struct bpf_program *program)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(program);
	const char *target = elf_target(program);

	if (bpf_program__type(program) == BPF_PROG_TYPE_KPROBE)
		return kprobe_attachable(k, target);
	if (bpf_program__type(program) == BPF_PROG_TYPE_RAW_TRACEPOINT)
		return tracepoint_attachable(k, target);
	if (!k->has_btf)
		return -EOPNOTSUPP;
	if (type == BPF_TRACE_FENTRY || type == BPF_TRACE_FEXIT)
		return function_attachable(k, target, type);
	return type == BPF_TRACE_RAW_TP ? tracepoint_attachable(k, target) : 0;
}
