/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of symbols as text: the kernel's, and those that run-time compilers write for perf. */
#ifndef STACK_TEXT_SYMBOLS_H
#define STACK_TEXT_SYMBOLS_H

#include "stack/search.h"

/*
 * Finds functions of the kernel, in a file like /proc/kallsyms. -EACCES: it tells no addresses, by the setting
 * kernel.kptr_restrict or for want of CAP_SYSLOG.
 */
int kernel_symbols_find(int fd, struct symbol_slot *slots, size_t cnt);
/*
 * Finds functions in lines "START SIZE NAME" with hexadecimal numbers. A compiler uses memory again: what is written last
 * is true. -EFBIG: only in what is read of a file that is too long.
 */
int perf_map_find(int fd, struct symbol_slot *slots, size_t cnt);

#endif
