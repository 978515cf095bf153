// SPDX-License-Identifier: BSD-3-Clause
#include "metric/sparse.h"

#include <string.h>

/*
 * The numbers of a block: first two bit planes with log2 of the size of each number (1, 2, 4 or 8 bytes), then the
 * numbers. The planes tell by counting bits where a number begins, so that one can be read without decoding the others.
 */
#define NUMBERS_SIZE (2 * SPARSE_BLOCK / 8 + SPARSE_BLOCK * sizeof(u64))
#define SLACK	     sizeof(u64) /* every number is loaded and stored as 8 bytes */

static const u64 number_mask[] = { 0xff, 0xffff, 0xffffffff, ~0ULL };

void sparse_writer_reset(struct sparse_writer *w)
{
	buf_reset(&w->group_mask);
	buf_reset(&w->group_first);
	buf_reset(&w->block_mask);
	buf_reset(&w->block_at);
	buf_reset(&w->data);
}

void sparse_writer_release(struct sparse_writer *w)
{
	buf_release(&w->group_mask);
	buf_release(&w->group_first);
	buf_release(&w->block_mask);
	buf_release(&w->block_at);
	buf_release(&w->data);
}

size_t sparse_writer_bytes(const struct sparse_writer *w)
{
	return w->group_mask.cap + w->group_first.cap + w->block_mask.cap + w->block_at.cap +
	       w->data.cap;
}

bool sparse_writer_failed(const struct sparse_writer *w)
{
	return w->group_mask.failed || w->group_first.failed || w->block_mask.failed ||
	       w->block_at.failed || w->data.failed;
}

/* Moves the sign to the lowest bit, so that small negative numbers are short as well. */
static inline u64 zigzag(s64 value)
{
	return (u64)value << 1 ^ (value < 0 ? ~0ULL : 0);
}

static inline s64 unzigzag(u64 number)
{
	return (s64)(number >> 1 ^ -(number & 1));
}

static inline u64 load(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline u64 low_bits(u32 cnt)
{
	return cnt < 64 ? (1ULL << cnt) - 1 : ~0ULL;
}

/* Encodes the numbers of a block; `any` is all of them ORed. Returns the end. */
static u8 *numbers_write(u8 *at, const u64 *number, u32 cnt, u64 any)
{
	u32 plane_size = (cnt + 7) / 8;
	u8 *p = at + 2 * plane_size;
	u64 low = 0, high = 0;

	for (u32 i = 0; i < cnt && any > 0xff; i++) {
		u64 v = number[i], log = (v > 0xff) + (v > 0xffff) + (v > 0xffffffff);

		low |= (log & 1) << i;
		high |= (log >> 1) << i;
		memcpy(p, &v, sizeof(v));
		p += 1U << log;
	}
	/* most blocks have small numbers only */
	for (u32 i = 0; i < cnt && any <= 0xff; i++)
		*p++ = (u8)number[i];
	memcpy(at, &low, plane_size);
	memcpy(at + plane_size, &high, plane_size);
	return p;
}

static void group_append(struct sparse_writer *w, u32 group)
{
	u64 none = 0;
	u32 first = (u32)(w->block_mask.len / sizeof(u64));

	while (w->group_mask.len / sizeof(u64) <= group && !w->group_mask.failed) {
		buf_add(&w->group_mask, &none, sizeof(none));
		buf_add(&w->group_first, &first, sizeof(first));
	}
}

void sparse_put(struct sparse_writer *w, u32 block, u64 mask, const s64 value[SPARSE_BLOCK])
{
	u8 bytes[NUMBERS_SIZE + SLACK], *end;
	u64 number[SPARSE_BLOCK], any = 0;
	u32 at = (u32)w->data.len, group = block / 64, cnt = 0;

	if (!mask)
		return;
	for (u64 left = mask; left; left &= left - 1, cnt++) {
		number[cnt] = zigzag(value[__builtin_ctzll(left)]);
		any |= number[cnt];
	}
	group_append(w, group);
	if (!w->group_mask.failed)
		((u64 *)w->group_mask.data)[group] |= 1ULL << block % 64;
	buf_add(&w->block_mask, &mask, sizeof(mask));
	buf_add(&w->block_at, &at, sizeof(at));
	end = numbers_write(bytes, number, cnt, any);
	buf_add(&w->data, bytes, (size_t)(end - bytes));
}

size_t sparse_size(const struct sparse_writer *w)
{
	size_t bytes = w->group_mask.len + w->block_mask.len + w->group_first.len +
		       w->block_at.len + w->data.len + SLACK;

	return (bytes + 7) & ~(size_t)7;
}

static void *store(char **at, const struct buf *b)
{
	char *here = *at;

	if (b->len)
		memcpy(here, b->data, b->len);
	*at += b->len;
	return here;
}

void sparse_store(const struct sparse_writer *w, void *memory, struct sparse *ret)
{
	char *at = memory;

	ret->group_cnt = (u32)(w->group_mask.len / sizeof(u64));
	ret->group_mask = store(&at, &w->group_mask);
	ret->block_mask = store(&at, &w->block_mask);
	ret->group_first = store(&at, &w->group_first);
	ret->block_at = store(&at, &w->block_at);
	ret->data = store(&at, &w->data);
}

/* Finds the index of a block among the present ones. */
static inline bool block_find(const struct sparse *v, u32 block, u32 *ret)
{
	u64 mask = sparse_group(v, block / 64), bit = 1ULL << block % 64;

	if (!(mask & bit))
		return false;
	*ret = v->group_first[block / 64] + (u32)__builtin_popcountll(mask & (bit - 1));
	return true;
}

static inline void element_add(s64 *element, u64 number)
{
	*element = (s64)((u64)*element + (u64)unzigzag(number));
}

u64 sparse_block_add(const struct sparse *v, u32 block, s64 value[SPARSE_BLOCK])
{
	u32 at, cnt, plane_size;
	u64 low, high, mask;
	const u8 *p;

	if (!block_find(v, block, &at))
		return 0;
	mask = v->block_mask[at];
	cnt = (u32)__builtin_popcountll(mask);
	plane_size = (cnt + 7) / 8;
	p = v->data + v->block_at[at];
	low = load(p) & low_bits(cnt);
	high = load(p + plane_size) & low_bits(cnt);
	p += 2 * plane_size;
	for (u64 left = low | high ? 0 : mask; left; left &= left - 1)
		element_add(&value[__builtin_ctzll(left)], *p++);
	for (u64 left = low | high ? mask : 0; left; left &= left - 1, low >>= 1, high >>= 1) {
		u64 log = (low & 1) | (high & 1) << 1;

		element_add(&value[__builtin_ctzll(left)], load(p) & number_mask[log]);
		p += 1U << log;
	}
	return mask;
}

s64 sparse_get(const struct sparse *v, u32 id)
{
	u64 bit = 1ULL << id % SPARSE_BLOCK, low, high, mask;
	u32 at, before, plane_size;
	const u8 *p;

	if (!block_find(v, id / SPARSE_BLOCK, &at) || !(v->block_mask[at] & bit))
		return 0;
	mask = v->block_mask[at];
	before = (u32)__builtin_popcountll(mask & (bit - 1));
	plane_size = ((u32)__builtin_popcountll(mask) + 7) / 8;
	p = v->data + v->block_at[at];
	low = load(p);
	high = load(p + plane_size);
	p += 2 * plane_size + before;
	mask = low_bits(before);
	p += __builtin_popcountll((low | high) & mask);
	p += 2 * __builtin_popcountll(high & mask);
	p += 4 * __builtin_popcountll(low & high & mask);
	return unzigzag(load(p) & number_mask[(low >> before & 1) | (high >> before & 1) << 1]);
}
