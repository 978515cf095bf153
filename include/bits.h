/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Comparisons without branches, which the verifier would follow one by one, and words of eight bytes. */
#ifndef SEISMO_BITS_H
#define SEISMO_BITS_H

#include "types.h"

/*
 * SCRIPT_EQUAL(a, b), SCRIPT_LESS(a, b): 1 if true, else 0, for numbers below 2^63 and without a branch. The compiler
 * would add one if it knew where the value comes from or that it is 0 or 1.
 */
static inline u64 script_sign(u64 v)
{
	__asm__ volatile("" : "+r"(v));
	v >>= 63;
	__asm__ volatile("" : "+r"(v));
	return v;
}
#define SCRIPT_EQUAL(a, b) script_sign(((u64)(a) ^ (u64)(b)) - 1)
#define SCRIPT_LESS(a, b)  script_sign((u64)(a) - (u64)(b))

/* The same for the smaller of two, and the larger one. */
#define LEAST(a, b) ((a) - ((a) - (b)) * SCRIPT_LESS(b, a))
#define MOST(a, b)  ((a) + ((b) - (a)) * SCRIPT_LESS(a, b))

/* The first eight bytes of a string, as a number. */
#define SCRIPT_WORD(a, b, c, d, e, f, g, h)                                            \
	((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | \
	 (u64)(f) << 40 | (u64)(g) << 48 | (u64)(h) << 56)
#define SCRIPT_SHORT(a, b, c, d) SCRIPT_WORD(a, b, c, d, 0, 0, 0, 0)

#endif
