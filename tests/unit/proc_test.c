// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "service/proc.h"

static void lines_of_proc_net_tcp(void **state)
{
	static const struct {
		const char *line;
		bool listens;
		u32 port;
		u64 inode;
	} c[] = {
		{ "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
		  "uid  "
		  "timeout inode",
		  false, 0, 0 },
		{ "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  "
		  "1000        0 "
		  "31337 1 0000000000000000 100 0 0 10 0",
		  true, 8080, 31337 },
		{ "   1: 00000000000000000000000001000000:0050 "
		  "00000000000000000000000000000000:0000 0A "
		  "00000000:00000000 00:00000000 00000000     0        0 18446744073709551615 1",
		  true, 80, UINT64_MAX },
		{ "   2: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     "
		  "0        0 "
		  "5 1",
		  false, 0, 0 },
		{ "   3: 0100007F:1F90 00000000:0000 0A", false, 0, 0 },
		{ "", false, 0, 0 },
	};
	struct proc_listener got;

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		assert_int_equal(proc_listener_parse(c[i].line, &got), c[i].listens);
		if (!c[i].listens)
			continue;
		assert_int_equal(got.port, c[i].port);
		assert_true(got.inode == c[i].inode);
	}
}

static void links_of_descriptors(void **state)
{
	u64 inode = 0;

	(void)state;
	assert_true(proc_socket_parse("socket:[4711]", &inode));
	assert_true(inode == 4711);
	assert_false(proc_socket_parse("socket:[4711", &inode));
	assert_false(proc_socket_parse("pipe:[4711]", &inode));
	assert_false(proc_socket_parse("/tmp/socket:[4711]", &inode));
}

static void first_arguments(void **state)
{
	static const struct {
		const char *args;
		size_t len;
		const char *base;
	} c[] = {
		{ "/usr/bin/redis-server 127.0.0.1:6379", 36, "redis-server" },
		{ "sleep\0001", 7, "sleep" },
		{ "./a/b/", 6, "" },
		{ "no-end", 6, "no-end" },
		{ "cut", 2, "cu" },
		{ "", 0, "" },
	};
	const char *base;

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		size_t len = proc_argv0(c[i].args, c[i].len, &base);

		assert_int_equal(len, strlen(c[i].base));
		assert_memory_equal(base, c[i].base, len);
	}
}

static void titles(void **state)
{
	static const struct {
		const char *args;
		size_t len;
		const char *word;
	} c[] = {
		{ "gunicorn: master [app]", 23, "gunicorn" },
		{ "puma 5.6.5 (tcp://0.0.0.0:80) [app]\0\0\0\0", 40, "puma" },
		{ "/usr/sbin/spamd child", 21, "spamd" },
		{ "[celeryd: worker@host] -active-", 32, "celeryd" },
		{ "web\0\0\0\0", 8, "web" },
		/* none */
		{ "-bash", 6, "" },
		{ "python3\0app.py", 15, "" },
		{ "my shell\0-c\0x", 14, "" },
		{ "", 0, "" },
		{ "\0\0\0", 3, "" },
		{ ": x", 4, "" },
		{ "[ x", 4, "" },
	};
	const char *word;

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		size_t len = proc_title(c[i].args, c[i].len, &word);

		assert_int_equal(len, strlen(c[i].word));
		if (len)
			assert_memory_equal(word, c[i].word, len);
	}
}

static void auxiliary_vectors(void **state)
{
	const u64 wide[] = { 33, 0x7ffd000, 16, 1, 31, 0x7ffc12345678, 0, 0 };
	const u64 without[] = { 33, 0x7ffd000, 16, 1, 0, 0 };
	const u32 narrow[] = { 32, 0xf7f00000, 16, 1, 31, 0xffc12345, 0, 0 };

	(void)state;
	assert_true(proc_auxv_execfn(wide, sizeof(wide)) == 0x7ffc12345678);
	assert_true(proc_auxv_execfn(narrow, sizeof(narrow)) == 0xffc12345);
	assert_true(proc_auxv_execfn(wide, 5 * 8) == 0);
	assert_true(proc_auxv_execfn(without, sizeof(without)) == 0);
	assert_true(proc_auxv_execfn(wide, 0) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_proc_net_tcp), cmocka_unit_test(links_of_descriptors),
		cmocka_unit_test(first_arguments),	 cmocka_unit_test(titles),
		cmocka_unit_test(auxiliary_vectors),
	};

	return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
