// SPDX-License-Identifier: BSD-3-Clause
/* What a process says about its own code: ELF files, perf's map of compiled code, its mappings. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stack/elf_symbols.h"
#include "stack/go_functions.h"
#include "stack/mappings.h"
#include "stack/text_symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SLOTS 16

static void slots_check(const struct symbol_slot *slots)
{
	for (size_t i = 0; i < SLOTS; i++) {
		if (i && slots[i].address < slots[i - 1].address)
			abort();
		if (!slots[i].found)
			continue;
		if (slots[i].address < slots[i].start || !memchr(slots[i].name, '\0', SYMBOL_NAME))
			abort();
		for (const char *c = slots[i].name; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 127)
				abort();
	}
}

static void slots_make(struct symbol_slot *slots, const uint8_t *data, size_t size)
{
	memset(slots, 0, SLOTS * sizeof(*slots));
	for (size_t i = 0; i < SLOTS; i++) {
		slots[i].address = i * 0x1003;
		slots[i].index = (u32)i;
		if (size >= (i + 1) * sizeof(u64)) /* addresses that occur in the file */
			memcpy(&slots[i].address, data + size - (i + 1) * sizeof(u64), sizeof(u64));
	}
}

static void mappings_fuzz(const uint8_t *data, size_t size)
{
	struct mappings m = { .list = NULL };
	char *text = strndup((const char *)data, size), *rest = text, *line;

	while ((line = strsep(&rest, "\n")))
		mappings_add(&m, line);
	for (size_t i = 0; i < m.cnt; i++)
		if (m.list[i].end <= m.list[i].start || !m.list[i].path ||
		    mappings_find(&m, m.list[i].start) != &m.list[i])
			abort();
	mappings_find(&m, 0x400000);
	mappings_release(&m);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct symbol_slot slots[SLOTS];
	struct kernel_symbols kernel;
	const char *const names[] = { "main", "" };
	struct elf_file elf;
	struct code_place places[2];
	u64 address, offsets[2];

	if (fd < 0)
		fd = memfd_create("fuzz", 0);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	if (!elf_file_open(&elf, fd)) {
		elf_file_address(&elf, size / 2, &address);
		slots_make(slots, data, size);
		if (!elf_symbols_find(&elf, slots, SLOTS, size % 2))
			slots_check(slots);
		elf_functions_find(&elf, names, 2, offsets);
		go_functions_find(&elf, names, 2, places);
		if (elf.build_id_len > sizeof(elf.build_id))
			abort();
	}
	slots_make(slots, data, size);
	lseek(fd, 0, SEEK_SET);
	perf_map_find(fd, slots, SLOTS);
	slots_check(slots);
	lseek(fd, 0, SEEK_SET);
	if (!kernel_symbols_read(&kernel, fd))
		kernel_symbols_find(&kernel, slots[0].address, &address);
	kernel_symbols_release(&kernel);
	mappings_fuzz(data, size);
	return 0;
}
