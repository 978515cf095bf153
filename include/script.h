/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Which script an interpreter runs, from its arguments. The kernel side uses it too, where it must be cheap to
 * verify: one iteration per argument, not per byte, and a search for the last slash without branches.
 */
#ifndef SEISMO_SCRIPT_H
#define SEISMO_SCRIPT_H

#include "types.h"

#define SCRIPT_ARGS_MAX 256 /* bytes looked at; a power of two */
#define SCRIPT_ARGS_CNT 16  /* arguments looked at */

/* Copies a string of at most `size` bytes, NUL included, and returns its size. */
#ifdef __bpf__
#define SCRIPT_READ(to, size, from) bpf_probe_read_kernel_str(to, size, from)
#else
#include <string.h>
static inline long script_read(char *to, u32 size, const char *from)
{
	u32 n = (u32)strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = '\0';
	return n + 1;
}
#define SCRIPT_READ(to, size, from) script_read(to, size, from)
#endif

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

/* What kind of argument comes next. */
enum script_next { SCRIPT_OPTION, SCRIPT_VALUE, SCRIPT_NAME, SCRIPT_NONE, SCRIPT_FOUND };

/* The first eight bytes of a string, as a number. */
#define SCRIPT_WORD(a, b, c, d, e, f, g, h)                                            \
	((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | \
	 (u64)(f) << 40 | (u64)(g) << 48 | (u64)(h) << 56)
#define SCRIPT_SHORT(a, b, c, d) SCRIPT_WORD(a, b, c, d, 0, 0, 0, 0)

/* The kind of argument that follows an option of `len` bytes. */
static inline enum script_next script_option(u64 word, u32 len)
{
	u8 last = len && len <= 5 ? (u8)(word >> (8 * (len - 1))) : 0;

	switch (word) {
	case SCRIPT_SHORT('-', '-', 0, 0):
	case SCRIPT_SHORT('-', 'm', 0, 0): /* python -m module */
	case SCRIPT_SHORT('-', 'j', 'a', 'r'):
		return SCRIPT_NAME;
	case SCRIPT_SHORT('-', 'd', 0, 0):			  /* php -d memory_limit=1 */
	case SCRIPT_SHORT('-', 'I', 0, 0):			  /* perl -I lib */
	case SCRIPT_SHORT('-', 'o', 0, 0):			  /* bash -o pipefail */
	case SCRIPT_SHORT('-', 'p', 0, 0):			  /* java -p modules */
	case SCRIPT_SHORT('-', 'r', 0, 0):			  /* node -r module */
	case SCRIPT_SHORT('-', 'W', 0, 0):			  /* python -W ignore */
	case SCRIPT_SHORT('-', 'X', 0, 0):			  /* python -X dev */
	case SCRIPT_SHORT('-', 'c', 'p', 0):			  /* java -cp */
	case SCRIPT_WORD('-', 'c', 'l', 'a', 's', 's', 'p', 'a'): /* java -classpath */
	case SCRIPT_WORD('-', '-', 'c', 'l', 'a', 's', 's', '-'): /* java --class-path */
	case SCRIPT_WORD('-', '-', 'm', 'o', 'd', 'u', 'l', 'e'): /* java --module-path */
	case SCRIPT_WORD('-', '-', 'a', 'd', 'd', '-', 'o', 'p'): /* java --add-opens */
	case SCRIPT_WORD('-', '-', 'r', 'e', 'q', 'u', 'i', 'r'): /* node --require */
	case SCRIPT_WORD('-', '-', 'i', 'm', 'p', 'o', 'r', 't'): /* node --import */
		return SCRIPT_VALUE;
	case SCRIPT_SHORT('-', 0, 0, 0): /* standard input */
	case SCRIPT_WORD('-', '-', 'e', 'v', 'a', 'l', 0, 0):
		return SCRIPT_NONE;
	}
	/* -c, -lc, -ne, -lane: code. Longer options are words (java -verbose). */
	return last == 'c' || last == 'e' ? SCRIPT_NONE : SCRIPT_OPTION;
}

/* The first eight bytes of a string of `len` bytes. */
static inline u64 script_word(const char *s, u32 len)
{
	u64 word = 0;

	for (u32 i = 0; i < 8; i++)
		word |= (u64)(u8)s[i] << (8 * i);
	return len >= 8 ? word : word & ((1ULL << (8 * (len & 7))) - 1);
}

/*
 * The state of the search. The kernel side keeps it in a table: the verifier knows nothing about numbers read back
 * from there, so all iterations look alike to it.
 */
struct script_scan {
	char arg[SCRIPT_ARGS_MAX];
	u32 at, size, next;
};

/*
 * Searches the arguments for the script: the first that is not an option, or the one that follows python's -m or
 * java's -jar. `args` has SCRIPT_ARGS_MAX bytes, `len` of them set, and as many more behind them that may be read.
 */
static inline void script_scan(const char *args, u32 len, struct script_scan *scan)
{
	scan->at = 0;
	scan->next = SCRIPT_OPTION;
	for (u32 i = 0; i < SCRIPT_ARGS_CNT; i++) {
		u32 at = scan->at, next = scan->next;
		long n = SCRIPT_READ(scan->arg, SCRIPT_ARGS_MAX,
				     args + (at & (SCRIPT_ARGS_MAX - 1)));

		if (n <= 0 || at + n > len)
			break;
		scan->size = (u32)n - 1;
		if (i && (next == SCRIPT_NAME || (next == SCRIPT_OPTION && scan->arg[0] != '-'))) {
			scan->next = SCRIPT_FOUND;
			break;
		}
		if (i && next == SCRIPT_VALUE)
			scan->next = SCRIPT_OPTION;
		else if (i)
			scan->next = script_option(script_word(scan->arg, (u32)n - 1), (u32)n - 1);
		if (scan->next == SCRIPT_NONE)
			break;
		scan->at = at + (u32)n;
	}
}

/*
 * The base name of the script: moves scan->at to its start and returns its length; 0 if there is no script, or its
 * name contains blanks or control characters.
 */
static inline u32 script_base(struct script_scan *scan)
{
	u64 size = scan->next == SCRIPT_FOUND ? scan->size : 0, base = 0, blank = 0;

	for (u32 i = 0; i < SCRIPT_ARGS_MAX; i++) {
		u64 inside = SCRIPT_LESS(i, size);
		u8 c = (u8)scan->arg[i];

		base += inside * SCRIPT_EQUAL(c, '/') * (i + 1 - base);
		blank |= inside & SCRIPT_LESS(c, '!');
	}
	scan->at += (u32)base;
	return blank ? 0 : (u32)(size - base);
}

/*
 * Finds the script's base name in the start of an interpreter's argument area (consecutive NUL-terminated arguments).
 * Returns its offset and sets *ret_len; 0 if there is none: code on the command line, an interactive shell, an
 * argument that does not end within the bytes.
 */
static inline u32 script_find(const char *args, u32 len, struct script_scan *scan, u32 *ret_len)
{
	script_scan(args, len, scan);
	*ret_len = script_base(scan);
	return scan->at;
}

#endif
