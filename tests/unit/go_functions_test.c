// SPDX-License-Identifier: BSD-3-Clause
/* Where Go's functions begin and return, in programs made here byte by byte. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "stack/go_functions.h"

#define CODE_AT	   0x1000 /* in the file */
#define ADDRESS	   0x400000
#define TABLE_AT   0x2000
#define TABLE_SIZE 0x400

/* The table is as 1.18 and later have it. */
struct program {
	Elf64_Ehdr head;
	Elf64_Phdr segment;
	Elf64_Shdr sections[2];
};

static const char *const names[] = { "b.Read", "b.None" };
static struct code_place places[2];
static unsigned char file[TABLE_AT + TABLE_SIZE];

/* The second of two functions, 0x40 behind the first one: a return in the midst, one at the end, and how its stack grows behind that. */
static const unsigned char code_x86[] = {
	0x49, 0x3b, 0x66, 0x10,
	0x76, 0x0a, 0x55, /* as long as the steps say */
	0x90, 0x5d, 0x90, 0xc3,
	0x90, 0xc3, 0x90, /* a mark before the return; and a byte that is no instruction */
	0x5d, 0xc3, 0xe8, 0x00,
	0x00, 0x00, 0x00,
};
static const unsigned char steps_x86[] = { 2, 7, 16, 2, 15, 2, 16, 4, 15, 6, 0 };

static const unsigned char code_arm[] = {
	0x90, 0x0b, 0x40, 0xf9, 0x1f, 0x20, 0x03, 0xd5, 0x1f, 0x20,
	0x03, 0xd5, 0xc0, 0x03, 0x5f, 0xd6, 0x1f, 0x20, 0x03, 0xd5,
};
static const unsigned char steps_arm[] = { 2, 1, 16, 2, 15, 1, 16, 1, 0 };

static void put(size_t at, const void *bytes, size_t size)
{
	assert_true(at + size <= sizeof(file));
	memcpy(file + at, bytes, size);
}

static void put32(size_t at, u32 value)
{
	put(at, &value, sizeof(value));
}

static void put64(size_t at, u64 value)
{
	put(at, &value, sizeof(value));
}

static void table_put(unsigned char quantum, u64 first, const unsigned char *steps,
		      size_t steps_size)
{
	const size_t at = TABLE_AT, names_at = 0x60, steps_at = 0x80, rows_at = 0x100;

	put32(at, 0xfffffff1);
	file[at + 6] = quantum;
	file[at + 7] = 8;
	put64(at + 8, 2);
	put64(at + 24, first);
	put64(at + 32, names_at);
	put64(at + 56, steps_at);
	put64(at + 64, rows_at);
	put(at + names_at, "a.First\0b.Read", 15);
	put(at + steps_at + 1, steps, steps_size);
	for (u32 i = 0; i < 2; i++) {
		const u32 details_at = 0x20 + i * 0x40;

		put32(at + rows_at + i * 8, i * 0x40);
		put32(at + rows_at + i * 8 + 4, details_at);
		put32(at + rows_at + details_at, i * 0x40);
		put32(at + rows_at + details_at + 4, i * 8);
		put32(at + rows_at + details_at + 16, 1);
	}
}

/* A program whose first function is so far behind the begin of its code. */
static void program_make(u16 machine, u64 first, u32 startup)
{
	const bool arm = machine == EM_AARCH64;
	struct program p = {
		.head = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				       ELFDATA2LSB },
			  .e_machine = machine,
			  .e_phoff = offsetof(struct program, segment),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 1,
			  .e_shoff = offsetof(struct program, sections),
			  .e_shentsize = sizeof(Elf64_Shdr),
			  .e_shnum = 2 },
		.segment = { .p_type = PT_LOAD,
			     .p_flags = PF_X,
			     .p_offset = CODE_AT,
			     .p_vaddr = ADDRESS,
			     .p_filesz = TABLE_AT - CODE_AT },
		.sections = { { 0 },
			      { .sh_type = SHT_PROGBITS,
				.sh_flags = SHF_ALLOC,
				.sh_offset = TABLE_AT,
				.sh_size = TABLE_SIZE } },
	};

	memset(file, 0, sizeof(file));
	put(0, &p, sizeof(p));
	if (arm) {
		put(CODE_AT + startup + 0x40, code_arm, sizeof(code_arm));
		table_put(4, first, steps_arm, sizeof(steps_arm));
	} else {
		put(CODE_AT + startup + 0x40, code_x86, sizeof(code_x86));
		table_put(1, first, steps_x86, sizeof(steps_x86));
	}
}

static int find(void)
{
	int fd = memfd_create("program", 0), err;
	struct elf_file f;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file, sizeof(file)), sizeof(file));
	err = elf_file_open(&f, fd);
	err = err ?: go_functions_find(&f, names, 2, places);
	close(fd);
	return err;
}

static void found_at(u64 begin)
{
	assert_int_equal(places[0].begin, begin);
	assert_int_equal(places[0].return_cnt, 2);
	assert_int_equal(places[0].returns[0], begin + 10);
	assert_int_equal(places[0].returns[1], begin + 15);
	assert_int_equal(places[1].begin, 0);
}

static void where_the_table_says(void **state)
{
	(void)state;
	program_make(EM_X86_64, ADDRESS, 0);
	assert_int_equal(find(), 0);
	found_at(CODE_AT + 0x40);
}

/* As C's linker has it in programs that the dynamic linker places. */
static void among_other_data(void **state)
{
	struct program *p = (void *)file;

	(void)state;
	program_make(EM_X86_64, 0, 0x230);
	p->sections[1].sh_offset -= 0x140;
	p->sections[1].sh_size += 0x140;
	assert_int_equal(find(), -ENOENT);
	p->sections[1].sh_flags |= SHF_WRITE;
	assert_int_equal(find(), 0);
	found_at(CODE_AT + 0x230 + 0x40);
}

static void behind_what_comes_before(void **state)
{
	(void)state;
	program_make(EM_X86_64, 0, 0x230);
	assert_int_equal(find(), 0);
	found_at(CODE_AT + 0x230 + 0x40);
}

static void arm64(void **state)
{
	(void)state;
	program_make(EM_AARCH64, ADDRESS, 0);
	assert_int_equal(find(), 0);
	assert_int_equal(places[0].begin, CODE_AT + 0x40);
	assert_int_equal(places[0].return_cnt, 1);
	assert_int_equal(places[0].returns[0], CODE_AT + 0x40 + 12);
}

/* One byte of the code is another one. */
static void other_instructions_are_refused(void **state)
{
	static const size_t at[] = { 0, 3, 8, 9, 10 };

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		program_make(EM_X86_64, ADDRESS, 0);
		file[CODE_AT + 0x40 + at[i]] ^= 1;
		assert_int_equal(find(), -EILSEQ);
		assert_int_equal(places[0].begin, 0);
		assert_int_equal(places[0].return_cnt, 0);
	}
	program_make(EM_386, ADDRESS, 0);
	assert_int_equal(find(), -EILSEQ);
}

/* A function that does not end with a return has the end where its stack grows all the same. */
static void the_end_need_not_return(void **state)
{
	(void)state;
	program_make(EM_X86_64, ADDRESS, 0);
	file[CODE_AT + 0x40 + 15] = 0xe8;
	assert_int_equal(find(), 0);
	assert_int_equal(places[0].return_cnt, 1);
	assert_int_equal(places[0].returns[0], CODE_AT + 0x40 + 10);
}

static void others_are_told_apart(void **state)
{
	(void)state;
	program_make(EM_X86_64, ADDRESS, 0);
	file[TABLE_AT + 0x68] = 'c'; /* the name */
	assert_int_equal(find(), -ESRCH);
	program_make(EM_X86_64, ADDRESS, 0);
	file[TABLE_AT] = 0xfa; /* as of 1.16 */
	assert_int_equal(find(), -ENOEXEC);
	program_make(EM_X86_64, ADDRESS, 0);
	file[TABLE_AT] = 0;
	assert_int_equal(find(), -ENOENT);
}

static void what_is_cut_off_is_refused(void **state)
{
	(void)state;
	program_make(EM_X86_64, ADDRESS, 0);
	put64(TABLE_AT + 8, 1000000); /* functions */
	assert_int_equal(find(), -EILSEQ);
	program_make(EM_X86_64, ADDRESS, 0);
	memset(file + TABLE_AT + 0x81, 0xff, 0x40); /* steps without end */
	assert_int_equal(find(), -EILSEQ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_the_table_says),
		cmocka_unit_test(among_other_data),
		cmocka_unit_test(behind_what_comes_before),
		cmocka_unit_test(arm64),
		cmocka_unit_test(other_instructions_are_refused),
		cmocka_unit_test(the_end_need_not_return),
		cmocka_unit_test(others_are_told_apart),
		cmocka_unit_test(what_is_cut_off_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
