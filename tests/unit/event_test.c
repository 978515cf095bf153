// SPDX-License-Identifier: BSD-3-Clause
/* Lines of the event log and their limits; the thread that writes is played by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "event/event.h"
#include "event/filter.h"
#include "event/replaced.h"
#include "event/writer.h"
#include "lib/buf.h"
#include "lib/utc.h"

static u64 now_ns;
static s64 wall_ns;
static bool room;
static struct buf lines;
static unsigned line_cnt;
static struct event_log *l;

uint64_t __wrap_clock_now_ns(void);
uint64_t __wrap_clock_now_ns(void)
{
	return now_ns;
}

s64 __wrap_utc_now_ns(void);
s64 __wrap_utc_now_ns(void)
{
	return wall_ns;
}

struct writer *__wrap_writer_new(const struct writer_options *o);
struct writer *__wrap_writer_new(const struct writer_options *o)
{
	(void)o;
	return (struct writer *)&room;
}

void __wrap_writer_free(struct writer *w);
void __wrap_writer_free(struct writer *w)
{
	(void)w;
}

void __wrap_writer_wake(struct writer *w);
void __wrap_writer_wake(struct writer *w)
{
	(void)w;
}

void __wrap_writer_state(struct writer *w, struct writer_state *ret);
void __wrap_writer_state(struct writer *w, struct writer_state *ret)
{
	(void)w;
	*ret = (struct writer_state){ 0 };
}

bool __wrap_writer_put(struct writer *w, const char *line, size_t len, bool journald);
bool __wrap_writer_put(struct writer *w, const char *line, size_t len, bool journald)
{
	(void)w;
	(void)journald;
	if (!room)
		return false;
	buf_char(&lines, '{');
	buf_add(&lines, line, len);
	line_cnt++;
	return true;
}

static int setup(void **state)
{
	(void)state;
	now_ns = 1000000000;
	wall_ns = 1795704252123456789;
	room = true;
	line_cnt = 0;
	buf_reset(&lines);
	l = event_log_new(&(struct writer_options){ .file = "" });
	return l ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	event_log_free(l);
	buf_release(&lines);
	return 0;
}

static void tell(enum event_kind kind, const char *service)
{
	event_begin(l, kind, service, wall_ns);
	event_end(l);
}

static unsigned count(const char *text)
{
	const char *at = buf_cstr(&lines);
	unsigned cnt = 0;

	while ((at = strstr(at, text))) {
		at++;
		cnt++;
	}
	return cnt;
}

static void a_line(void **state)
{
	json_t *value = json_pack("{s:[i,i]}", "a", 1, 2);

	(void)state;
	event_begin(l, EVENT_PROCESS_EXIT, "nginx.service", wall_ns);
	event_text(l, "command", "a\"b\\c\n\x01\xff\xc3\xa9");
	event_text(l, "none", NULL);
	event_integer(l, "pid", -5);
	event_bool(l, "core_dumped", true);
	event_seconds(l, "life_seconds", 1500000000);
	event_json(l, "evidence", value);
	event_time(l, "since", -1);
	event_end(l);
	assert_string_equal(
		buf_cstr(&lines),
		"{\"time\":\"2026-11-26T14:44:12.123456789Z\",\"kind\":\"process_exit\",\"service\":\"nginx.service\","
		"\"command\":\"a\\\"b\\\\c\\u000a\\u0001\xef\xbf\xbd\xc3\xa9\",\"pid\":-5,\"core_dumped\":true,"
		"\"life_seconds\":1.5,\"evidence\":{\"a\":[1,2]},\"since\":\"1969-12-31T23:59:59.999999999Z\"}\n");
	json_decref(value);
}

/* Whatever the bytes, a line is JSON. */
static void any_text_is_json(void **state)
{
	char text[256];
	json_t *doc;

	(void)state;
	for (int i = 1; i < 256; i++)
		text[i - 1] = (char)i;
	text[255] = '\0';
	event_begin(l, EVENT_OOM, text, wall_ns);
	event_end(l);
	doc = json_loadb(lines.data, lines.len, 0, NULL);
	assert_non_null(doc);
	assert_true(json_string_length(json_object_get(doc, "service")) > 255);
	json_decref(doc);
}

static void a_kind_is_limited_for_each_service(void **state)
{
	const struct event_row *row = &event_rows[EVENT_BLOCK_ERROR];

	(void)state;
	for (unsigned i = 0; i < 3 * row->burst; i++)
		tell(EVENT_BLOCK_ERROR, "a");
	assert_int_equal(line_cnt, row->burst);
	tell(EVENT_BLOCK_ERROR, "b");
	tell(EVENT_OOM, "a");
	assert_int_equal(line_cnt, row->burst + 2);
	now_ns += 11000000000ULL;
	event_log_tick(l);
	assert_int_equal(
		count("\"kind\":\"suppressed\",\"service\":\"a\",\"of\":\"block_error\",\"count\":200,"),
		1);
	event_log_tick(l);
	assert_int_equal(count("\"suppressed\""), 1);
	/* some are allowed again */
	line_cnt = 0;
	for (unsigned i = 0; i < 3 * row->burst; i++)
		tell(EVENT_BLOCK_ERROR, "a");
	assert_in_range(line_cnt, 10 * row->per_second, 12 * row->per_second + 1);
}

/* What is promised: 2,000 processes a second. */
static void a_storm_is_not_limited(void **state)
{
	(void)state;
	for (unsigned ms = 0; ms < 60000; ms++, now_ns += 1000000) {
		for (int i = 0; i < 2; i++) {
			tell(EVENT_PROCESS_START, "commands"); /* fork */
			tell(EVENT_PROCESS_START, "commands"); /* exec */
			tell(EVENT_PROCESS_EXIT, "commands");
		}
		buf_reset(&lines);
	}
	event_log_tick(l);
	assert_int_equal(line_cnt, 60000 * 6);
}

static void many_services_share_a_limit(void **state)
{
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "service-%u", i);
		tell(EVENT_BLOCK_ERROR, name);
	}
	assert_in_range(line_cnt, 1000, 1024 + event_rows[EVENT_BLOCK_ERROR].burst);
}

/* The clock that people see is no clock for limits. */
static void the_clock_is_set(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		wall_ns += (i % 2 ? -1 : 1) * 3600 * 1000000000LL;
		for (unsigned j = 0; j < event_rows[EVENT_BLOCK_ERROR].burst; j++)
			tell(EVENT_BLOCK_ERROR, "a");
	}
	assert_int_equal(line_cnt, event_rows[EVENT_BLOCK_ERROR].burst);
	assert_int_equal(count("T15:44:12.123456789Z"), line_cnt);
}

static void without_room_lines_are_counted(void **state)
{
	(void)state;
	tell(EVENT_OOM, "a");
	room = false;
	for (int i = 0; i < 3; i++)
		tell(EVENT_OOM, "a");
	tell(EVENT_RELOAD, NULL);
	event_log_tick(l);
	assert_int_equal(line_cnt, 1);
	assert_int_equal(event_log_dropped(l, EVENT_OOM), 3);
	assert_int_equal(event_log_dropped(l, EVENT_RELOAD), 1);
	room = true;
	wall_ns += 5000000000;
	tell(EVENT_OOM, "b");
	assert_int_equal(line_cnt, 4);
	assert_int_equal(
		count("\"kind\":\"lost\",\"where\":\"queue\",\"what\":\"oom\",\"count\":3,\"since\":"
		      "\"2026-11-26T14:44:12.123456789Z\"}\n"),
		1);
	assert_int_equal(count("\"where\":\"queue\",\"what\":\"reload\",\"count\":1,"), 1);
	/* the gap is told where it is: before the next line */
	assert_true(strstr(lines.data, "\"lost\"") < strstr(lines.data, "\"b\""));
	event_log_tick(l);
	assert_int_equal(line_cnt, 4);
}

static void no_log_is_no_error(void **state)
{
	(void)state;
	event_begin(NULL, EVENT_OOM, "a", wall_ns);
	event_text(NULL, "a", "b");
	event_end(NULL);
	event_lost(NULL, "ring", NULL, 1);
	event_log_tick(NULL);
	assert_true(event_log_end(NULL, 0));
	event_log_free(NULL);
}

/* --- which events */

static bool matches(const char *name, const char *value, const char *line)
{
	struct event_filter f = { 0 };
	struct buf error = { 0 };
	json_t *event;
	bool bad;

	assert_int_equal(event_filter_set(&f, name, value, wall_ns, &error), 0);
	event = event_filter_line(&f, line, strlen(line), &bad);
	assert_false(bad);
	json_decref(event);
	return event;
}

static void events_are_filtered(void **state)
{
	static const char line[] =
		"{\"seq\":1,\"time\":\"2026-11-26T14:40:00.5Z\",\"kind\":\"oom\",\"service\":\"a/b.service\",\"pid\":7}";
	static const struct {
		const char *name, *value;
		bool matches;
	} rows[] = {
		{ "kind", "oom", true },
		{ "kind", "slow,oom", true },
		{ "kind", "slow", false },
		{ "service", "a/b.service", true },
		{ "service", "a*", true },
		{ "service", "b*", false },
		{ "pid", "7", true },
		{ "pid", "8", false },
		{ "since", "5m", true },
		{ "since", "4m", false },
		{ "until", "4m", true },
		{ "until", "5m", false },
		{ "since", "2026-11-26T14:40:00.5Z", true },
		{ "since", "2026-11-26T14:40:00.500000001Z", false },
		{ "until", "2026-11-26T14:40:00.499Z", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(matches(rows[i].name, rows[i].value, line), rows[i].matches);
}

static void bad_conditions_are_refused(void **state)
{
	static const char *const rows[][2] = {
		{ "kind", "" },		  { "kind", "nothing" },
		{ "since", "yesterday" }, { "since", "2026-11-26" },
		{ "pid", "0" },		  { "pid", "x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct event_filter f = { 0 };
		struct buf error = { 0 };

		assert_int_not_equal(event_filter_set(&f, rows[i][0], rows[i][1], wall_ns, &error),
				     0);
		assert_true(error.len);
		buf_release(&error);
	}
}

static void bad_lines_are_none(void **state)
{
	static const char *const rows[] = { "",	   "{", "[]", "1", "{\"seq\":1}", "{\"kind\":1}",
					    "\xff" };
	const struct event_filter all = { 0 };
	bool bad;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_null(event_filter_line(&all, rows[i], strlen(rows[i]), &bad));
		assert_true(bad);
	}
}

/* --- programs that are replaced */

static void a_program_is_replaced(void **state)
{
	struct program_file file = { .inode = 1, .size = 2, .mtime_ns = 3, .device = 4 }, before;
	struct replaced *t = replaced_new();

	(void)state;
	assert_int_equal(replaced_note(t, "a", "/bin/x", &file, &before), PROGRAM_FIRST);
	assert_int_equal(replaced_note(t, "a", "/bin/x", &file, &before), PROGRAM_SAME);
	file.inode = 9;
	assert_int_equal(replaced_note(t, "b", "/bin/x", &file, &before), PROGRAM_FIRST);
	assert_int_equal(replaced_note(t, "a", "/bin/y", &file, &before), PROGRAM_FIRST);
	assert_int_equal(replaced_note(t, "a", "/bin/x", &file, &before), PROGRAM_REPLACED);
	assert_int_equal(before.inode, 1);
	assert_int_equal(replaced_note(t, "a", "/bin/x", &file, &before), PROGRAM_SAME);
	file.mtime_ns = 4; /* overwritten in place */
	assert_int_equal(replaced_note(t, "a", "/bin/x", &file, &before), PROGRAM_REPLACED);
	file.device = 5; /* the same image in another container */
	file.inode = 10;
	assert_int_equal(replaced_note(t, "a", "/bin/x", &file, &before), PROGRAM_ELSEWHERE);
	file.size = 5;
	assert_int_equal(replaced_note(t, "a", "/bin/x", &file, &before), PROGRAM_REPLACED);
	assert_true(replaced_known(t, "a", "/bin/x"));
	assert_false(replaced_known(t, "c", "/bin/x"));
	replaced_free(t);
}

/* Reproducible images have the same times and often the same sizes: only the build tells. */
static void a_build_tells(void **state)
{
	struct program_file file = { .inode = 1, .device = 1 }, built, before;
	struct replaced *t = replaced_new();

	(void)state;
	replaced_note(t, "a", "/bin/x", &file, &before);
	built = file;
	built.build_id_len = 1;
	built.build_id[0] = 1;
	replaced_identify(t, "a", "/bin/x", &built);
	assert_int_equal(replaced_note(t, "a", "/bin/x", &file, &before), PROGRAM_SAME);
	file.device = 2;
	assert_int_equal(replaced_note(t, "a", "/bin/x", &file, &before), PROGRAM_ELSEWHERE);
	assert_false(replaced_build(&before, &file)); /* not known yet */
	assert_false(replaced_build(&before, &built));
	replaced_identify(t, "a", "/bin/x", &built); /* late: it is elsewhere now */
	built.build_id[0] = 2;
	assert_true(replaced_build(&before, &built));
	file.device = 3;
	assert_int_equal(replaced_note(t, "a", "/bin/x", &file, &before), PROGRAM_ELSEWHERE);
	assert_int_equal(before.build_id_len, 0);
	replaced_free(t);
}

static void a_script_is_looked_at_once_a_second(void **state)
{
	const u64 second = 1000000000ULL;
	struct replaced *t = replaced_new();

	(void)state;
	assert_true(replaced_due(t, "a", "x.sh", second));
	assert_false(replaced_due(t, "a", "x.sh", 2 * second - 1));
	assert_true(replaced_due(t, "b", "x.sh", second));
	assert_true(replaced_due(t, "a", "x.sh", 2 * second));
	replaced_free(t);
}

static void what_is_run_often_is_remembered(void **state)
{
	struct program_file file = { .inode = 1 }, before;
	struct replaced *t = replaced_new();
	char path[32];

	(void)state;
	replaced_note(t, "a", "often", &file, &before);
	replaced_note(t, "a", "once", &file, &before);
	for (int i = 0; i < 10000; i++) {
		snprintf(path, sizeof(path), "%d", i);
		replaced_note(t, "a", path, &file, &before);
		replaced_note(t, "a", "often", &file, &before);
	}
	file.inode = 2;
	assert_int_equal(replaced_note(t, "a", "often", &file, &before), PROGRAM_REPLACED);
	assert_int_equal(replaced_note(t, "a", "once", &file, &before), PROGRAM_FIRST);
	replaced_free(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(a_line),
	TEST(any_text_is_json),
	TEST(a_kind_is_limited_for_each_service),
	TEST(a_storm_is_not_limited),
	TEST(many_services_share_a_limit),
	TEST(the_clock_is_set),
	TEST(without_room_lines_are_counted),
	TEST(no_log_is_no_error),
	TEST(events_are_filtered),
	TEST(bad_conditions_are_refused),
	TEST(bad_lines_are_none),
	TEST(a_program_is_replaced),
	TEST(a_build_tells),
	TEST(a_script_is_looked_at_once_a_second),
	TEST(what_is_run_often_is_remembered),
};

int main(void)
{
	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
