/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Symbols in ELF files of others. libelf reads whole tables into memory, as large as the file says that they are; here they pass
 * by in pieces, and nothing in the file is believed. 64-bit files of this machine's byte order.
 */
#ifndef STACK_ELF_SYMBOLS_H
#define STACK_ELF_SYMBOLS_H

#include "stack/search.h"

#define ELF_SEGMENTS 32
#define ELF_BUILD_ID 64

struct elf_file {
	int fd;
	unsigned machine; /* EM_... */
	u64 section_at;
	unsigned section_cnt;
	struct elf_segment {
		u64 file_at, file_size, address;
		bool executable;
	} segments[ELF_SEGMENTS]; /* that are loaded */
	unsigned segment_cnt;
	unsigned char build_id[ELF_BUILD_ID];
	size_t build_id_len; /* 0: it has none */
	bool is_go;	     /* Go's linker made it */
};

/* Reads the headers; the descriptor stays the caller's. 0, -ENOEXEC: no such file, or negative errno. */
int elf_file_open(struct elf_file *f, int fd);
/* Reads exactly so much of it. 0, -ENOEXEC: it has not so much, or negative errno. */
int elf_read(const struct elf_file *f, void *mem, size_t size, u64 offset);
/* Where in the file is what is at this address, in its own numbering; false: nothing that it has. */
bool elf_file_offset(const struct elf_file *f, u64 address, u64 *ret);
/* The address in the file's own numbering of what is at this offset in it; false: it is not loaded. */
bool elf_file_address(const struct elf_file *f, u64 file_at, u64 *ret);
/* Has it a table of all its symbols, beside that for dynamic linking? */
bool elf_has_symbols(const struct elf_file *f);
/*
 * Finds the functions of these addresses, in its table of symbols, without one in that for dynamic linking if `dynamic`.
 * -ENOENT: it has no table.
 */
int elf_symbols_find(const struct elf_file *f, struct symbol_slot *slots, size_t cnt, bool dynamic);

/*
 * Where the functions of these names begin, as offsets in the file, 0: there is none; in its table for dynamic linking, and that of
 * all its symbols. 0, -ENOENT: it has neither, -EFBIG: none was found, and a table is too large to search; or negative errno.
 */
int elf_functions_find(const struct elf_file *f, const char *const *names, size_t cnt,
		       u64 *offsets);

#endif
