/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compressed sparse vectors of 64-bit numbers. Elements lie in blocks of 64; a block has a mask of its non-zero elements and
 * stores those in 1, 2, 4 or 8 bytes each. Random access takes a few popcounts and no loop.
 */
#ifndef METRIC_SPARSE_H
#define METRIC_SPARSE_H

#include "lib/buf.h"
#include "types.h"

#define SPARSE_BLOCK 64

/* Points into the memory that sparse_store() wrote. */
struct sparse {
	const u64 *group_mask;	/* per 64 blocks: which are present */
	const u64 *block_mask;	/* per present block: which elements are */
	const u32 *group_first; /* index of the group's first block among the present ones */
	const u32 *block_at;	/* offset of the block's numbers in `data` */
	const u8 *data;
	u32 group_cnt;
};

/* Builds a vector; all zeros is an empty one. */
struct sparse_writer {
	struct buf group_mask, group_first, block_mask, block_at, data;
};

void sparse_writer_reset(struct sparse_writer *w);
void sparse_writer_release(struct sparse_writer *w);
/* Memory that the writer has allocated. */
size_t sparse_writer_bytes(const struct sparse_writer *w);
bool sparse_writer_failed(const struct sparse_writer *w);
/* Appends the elements of a block that are in the mask. Blocks must come in increasing order. */
void sparse_put(struct sparse_writer *w, u32 block, u64 mask, const s64 value[SPARSE_BLOCK]);
/* Size of what sparse_store() writes, a multiple of 8. */
size_t sparse_size(const struct sparse_writer *w);
void sparse_store(const struct sparse_writer *w, void *memory, struct sparse *ret);

/* Adds the elements of a block to `value`; returns their mask. */
u64 sparse_block_add(const struct sparse *v, u32 block, s64 value[SPARSE_BLOCK]);
s64 sparse_get(const struct sparse *v, u32 id);

/* Mask of the elements that are not 0. */
static inline u64 sparse_mask(const s64 value[SPARSE_BLOCK])
{
	u64 mask = 0;

	for (u32 i = 0; i < SPARSE_BLOCK; i++)
		mask |= (u64)(value[i] != 0) << i;
	return mask;
}

/* Mask of the present blocks of a group. */
static inline u64 sparse_group(const struct sparse *v, u32 group)
{
	return group < v->group_cnt ? v->group_mask[group] : 0;
}

#endif
