/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds and sets variables of BPF objects by the names in their BTF. */
#ifndef PROBE_ELF_H
#define PROBE_ELF_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

struct bpf_object;
struct bpf_program;

/* An object file embedded in the binary; PROBE_ELF(x) declares that of bpf/x.bpf.c. */
struct elf {
	const u8 *start, *end;
};
#define PROBE_ELF(x)                                        \
	extern const u8 bpf_##x##_start[], bpf_##x##_end[]; \
	static const struct elf x##_elf = { bpf_##x##_start, bpf_##x##_end }

/* Opens an embedded object without loading it; `btf`: file with the kernel's BTF, or NULL. On failure NULL and errno. */
struct bpf_object *elf_open(const struct elf *elf, const char *name, const char *btf);
/* Sets a constant (.rodata) before loading. -ENOENT: no such constant; -EINVAL: its size differs. */
int elf_const_set(struct bpf_object *object, const char *name, const void *value, size_t size);
/* Iterates over the constants whose names start with `prefix`, `*i` from 0: the rest of the name, NULL at the end. */
const char *elf_const_next(struct bpf_object *object, const char *prefix, int *i);
/* Sets every constant with_P: whether program P will be loaded. */
void elf_set_choices(struct bpf_object *object);
/* Offset of a global variable in its section, or -ENOENT. */
long elf_global_offset(struct bpf_object *object, const char *section, const char *name,
		       size_t size);
/* What a program attaches to, from its section name ("?tp_btf/sched_switch" -> "sched_switch"). */
const char *elf_target(const struct bpf_program *program);
/* kretprobe.multi */
bool elf_multi(const struct bpf_program *program);
/* Is it on functions of programs and libraries, which are named when it is attached? */
bool elf_in_user(const struct bpf_program *program);
/* Is it an iterator over the entries of one table, which is named when it is attached? */
bool elf_iterates_table(const struct bpf_program *program);
/* tp_btf, raw_tp or tp */
bool elf_on_tracepoint(const struct bpf_program *program);

#endif
