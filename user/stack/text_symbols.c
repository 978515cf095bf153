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
	bool addresses; /* some were told */
};

/* A hexadecimal number with a blank behind it; NULL: there is none. */
static char *hex_read(char *at, u64 *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(at, &end, 16);
	return errno || end == at || *at == '-' || *end != ' ' ? NULL : end + 1;
}

/* ffffffff81000000 T name, of a module with \t[module] behind it. */
static bool kernel_line(void *ctx, char *line, size_t len)
{
	struct reading *r = ctx;
	struct symbol_slot *slot;
	u64 start;
	char *at = hex_read(line, &start);

	(void)len;
	if (!at || !*at || at[1] != ' ' || !strchr("tTwW", *at))
		return true;
	r->addresses |= start != 0;
	slot = symbols_offer(r->slots, r->cnt, start, false);
	if (slot) {
		at += 2;
		symbol_name(slot, at, strcspn(at, "\t "));
		slot->size =
			1
			<< 20; /* no sizes are told: the next symbol ends it, and few are longer */
	}
	return true;
}

int kernel_symbols_find(int fd, struct symbol_slot *slots, size_t cnt)
{
	struct reading r = { slots, cnt, false };
	int err;

	symbols_begin(slots, cnt);
	err = lines_read(fd, KERNEL_BYTES, kernel_line, &r);
	symbols_end(slots, cnt);
	return err ?: r.addresses ? 0 : -EACCES;
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
	struct reading r = { slots, cnt, false };
	int err;

	symbols_begin(slots, cnt);
	err = lines_read(fd, PERF_MAP_BYTES, perf_line, &r);
	symbols_end(slots, cnt);
	return err;
}
