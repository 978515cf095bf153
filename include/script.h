/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Which script an interpreter runs, told by its arguments. Shared by the kernel side, so one loop over
 * bytes in which little branches: each branch multiplies what the verifier has to look at.
 */
#ifndef SEISMO_SCRIPT_H
#define SEISMO_SCRIPT_H

#include "types.h"

#define SCRIPT_ARGS_MAX 256 /* a power of two */

/* What the next argument is. */
enum script_next { SCRIPT_PROGRAM, SCRIPT_OPTION, SCRIPT_VALUE, SCRIPT_NAME, SCRIPT_NONE };

/* 1 if a is equal to b resp. less than b, else 0, for numbers below 2^63, without a branch. */
#define SCRIPT_EQUAL(a, b) ((((u64)(a) ^ (u64)(b)) - 1) >> 63)
#define SCRIPT_LESS(a, b)  (((u64)(a) - (u64)(b)) >> 63)

/* The last eight bytes of a text as a number. */
#define SCRIPT_TAIL(c1, c2, c3, c4, c5, c6, c7, c8) \
	((u64)(c1) << 56 | (u64)(c2) << 48 | (u64)(c3) << 40 | (u64)(c4) << 32 | (u64)(c5) << 24 | \
	 (u64)(c6) << 16 | (u64)(c7) << 8 | (u64)(c8))
#define SCRIPT_TAIL4(c1, c2, c3, c4) ((u32)SCRIPT_TAIL(0, 0, 0, 0, c1, c2, c3, c4))

/* What follows an option, given the tail of the arguments up to its end; a NUL comes before it. */
static inline enum script_next script_option(u64 tail, int perl)
{
	u8 last = (u8)tail;

	switch ((u32)tail & 0xffffff) {
	case SCRIPT_TAIL4(0, 0, '-', 'm'):
	case SCRIPT_TAIL4(0, 0, '-', '-'):
		return SCRIPT_NAME;
	case SCRIPT_TAIL4(0, 0, '-', 'd'): /* php -d memory_limit=1 */
	case SCRIPT_TAIL4(0, 0, '-', 'I'): /* perl -I lib */
	case SCRIPT_TAIL4(0, 0, '-', 'o'): /* bash -o pipefail */
	case SCRIPT_TAIL4(0, 0, '-', 'p'): /* java -p modules */
	case SCRIPT_TAIL4(0, 0, '-', 'r'): /* node -r module */
	case SCRIPT_TAIL4(0, 0, '-', 'W'): /* python -W ignore */
	case SCRIPT_TAIL4(0, 0, '-', 'X'): /* python -X dev */
	case SCRIPT_TAIL4(0, '-', 'c', 'p'):
		return SCRIPT_VALUE;
	}
	switch (tail) {
	case SCRIPT_TAIL('l', 'a', 's', 's', 'p', 'a', 't', 'h'): /* java -classpath */
	case SCRIPT_TAIL('a', 's', 's', '-', 'p', 'a', 't', 'h'): /* java --class-path */
	case SCRIPT_TAIL('u', 'l', 'e', '-', 'p', 'a', 't', 'h'): /* java --module-path */
	case SCRIPT_TAIL('d', 'd', '-', 'o', 'p', 'e', 'n', 's'): /* java --add-opens */
	case SCRIPT_TAIL('-', 'r', 'e', 'q', 'u', 'i', 'r', 'e'): /* node --require */
	case SCRIPT_TAIL('-', '-', 'i', 'm', 'p', 'o', 'r', 't'): /* node --import */
		return SCRIPT_VALUE;
	}
	XXX
}
