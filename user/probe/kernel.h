/* SPDX-License-Identifier: BSD-3-Clause */
/* What the running kernel is: its types, and which programs it takes. */
#ifndef PROBE_KERNEL_H
#define PROBE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

struct bpf_object;
struct bpf_program;
struct btf;

struct kernel {
	struct btf *btf;     /* its types, until kernel_drop_btf() */
	bool has_btf;	     /* it describes its types itself, as fentry and tp_btf programs need */
	bool typed, storage; /* the constants of bpf/compat.bpf.h */
	/* 0, or why it does not take this program: see kernel_attachable(). Tests put their own answers here. */
	int (*attachable)(const struct kernel *k, const struct bpf_program *program);
};

/*
 * Reads the kernel's types, from the file `btf_path` unless that is NULL. On failure `error` says what to do:
 * -EPERM, or -ENOTSUP when there are none.
 */
int kernel_open(struct kernel *k, const char *btf_path, char *error, size_t error_size);
/* The types take several MiB and only starting needs them. */
void kernel_drop_btf(struct kernel *k);

/* The number of arguments of a tracepoint, 0: there is none of that name. */
u32 kernel_tracepoint_arity(const struct kernel *k, const char *tracepoint);
/* Fills in every constant arity_T of an object with the number of arguments of tracepoint or function T, 0: none. */
void kernel_set_arities(const struct kernel *k, struct bpf_object *object);
/*
 * 0 when the kernel has the program's target, takes programs of its kind there and calls them, else negative errno:
 * -ENOENT no such target, -EPERM, -EOPNOTSUPP the kind is refused, -KERNEL_NO_FTRACE.
 */
int kernel_attachable(const struct kernel *k, const struct bpf_program *program);
/* Attached, is it called? Not when somebody has switched ftrace off, at any time. */
bool kernel_calls(const struct bpf_program *program);

/* With kernel.ftrace_enabled=0 programs on functions attach and are never called. No kernel returns this one here. */
#define KERNEL_NO_FTRACE ESHUTDOWN

/* Why the kernel refuses something (negative errno), in plain words. */
const char *kernel_reason(int err);
/* What to do about it; NULL: nothing that is known. */
const char *kernel_advice(int err);

#endif
