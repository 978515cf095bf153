// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/attach_text.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/attach_words.h"
#include "lib/utf8.h"

static void is_text(void (*add)(struct buf *out, double value), double value, const char *expected)
{
	struct buf out = { 0 };

	add(&out, value);
	assert_string_equal(buf_cstr(&out), expected);
	buf_release(&out);
}

static void count(struct buf *out, double n)
{
	words_count(out, (unsigned long long)n);
}

static void test_figures(void **state)
{
	(void)state;
	is_text(words_duration, 0, "0.0 us");
	is_text(words_duration, 0.0000003, "0.3 us");
	is_text(words_duration, 0.0000123, "12 us");
	is_text(words_duration, 0.0012, "1.2 ms");
	is_text(words_duration, 0.412, "412 ms");
	is_text(words_duration, 3.14, "3.1 s");
	is_text(words_duration, 125, "2 min 5 s");
	is_text(words_bytes, 512, "512 B");
	is_text(words_bytes, 1.5 * 1024 * 1024, "1.5 MiB");
	is_text(words_bytes, 20.0 * 1024, "20 KiB");
	is_text(count, 0, "0");
	is_text(count, 999, "999");
	is_text(count, 18204, "18,204");
	is_text(count, 1234567, "1,234,567");
}

static void test_names_are_clean(void **state)
{
	struct buf out = { 0 };

	(void)state;
	utf8_printable(&out, "a\033[2Jb\n\xc2\x9b\x9b\x7f\xc3\xa4\xc2\xa0");
	assert_string_equal(buf_cstr(&out), "a\\x1b[2Jb\\x0a\\xc2\\x9b\\x9b\\x7f\xc3\xa4\xc2\xa0");
	buf_release(&out);
}

static json_t *document(void)
{
	static const char text[] =
		"{\"process\": {\"pid\": 812, \"command\": \"postgres\", \"service\": \"postgresql.service\", \"ended\": true,"
		" \"signal\": 9}, \"elapsed_seconds\": 30.0, \"cpu_seconds\": 2.1, \"run_queue_wait_seconds\": 0.2,"
		" \"blocked\": {\"disk_seconds\": 24.9, \"lock_seconds\": 1.2, \"network_seconds\": 0.3, \"event_seconds\": 7,"
		" \"condition_seconds\": 3},"
		" \"calls\": [{\"call\": \"pread64\", \"calls_total\": 18204, \"errors_total\": 2,"
		" \"errors\": {\"EIO\": 2}, \"wall_seconds\": 24.61, \"cpu_seconds\": 0.31, \"p50_seconds\": 0.0012,"
		" \"p99_seconds\": 0.091, \"max_seconds\": 0.412, \"slowest\": {\"file\": \"/srv/pg/base/16384/2601\","
		" \"offset_bytes\": 8493466}}],"
		" \"metrics\": [{\"metric\": \"seismo_service_block_io_duration_seconds\", \"labels\": {\"device\": \"sdb\","
		" \"operation\": \"read\"}, \"count_total\": 18204, \"p50_seconds\": 0.00136, \"p99_seconds\": 0.09},"
		" {\"metric\": \"seismo_service_block_io_bytes_total\", \"labels\": {\"device\": \"sdb\", \"operation\": \"read\"},"
		" \"value_bytes\": 148897792}],"
		" \"processes\": {\"started_total\": 4, \"running\": 1, \"threads_running\": 1, \"ended_total\": 3,"
		" \"exit_status\": {\"0\": 2, \"1\": 1}, \"killed_by\": {}},"
		" \"lost\": {\"tasks_total\": 0, \"events_total\": 0}}";
	json_t *doc = json_loads(text, 0, NULL);

	assert_non_null(doc);
	return doc;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static void test_summary(void **state)
{
	const struct attach_view view = { 0 };
	json_t *doc = document();
	struct buf out = { 0 };
	const char *text;

	(void)state;
	attach_text_summary(doc, &view, &out);
	text = buf_cstr(&out);
	has(text,
	    "postgres[812] of postgresql.service and 4 children, 30.0 s: 2.1 s CPU, 26.4 s blocked (disk 24.9, locks 1.2, network 0.3)");
	has(text,
	    "10.0 s waiting on purpose (for events 7.0, for other threads 3.0), 0.2 s waiting for a CPU; nothing lost\n");
	has(text,
	    "pread64      18,204  2 EIO                24.61    0.31   1.2 ms    91 ms   412 ms  base/16384/2601 at 8.1 MiB\n");
	has(text, "disk   sdb  read 18,204 at p50 1.4 ms, p99 90 ms, 142 MiB\n");
	has(text, "3 processes ended: 2 with 0, 1 with 1\n");
	has(text, "it was killed by SIGKILL (9)\n");
	buf_release(&out);
	json_decref(doc);
}

static void has_call(const char *name, const char *errors, const char *line)
{
	json_t *doc = json_pack("{s:[{s:s, s:i, s:o}]}", "calls", "call", name, "calls_total", 7,
				"errors", json_loads(errors, 0, NULL));
	const struct attach_view view = { 0 };
	struct buf out = { 0 };

	assert_non_null(doc);
	attach_text_summary(doc, &view, &out);
	has(buf_cstr(&out), line);
	buf_release(&out);
	json_decref(doc);
}

static void has_head(int started, int running, const char *head)
{
	json_t *doc = json_pack("{s:{s:s, s:i}, s:{s:i, s:i}}", "process", "command", "sh", "pid",
				7, "processes", "started_total", started, "running", running);
	const struct attach_view view = { 0 };
	struct buf out = { 0 };

	attach_text_summary(doc, &view, &out);
	has(buf_cstr(&out), head);
	buf_release(&out);
	json_decref(doc);
}

/* Those that were started, and those that were there before. */
static void test_children(void **state)
{
	(void)state;
	has_head(0, 1, "sh[7], 0.00 s");
	has_head(1, 0, "sh[7] and 1 child, 0.00 s");
	has_head(0, 2, "sh[7] and 1 child, 0.00 s");
	has_head(2, 0, "sh[7] and 2 children, 0.00 s");
	has_head(3, 2, "sh[7] and 3 children, 0.00 s");
	has_head(1, 4, "sh[7] and 3 children, 0.00 s");
}

/* Columns stay where they are, whatever is in them. */
static void test_columns(void **state)
{
	(void)state;
	has_call("read", "{}", "read           7  0                     0.00");
	has_call("read", "{\"EIO\": 5, \"EINTR\": 2}",
		 "read           7  5 EIO, 2 EINTR        0.00");
	has_call("inotify_add_watch", "{\"ENOENT\": 639, \"ENXIO\": 16}",
		 "inotify_add_watch           7  639 ENOENT +1         0.00");
}

/* The summary as people see it, with nothing cut. */
static void summarize(const char *text, struct buf *ret)
{
	const struct attach_view view = { 0 };
	json_t *doc = json_loads(text, 0, NULL);

	assert_non_null(doc);
	attach_text_summary(doc, &view, ret);
	json_decref(doc);
}

/* A stack is told by what is known of it, and says what is not. */
static void test_stacks(void **state)
{
	static const char text[] =
		"{\"blocked_in\": [{\"waits_for\": \"disk\", \"call\": \"fsync\", \"blocked_seconds\": 0.023, \"longest_seconds\": 0.018,"
		" \"waker\": {\"kind\": \"interrupt\"}, \"frames\": ["
		" {\"function\": \"io_schedule\", \"kernel\": true}, {\"function\": \"ext4_sync_file\", \"kernel\": true},"
		" {\"function\": \"__x64_sys_fsync\", \"kernel\": true}, {\"function\": \"do_syscall_64\", \"kernel\": true},"
		" {\"function\": \"fsync\", \"file\": \"/lib/libc.so.6\", \"kernel\": false},"
		" {\"function\": null, \"file\": \"/opt/app/stripped\", \"kernel\": false},"
		" {\"function\": null, \"file\": \"/opt/app/stripped\", \"kernel\": false},"
		" {\"function\": null, \"file\": null, \"kernel\": false},"
		" {\"function\": \"main\", \"file\": \"/opt/app/x\", \"kernel\": false}]}]}";
	struct buf out = { 0 };

	(void)state;
	summarize(text, &out);
	has(buf_cstr(&out),
	    "blocked in  fsync 23 ms (disk, longest 18 ms) io_schedule < ext4_sync_file < fsync < ? in stripped < ? < main\n");
	has(buf_cstr(&out), "woken by    an interrupt (a device, a timer, a packet) 23 ms\n");
	buf_release(&out);
}

/* No line is wider than the terminal. */
static void test_narrow(void **state)
{
	const struct attach_view view = { .width = 40, .calls = 1, .live = true };
	json_t *doc = document();
	struct buf out = { 0 };
	size_t column = 0;

	(void)state;
	attach_text_summary(doc, &view, &out);
	for (size_t i = 0; i < out.len; i++) {
		column = out.data[i] == '\n' ? 0 : column + 1;
		assert_true(column <= 40);
	}
	buf_release(&out);
	json_decref(doc);
}

/* A character may take two columns, or none of its own. */
static void test_wide(void **state)
{
	struct buf out = { 0 };

	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	buf_str(&out, "kept\na\u65e5e\u0301\u672cb\n\u65e5\u672cab\n");
	words_cut(&out, strlen("kept\n"), 5);
	assert_string_equal(buf_cstr(&out), "kept\na\u65e5e\u0301\n\u65e5\u672ca\n");
	buf_release(&out);
}

/* What is lost is said, and what is missing is no reason to fail. */
static void test_losses(void **state)
{
	json_t *doc = json_pack("{s:{s:i, s:i}}", "lost", "tasks_total", 3, "events_total", 0);
	const struct attach_view view = { 0 };
	struct buf out = { 0 };

	(void)state;
	attach_text_summary(doc, &view, &out);
	has(buf_cstr(&out), "LOST: 3 threads were not followed");
	buf_release(&out);
	json_decref(doc);
}

static void is_slow(const char *json, const char *expected)
{
	json_t *e = json_loads(json, 0, NULL);
	struct buf out = { 0 };

	assert_non_null(e);
	attach_text_slow(e, &out);
	assert_string_equal(buf_cstr(&out), expected);
	buf_release(&out);
	json_decref(e);
}

#define WHEN "\"time\": \"2026-11-26T14:44:12.123456789Z\", "

static void test_slow(void **state)
{
	(void)state;
	is_slow("{" WHEN
		"\"what\": \"call\", \"command\": \"post\\u001b\\u009bgres\", \"tid\": 812, \"call\": \"fsync\","
		" \"file\": \"/srv/pg/pg_wal/1\", \"duration_seconds\": 0.186, \"errno\": \"EIO\","
		" \"waits_for\": \"disk\", \"wait_seconds\": 0.18, \"waker\": {\"kind\": \"interrupt\"}}",
		"14:44:12.123 post\\x1b\\xc2\\x9bgres[812] fsync /srv/pg/pg_wal/1 186 ms EIO, of it 180 ms blocked by a disk,"
		" ended by an interrupt (a device, a timer, a packet)\n");
	is_slow("{" WHEN
		"\"what\": \"call\", \"command\": \"app\", \"tid\": 7, \"call\": \"futex\","
		" \"duration_seconds\": 0.1, \"waits_for\": \"lock\", \"wait_seconds\": 0.09,"
		" \"waker\": {\"kind\": \"thread\", \"command\": \"app\", \"pid\": 5, \"tid\": 8}}",
		"14:44:12.123 app[7] futex 100 ms, of it 90 ms blocked by a lock, ended by app[8]\n");
	is_slow("{" WHEN
		"\"what\": \"io\", \"device\": \"vda\", \"operation\": \"write\", \"size_bytes\": 4096,"
		" \"sector\": 800, \"duration_seconds\": 0.02, \"device_seconds\": 0.015}",
		"14:44:12.123 I/O vda write 4.0 KiB at sector 800 20 ms, of it 15 ms in the device\n");
	is_slow("{" WHEN
		"\"what\": \"request\", \"command\": \"app\", \"tid\": 7, \"direction\": \"outbound\","
		" \"protocol\": \"http\", \"remote\": \"10.0.0.1:80\", \"peer\": \"nginx\", \"duration_seconds\": 0.02}",
		"14:44:12.123 app[7] request outbound http to 10.0.0.1:80 (nginx) 20 ms\n");
}

static void test_connection(void **state)
{
	static const char text[] =
		"{\"connections_total\": 2, \"connections\": [{\"direction\": \"outbound\", \"peer\": \"10.0.0.1:5432\", \"state\": \"open\","
		" \"received_bytes\": 1024, \"sent_bytes\": 10, \"rtt_seconds\": 0.001, \"retransmits_total\": 3, \"since_before\": true},"
		" {\"direction\": \"outbound\", \"peer\": \"[::1]:80\", \"state\": \"failed\", \"errno\": \"ECONNREFUSED\","
		" \"duration_seconds\": 0.002, \"connect_seconds\": 0.002}]}";
	struct buf out = { 0 };

	(void)state;
	summarize(text, &out);
	has(buf_cstr(&out),
	    "connection  to 10.0.0.1:5432: 1.0 KiB received, 10 B sent, RTT 1.0 ms, 3 retransmits, since before, open\n");
	has(buf_cstr(&out),
	    "connection  to [::1]:80 failed (ECONNREFUSED): 0 B received, 0 B sent, connect 2.0 ms, 0 retransmits, 2.0 ms\n");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures),	   cmocka_unit_test(test_names_are_clean),
		cmocka_unit_test(test_summary),	   cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_wide),	   cmocka_unit_test(test_columns),
		cmocka_unit_test(test_children),   cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_losses),	   cmocka_unit_test(test_slow),
		cmocka_unit_test(test_connection),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
