// SPDX-License-Identifier: BSD-3-Clause
#include "stack/elf_symbols.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTIONS_MAX 16384
#define SYMBOLS_MAX  4000000 /* the largest programs have half as many */
#define NOTE_BYTES   1024
#define AT_ONCE	     256

#define NOTE_GO_BUILD_ID 4 /* of the name "Go" */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_ORDER ELFDATA2LSB
#else
#define OWN_ORDER ELFDATA2MSB
#endif

/* Reads exactly so much. */
static int read_at(int fd, void *mem, size_t size, u64 offset)
{
	ssize_t n;

	if (offset > INT64_MAX)
		return -ENOEXEC;
	n = pread(fd, mem, size, (off_t)offset);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -ENOEXEC;
}

/* What a linker notes of the file it makes. */
static void notes_read(struct elf_file *f, const Elf64_Phdr *note)
{
	unsigned char mem[NOTE_BYTES];
	size_t len = note->p_filesz < sizeof(mem) ? note->p_filesz : sizeof(mem);
	Elf64_Nhdr head;

	if (read_at(f->fd, mem, len, note->p_offset))
		return;
	for (size_t at = 0; at + sizeof(head) <= len;) {
		size_t name, data;

		memcpy(&head, mem + at, sizeof(head));
		if (head.n_namesz > len || head.n_descsz > len)
			return;
		name = at + sizeof(head);
		data = name + ((head.n_namesz + 3u) & ~3u);
		at = data + ((head.n_descsz + 3u) & ~3u);
		if (at > len)
			return;
		if (head.n_namesz != 4)
			continue;
		f->is_go |= head.n_type == NOTE_GO_BUILD_ID && !memcmp(mem + name, "Go\0", 4);
		if (head.n_type != NT_GNU_BUILD_ID || f->build_id_len ||
		    memcmp(mem + name, "GNU", 4) != 0 || head.n_descsz > sizeof(f->build_id))
			continue;
		memcpy(f->build_id, mem + data, head.n_descsz);
		f->build_id_len = head.n_descsz;
	}
}

static int segments_read(struct elf_file *f, const Elf64_Ehdr *head)
{
	Elf64_Phdr p;

	for (unsigned i = 0; i < head->e_phnum && f->segment_cnt < ELF_SEGMENTS; i++) {
		int err = read_at(f->fd, &p, sizeof(p), head->e_phoff + i * sizeof(p));

		if (err)
			return err;
		if (p.p_type == PT_LOAD)
			f->segments[f->segment_cnt++] =
				(struct elf_segment){ p.p_offset, p.p_filesz, p.p_vaddr,
						      p.p_flags & PF_X };
		else if (p.p_type == PT_NOTE)
			notes_read(f, &p);
	}
	return 0;
}

int elf_file_open(struct elf_file *f, int fd)
{
	Elf64_Ehdr head;
	Elf64_Shdr first;
	int err;

	*f = (struct elf_file){ .fd = fd };
	err = read_at(fd, &head, sizeof(head), 0);
	if (err)
		return err;
	f->machine = head.e_machine;
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    head.e_ident[EI_DATA] != OWN_ORDER)
		return -ENOEXEC;
	if (head.e_phnum && head.e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	err = segments_read(f, &head);
	if (err || !head.e_shoff || head.e_shentsize != sizeof(Elf64_Shdr))
		return err;
	f->section_at = head.e_shoff;
	f->section_cnt = head.e_shnum;
	if (!head.e_shnum && !read_at(fd, &first, sizeof(first), head.e_shoff))
		f->section_cnt =
			first.sh_size < SECTIONS_MAX ? (unsigned)first.sh_size : SECTIONS_MAX;
	if (f->section_cnt > SECTIONS_MAX)
		f->section_cnt = SECTIONS_MAX;
	return 0;
}

int elf_read(const struct elf_file *f, void *mem, size_t size, u64 offset)
{
	return read_at(f->fd, mem, size, offset);
}

bool elf_file_offset(const struct elf_file *f, u64 address, u64 *ret)
{
	for (unsigned i = 0; i < f->segment_cnt; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (address < s->address || address - s->address >= s->file_size)
			continue;
		*ret = address - s->address + s->file_at;
		return true;
	}
	return false;
}

bool elf_file_address(const struct elf_file *f, u64 file_at, u64 *ret)
{
	for (unsigned i = 0; i < f->segment_cnt; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (file_at < s->file_at || file_at - s->file_at >= s->file_size)
			continue;
		*ret = file_at - s->file_at + s->address;
		return true;
	}
	return false;
}

static int section_find(const struct elf_file *f, u32 type, Elf64_Shdr *ret)
{
	for (unsigned i = 0; i < f->section_cnt; i++) {
		int err = read_at(f->fd, ret, sizeof(*ret), f->section_at + i * sizeof(*ret));

		if (err)
			return err;
		if (ret->sh_type == type && ret->sh_entsize == sizeof(Elf64_Sym))
			return 0;
	}
	return -ENOENT;
}

bool elf_has_symbols(const struct elf_file *f)
{
	Elf64_Shdr table;

	return !section_find(f, SHT_SYMTAB, &table);
}

static void symbol_take(const Elf64_Sym *sym, struct symbol_slot *slots, size_t cnt)
{
	unsigned type = ELF64_ST_TYPE(sym->st_info);
	struct symbol_slot *slot;

	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || sym->st_shndx == SHN_UNDEF)
		return;
	/* of several names of a function a global one is the one that people know */
	slot = symbols_offer(slots, cnt, sym->st_value, ELF64_ST_BIND(sym->st_info) == STB_GLOBAL);
	if (!slot)
		return;
	slot->size = sym->st_size;
	slot->name_at = sym->st_name;
}

/* Without its version (name@@GLIBC_2.17), and the mark of calls inside glibc. */
static void name_take(struct symbol_slot *slot, const char *name, size_t len)
{
	const char *version = memchr(name, '@', len);
	const size_t mark = strlen("__GI_");

	if (version && version != name)
		len = (size_t)(version - name);
	if (len > mark && !memcmp(name, "__GI_", mark)) {
		name += mark;
		len -= mark;
	}
	symbol_name(slot, name, len);
}

static void names_read(const struct elf_file *f, const Elf64_Shdr *strings,
		       struct symbol_slot *slots, size_t cnt)
{
	char name[SYMBOL_NAME];

	for (size_t i = 0; i < cnt; i++) {
		u64 left = strings->sh_size - slots[i].name_at, at;
		ssize_t n = -1;

		if (!slots[i].found)
			continue;
		at = strings->sh_offset + slots[i].name_at;
		if (slots[i].name_at < strings->sh_size && at <= INT64_MAX)
			n = pread(f->fd, name, left < sizeof(name) ? left : sizeof(name),
				  (off_t)at);
		slots[i].found = n > 0 && *name;
		if (slots[i].found)
			name_take(&slots[i], name, strnlen(name, (size_t)n));
	}
}

int elf_symbols_find(const struct elf_file *f, struct symbol_slot *slots, size_t cnt, bool dynamic)
{
	Elf64_Sym syms[AT_ONCE];
	Elf64_Shdr table, strings;
	u64 left;
	int err = section_find(f, SHT_SYMTAB, &table);

	if (err == -ENOENT && dynamic)
		err = section_find(f, SHT_DYNSYM, &table);
	if (!err && table.sh_link >= f->section_cnt)
		err = -ENOEXEC;
	err = err
		      ?: read_at(f->fd, &strings, sizeof(strings),
				 f->section_at + table.sh_link * sizeof(strings));
	if (err)
		return err;
	symbols_begin(slots, cnt);
	left = table.sh_size / sizeof(*syms);
	for (u64 at = table.sh_offset, n; left && at <= INT64_MAX;
	     left -= n, at += n * sizeof(*syms)) {
		n = left < AT_ONCE ? left : AT_ONCE;
		if (table.sh_size / sizeof(*syms) - left > SYMBOLS_MAX ||
		    read_at(f->fd, syms, n * sizeof(*syms), at))
			break;
		for (u64 i = 0; i < n; i++)
			symbol_take(&syms[i], slots, cnt);
	}
	symbols_end(slots, cnt);
	names_read(f, &strings, slots, cnt);
	return 0;
}

/* --- functions by their names */

#define STRINGS_MAX (32 << 20)

/* `strings` ends with NUL. */
static void function_take(const struct elf_file *f, const Elf64_Sym *sym, const char *strings,
			  size_t len, const char *const *names, size_t cnt, u64 *offsets)
{
	if (ELF64_ST_TYPE(sym->st_info) != STT_FUNC || sym->st_shndx == SHN_UNDEF ||
	    sym->st_name >= len)
		return;
	for (size_t i = 0; i < cnt; i++)
		if (!offsets[i] && !strcmp(strings + sym->st_name, names[i]))
			elf_file_offset(f, sym->st_value, &offsets[i]);
}

static int functions_find(const struct elf_file *f, u32 type, const char *const *names, size_t cnt,
			  u64 *offsets)
{
	Elf64_Shdr table, strings = { 0 };
	Elf64_Sym sym[AT_ONCE];
	char *text = NULL;
	u64 left;
	int err = section_find(f, type, &table);

	if (!err && table.sh_link >= f->section_cnt)
		err = -ENOEXEC;
	err = err
		      ?: read_at(f->fd, &strings, sizeof(strings),
				 f->section_at + table.sh_link * sizeof(strings));
	if (!err && strings.sh_size > STRINGS_MAX)
		err = -EFBIG;
	if (!err && !(text = calloc(1, strings.sh_size + 1)))
		err = -ENOMEM;
	err = err ?: read_at(f->fd, text, strings.sh_size, strings.sh_offset);
	left = err ? 0 : table.sh_size / sizeof(*sym);
	if (left > SYMBOLS_MAX)
		left = SYMBOLS_MAX;
	for (u64 at = table.sh_offset, n; left && !err; left -= n, at += n * sizeof(*sym)) {
		n = left < AT_ONCE ? left : AT_ONCE;
		err = read_at(f->fd, sym, n * sizeof(*sym), at);
		for (u64 i = 0; i < n && !err; i++)
			function_take(f, &sym[i], text, strings.sh_size, names, cnt, offsets);
	}
	free(text);
	return err;
}

int elf_functions_find(const struct elf_file *f, const char *const *names, size_t cnt, u64 *offsets)
{
	int err, own;

	memset(offsets, 0, cnt * sizeof(*offsets));
	err = functions_find(f, SHT_DYNSYM, names, cnt, offsets);
	own = functions_find(f, SHT_SYMTAB, names, cnt, offsets);
	for (size_t i = 0; i < cnt; i++)
		if (offsets[i])
			return 0;
	if (err == -EFBIG || own == -EFBIG)
		return -EFBIG;
	if (!err || !own)
		return 0;
	return err == -ENOENT ? own : err;
}
