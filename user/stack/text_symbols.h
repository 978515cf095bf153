/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of symbols as text: the kernel's, and those that run-time compilers write for perf. */
#ifndef STACK_TEXT_SYMBOLS_H
#define STACK_TEXT_SYMBOLS_H

#include "lib/buf.h"
#include "stack/search.h"

/* The kernel's functions, kept: each address is asked for at once, and there are some hundred thousand of them at most. */
struct kernel_symbol {
	u64 start;
	u32 name; /* where it is in the names */
};

struct kernel_symbols {
	struct kernel_symbol *list; /* by address */
	size_t cnt, cap;
	struct buf names;
	bool addresses; /* some were told */
};

/*
 * Reads a file like /proc/kallsyms. -EACCES: it tells no addresses, by the setting kernel.kptr_restrict or for want of
 * CAP_SYSLOG. Release it in any case.
 */
int kernel_symbols_read(struct kernel_symbols *k, int fd);
void kernel_symbols_release(struct kernel_symbols *k);
/* The function that an address is in, and where it begins; NULL: none. Valid until it is released. */
const char *kernel_symbols_find(const struct kernel_symbols *k, u64 address, u64 *ret_start);

/*
 * Finds functions in lines "START SIZE NAME" with hexadecimal numbers. A compiler uses memory again: what is written last
 * is true. -EFBIG: only in what is read of a file that is too long.
 */
int perf_map_find(int fd, struct symbol_slot *slots, size_t cnt);

#endif
