// SPDX-License-Identifier: BSD-3-Clause
#include "stack/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "stack/elf_symbols.h"
#include "stack/text_symbols.h"

#define DEBUG_BYTES    (8ULL << 30)
#define PERF_MAP_BYTES (1ULL << 30) /* only the first part of a long one is read */

/* Takes over what was found for the addresses. */
static void slots_take(const struct symbol_slot *slots, size_t cnt, struct lookup *list)
{
	for (size_t i = 0; i < cnt; i++) {
		struct lookup *l = &list[slots[i].index];

		if (!slots[i].found)
			continue;
		memcpy(l->function, slots[i].name, sizeof(l->function));
		l->offset = slots[i].address - slots[i].start;
	}
}

/* --- a file that is mapped */

/* What distributions install apart from the program: it has all symbols. */
static int debug_find(const struct elf_file *program, struct symbol_slot *slots, size_t cnt)
{
	char path[64 + 2 * ELF_BUILD_ID];
	int len = snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%02x/",
			   program->build_id[0]);
	struct elf_file debug;
	int fd, err;

	if (program->build_id_len < 2)
		return -ENOENT;
	for (size_t i = 1; i < program->build_id_len; i++)
		len += snprintf(path + len, sizeof(path) - (size_t)len, "%02x",
				program->build_id[i]);
	snprintf(path + len, sizeof(path) - (size_t)len, ".debug");
	fd = regular_open(path, DEBUG_BYTES);
	if (fd < 0)
		return fd;
	err = elf_file_open(&debug, fd) ?: elf_symbols_find(&debug, slots, cnt, false);
	close(fd);
	return err;
}

static int file_find(int fd, const struct mapping *m, struct symbol_slot *slots, size_t cnt)
{
	struct elf_file f;
	int err = elf_file_open(&f, fd);

	/* the kernel maps whole pages: what is in none of the file's segments has no address there, and none of a function */
	for (size_t i = 0; !err && i < cnt; i++)
		if (!elf_file_address(&f, slots[i].address - m->start + m->file_at,
				      &slots[i].address))
			slots[i].address = 0;
	err = err ?: elf_symbols_find(&f, slots, cnt, false);
	if (err == -ENOENT && debug_find(&f, slots, cnt))
		err = elf_symbols_find(&f, slots, cnt, true);
	else if (err == -ENOENT)
		err = 0;
	return err;
}

/* --- memory that a run-time compiler has filled */

static int compiled_find(u32 pid, struct symbol_slot *slots, size_t cnt)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/tmp/perf-%u.map", process_own_pid(pid));
	fd = process_file_open(pid, path, PERF_MAP_BYTES, true);
	if (fd < 0)
		return fd;
	err = perf_map_find(fd, slots, cnt);
	close(fd);
	return err;
}

/* --- a process */

static void file_name(const struct mapping *m, char *buf, size_t size)
{
	const char *slash = strrchr(m->path, '/'), *base = slash ? slash + 1 : m->path;
	size_t len = strlen(base), deleted = strlen(" (deleted)");

	if (len > deleted && !strcmp(base + len - deleted, " (deleted)"))
		len -= deleted;
	snprintf(buf, size, "%.*s", (int)(len < size ? len : size - 1), base);
}

/* All addresses that are in this mapping. */
static void mapping_lookup(const struct mapping *m, u32 pid, struct lookup *list, size_t cnt,
			   struct symbol_slot *slots)
{
	size_t slot_cnt = 0;
	int fd, err;

	for (size_t i = 0; i < cnt; i++) {
		struct lookup *l = &list[i];

		if (l->found || l->address < m->start || l->address >= m->end)
			continue;
		l->found = true;
		l->offset = l->address - m->start + m->file_at;
		file_name(m, l->file, sizeof(l->file));
		slots[slot_cnt++] = (struct symbol_slot){ .address = l->address, .index = (u32)i };
	}
	fd = m->inode ? mapping_open(m, pid) : -ENOENT;
	err = fd < 0 ? fd : file_find(fd, m, slots, slot_cnt);
	if (fd >= 0)
		close(fd);
	/* also of memory files, which some map twice to compile into */
	if (err == -ENOEXEC || (!m->inode && *m->path != '['))
		err = compiled_find(pid, slots, slot_cnt);
	if (!err || err == -EFBIG)
		slots_take(slots, slot_cnt, list);
}

static bool all_mapped(const struct lookup *list, size_t cnt, const struct mappings *m)
{
	for (size_t i = 0; i < cnt; i++)
		if (!mappings_find(m, list[i].address))
			return false;
	return true;
}

int lookup_process(struct lookup *list, size_t cnt, u32 pid, struct mappings *m)
{
	struct symbol_slot *slots = calloc(cnt, sizeof(*slots));
	struct mappings new;
	int err = slots ? 0 : -ENOMEM;

	if (!err && !all_mapped(list, cnt, m)) {
		err = mappings_read(&new, pid);
		if (!err) {
			mappings_release(m);
			*m = new;
		} else {
			mappings_release(&new);
		}
	}
	for (size_t i = 0; slots && i < cnt; i++) {
		const struct mapping *at = list[i].found ? NULL : mappings_find(m, list[i].address);

		if (at)
			mapping_lookup(at, pid, list, cnt, slots);
	}
	free(slots);
	return err;
}
