/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds the symbols of some addresses in a table of any size, which is read once and not kept: memory depends on the number of
 * addresses alone, whatever a file says that others have written.
 */
#ifndef STACK_SEARCH_H
#define STACK_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

#define SYMBOL_NAME 160 /* longer names are cut off */

struct symbol_slot {
	u64 address; /* looked for */
	u32 index;   /* the caller's: which address it is, where slots are sorted */
	bool found;
	u64 start, size; /* of the symbol; size 0: not known */
	u64 name_at;	 /* for tables that keep names apart */
	char name[SYMBOL_NAME];
};

/* Sorts the slots by address, before the first symbol is offered; addresses may occur more than once. */
void symbols_begin(struct symbol_slot *slots, size_t cnt);
/*
 * A symbol begins at `start`: the slot that it has to be noted in, because it is the last one before an address so far, NULL:
 * none. Of those that begin at the same place the last one is taken if `newer`, otherwise the first.
 */
struct symbol_slot *symbols_offer(struct symbol_slot *slots, size_t cnt, u64 start, bool newer);
/* After the last symbol: only slots stay found whose address is in their symbol. */
void symbols_end(struct symbol_slot *slots, size_t cnt);
/* Stores a name, cut off; bytes that no terminal should get become '?'. */
void symbol_name(struct symbol_slot *slot, const char *name, size_t len);

/*
 * Reads lines from a descriptor, each up to LINE_BYTES: what is longer is cut off. Stops after `max` bytes, or when `take`
 * returns false. 0, -EFBIG or negative errno.
 */
#define LINE_BYTES 4096
int lines_read(int fd, u64 max, bool (*take)(void *ctx, char *line, size_t len), void *ctx);

#endif
