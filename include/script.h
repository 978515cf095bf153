/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Which script an interpreter runs, from its arguments. Each interpreter has options of its own, which are rows of
 * user/service/interpreter.c. The kernel side searches at exec, user space for processes that are older than the
 * daemon, both with this code: what is here must be cheap to verify.
 *
 * The arguments are read in pieces, so that a class path of many KiB does not hide what follows it.
 */
#ifndef SEISMO_SCRIPT_H
#define SEISMO_SCRIPT_H

#include "bits.h"
#include "types.h"

#define SCRIPT_PIECE	   256 /* bytes of an argument that are looked at in one step; a power of two */
#define SCRIPT_STEPS	   512 /* arguments, or pieces of long ones, at most */
#define SCRIPT_WORD_MAX	   48  /* the longest option in a row */
#define SCRIPT_CLUSTER_MAX 16  /* letters of an option such as -euo */
#define SCRIPT_PATH_PIECES 16  /* of the path of a script */

/* What an option (or a word such as "run" in `deno run`) says about the arguments that follow. */
enum script_action {
	SCRIPT_FLAG,  /* nothing */
	SCRIPT_VALUE, /* the rest of the argument or, without one, the next is its value */
	SCRIPT_NEXT, /* the next argument is its value, even if more letters follow: sh -oe pipefail */
	SCRIPT_REST, /* the rest of the argument is its value, be it empty: perl -i.orig */
	SCRIPT_NAME, /* as SCRIPT_VALUE; the value names the program */
	SCRIPT_STOP, /* no script follows: code, standard input, a command of the interpreter itself */
	SCRIPT_END,    /* the next argument is the script, whatever it looks like */
	SCRIPT_HINT,   /* as SCRIPT_NAME, unless a name of a higher rank follows */
	SCRIPT_BECOME, /* what follows are options of another class */
};

/* A row: the action and, for SCRIPT_HINT the rank, for SCRIPT_BECOME the class. Of two hints of a rank the first counts. */
#define SCRIPT_ROW(action, arg) ((u32)(action) | (u32)(arg) << 8)
#define SCRIPT_ROW_ACTION(row)	(0xff & (row))
#define SCRIPT_ROW_ARG(row)	((row) >> 8)
#define SCRIPT_RANK_FOUND	4 /* of an argument that is no option */

enum {
	SCRIPT_LETTERS = 1, /* options that have no row are letters: -uxm module */
	SCRIPT_PLUS = 2,    /* options may begin with + */
	SCRIPT_FILES = 4,   /* @FILE stands for the arguments in that file */
	SCRIPT_HINTS = 8,   /* arguments that are no options do not name it */
	SCRIPT_WRAPPER =
		16, /* the script is a program, which may be an interpreter again: ld.so, busybox */
	SCRIPT_NOCASE = 32, /* options in upper or lower case */
};

/* What argument comes next. */
enum script_next { SCRIPT_NEXT_FIRST, SCRIPT_NEXT_OPTION, SCRIPT_NEXT_NAME };

/* The state of a search. The kernel side keeps it in a table, where the verifier does not track it. */
struct script {
	u64 at, end; /* addresses of what has not been read yet, and of the end of all arguments */
	u64 name;    /* address of the best name so far, 0: none */
	u32 rank;    /* of that name */
	u32 next_rank; /* of the name that comes next */
	u32 class, flags;
	u32 next;      /* enum script_next */
	u32 pending;   /* arguments to come that are values */
	u32 command;   /* a word has been found that is a command of the interpreter: run, exec */
	u32 cut;       /* the piece was not the end of its argument */
	u32 value;     /* where the value in the argument begins, 0: it has none */
	u32 base, len; /* the base name in `piece`, see script_base() */
	char piece[SCRIPT_PIECE];
};

/*
 * Copies a string of at most `size` bytes, NUL included, and returns its size: of the program that is being executed,
 * or of the caller's memory.
 */
#ifdef __bpf__
#define SCRIPT_READ(to, size, from) bpf_probe_read_user_str(to, size, (void *)(from))
#else
#include <stdbool.h>
#include <string.h>

static inline long script_read(char *to, u32 size, u64 from)
{
	u32 n = (u32)strnlen((const char *)(uintptr_t)from, size - 1);

	memcpy(to, (const char *)(uintptr_t)from, n);
	to[n] = '\0';
	return n + 1;
}
#define SCRIPT_READ(to, size, from) script_read(to, size, from)
#endif

/* The row with this key, the class; NULL: there is none. Whoever includes this defines them. */
static inline const u32 *script_row(u64 key);
static inline const struct script_class *script_class(u32 class);

static inline u64 script_hash(u64 hash, u64 c)
{
	hash = (hash ^ c) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 29);
}

/*
 * Loops have one way through their bodies and are left at its end: the verifier of Linux 5.10 refuses some of those that
 * compilers make of others ("back-edge").
 */

/* The new hash where the mask is all ones, the old one where it is 0. */
static inline u64 script_choose(u64 mask, u64 new, u64 old)
{
	return (new &mask) | (old & ~mask);
}

/* The key of an option: up to its end or a =, where its value begins, which is noted. _ is as good as -. */
static inline u64 script_option_key(struct script *s)
{
	u64 hash = script_hash(0, 256 + s->class), fold = !!(s->flags & SCRIPT_NOCASE);
	u64 inside = 1, value = 0;

	for (u32 i = 0; i < SCRIPT_WORD_MAX; i++) {
		u64 c = (u8)s->piece[i], equals = inside & SCRIPT_EQUAL(c, '=');

		inside &= 1 ^ (SCRIPT_LESS(c, 1) | equals);
		value += equals * (i + 1);
		c -= SCRIPT_EQUAL(c, '_') * ('_' - '-');
		c |= (fold & SCRIPT_LESS('A' - 1, c) & SCRIPT_LESS(c, 'Z' + 1)) << 5;
		hash = script_choose(0 - inside, script_hash(hash, c), hash);
		if (!inside)
			break;
	}
	s->value = (u32)value;
	return inside ? 0 : hash;
}

/*
 * The key of a program that may be an interpreter: of its name up to the version, python3.11 or python3.13t. Names in
 * which a digit is no version (node2vec) have none.
 */
static inline u64 script_program_key(const char *name)
{
	u64 hash = 0, inside = 1, version = 0, last = 0;

	for (u32 i = 0; i < SCRIPT_WORD_MAX; i++) {
		u64 c = (u8)name[i], digit = SCRIPT_LESS('0' - 1, c) & SCRIPT_LESS(c, '9' + 1);
		u64 ends = SCRIPT_LESS(c, 1) | (version & (1 ^ (digit | SCRIPT_EQUAL(c, '.'))));

		last = script_choose(0 - inside, c, last);
		inside &= 1 ^ ends;
		version |= inside & digit;
		hash = script_choose(0 - (inside & (1 ^ version)), script_hash(hash, c), hash);
		if (!inside)
			break;
	}
	if (inside || (version && last && last != '-' && last != '_' && last != 'd' &&
		       last != 'm' && last != 's' && last != 't'))
		return 0;
	return hash;
}

/* The class of a program, 0: it is no interpreter. */
static inline u32 script_program_class(const char *name)
{
	const u32 *row = script_row(script_program_key(name));

	return row ? SCRIPT_ROW_ARG(*row) : 0;
}

/*
 * The class of an executable that was started by a name which has none itself: an applet of busybox, or a foreign program
 * that the kernel gives to qemu, is that name's, and what it has for arguments are its own.
 */
static inline u32 script_file_class(const char *file, bool named)
{
	u32 class = script_program_class(file);
	const struct script_class *row = class ? script_class(class) : NULL;

	return row && !(named && row->flags & SCRIPT_WRAPPER) ? class : 0;
}

static inline void script_become(struct script *s, u32 class)
{
	const struct script_class *row = script_class(class);

	s->class = class;
	s->command = 0;
	s->flags = row ? row->flags : 0;
}

static inline void script_begin(struct script *s, u32 class, u64 at, u64 end)
{
	s->at = at;
	s->end = end;
	s->name = 0;
	s->rank = s->next_rank = s->pending = s->cut = 0;
	s->value = s->base = s->len = 0;
	s->next = SCRIPT_NEXT_FIRST;
	script_become(s, class);
}

/*
 * The base name in the piece, without slashes behind it: of a/b/., too, it is b. Names of nodes, which have the highest
 * rank, end at the host's. With control characters nothing is a name.
 */
static inline void script_piece_base(struct script *s)
{
	u64 inside = 1, slash = 1, base = 0, end = 0, control = 0;
	u64 host = s->rank > SCRIPT_RANK_FOUND;

	for (u32 i = 0; i < SCRIPT_PIECE - 1; i++) {
		u64 c = (u8)s->piece[i], next = (u8)s->piece[i + 1], dot, word;

		inside &= 1 ^ (SCRIPT_LESS(c, 1) | (host & SCRIPT_EQUAL(c, '@')));
		control |= inside & SCRIPT_LESS(c, ' ');
		dot = SCRIPT_LESS(0, i) & slash & SCRIPT_EQUAL(c, '.') &
		      (SCRIPT_LESS(next, 1) | SCRIPT_EQUAL(next, '/'));
		word = inside & (1 ^ (dot | SCRIPT_EQUAL(c, '/')));
		base += (word & slash) * (i - base);
		end += word * (i + 1 - end);
		slash = 1 ^ word;
		if (!inside)
			break;
	}
	s->base = (u32)base;
	s->len = control ? 0 : (u32)(end - base);
}

/* /dev/fd/3, /proc/self/fd/3, /dev/stdin: a descriptor, no file with a name. */
static inline bool script_descriptor(const struct script *s)
{
	u64 word = 0;

	for (u32 i = 0; i < 8; i++)
		word |= (u64)(u8)s->piece[i] << (8 * i);
	return word == SCRIPT_WORD('/', 'd', 'e', 'v', '/', 'f', 'd', '/') ||
	       word == SCRIPT_WORD('/', 'd', 'e', 'v', '/', 's', 't', 'd') ||
	       (word & ~0ULL >> 16) == SCRIPT_WORD('/', 'p', 'r', 'o', 'c', '/', 0, 0);
}

/* "." or "..": the name is that of a directory that is not in the path. With something in front of it it is no name. */
static inline bool script_dots(struct script *s)
{
	u32 first = s->base & (SCRIPT_PIECE / 2 - 1);
	bool dots = s->len && s->len <= 2 && s->piece[first] == '.' &&
		    (s->len == 1 || s->piece[first + 1] == '.');

	if (dots && s->base)
		s->len = 0;
	return dots && !s->base;
}

/*
 * The base name of the path at an address: to be repeated, SCRIPT_PATH_PIECES times at most, as long as it returns true.
 * Then it is in s->piece, at s->base; s->len is 0 if it names nothing.
 */
static inline void script_base_begin(struct script *s, u64 at)
{
	s->at = at;
	s->next = SCRIPT_NEXT_FIRST;
}

static inline bool script_base_step(struct script *s)
{
	long n = SCRIPT_READ(s->piece, SCRIPT_PIECE, s->at);

	s->len = 0;
	if (n <= 0 || (s->next == SCRIPT_NEXT_FIRST && script_descriptor(s)))
		return false;
	s->next = SCRIPT_NEXT_NAME;
	script_piece_base(s);
	if (n == SCRIPT_PIECE && s->base) {
		s->at += s->base;
		return true;
	}
	return false;
}

static inline void script_note(struct script *s, u64 at, u32 rank)
{
	if (rank <= s->rank)
		return;
	s->name = at;
	s->rank = rank;
}

/*
 * The argument at this address, which is in the piece, names the program. True: the search goes on, for something better
 * or, behind a program that runs another, for what that one runs.
 */
static inline bool script_found(struct script *s, u64 at, u32 rank)
{
	script_note(s, at, rank);
	if (rank != SCRIPT_RANK_FOUND || !(s->flags & SCRIPT_WRAPPER))
		return rank != SCRIPT_RANK_FOUND;
	script_piece_base(s);
	script_become(s, script_program_class(&s->piece[s->base & (SCRIPT_PIECE - 1)]));
	s->rank = SCRIPT_RANK_FOUND - 1;
	return s->class;
}

/* What an option means for the arguments behind it; its value is in the argument from `value` on, 0: there is none. */
static inline bool script_apply(struct script *s, u64 at, u32 row, u32 value)
{
	u32 action = SCRIPT_ROW_ACTION(row), rank = SCRIPT_RANK_FOUND;

	switch (action) {
	case SCRIPT_VALUE:
		s->pending += !value;
		return true;
	case SCRIPT_NEXT:
		s->pending++;
		return true;
	case SCRIPT_HINT:
		rank = SCRIPT_ROW_ARG(row);
		/* fallthrough */
	case SCRIPT_NAME:
		if (value) {
			script_note(s, at + value, rank);
			return rank != SCRIPT_RANK_FOUND;
		}
		/* fallthrough */
	case SCRIPT_END:
		s->next = SCRIPT_NEXT_NAME;
		s->next_rank = rank;
		return true;
	case SCRIPT_STOP:
		return false;
	case SCRIPT_BECOME:
		script_become(s, SCRIPT_ROW_ARG(row));
		return true;
	}
	return true;
}

/* Options of a letter each. The first that has a value, or ends the options, is the last. */
static inline bool script_letters(struct script *s, u64 at)
{
	const struct script_class *class = script_class(s->class);
	u64 inside = 1, last = 0, next = 0;
	u32 action;

	if (!class)
		return true;
	for (u32 i = 1; i <= SCRIPT_CLUSTER_MAX; i++) {
		u64 c = (u8)s->piece[i], a = class->letter[c & 127];
		u64 more = SCRIPT_EQUAL(a, SCRIPT_FLAG) | SCRIPT_EQUAL(a, SCRIPT_NEXT);

		inside &= 1 ^ SCRIPT_LESS(c, 1);
		next += inside & SCRIPT_EQUAL(a, SCRIPT_NEXT);
		last += (inside & (1 ^ more)) * i;
		inside &= more;
	}
	s->pending += (u32)next;
	if (!last)
		return true;
	last &= 2 * SCRIPT_CLUSTER_MAX - 1;
	action = class->letter[s->piece[last] & 127];
	return script_apply(s, at, action, s->piece[last + 1] ? (u32)last + 1 : 0);
}

/* The argument, of which the piece is the beginning, is an option or a word without a row. */
static inline bool script_option(struct script *s, u64 at)
{
	if (!s->piece[1]) /* standard input */
		return s->flags & SCRIPT_HINTS;
	if (s->piece[1] != '-')
		return !(s->flags & SCRIPT_LETTERS) || script_letters(s, at);
	return s->piece[2] || script_apply(s, at, SCRIPT_END, 0);
}

/* The piece is the beginning of an argument. */
static inline bool script_argument(struct script *s, u64 at)
{
	u32 rank = SCRIPT_RANK_FOUND, next = s->next;
	char first = s->piece[0];
	const u32 *row;
	bool option;

	s->next = SCRIPT_NEXT_OPTION;
	if (next == SCRIPT_NEXT_FIRST)
		return true;
	if (s->pending) {
		s->pending--;
		s->next = next;
		return true;
	}
	if (next == SCRIPT_NEXT_NAME) {
		rank = s->next_rank;
	} else {
		option = first == '-' || (first == '+' && s->flags & SCRIPT_PLUS);
		row = option || !s->command ? script_row(script_option_key(s)) : NULL;
		if (row) {
			s->command |= !option;
			return script_apply(s, at, *row, s->value);
		}
		if (option)
			return script_option(s, at);
		if (s->flags & SCRIPT_HINTS)
			return true;
		if (first == '@' && s->flags & SCRIPT_FILES) {
			rank--;
			at++;
		}
	}
	return script_found(s, at, rank);
}

/* To be repeated, SCRIPT_STEPS times at most, as long as it returns true: then s->name is known. */
static inline bool script_step(struct script *s)
{
	bool begins = !s->cut;
	u64 at = s->at;
	long n;

	if (at >= s->end)
		return false;
	n = SCRIPT_READ(s->piece, SCRIPT_PIECE, at);
	if (n <= 0)
		return false;
	s->cut = n == SCRIPT_PIECE;
	s->at = at + (u64)n - s->cut;
	if (s->at > s->end)
		return false;
	return !begins || script_argument(s, at);
}

#endif
