// SPDX-License-Identifier: BSD-3-Clause
#include "probe/elf.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARITY "arity_"
#define WITH  "with_"

struct bpf_object *elf_open(const struct elf *elf, const char *name, const char *btf)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name, .btf_custom_path = btf);

	return bpf_object__open_mem(elf->start, (size_t)(elf->end - elf->start), &opts);
}

static const struct btf_var_secinfo *section_var(const struct btf *btf, const char *section,
						 const char *name)
{
	int id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *sec = id > 0 ? btf__type_by_id(btf, (u32)id) : NULL;
	const struct btf_var_secinfo *var = sec ? btf_var_secinfos(sec) : NULL;

	for (int i = 0; sec && i < btf_vlen(sec); i++, var++) {
		const struct btf_type *type = btf__type_by_id(btf, var->type);

		if (!strcmp(btf__name_by_offset(btf, type->name_off), name))
			return var;
	}
	return NULL;
}

long elf_global_offset(struct bpf_object *object, const char *section, const char *name,
		       size_t size)
{
	const struct btf_var_secinfo *var = section_var(bpf_object__btf(object), section, name);

	if (!var)
		return -ENOENT;
	return var->size == size ? (long)var->offset : -EINVAL;
}

static void *rodata(struct bpf_object *object, size_t *size)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *dot = strrchr(bpf_map__name(map), '.');

		if (dot && !strcmp(dot, ".rodata"))
			return (void *)bpf_map__initial_value(map,
							      size); /* libbpf 1.1 says const */
	}
	return NULL;
}

int elf_const_set(struct bpf_object *object, const char *name, const void *value, size_t size)
{
	long offset = elf_global_offset(object, ".rodata", name, size);
	size_t room = 0;
	char *data = rodata(object, &room);

	if (offset < 0 || !data)
		return offset < 0 ? (int)offset : -ENOENT;
	if ((size_t)offset + size > room)
		return -EINVAL;
	memcpy(data + offset, value, size);
	return 0;
}

/* btf_trace_T is a typedef of a pointer to void (*)(void *, arguments...). */
u32 elf_tracepoint_arity(const struct btf *kernel, const char *tracepoint)
{
	const struct btf_type *type;
	char name[128];
	int id;

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(kernel, name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return 0;
	type = btf__type_by_id(kernel, btf__type_by_id(kernel, (u32)id)->type);
	if (!btf_is_ptr(type))
		return 0;
	type = btf__type_by_id(kernel, type->type);
	return btf_is_func_proto(type) && btf_vlen(type) ? btf_vlen(type) - 1u : 0;
}

static u32 function_arity(const struct btf *kernel, const char *function)
{
	int id = btf__find_by_name_kind(kernel, function, BTF_KIND_FUNC);

	return id < 0 ? 0
		      : btf_vlen(btf__type_by_id(kernel, btf__type_by_id(kernel, (u32)id)->type));
}

/* The constants that begin with `prefix`: what follows it, or NULL at the end. `i` counts on from 0. */
static const char *const_next(struct bpf_object *object, const char *prefix, int *i)
{
	const struct btf *btf = bpf_object__btf(object);
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *sec = id > 0 ? btf__type_by_id(btf, (u32)id) : NULL;

	while (sec && *i < btf_vlen(sec)) {
		const struct btf_type *var =
			btf__type_by_id(btf, btf_var_secinfos(sec)[(*i)++].type);
		const char *name = btf__name_by_offset(btf, var->name_off);

		if (!strncmp(name, prefix, strlen(prefix)))
			return name + strlen(prefix);
	}
	return NULL;
}

void elf_set_arities(struct bpf_object *object, const struct btf *kernel)
{
	const char *target;

	for (int i = 0; (target = const_next(object, ARITY, &i));) {
		u32 arity = elf_tracepoint_arity(kernel, target) ?: function_arity(kernel, target);

		elf_const_set(object, target - strlen(ARITY), &arity, sizeof(arity));
	}
}

void elf_set_choices(struct bpf_object *object)
{
	const char *name;

	for (int i = 0; (name = const_next(object, WITH, &i));) {
		struct bpf_program *program = bpf_object__find_program_by_name(object, name);
		bool chosen = program && bpf_program__autoload(program);

		elf_const_set(object, name - strlen(WITH), &chosen, sizeof(chosen));
	}
}

const char *elf_target(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program), *slash = strchr(section, '/');

	return slash ? slash + 1 : section;
}

/* Tracing programs on functions are refused by some kernels altogether: a program of two instructions tells. */
static int function_attachable(const struct btf *kernel, const char *function,
			       enum bpf_attach_type type)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = type);
	int id = btf__find_by_name_kind(kernel, function, BTF_KIND_FUNC), fd;

	if (id < 0)
		return -ENOENT;
	opts.attach_btf_id = (u32)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "try", "GPL", insns, 2, &opts);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int kprobe_attachable(const struct btf *kernel, const char *function)
{
	if (access("/sys/bus/event_source/devices/kprobe", F_OK))
		return -EOPNOTSUPP;
	return btf__find_by_name_kind(kernel, function, BTF_KIND_FUNC) < 0 ? -ENOENT : 0;
}

static int tracepoint_attachable(const struct btf *kernel, const char *tracepoint)
{
	char name[128];

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	return btf__find_by_name_kind(kernel, name, BTF_KIND_TYPEDEF) < 0 ? -ENOENT : 0;
}

bool elf_untyped(const struct bpf_program *program)
{
	return bpf_program__type(program) != BPF_PROG_TYPE_TRACING;
}

int elf_attachable(const struct bpf_program *program, const struct btf *kernel, bool typed)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(program);
	const char *target = elf_target(program);

	if (bpf_program__type(program) == BPF_PROG_TYPE_KPROBE)
		return kprobe_attachable(kernel, target);
	if (bpf_program__type(program) == BPF_PROG_TYPE_RAW_TRACEPOINT)
		return tracepoint_attachable(kernel, target);
	if (!typed)
		return -EOPNOTSUPP;
	if (type == BPF_TRACE_FENTRY || type == BPF_TRACE_FEXIT)
		return function_attachable(kernel, target, type);
	return type == BPF_TRACE_RAW_TP ? tracepoint_attachable(kernel, target) : 0;
}

bool elf_on_tracepoint(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	return strstr(section, "tp_btf/") || strstr(section, "raw_tp/");
}
