// SPDX-License-Identifier: BSD-3-Clause
#include "stack/text_symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_BYTES   (64U << 20)
#define PERF_MAP_BYTES (128U << 20)

struct reading {
	struct symbol_slot *slots;
	size_t cnt;
};

/* A hexadecimal number with a blank behind it; NULL: there is none. */
static char *hex_read(char *at, u64 *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(at, &end, 16);
	return errno || end == at || *at == '-' || *end != ' ' ? NULL : end + 1;
}

#define KERNEL_SYMBOLS_MAX (1 << 20)
#define KERNEL_FUNCTION \
	(1 << 20) /* no sizes are told: the next symbol ends it, and few are longer */

/* ffffffff81000000 T name, of a module with \t[module] behind it. */
static bool kernel_line(void *ctx, char *line, size_t len)
{
	struct kernel_symbols *k = ctx;
	struct kernel_symbol new = { .name = (u32)k->names.len }, *list;
	char *at = hex_read(line, &new.start);

	(void)len;
	if (!at || !*at || at[1] != ' ' || !strchr("tTwW", *at))
		return true;
	if (k->cnt == k->cap) {
		size_t cap = k->cap ? 2 * k->cap : 4096;

		list = cap > KERNEL_SYMBOLS_MAX ? NULL : reallocarray(k->list, cap, sizeof(*list));
		if (!list)
			return false;
		k->list = list;
		k->cap = cap;
	}
	k->addresses |= new.start != 0;
	buf_add(&k->names, at + 2, strcspn(at + 2, "\t "));
	buf_char(&k->names, '\0');
	k->list[k->cnt++] = new;
	return !k->names.failed;
}

/* Of several names of a function the first one that is told is found. */
static int by_start(const void *a, const void *b)
{
	const struct kernel_symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->name > y->name) - (x->name < y->name);
}

int kernel_symbols_read(struct kernel_symbols *k, int fd)
{
	int err;

	*k = (struct kernel_symbols){ .list = NULL };
	err = lines_read(fd, KERNEL_BYTES, kernel_line, k);
	if (!err && k->names.failed)
		err = -ENOMEM;
	if (!err && !k->addresses)
		err = -EACCES;
	if (!err)
		qsort(k->list, k->cnt, sizeof(*k->list), by_start);
	return err;
}

void kernel_symbols_release(struct kernel_symbols *k)
{
	free(k->list);
	buf_release(&k->names);
	*k = (struct kernel_symbols){ .list = NULL };
}

const char *kernel_symbols_find(const struct kernel_symbols *k, u64 address, u64 *ret_start)
{
	size_t low = 0, high = k->cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (k->list[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - k->list[low - 1].start >= KERNEL_FUNCTION)
		return NULL;
	*ret_start = k->list[low - 1].start;
	while (low > 1 && k->list[low - 2].start == *ret_start)
		low--;
	return k->names.data + k->list[low - 1].name;
}

static bool perf_line(void *ctx, char *line, size_t len)
{
	struct reading *r = ctx;
	struct symbol_slot *slot;
	u64 start, size;
	char *at = hex_read(line, &start);

	if (at)
		at = hex_read(at, &size);
	if (!at || !*at || !size)
		return true;
	slot = symbols_offer(r->slots, r->cnt, start, true);
	if (slot) {
		slot->size = size;
		symbol_name(slot, at, len - (size_t)(at - line));
	}
	return true;
}

int perf_map_find(int fd, struct symbol_slot *slots, size_t cnt)
{
	struct reading r = { slots, cnt };
	int err;

	symbols_begin(slots, cnt);
	err = lines_read(fd, PERF_MAP_BYTES, perf_line, &r);
	symbols_end(slots, cnt);
	return err;
}
