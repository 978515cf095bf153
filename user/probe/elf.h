/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading and presetting BPF objects by the names in their BTF. */
#ifndef PROBE_ELF_H
#define PROBE_ELF_H

#include <stddef.h>

#include "probe/probe.h"

struct btf;

/* Opens a built-in object without loading it; `btf`: a file with the kernel's types, or NULL. NULL with errno. */
struct bpf_object *elf_open(const struct elf *elf, const char *name, const char *btf);
/* Sets a constant (.rodata) before loading; -ENOENT, or -EINVAL when the size is another. */
int elf_const_set(struct bpf_object *object, const char *name, const void *value, size_t size);
/* Fills in every constant arity_T with the number of arguments of tracepoint or function T here, 0: none. */
void elf_set_arities(struct bpf_object *object, const struct btf *kernel);
/* Sets every constant with_P to whether program P is going to be loaded. */
void elf_set_choices(struct bpf_object *object);
/* The number of arguments of a tracepoint, 0: there is none of that name. */
u32 elf_tracepoint_arity(const struct btf *kernel, const char *tracepoint);
/* Where a global variable lies in its section; -ENOENT. */
long elf_global_offset(struct bpf_object *object, const char *section, const char *name,
		       size_t size);
/* What a program attaches to, from its section name ("?tp_btf/sched_switch" -> "sched_switch"). */
const char *elf_target(const struct bpf_program *program);
/*
 * 0 when the kernel has the program's target and takes programs of its kind there, else negative errno:
 * -ENOENT no such target, -EPERM, -EOPNOTSUPP the kind is refused. `kernel` are its types, `typed` whether
 * it knows them itself.
 */
int elf_attachable(const struct bpf_program *program, const struct btf *kernel, bool typed);
/* In either form: typed or raw. */
bool elf_on_tracepoint(const struct bpf_program *program);
/* Its pointers are plain numbers to the verifier: raw tracepoints and kprobes. */
bool elf_untyped(const struct bpf_program *program);

#endif
