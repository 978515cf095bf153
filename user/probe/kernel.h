/* SPDX-License-Identifier: BSD-3-Clause */
/* The running kernel: its BTF, and which programs it accepts. */
#ifndef PROBE_KERNEL_H
#define PROBE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

struct bpf_object;
struct bpf_program;
struct btf;

struct kernel {
	struct btf *btf; /* of the running kernel, until kernel_drop_btf() */
	bool has_btf;	 /* /sys/kernel/btf/vmlinux exists, which fentry and tp_btf programs need */
	bool typed, storage, preemptible; /* the constants of bpf/compat.bpf.h */
	bool iterates_tables; /* does not refuse iterators over the entries of tables, which can write there */
	/* kernel_attachable(), or a fake in tests */
	int (*attachable)(const struct kernel *k, const struct bpf_program *program);
};

/*
 * Reads the kernel's BTF, from the file `btf_path` unless that is NULL. On failure -EPERM or -ENOTSUP (no BTF), and
 * `error` says what to do.
 */
int kernel_open(struct kernel *k, const char *btf_path, char *error, size_t error_size);
/* Reads only the BTF again, after it was dropped. 0 or negative errno. */
int kernel_load_btf(struct kernel *k, const char *btf_path);
/* Frees the BTF, which takes several MiB and is only needed at start. */
void kernel_drop_btf(struct kernel *k);

/* The number of arguments of a tracepoint, 0 if it does not exist. */
u32 kernel_tracepoint_arity(const struct kernel *k, const char *tracepoint);
/* Sets every constant arity_T of an object: the number of arguments of tracepoint or function T, 0 if there is no T. */
void kernel_set_arities(const struct kernel *k, struct bpf_object *object);
/*
 * 0 if this kernel can attach the program to its target and will call it, else negative errno: -ENOENT (no such
 * target), -EPERM or -EOPNOTSUPP (programs of this kind are refused), -KERNEL_NO_FTRACE, -KERNEL_NO_TRACEFS.
 */
int kernel_attachable(const struct kernel *k, const struct bpf_program *program);
/* Is a program put on several functions of a file at once? Each that it is put on alone takes the kernel a while to let go of. */
bool kernel_has_uprobe_multi(const struct kernel *k);
/* Will the program, if attached, be called? False while ftrace, which it needs, is disabled; can change at any time. */
bool kernel_calls(const struct bpf_program *program);

/* With kernel.ftrace_enabled=0 programs on functions attach but are never called. An errno that no kernel returns here. */
#define KERNEL_NO_FTRACE ESHUTDOWN
/* The number of a tracepoint, which classic programs are attached by, cannot be read. */
#define KERNEL_NO_TRACEFS ENOMEDIUM
/* The program is for kernels that preempt tracepoint programs. */
#define KERNEL_NOT_PREEMPTIBLE ENOANO

/* The kernel has no programs on functions of others. */
#define KERNEL_NO_UPROBES ENOCSI

/* The daemon is in a PID namespace of its own; an errno that no kernel returns here either. */
#define KERNEL_PID_NAMESPACE ENOTUNIQ

/*
 * 0; -KERNEL_PID_NAMESPACE: task iterators and /proc would show only the tasks of a container, and all others seem to have
 * ended.
 */
int kernel_check_namespace(void);

/* Of the library in use, which may be another than the one of the build: "1.1". */
const char *kernel_libbpf_version(void);

/* Explains a negative errno of the kernel's in plain words. */
const char *kernel_reason(int err);
/* What to do about it, NULL if there is no advice. */
const char *kernel_advice(int err);

#endif
