/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Functions of programs that Go's linker made (1.18 and later), by the table that its runtime walks stacks with: also stripped ones
 * have it. Nothing in the file is believed: what it says is compared with the instructions that are there.
 */
#ifndef STACK_GO_FUNCTIONS_H
#define STACK_GO_FUNCTIONS_H

#include "lib/code_place.h"
#include "stack/elf_symbols.h"

/*
 * Finds the functions of these names, as Go writes them: "crypto/tls.(*Conn).Read". 0, -ENOENT: it has no such table, or -ENOEXEC: an
 * older one; -ESRCH: none of these functions; -EILSEQ: the instructions are others than the table says; or negative errno.
 */
int go_functions_find(const struct elf_file *f, const char *const *names, size_t cnt,
		      struct code_place *places);

#endif
