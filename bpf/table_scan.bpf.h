/* SPDX-License-Identifier: GPL-2.0-only */
/* Scans of tables: a body is called with each entry of a table, at each reading. */
#ifndef TABLE_SCAN_BPF_H
#define TABLE_SCAN_BPF_H

#include "compat.bpf.h"

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
} __attribute__((preserve_access_index));

/*
 * Some kernels refuse iterators whose programs can write to the entries of a table. There the iterator over all tables, at its
 * end, when it has none, walks through this one: 69c087ba6225 ("bpf: Add bpf_for_each_map_elem() helper"), 5.13.
 */
#define TABLE_EACH(name, table, visit, end)                    \
	SEC("?iter/bpf_map")                                   \
	int name(struct bpf_iter__bpf_map *it)                 \
	{                                                      \
		if (it->map)                                   \
			return 0;                              \
		bpf_for_each_map_elem(&table, visit, NULL, 0); \
		return end;                                    \
	}

/*
 * One body, two programs, as those of TRACEPOINT(): NAME_elem is an iterator over the entries of the table, NAME_each walks
 * through them. Once more at the end both call the body without an entry.
 */
#define TABLE_SCAN(name, table, key_type, value_type)                                   \
	static __always_inline int on_##name(const key_type *entry, value_type *value); \
	SEC("?iter/bpf_map_elem")                                                       \
	int name##_elem(struct bpf_iter__bpf_map_elem *it)                              \
	{                                                                               \
		return on_##name(it->key, it->value);                                   \
	}                                                                               \
	static long name##_visit(struct bpf_map *map, const void *entry, void *value,   \
				 void *unused)                                          \
	{                                                                               \
		if (entry) /* the end takes more frames than are left here */           \
			on_##name(entry, value);                                        \
		return 0;                                                               \
	}                                                                               \
	TABLE_EACH(name##_each, table, name##_visit, on_##name(NULL, NULL))             \
	static __always_inline int on_##name(const key_type *entry, value_type *value)

#endif
