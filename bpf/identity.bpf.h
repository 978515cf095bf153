/* SPDX-License-Identifier: GPL-2.0-only */
/* Rows of the identity table: allocating one, recording its cgroup, publishing it under its key. */
#ifndef IDENTITY_BPF_H
#define IDENTITY_BPF_H

#include "core.bpf.h"

#define PROGRAM_NONE 1 /* the program's part of the key of tasks without a file */

#define CGROUP_DEPTH 128 /* components of a path at most */

struct TABLE(BPF_MAP_TYPE_HASH, struct identity_key, u32, 1, 0) identity_ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__type(value, struct id_range);
	__uint(max_entries, 1);
} free_identities SEC(".maps");

/* Those that find no room are looked up when they are named. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} arrivals SEC(".maps");

static __always_inline void arrival_tell(u32 identity, u32 monitor)
{
	struct arrival a = { identity, monitor };

	bpf_ringbuf_output(&arrivals, &a, sizeof(a), 0);
}

static __always_inline struct identity *identity_row(u32 id)
{
	return bpf_map_lookup_elem(&identities, &id);
}

/* A free row and its id, exclusively the caller's until it is published or freed; NULL: none left. */
static __always_inline struct identity *identity_alloc(u32 *id)
{
	return id_alloc(&free_identities, id) ? identity_row(*id) : NULL;
}

/*
 * Functions with loops are global: the verifier checks each once, by itself, instead of along every path that calls
 * it. That is why they take numbers and addresses, never pointers that the verifier tracks.
 */

/* Does the name end as those of systemd's units do? */
static __always_inline bool cgroup_is_unit(const char *name, long size)
{
	u64 end = 0;

	if (size <= (long)sizeof(end))
		return false;
	bpf_probe_read_kernel(&end, sizeof(end), name + size - 1 - sizeof(end));
	return end == 0x656369767265732eULL /* .service */ ||
	       end >> 16 == 0x65706f63732eULL /* .scope */ ||
	       end >> 16 == 0x6563696c732eULL /* .slice */;
}

/*
 * Appends the name of the kernfs_node to the row's cgroups. Returns the one above it, 0: that is all. Of a path that takes
 * more than half of the space the rest has only units: it is they that give names.
 */
__noinline u64 cgroup_name_append(u32 id, u64 node)
{
	struct kernfs_node *kn = (void *)node, *parent = kernfs_parent(kn);
	struct identity *row = identity_row(id);
	const char *name;
	u32 len;
	long n;

	if (!row || !parent || row->cgroups_len >= IDENTITY_CGROUPS)
		return 0;
	len = row->cgroups_len;
	name = BPF_CORE_READ(kn, name);
	n = bpf_probe_read_kernel_str(&row->cgroups[len & (IDENTITY_CGROUPS - 1)], IDENTITY_NAME,
				      name);
	if (n <= 1)
		return 0;
	if (len < IDENTITY_CGROUPS / 2 || cgroup_is_unit(name, n))
		row->cgroups_len = len + n;
	return (u64)parent;
}

/* Appends the reversed path from the kernfs_node up to its root to the row's cgroups. */
__noinline int cgroup_path_append(u32 id, u64 node)
{
	struct identity *row = identity_row(id);

	for (int i = 0; i < CGROUP_DEPTH && node; i++)
		node = cgroup_name_append(id, node);
	if (!row)
		return 0;
	if (row->cgroups_len < IDENTITY_CGROUPS)
		row->cgroups[row->cgroups_len & (IDENTITY_CGROUPS - 1)] = '\0';
	row->cgroups_len++;
	return 0;
}

/* Publishes the row under its key. If another CPU was first, frees the id and returns that CPU's. */
static __always_inline u32 identity_publish(u32 id, struct identity *row)
{
	struct identity_state *state = bpf_map_lookup_elem(&identity_states, &id);
	u32 *found;

	if (state && !bpf_map_update_elem(&identity_ids, &row->key, &id, BPF_NOEXIST)) {
		barrier();
		state->live = 1;
		if (row->key.cgroups)
			arrival_tell(id, 0);
		return id;
	}
	id_free(&free_identities, id);
	found = bpf_map_lookup_elem(&identity_ids, &row->key);
	return found ? *found : IDENTITY_OTHER;
}

#endif
