// SPDX-License-Identifier: BSD-3-Clause
#include "stack/go_functions.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS_MAX 4000000
#define WINDOW	      16384
#define STEPS_MAX     2048	/* of a function's frame; the largest have some dozens */
#define CODE_MAX      (1 << 20) /* bytes of a function */
#define STARTUP_MAX   (1 << 16) /* bytes of C that a linker puts before Go's code */
#define CODE_ALIGN    16
#define TABLE_ALIGN   32

/* What the table begins with. Offsets are from its begin. */
struct go_head {
	u32 magic;
	u8 pad[2];
	u8 quantum; /* bytes of the shortest instruction */
	u8 pointer; /* bytes */
	u64 function_cnt, file_cnt;
	u64 code; /* address of the first function; 0: it is not said, or by the dynamic linker */
	u64 names, units, files, steps;
	u64 functions; /* struct go_row[], and what their offsets are from */
};

#define MAGIC_1_16 0xfffffffa
#define MAGIC_1_18 0xfffffff0
#define MAGIC_1_20 0xfffffff1

struct go_row {
	u32 code_at; /* from the first function */
	u32 details_at;
};

struct go_details {
	u32 code_at;
	u32 name_at;
	u32 arguments, deferred;
	u32 steps_at; /* how the stack pointer changes in it */
};

/* A piece of the file. What is read comes in ascending order, mostly. */
struct window {
	u64 at;
	size_t len;
	unsigned char mem[WINDOW];
};

struct go_table {
	const struct elf_file *elf;
	struct go_head head;
	u64 at, size; /* in the file */
	struct window rows, details, text;
};

/* A function as the table has it. */
struct found {
	u32 code_at; /* from the first function */
	u32 steps_at;
	struct {
		u32 from, to;	 /* from its begin */
	} returns[CODE_RETURNS]; /* where it has no frame any more */
	unsigned return_cnt;
	bool has_tail; /* behind the last of them, or in its place, there may be what makes the stack larger */
};

/* `size` bytes of the table from there on, NULL: it has not so many. */
static const void *table_read(struct go_table *t, struct window *w, u64 at, size_t size)
{
	size_t len = WINDOW;

	if (at > t->size || t->size - at < size)
		return NULL;
	if (at >= w->at && at - w->at <= w->len && w->len - (at - w->at) >= size)
		return w->mem + (at - w->at);
	if (len > t->size - at)
		len = t->size - at;
	w->len = 0;
	if (elf_read(t->elf, w->mem, len, t->at + at))
		return NULL;
	w->at = at;
	w->len = len;
	return w->mem;
}

static bool table_copy(struct go_table *t, struct window *w, u64 at, void *ret, size_t size)
{
	const void *there = table_read(t, w, at, size);

	if (there)
		memcpy(ret, there, size);
	return there;
}

static bool is_head(const struct go_head *h)
{
	return (h->magic == MAGIC_1_16 || h->magic == MAGIC_1_18 || h->magic == MAGIC_1_20) &&
	       !h->pad[0] && !h->pad[1] && (h->quantum == 1 || h->quantum == 4) &&
	       h->pointer == sizeof(u64);
}

/* Where the table begins in the section, if it does there, or in one of data that others share with it. */
static bool head_find(struct go_table *t, const Elf64_Shdr *s)
{
	t->at = s->sh_offset;
	t->size = s->sh_size;
	t->rows.len = 0;
	for (u64 at = 0; table_copy(t, &t->rows, at, &t->head, sizeof(t->head));
	     at += TABLE_ALIGN) {
		if (is_head(&t->head)) {
			t->at += at;
			t->size -= at;
			t->rows.len = 0;
			return true;
		}
		if (!(s->sh_flags & SHF_WRITE))
			break;
	}
	return false;
}

/* The table is known by what it begins with: what the section is called, and what else is in it, depends on the way of linking. */
static int table_open(struct go_table *t, const struct elf_file *f)
{
	const struct go_head *h = &t->head;
	Elf64_Shdr s;

	t->elf = f;
	for (unsigned i = 0; i < f->section_cnt; i++) {
		if (elf_read(f, &s, sizeof(s), f->section_at + i * sizeof(s)))
			return -ENOENT;
		if (s.sh_type != SHT_PROGBITS || !(s.sh_flags & SHF_ALLOC) || !head_find(t, &s))
			continue;
		if (h->magic == MAGIC_1_16)
			return -ENOEXEC;
		return h->function_cnt <= FUNCTIONS_MAX && h->names < t->size &&
				       h->steps < t->size && h->functions < t->size
			       ? 0
			       : -EILSEQ;
	}
	return -ENOENT;
}

/* --- from the table */

/* A number in 7 bits a byte; false: there is no end. */
static bool number_read(const unsigned char **at, const unsigned char *end, u32 *ret)
{
	*ret = 0;
	for (unsigned shift = 0; *at < end && shift < 32; shift += 7) {
		unsigned char byte = *(*at)++;

		*ret |= (u32)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/*
 * The steps say how far the stack pointer is below where it was at the begin, from instruction to instruction. Where it is there again, an
 * instruction returns: Go's compiler gives the frame back just before, each time.
 */
static int steps_read(struct go_table *t, struct found *ret)
{
	const u64 at = t->head.steps + ret->steps_at;
	const size_t size = at < t->size && t->size - at < STEPS_MAX ? t->size - at : STEPS_MAX;
	const unsigned char *step = table_read(t, &t->text, at, size), *end;
	u32 change, bytes, pc = 0, depth = (u32)-1;

	if (!step)
		return -EILSEQ;
	end = step + size;
	while (number_read(&step, end, &change) && (change || !pc)) {
		depth += change & 1 ? ~(change >> 1) : change >> 1;
		if (!number_read(&step, end, &bytes) || !bytes || bytes > CODE_MAX)
			return -EILSEQ;
		if (!depth && pc && ret->return_cnt == CODE_RETURNS)
			return -EILSEQ;
		if (!depth && pc) {
			ret->returns[ret->return_cnt].from = pc;
			ret->returns[ret->return_cnt++].to = pc + bytes * t->head.quantum;
		}
		pc += bytes * t->head.quantum;
		if (pc > CODE_MAX)
			return -EILSEQ;
	}
	ret->has_tail = !depth;
	return ret->return_cnt ? 0 : -EILSEQ;
}

/* Which of the names the function has; `cnt`: none. */
static size_t name_find(struct go_table *t, u32 name_at, const char *const *names, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		const size_t size = strlen(names[i]) + 1;
		const char *name = table_read(t, &t->text, t->head.names + name_at, size);

		if (name && !memcmp(name, names[i], size))
			return i;
	}
	return cnt;
}

static int rows_search(struct go_table *t, const char *const *names, size_t cnt,
		       struct found *found)
{
	const u64 rows = t->head.functions;
	struct go_details details;
	struct go_row row;
	bool any = false;

	for (u64 i = 0; i < t->head.function_cnt; i++) {
		size_t which;

		if (!table_copy(t, &t->rows, rows + i * sizeof(row), &row, sizeof(row)) ||
		    !table_copy(t, &t->details, rows + row.details_at, &details, sizeof(details)))
			return -EILSEQ;
		which = name_find(t, details.name_at, names, cnt);
		if (which == cnt)
			continue;
		found[which].code_at = row.code_at;
		found[which].steps_at = details.steps_at;
		any = true;
	}
	return any ? 0 : -ESRCH;
}

/* --- the instructions */

#define BYTES 4 /* of an instruction that are looked at */
#define FORMS 3
#define NOPS  8 /* in a row, at most */

struct instruction {
	u8 len;
	u8 bytes[BYTES];
};

/*
 * How functions begin that ask whether there is enough stack, by the register that has the goroutine; how they return, and what gives their
 * frame back just before.
 */
static const struct machine {
	u16 number;
	struct instruction begins[FORMS], returns, nop, gives_back[FORMS];
	u8 given_back[FORMS]; /* begins so many bytes before */
} machines[] = {
	{ EM_X86_64,
	  { { 4, { 0x49, 0x3b, 0x66, 0x10 } }, /* cmp 0x10(%r14),%rsp */
	    { 4, { 0x4c, 0x8d, 0x64, 0x24 } }, /* lea -N(%rsp),%r12 */
	    { 4, { 0x4c, 0x8d, 0xa4, 0x24 } } },
	  { 1, { 0xc3 } },
	  { 1, { 0x90 } },
	  { { 1, { 0x5d } },		 /* pop %rbp */
	    { 3, { 0x48, 0x83, 0xc4 } }, /* add N,%rsp */
	    { 3, { 0x48, 0x81, 0xc4 } } },
	  { 1, 4, 7 } },
	{ EM_AARCH64,
	  { { 4, { 0x90, 0x0b, 0x40, 0xf9 } } }, /* ldr x16, [x28, #16] */
	  { 4, { 0xc0, 0x03, 0x5f, 0xd6 } },
	  { 4, { 0x1f, 0x20, 0x03, 0xd5 } },
	  { { 0 } }, /* all have one length: no part of another one is taken for one that returns */
	  { 0 } },
};

static bool is_there(const struct elf_file *f, u64 at, const struct instruction *i)
{
	u8 bytes[BYTES];

	return i->len && !elf_read(f, bytes, i->len, at) && !memcmp(bytes, i->bytes, i->len);
}

static bool begins(const struct elf_file *f, const struct machine *m, u64 at)
{
	for (unsigned i = 0; i < FORMS; i++)
		if (is_there(f, at, &m->begins[i]))
			return true;
	return false;
}

/* The instruction that returns, where the frame has been given back; behind marks of what was inlined. 0: it is none. */
static u64 return_find(const struct elf_file *f, const struct machine *m, u64 at)
{
	bool given_back = !m->gives_back->len;

	for (unsigned i = 0; i < FORMS; i++)
		given_back |= is_there(f, at - m->given_back[i], &m->gives_back[i]);
	for (unsigned i = 0; given_back && i < NOPS; i++, at += m->nop.len) {
		if (is_there(f, at, &m->returns))
			return at;
		if (!is_there(f, at, &m->nop))
			break;
	}
	return 0;
}

/* The function's places in the file, if the first one is at this address; false: it is not. */
static bool function_place(const struct elf_file *f, const struct machine *m, u64 first,
			   const struct found *found, struct code_place *ret)
{
	u64 at;

	*ret = (struct code_place){ 0 };
	if (!elf_file_offset(f, first + found->code_at, &at) || !begins(f, m, at))
		return false;
	for (unsigned i = 0; i < found->return_cnt; i++) {
		const bool tail = found->has_tail && i + 1 == found->return_cnt;
		u64 end = return_find(f, m, at + found->returns[i].from);

		if (!tail && (!end || end + m->returns.len != at + found->returns[i].to))
			return false;
		if (end)
			ret->returns[ret->return_cnt++] = end;
	}
	ret->begin = at;
	return ret->return_cnt;
}

static bool functions_place(const struct elf_file *f, const struct machine *m, u64 first,
			    const struct found *found, size_t cnt, struct code_place *ret)
{
	for (size_t i = 0; i < cnt; i++)
		if (found[i].steps_at && !function_place(f, m, first, &found[i], &ret[i]))
			return false;
	return true;
}

/*
 * Where the first function is, the table has not said since 1.26, nor ever where the dynamic linker places the program. It is at the
 * begin of the code, behind what C's linker puts there.
 */
static int first_find(const struct go_table *t, const struct found *found, size_t cnt,
		      struct code_place *ret)
{
	const struct elf_file *f = t->elf;
	const struct machine *m = machines;

	while (m->number != f->machine)
		if (++m == machines + sizeof(machines) / sizeof(*machines))
			return -EILSEQ;
	if (functions_place(f, m, t->head.code, found, cnt, ret))
		return 0;
	for (unsigned i = 0; i < f->segment_cnt; i++)
		for (u64 at = 0; f->segments[i].executable && at < STARTUP_MAX; at += CODE_ALIGN)
			if (functions_place(f, m, f->segments[i].address + at, found, cnt, ret))
				return 0;
	return -EILSEQ;
}

int go_functions_find(const struct elf_file *f, const char *const *names, size_t cnt,
		      struct code_place *places)
{
	struct go_table *t = calloc(1, sizeof(*t));
	struct found *found = calloc(cnt, sizeof(*found));
	int err = t && found ? table_open(t, f) : -ENOMEM;

	memset(places, 0, cnt * sizeof(*places));
	err = err ?: rows_search(t, names, cnt, found);
	for (size_t i = 0; i < cnt && !err; i++)
		err = found[i].steps_at ? steps_read(t, &found[i]) : 0;
	err = err ?: first_find(t, found, cnt, places);
	if (err)
		memset(places, 0, cnt * sizeof(*places));
	free(found);
	free(t);
	return err;
}
