/* SPDX-License-Identifier: GPL-2.0-only */
/* Where each CPU's copy of one of the kernel's per-CPU variables is. */
#ifndef PERCPU_BPF_H
#define PERCPU_BPF_H

#include "core.bpf.h"

/*
 * Each CPU's per-CPU offset: the distance from the address of a per-CPU variable to the CPU's own copy. Programs
 * cannot read __per_cpu_offset, but they get the address of each CPU's value of a table, and the table contains the
 * address that this is relative to.
 */
#define CPUS_MAX 1024

struct TABLE(BPF_MAP_TYPE_ARRAY, u32, u64, CPUS_MAX, 0) percpu_offsets SEC(".maps");
struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, u64, 1, 0) percpu_anchor SEC(".maps");

/* A pointer as a number: the verifier loses track of the type once the value went through a table. */
static __always_inline u64 address_of(void *volatile *room, void *pointer)
{
	*room = pointer;
	return *(volatile u64 *)room;
}

__noinline int percpu_offsets_find(void)
{
	u32 zero = 0;
	u64 *first = bpf_map_lookup_elem(&percpu_offsets, &zero), anchor;

	/* 07343110b293 ("bpf: add bpf_map_lookup_percpu_elem for percpu map"), 5.19 */
	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_map_lookup_percpu_elem) ||
	    !first)
		return 0;
	anchor = map_percpu_address(address_of((void *volatile *)first, &percpu_anchor));
	for (u32 i = 0; i < CPUS_MAX && i < cpu_cnt; i++) {
		u32 cpu = i; /* its address is taken: the verifier keeps the bounds of i */
		u64 *offset = bpf_map_lookup_elem(&percpu_offsets, &cpu);
		void *value = bpf_map_lookup_percpu_elem(&percpu_anchor, &zero, cpu);

		if (offset && value)
			*offset = address_of((void *volatile *)offset, value) - anchor;
	}
	return 0;
}

#endif
