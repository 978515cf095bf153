/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading and presetting BPF objects by the names in their BTF. */
#ifndef PROBE_ELF_H
#define PROBE_ELF_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

struct bpf_object;
struct bpf_program;

/* An object file built into the binary; PROBE_ELF(x) names that of bpf/x.bpf.c. */
struct elf {
	const u8 *start, *end;
};
#define PROBE_ELF(x)                                        \
	extern const u8 bpf_##x##_start[], bpf_##x##_end[]; \
	static const struct elf x##_elf = { bpf_##x##_start, bpf_##x##_end }

/* Opens a built-in object without loading it; `btf`: a file with the kernel's types, or NULL. NULL with errno. */
struct bpf_object *elf_open(const struct elf *elf, const char *name, const char *btf);
/* Sets a constant (.rodata) before loading; -ENOENT, or -EINVAL when the size is another. */
int elf_const_set(struct bpf_object *object, const char *name, const void *value, size_t size);
/* The constants that begin with `prefix`: what follows it, or NULL at the end. `i` counts on from 0. */
const char *elf_const_next(struct bpf_object *object, const char *prefix, int *i);
/* Sets every constant with_P to whether program P is going to be loaded. */
void elf_set_choices(struct bpf_object *object);
/* Where a global variable lies in its section; -ENOENT. */
long elf_global_offset(struct bpf_object *object, const char *section, const char *name,
		       size_t size);
/* What a program attaches to, from its section name ("?tp_btf/sched_switch" -> "sched_switch"). */
const char *elf_target(const struct bpf_program *program);
/* In either form: typed or raw. */
bool elf_on_tracepoint(const struct bpf_program *program);

#endif
