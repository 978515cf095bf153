/* SPDX-License-Identifier: BSD-3-Clause */
/* Interpreters, and which of their arguments is the script: rows for include/script.h, and a search with them. */
#ifndef SERVICE_INTERPRETER_H
#define SERVICE_INTERPRETER_H

#include <stddef.h>

#include "types.h"

struct script_class;

struct interpreter_row {
	u64 key;
	u32 row;
};

/* What the kernel side's tables hold: rows by key, classes by number. */
struct interpreter_tables {
	const struct interpreter_row *rows;
	unsigned row_cnt;
	const struct script_class *classes;
	unsigned class_cnt;
};

const struct interpreter_tables *interpreter_tables(void);

/* The class of the program with this base name, with or without a version (python3.11); 0: it is no interpreter. */
u32 interpreter_class(const char *base);
/* The class of an executable that was started by the name `as`, "": not known. */
u32 interpreter_file_class(const char *base, const char *as);

/*
 * Writes the base name of the script (module, main class...) that an interpreter of this class runs with these arguments,
 * each with its NUL. Returns its length, 0: none. "." is the current directory.
 */
size_t interpreter_script(u32 class, const char *args, size_t len, char name[IDENTITY_NAME]);

/* The base name of a path, "" if it has none that could name a program; returns its length. */
size_t interpreter_base(const char *path, char name[IDENTITY_NAME]);

#endif
