// SPDX-License-Identifier: BSD-3-Clause
#include "stack/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/utf8.h"

/* A symbol without a size, written in assembly, is believed as far as that. */
#define SIZE_UNKNOWN 4096

static int by_address(const void *a, const void *b)
{
	u64 x = ((const struct symbol_slot *)a)->address,
	    y = ((const struct symbol_slot *)b)->address;

	return (x > y) - (x < y);
}

void symbols_begin(struct symbol_slot *slots, size_t cnt)
{
	qsort(slots, cnt, sizeof(*slots), by_address);
}

struct symbol_slot *symbols_offer(struct symbol_slot *slots, size_t cnt, u64 start, bool newer)
{
	size_t low = 0, high = cnt;
	struct symbol_slot *slot;

	/* the first address that is not before the symbol; those behind it are told in symbols_end() */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (slots[middle].address < start)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == cnt)
		return NULL;
	slot = &slots[low];
	if (slot->found && (start < slot->start || (start == slot->start && !newer)))
		return NULL;
	slot->found = true;
	slot->start = start;
	return slot;
}

static bool holds(const struct symbol_slot *slot, u64 address)
{
	u64 size = slot->size ? slot->size : SIZE_UNKNOWN;

	return slot->found && address >= slot->start && address - slot->start < size;
}

void symbols_end(struct symbol_slot *slots, size_t cnt)
{
	const struct symbol_slot *last = NULL; /* the nearest one that is before an address */

	for (size_t i = 0; i < cnt; i++) {
		const struct symbol_slot own = slots[i];

		if (own.found) {
			last = &slots[i];
		} else if (last) {
			slots[i] = *last;
			slots[i].address = own.address;
			slots[i].index = own.index;
		}
	}
	for (size_t i = 0; i < cnt; i++)
		slots[i].found = holds(&slots[i], slots[i].address);
}

void symbol_name(struct symbol_slot *slot, const char *name, size_t len)
{
	if (len >= sizeof(slot->name))
		len = sizeof(slot->name) - 1;
	memcpy(slot->name, name, len);
	slot->name[len] = '\0';
	utf8_mask(slot->name, "");
}

struct line {
	char text[LINE_BYTES + 1];
	size_t len;
};

static bool line_end(struct line *line, bool (*take)(void *, char *, size_t), void *ctx)
{
	size_t len = line->len;

	line->text[len] = '\0';
	line->len = 0;
	return take(ctx, line->text, len);
}

int lines_read(int fd, u64 max, bool (*take)(void *, char *, size_t), void *ctx)
{
	struct line line = { .len = 0 };
	char block[16384];
	u64 bytes = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		const char *at = block, *end = block + n;

		bytes += (u64)n;
		if (bytes > max)
			return -EFBIG;
		while (at < end) {
			const char *newline = memchr(at, '\n', (size_t)(end - at));
			size_t len = (size_t)((newline ? newline : end) - at);
			size_t room = LINE_BYTES - line.len;

			memcpy(line.text + line.len, at, len < room ? len : room);
			line.len += len < room ? len : room;
			at += len + (newline != NULL);
			if (newline && !line_end(&line, take, ctx))
				return 0;
		}
	}
	if (n < 0)
		return -errno;
	if (line.len)
		line_end(&line, take, ctx);
	return 0;
}
