/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Items with small dense numbers (ids) that are used again. Items never move, and lie together in chunks, so that a
 * pass over all of them is linear. An id that is freed is not given out again before slab_recycle(): until
 * then whoever looks at items by id finds either the old owner or nobody.
 */
#ifndef METRIC_SLAB_H
#define METRIC_SLAB_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

#define SLAB_NONE 0xffffffffU

/* In place of a tick in born[]; later than every tick. */
#define SLAB_DEAD 0xfffffffeU /* freed since the last slab_recycle() */
#define SLAB_FREE 0xffffffffU

struct slab {
	size_t item_size;
	unsigned chunk_shift; /* a chunk has 1 << chunk_shift items */
	char **chunks;
	u32 *born; /* by id: the tick of its owner's birth */
	u32 *free; /* ids to give out next, the last one first */
	u32 top;   /* no id from here on has been given out */
	u32 free_cnt, dead_cnt;
};

void slab_release(struct slab *s);
/* A new id whose item is all zeros; SLAB_NONE when there is no memory. */
u32 slab_alloc(struct slab *s, u32 tick);
/* Zeroes the item. */
void slab_free(struct slab *s, u32 id);
/* Ids freed before may be given out from now on. */
void slab_recycle(struct slab *s);

size_t slab_bytes(const struct slab *s);

static inline void *slab_item(const struct slab *s, u32 id)
{
	u32 index = id & ((1U << s->chunk_shift) - 1);

	return s->chunks[id >> s->chunk_shift] + index * s->item_size;
}

#endif
