/* SPDX-License-Identifier: GPL-2.0-only */
/* Rows of the identity table: taking one, naming its cgroup, publishing it under its key. */
#ifndef IDENTITY_BPF_H
#define IDENTITY_BPF_H

#include "core.bpf.h"

#define DEPTH 16 /* components of a path */

struct TABLE(BPF_MAP_TYPE_HASH, struct identity_key, u32, 1, 0) identity_ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__type(value, u32);
	__uint(max_entries, 1);
} free_identities SEC(".maps");

static __always_inline u64 hash_mix(u64 hash, u64 v)
{
	hash = (hash ^ v) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 29);
}

/* Appends the names from `kn` up to its root to the chains; returns the new length. */
static __noinline u32 chain_kernfs(struct identity *row, struct kernfs_node *kn, u32 len)
{
	for (int i = 0; i < DEPTH && kn; i++) {
		struct kernfs_node *parent = kernfs_parent(kn);
		long n;

		if (!parent || len >= IDENTITY_CGROUPS)
			break;
		n = bpf_probe_read_kernel_str(&row->cgroups[len & (IDENTITY_CGROUPS - 1)],
					      IDENTITY_NAME, BPF_CORE_READ(kn, name));
		if (n <= 1)
			break;
		len += n;
		kn = parent;
	}
	if (len < IDENTITY_CGROUPS)
		row->cgroups[len & (IDENTITY_CGROUPS - 1)] = '\0';
	return len + 1;
}

static __always_inline struct identity *identity_row(u32 id)
{
	return bpf_map_lookup_elem(&identities, &id);
}

/* Publishes the row under its key, or gives the number back and returns that of who was first. */
static __always_inline u32 identity_publish(u32 id, struct identity *row)
{
	struct identity_state *state = bpf_map_lookup_elem(&identity_states, &id);
	u32 *found;

	if (state && !bpf_map_update_elem(&identity_ids, &row->key, &id, BPF_NOEXIST)) {
		barrier();
		state->live = 1;
		return id;
	}
	bpf_map_push_elem(&free_identities, &id, 0);
	found = bpf_map_lookup_elem(&identity_ids, &row->key);
	return found ? *found : IDENTITY_OTHER;
}

#endif
