/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocator of items with small dense ids. Items never move, and lie together in chunks, so that a pass over all of
 * them is linear. A freed id is not given out again before slab_recycle(): until then it has its old owner or none, so
 * readers by id cannot mistake a new owner for the old one.
 */
#ifndef METRIC_SLAB_H
#define METRIC_SLAB_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

#define SLAB_NONE 0xffffffffU

/* In born[] instead of a tick; both compare as later than every tick. */
#define SLAB_DEAD 0xfffffffeU /* freed since the last slab_recycle() */
#define SLAB_FREE 0xffffffffU

struct slab {
	size_t item_size;
	unsigned chunk_shift; /* a chunk has 1 << chunk_shift items */
	char **chunks;
	u32 *born; /* by id: the tick in which its owner was created */
	u32 *free; /* a stack of ids that may be given out */
	u32 top;   /* ids from here on have never been given out */
	u32 free_cnt, dead_cnt;
};

void slab_release(struct slab *s);
/* Returns an id whose item is all zeros, or SLAB_NONE when out of memory. */
u32 slab_alloc(struct slab *s, u32 tick);
/* Zeroes the item. */
void slab_free(struct slab *s, u32 id);
/* Makes the ids that were freed available. */
void slab_recycle(struct slab *s);

size_t slab_bytes(const struct slab *s);

static inline void *slab_item(const struct slab *s, u32 id)
{
	u32 index = id & ((1U << s->chunk_shift) - 1);

	return s->chunks[id >> s->chunk_shift] + index * s->item_size;
}

#endif
