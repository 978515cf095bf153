/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vectors of which most elements are 0: those that are not lie in blocks of 64, each with a mask of who is there, as
 * numbers of as many bytes as they need. An element is found by counting bits, without a loop.
 */
#ifndef METRIC_SPARSE_H
#define METRIC_SPARSE_H

#include "lib/buf.h"
#include "types.h"

#define SPARSE_BLOCK 64

/* Points into the memory that sparse_store() wrote. */
struct sparse {
	const u64 *group_mask;	/* of 64 blocks: those that are there */
	const u64 *block_mask;	/* of 64 elements: those that are there */
	const u32 *group_first; /* number of the group's first block, among those that are there */
	const u32 *block_at;	/* where the block's numbers begin in `data` */
	const u8 *data;
	u32 group_cnt;
};

/* A vector as it grows; all zeros is empty. */
struct sparse_writer {
	struct buf group_mask, group_first, block_mask, block_at, data;
};

void sparse_writer_reset(struct sparse_writer *w);
void sparse_writer_release(struct sparse_writer *w);
/* How much memory the writer itself has. */
size_t sparse_writer_bytes(const struct sparse_writer *w);
bool sparse_writer_failed(const struct sparse_writer *w);
/* Appends a block: the elements in the mask. Blocks come in increasing order. */
void sparse_put(struct sparse_writer *w, u32 block, u64 mask, const s64 value[SPARSE_BLOCK]);
/* What sparse_store() will need, a multiple of 8. */
size_t sparse_size(const struct sparse_writer *w);
void sparse_store(const struct sparse_writer *w, void *memory, struct sparse *ret);

/* Adds a block's elements to `value` and returns the mask of them. */
u64 sparse_block_add(const struct sparse *v, u32 block, s64 value[SPARSE_BLOCK]);
s64 sparse_get(const struct sparse *v, u32 id);

/* Which elements are not 0. */
static inline u64 sparse_mask(const s64 value[SPARSE_BLOCK])
{
	u64 mask = 0;

	for (u32 i = 0; i < SPARSE_BLOCK; i++)
		mask |= (u64)(value[i] != 0) << i;
	return mask;
}

/* Which of a group's 64 blocks are there. */
static inline u64 sparse_group(const struct sparse *v, u32 group)
{
	return group < v->group_cnt ? v->group_mask[group] : 0;
}

#endif
