// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/*
 * The customary design, to compare with: a start stamp in a hash by thread, and at the end a hash with
 * a log2 histogram per (cgroup, system call) on each CPU.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SLOTS 27

struct start {
	__u64 ns;
	__u64 nr;
};

struct key {
	__u64 cgroup;
	__u64 nr;
};

struct value {
	__u64 count, sum_ns;
	__u64 slot[SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct start);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 10240);
	__type(key, struct key);
	__type(value, struct value);
} durations SEC(".maps");

static __always_inline __u32 log2_u32(__u32 v)
{
	__u32 log = (v > 0xffff) << 4, shift;

	v >>= log;
	shift = (v > 0xff) << 3;
	v >>= shift;
	log |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	log |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	return log | shift | (v >> 1);
}

static __always_inline struct value *value_of(const struct key *key)
{
	static const struct value zero;
	struct value *value = bpf_map_lookup_elem(&durations, key);

	if (value)
		return value;
	bpf_map_update_elem(&durations, key, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&durations, key);
}

/* args: regs, number */
SEC("raw_tp/sys_enter")
int customary_enter(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct start start = { bpf_ktime_get_ns(), ctx->args[1] };

	bpf_map_update_elem(&starts, &tid, &start, BPF_ANY);
	return 0;
}

SEC("raw_tp/sys_exit")
int customary_exit(void)
{
	__u32 tid = bpf_get_current_pid_tgid(), slot;
	struct start *start = bpf_map_lookup_elem(&starts, &tid);
	struct value *value;
	struct key key;
	__u64 ns;

	if (!start)
		return 0;
	ns = bpf_ktime_get_ns() - start->ns;
	key = (struct key){ bpf_get_current_cgroup_id(), start->nr };
	bpf_map_delete_elem(&starts, &tid);
	value = value_of(&key);
	if (!value)
		return 0;
	slot = log2_u32(ns / 1000);
	if (slot >= SLOTS)
		slot = SLOTS - 1;
	value->count++;
	value->sum_ns += ns;
	value->slot[slot]++;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
