/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events that the kernel did not tell a program of (see `preemptible` in compat.bpf.h). It counts them per program and
 * CPU. Between two switches of a CPU all of them are the running task's, if the program runs in tasks only, and
 * sched_switch loses nothing: its program adds what the count has grown by to the task that leaves the CPU.
 */
#ifndef MISSED_BPF_H
#define MISSED_BPF_H

#include "percpu.bpf.h"
#include "series.bpf.h"

METRIC(service_events_lost_total);

struct missed_program missed_programs[MISSED_PROGRAMS];

struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct missed_cpu, 1, 0) missed_cpus SEC(".maps");

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
} __attribute__((preserve_access_index));

/* What it has missed so far was nobody's. */
static __always_inline void missed_find(u32 i, u64 stats)
{
	u64 misses = stats + bpf_core_field_offset(struct bpf_prog_stats, misses);

	for (u32 id = 0; id < CPUS_MAX && id < cpu_cnt; id++) {
		u32 cpu = id; /* its address is taken: the verifier keeps the bounds of id */
		struct missed_cpu *row = bpf_map_lookup_elem(&missed_cpus, &cpu);
		u64 *offset = bpf_map_lookup_elem(&percpu_offsets, &cpu);

		if (!row || !offset)
			continue;
		bpf_probe_read_kernel(&row->program[i].cnt, sizeof(u64),
				      (void *)(misses + *offset));
		barrier();
		row->program[i].address = misses + *offset;
	}
}

/* Visits all programs of the kernel to find the counts of those in missed_programs. */
SEC("?iter/bpf_prog")
int missed_iter(struct bpf_iter__bpf_prog *it)
{
	struct bpf_prog *prog = it->prog;
	u32 id;

	if (!it->meta->seq_num)
		percpu_offsets_find();
	if (!prog)
		return 0;
	id = BPF_CORE_READ(prog, aux, id);
	for (u32 i = 0; i < MISSED_PROGRAMS; i++)
		if (missed_programs[i].id == id)
			missed_find(i, (u64)BPF_CORE_READ(prog, stats));
	return 0;
}

__noinline int missed_add(u32 i, u32 identity, u64 n)
{
	struct missed_program *program = &missed_programs[i & (MISSED_PROGRAMS - 1)];

	if (identity == IDENTITY_UNKNOWN)
		identity = IDENTITY_OTHER;
	count_add(program->metric ?: service_events_lost_total, identity, program->dim, n);
	return 0;
}

/* The task that leaves the CPU has this identity and this context, NULL: none. Were there ends of system calls? */
static __always_inline bool missed_count(u32 identity, struct task_ctx *tc)
{
	u32 cpu = cpu_id();
	struct missed_cpu *row = bpf_map_lookup_elem(&missed_cpus, &cpu);
	u64 cnt, more;
	bool calls = false;

	if (!row)
		return false;
#pragma unroll
	for (u32 i = 0; i < MISSED_PROGRAMS; i++) {
		if (!row->program[i].address)
			return calls;
		if (bpf_probe_read_kernel(&cnt, sizeof(cnt), (void *)row->program[i].address) ||
		    cnt == row->program[i].cnt)
			continue;
		more = cnt - row->program[i].cnt;
		row->program[i].cnt = cnt;
		calls |= missed_programs[i].with_start;
		if (missed_programs[i].with_start && tc && tc->starting) {
			tc->starting = 0;
			more--;
		}
		if (more)
			missed_add(i, identity, more);
	}
	return calls;
}

#endif
