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

#define WITH "with_"

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

const char *elf_const_next(struct bpf_object *object, const char *prefix, int *i)
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

void elf_set_choices(struct bpf_object *object)
{
	const char *name;

	for (int i = 0; (name = elf_const_next(object, WITH, &i));) {
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

bool elf_multi(const struct bpf_program *program)
{
	return strstr(bpf_program__section_name(program), "probe.multi/");
}

bool elf_in_user(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	return !strcmp(section, "uprobe") || !strcmp(section, "uretprobe");
}

bool elf_iterates_table(const struct bpf_program *program)
{
	const char *target = elf_target(program);

	return bpf_program__expected_attach_type(program) == BPF_TRACE_ITER &&
	       (!strcmp(target, "bpf_map_elem") || !strcmp(target, "bpf_sk_storage_map"));
}

bool elf_on_tracepoint(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	return strstr(section, "tp_btf/") || strstr(section, "tp/");
}
