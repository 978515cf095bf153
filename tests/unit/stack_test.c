// SPDX-License-Identifier: BSD-3-Clause
/* Names of addresses, against nm and dladdr() on this very program; classes of waits; stacks of tasks that sleep. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/loop.h"
#include "stack/elf_symbols.h"
#include "stack/lookup.h"
#include "stack/names.h"
#include "stack/text_symbols.h"
#include "stack/wait_class.h"
#include "stack/walk.h"

/* --- one search for all tables */

static void offer(struct symbol_slot *slots, size_t cnt, u64 start, u64 size, const char *name)
{
	struct symbol_slot *slot = symbols_offer(slots, cnt, start, false);

	if (!slot)
		return;
	slot->size = size;
	symbol_name(slot, name, strlen(name));
}

static void search_test(void **state)
{
	struct symbol_slot slots[] = { { 250, 0 }, { 5, 1 },   { 110, 2 },
				       { 105, 3 }, { 199, 4 }, { 400, 5 } };
	const size_t cnt = sizeof(slots) / sizeof(*slots);
	const char *expected[] = { "c", "", "a", "a", "", "" };

	(void)state;
	symbols_begin(slots, cnt);
	offer(slots, cnt, 200, 100, "c");
	offer(slots, cnt, 100, 20, "a");
	offer(slots, cnt, 100, 20, "alias");
	offer(slots, cnt, 150, 10, "b");
	offer(slots, cnt, 500, 0, "behind");
	symbols_end(slots, cnt);
	for (size_t i = 0; i < cnt; i++) {
		assert_int_equal(slots[i].found, *expected[slots[i].index] != '\0');
		if (slots[i].found)
			assert_string_equal(slots[i].name, expected[slots[i].index]);
	}
}

static void name_test(void **state)
{
	struct symbol_slot slot = { 0 };
	char longer[2 * SYMBOL_NAME];

	(void)state;
	symbol_name(&slot, "a\033[2Jb\n\xc2\x9b", 9);
	assert_string_equal(slot.name, "a?[2Jb???");
	memset(longer, 'x', sizeof(longer));
	symbol_name(&slot, longer, sizeof(longer));
	assert_int_equal(strlen(slot.name), SYMBOL_NAME - 1);
}

/* --- text */

static int text_open(const char *text)
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void perf_map_test(void **state)
{
	struct symbol_slot slots[] = { { 0x1010, 0 }, { 0x2010, 1 }, { 0x3000, 2 } };
	int fd = text_open("1000 20 LazyCompile:~main /srv/app.js:1\n"
			   "garbage\n-1 5 negative\n2000 zz no size\n2000 0 empty\n"
			   "2000 20 old\n2000 40 Interpreter: new\n"
			   "ffffffffffffffffff 1 too large\n3000");

	(void)state;
	assert_int_equal(perf_map_find(fd, slots, 3), 0);
	assert_true(slots[0].found);
	assert_string_equal(slots[0].name, "LazyCompile:~main /srv/app.js:1");
	assert_true(slots[1].found);
	assert_string_equal(slots[1].name, "Interpreter: new");
	assert_false(slots[2].found);
	close(fd);
}

static void kernel_test(void **state)
{
	struct kernel_symbols k;
	u64 start = 0;
	int fd = text_open("ffffffffc0000000 t ext4_sync\t[ext4]\n"
			   "ffffffff81000000 T _text\nffffffff81000000 T first\n"
			   "ffffffff81000030 t futex_wait\nffffffff81000040 D data\n"
			   "ffffffff81000100 T next\nnonsense\n");

	(void)state;
	assert_int_equal(kernel_symbols_read(&k, fd), 0);
	close(fd);
	assert_string_equal(kernel_symbols_find(&k, 0xffffffff81000042, &start), "futex_wait");
	assert_true(start == 0xffffffff81000030);
	assert_string_equal(kernel_symbols_find(&k, 0xffffffff81000001, &start), "_text");
	assert_string_equal(kernel_symbols_find(&k, 0xffffffffc0000010, &start), "ext4_sync");
	assert_null(kernel_symbols_find(&k, 0xffffffff80ffffff, &start));
	assert_null(kernel_symbols_find(&k, 0xffffffffd0000000, &start));
	kernel_symbols_release(&k);
	fd = text_open("0000000000000000 T first\n0000000000000000 t futex_wait\n");
	assert_int_equal(kernel_symbols_read(&k, fd), -EACCES);
	kernel_symbols_release(&k);
	close(fd);
}

/* --- this program's own file */

#define ALL 4096

struct known {
	u64 address, size;
	char name[128];
};

/* Its functions as nm tells them. */
static size_t nm_read(struct known *list)
{
	FILE *f = popen("nm -S /proc/$PPID/exe", "r");
	char line[512], type;
	size_t cnt = 0;

	assert_non_null(f);
	while (cnt < ALL && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %lx %c %127s", &list[cnt].address, &list[cnt].size, &type,
			   list[cnt].name) == 4 &&
		    strchr("tT", type) && list[cnt].size)
			cnt++;
	assert_int_equal(pclose(f), 0);
	return cnt;
}

static bool is_known(const struct known *list, size_t cnt, u64 address, const char *name)
{
	for (size_t i = 0; i < cnt; i++)
		if (list[i].address == address && !strcmp(list[i].name, name))
			return true;
	return false;
}

static void elf_test(void **state)
{
	struct known *list = calloc(ALL, sizeof(*list));
	struct symbol_slot *slots = calloc(ALL, sizeof(*slots));
	size_t cnt = nm_read(list);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const char *const names[] = { "main", "there is none" };
	u64 offsets[2], address;
	struct elf_file f;

	(void)state;
	assert_true(cnt > 20);
	assert_int_equal(elf_file_open(&f, fd), 0);
	assert_true(f.build_id_len > 0);
	assert_true(elf_has_symbols(&f));
	assert_false(f.is_go);
	for (size_t i = 0; i < cnt; i++)
		slots[i].address = list[i].address + list[i].size - 1;
	assert_int_equal(elf_symbols_find(&f, slots, cnt, false), 0);
	for (size_t i = 0; i < cnt; i++) {
		assert_true(slots[i].found);
		assert_true(is_known(list, cnt, slots[i].start, slots[i].name));
	}
	assert_int_equal(elf_functions_find(&f, names, 2, offsets), 0);
	assert_true(elf_file_address(&f, offsets[0], &address));
	assert_true(is_known(list, cnt, address, "main"));
	assert_int_equal(offsets[1], 0);
	close(fd);
	free(list);
	free(slots);
}

/* This program, with names of symbols that are said to be larger than what is searched. */
static int large_names_open(void)
{
	int own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("large", MFD_CLOEXEC);
	Elf64_Shdr table, names;
	Elf64_Ehdr head;
	char mem[4096];
	ssize_t n;

	while ((n = read(own, mem, sizeof(mem))) > 0)
		assert_int_equal(write(fd, mem, (size_t)n), n);
	close(own);
	assert_int_equal(pread(fd, &head, sizeof(head), 0), sizeof(head));
	for (unsigned i = 0; i < head.e_shnum; i++) {
		off_t at = (off_t)head.e_shoff;

		assert_int_equal(pread(fd, &table, sizeof(table), at + i * sizeof(table)),
				 sizeof(table));
		if (table.sh_type != SHT_SYMTAB)
			continue;
		at += table.sh_link * sizeof(names);
		assert_int_equal(pread(fd, &names, sizeof(names), at), sizeof(names));
		names.sh_size = 64 << 20;
		assert_int_equal(pwrite(fd, &names, sizeof(names), at), sizeof(names));
	}
	return fd;
}

static void what_was_not_searched_is_said(void **state)
{
	const char *const names[] = { "there is none" };
	int fd = large_names_open();
	struct elf_file f;
	u64 offset;

	(void)state;
	assert_int_equal(elf_file_open(&f, fd), 0);
	assert_int_equal(elf_functions_find(&f, names, 1, &offset), -EFBIG);
	close(fd);
}

static void no_elf_test(void **state)
{
	struct elf_file f;
	int fd = text_open("#!/bin/sh\n");

	(void)state;
	assert_int_equal(elf_file_open(&f, fd), -ENOEXEC);
	close(fd);
}

/* Functions of the program and of a library, by the mappings of this process. */
static void process_test(void **state)
{
	struct lookup list[3] = { 0 };
	struct mappings m = { .list = NULL };
	Dl_info info;

	(void)state;
	list[0].address = (u64)process_test + 4;
	list[1].address = (u64)dlsym(RTLD_DEFAULT, "qsort") + 4;
	list[2].address = 8; /* nothing is there */
	assert_int_equal(lookup_process(list, 3, (u32)getpid(), &m), 0);
	assert_string_equal(list[0].function, "process_test");
	assert_int_equal(list[0].offset, 4);
	assert_string_equal(list[0].file, "stack_test");
	assert_true(dladdr((void *)list[1].address, &info));
	assert_string_equal(list[1].function, info.dli_sname);
	assert_string_equal(list[1].file, "libc.so.6");
	assert_string_equal(list[2].function, "");
	assert_string_equal(list[2].file, "");
	mappings_release(&m);
	assert_true(lookup_process(list, 3, 0x7fffffff, &m) < 0);
	mappings_release(&m);
}

/* A process that executes another program is told from what it was; one that has ended from all. */
static void image_test(void **state)
{
	struct image before, after;
	int go[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		close(go[1]);
		if (!read(go[0], &byte, 1))
			execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	close(go[0]);
	assert_int_equal(image_read(&before, (u32)pid), 0);
	assert_int_equal(image_read(&after, (u32)pid), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	close(go[1]);
	for (int i = 0; i < 1000 && after.stack == before.stack; i++) {
		usleep(5000);
		image_read(&after, (u32)pid);
	}
	assert_int_equal(after.start_ticks, before.start_ticks);
	assert_memory_not_equal(&before, &after, sizeof(before));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(image_read(&after, (u32)pid) < 0);
}

/* There is room again when names have not been asked for in a while, and those that have been stay. */
static void room_test(void **state)
{
	const struct space_key kernel = { 0, 0 };
	const struct name *first = NULL;
	struct names *n = names_new(NULL);
	u64 second = 1000 * NS_PER_MS;
	unsigned cnt = 0;

	(void)state;
	assert_non_null(n);
	names_reading(n, second);
	while (cnt < 1000000 && names_find(n, kernel, cnt))
		cnt++;
	assert_in_range(cnt, 1000, 999999);
	names_reading(n, 2 * second);
	first = names_find(n, kernel, 0);
	assert_non_null(first);
	assert_null(names_find(n, kernel, cnt));
	names_reading(n, 15 * second);
	assert_non_null(names_find(n, kernel, cnt));
	assert_ptr_equal(names_find(n, kernel, 0), first);
	names_free(n);
}

/* What a run-time compiler has made has its names in a file of the process's. */
static void compiled_test(void **state)
{
	char *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mappings m = { .list = NULL };
	struct lookup one = { .address = (u64)code + 0x20 };
	char path[64];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "%lx 40 app.js:handle\n", (unsigned long)code + 0x10);
	fclose(f);
	assert_int_equal(lookup_process(&one, 1, (u32)getpid(), &m), 0);
	unlink(path);
	assert_string_equal(one.function, "app.js:handle");
	assert_int_equal(one.offset, 0x10);
	mappings_release(&m);
	munmap(code, 4096);
}

static void mappings_test(void **state)
{
	struct mappings m = { .list = NULL };

	(void)state;
	assert_true(mappings_add(&m, "1000-2000 r--p 00000000 08:01 7 /bin/a b\n(deleted)"));
	assert_int_equal(m.cnt, 0);
	assert_true(
		mappings_add(&m, "2000-4000 r-xp 00001000 08:01 7                    /bin/a b"));
	assert_true(mappings_add(&m, "5000-6000 r-xp 00000000 00:00 0 "));
	assert_false(mappings_add(&m, "5000-7000 r-xp 00000000 00:00 0 "));
	assert_false(mappings_add(&m, "7000-7000 r-xp 00000000 00:00 0 "));
	assert_false(mappings_add(&m, "nonsense"));
	assert_int_equal(m.cnt, 2);
	assert_string_equal(mappings_find(&m, 0x3fff)->path, "/bin/a b");
	assert_int_equal(mappings_find(&m, 0x2000)->file_at, 0x1000);
	assert_null(mappings_find(&m, 0x4000));
	assert_string_equal(mappings_find(&m, 0x5000)->path, "");
	mappings_release(&m);
}

/* --- the stack of a task that sleeps */

struct sleeper {
	u64 sp, fp;
};

__attribute__((noinline, optimize("no-omit-frame-pointer"))) static void inner(struct sleeper *s)
{
	s->fp = (u64)__builtin_frame_address(0);
	s->sp = s->fp - 64;
	for (;;)
		pause();
}

__attribute__((noinline, optimize("no-omit-frame-pointer"))) static void outer(struct sleeper *s)
{
	inner(s);
	__asm__ volatile(""); /* or the call were the last of the function */
}

static void walk_test(void **state)
{
	volatile struct sleeper *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct wait_now from = { .ip = (u64)pause };
	struct stack_trace trace, same;
	pid_t child = fork();

	(void)state;
	if (!child)
		outer((struct sleeper *)s);
	while (!s->sp)
		usleep(1000);
	from.sp = s->sp;
	from.fp = s->fp;
	stack_walk((u32)child, &from, &trace);
	assert_true(trace.cnt >= 2);
	assert_true(trace.frame[0] == from.ip);
	assert_true(trace.frame[1] > (u64)outer && trace.frame[1] < (u64)outer + 64);
	same = trace;
	assert_true(stack_key(&same) == stack_key(&trace));
	same.frame[1]++;
	assert_true(stack_key(&same) != stack_key(&trace));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	stack_walk((u32)child, &from, &trace); /* it has ended */
	assert_int_equal(trace.cnt, 1);
	munmap((void *)s, sizeof(*s));
}

/* --- classes */

static void class_test(void **state)
{
	static const struct {
		const char *functions[6];
		enum wait_class class;
	} stacks[] = {
		{ { "futex_do_wait", "__futex_wait", "do_futex" }, WAIT_LOCK },
		{ { "futex_wait_queue_me", "futex_wait" }, WAIT_LOCK },
		{ { "rwsem_down_write_slowpath", "ext4_file_write_iter" }, WAIT_LOCK },
		{ { "io_schedule", "folio_wait_bit_common", "filemap_read" }, WAIT_DISK },
		{ { NULL, "jbd2_log_wait_commit", "ext4_sync_file" }, WAIT_DISK },
		{ { "io_schedule_timeout", "balance_dirty_pages", "ext4_file_write_iter" },
		  WAIT_MEMORY },
		{ { "io_schedule", "folio_wait_bit_common", "do_swap_page" }, WAIT_MEMORY },
		{ { "schedule_timeout", "wait_woken", "sk_wait_data", "tcp_recvmsg_locked" },
		  WAIT_NETWORK },
		{ { "schedule_timeout", "inet_csk_accept" }, WAIT_IDLE },
		{ { "__skb_wait_for_more_packets", "unix_accept" }, WAIT_IDLE },
		{ { "do_epoll_wait.constprop.0" }, WAIT_IDLE },
		{ { "do_nanosleep", "hrtimer_nanosleep" }, WAIT_IDLE },
		{ { "pipe_read", "vfs_read" }, WAIT_IDLE },
		{ { "do_wait", "kernel_wait4" }, WAIT_IDLE },
		{ { "ptrace_stop", "get_signal" }, WAIT_STOPPED },
		{ { "something", NULL, "new" }, WAIT_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(stacks) / sizeof(*stacks); i++)
		assert_int_equal(wait_class_of(stacks[i].functions, 6), stacks[i].class);
	assert_int_equal(wait_class_of_call(-1), WAIT_OTHER);
	assert_true(wait_is_for_work("runtime.notesleep"));
	assert_true(wait_is_for_work("runtime.notetsleep_internal"));
	assert_false(wait_is_for_work("runtime.lock2"));
	for (int i = 0; i < WAIT_CLASSES; i++)
		assert_non_null(wait_class_name((enum wait_class)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(search_test),	 cmocka_unit_test(name_test),
		cmocka_unit_test(perf_map_test), cmocka_unit_test(kernel_test),
		cmocka_unit_test(elf_test),	 cmocka_unit_test(what_was_not_searched_is_said),
		cmocka_unit_test(no_elf_test),	 cmocka_unit_test(process_test),
		cmocka_unit_test(image_test),	 cmocka_unit_test(room_test),
		cmocka_unit_test(compiled_test), cmocka_unit_test(mappings_test),
		cmocka_unit_test(walk_test),	 cmocka_unit_test(class_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
