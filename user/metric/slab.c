// SPDX-License-Identifier: BSD-3-Clause
#include "metric/slab.h"

#include <stdlib.h>
#include <string.h>

static u32 chunk_cnt(const struct slab *s)
{
	return (s->top + (1U << s->chunk_shift) - 1) >> s->chunk_shift;
}

void slab_release(struct slab *s)
{
	for (u32 i = 0; i < chunk_cnt(s); i++)
		free(s->chunks[i]);
	free(s->chunks);
	free(s->born);
	free(s->free);
	*s = (struct slab){ .item_size = s->item_size, .chunk_shift = s->chunk_shift };
}

static bool array_grow(u32 **array, size_t cnt)
{
	u32 *grown = reallocarray(*array, cnt, sizeof(**array));

	if (grown)
		*array = grown;
	return grown;
}

/* Adds a chunk; every item of the existing ones must have been given out. */
static bool slab_grow(struct slab *s)
{
	u32 cnt = chunk_cnt(s);
	size_t items = (size_t)(cnt + 1) << s->chunk_shift;
	char **chunks = reallocarray(s->chunks, cnt + 1, sizeof(*chunks));

	if (!chunks)
		return false;
	s->chunks = chunks;
	if (!array_grow(&s->born, items) || !array_grow(&s->free, items))
		return false;
	memset(&s->born[s->top], 0xff, sizeof(*s->born) << s->chunk_shift); /* SLAB_FREE */
	chunks[cnt] = calloc(1U << s->chunk_shift, s->item_size);
	return chunks[cnt];
}

u32 slab_alloc(struct slab *s, u32 tick)
{
	bool all_used = !(s->top & ((1U << s->chunk_shift) - 1));
	u32 id;

	if (!s->free_cnt && all_used && !slab_grow(s))
		return SLAB_NONE;
	id = s->free_cnt ? s->free[--s->free_cnt] : s->top++;
	s->born[id] = tick;
	return id;
}

void slab_free(struct slab *s, u32 id)
{
	memset(slab_item(s, id), 0, s->item_size);
	s->born[id] = SLAB_DEAD;
	s->dead_cnt++;
}

void slab_recycle(struct slab *s)
{
	for (u32 id = 0; s->dead_cnt; id++) {
		if (s->born[id] != SLAB_DEAD)
			continue;
		s->born[id] = SLAB_FREE;
		s->free[s->free_cnt++] = id;
		s->dead_cnt--;
	}
}

size_t slab_bytes(const struct slab *s)
{
	size_t items = (size_t)chunk_cnt(s) << s->chunk_shift;

	return items * (s->item_size + sizeof(*s->born) + sizeof(*s->free)) +
	       chunk_cnt(s) * sizeof(*s->chunks);
}
