// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "alert/matcher.h"
#include "alert/silence.h"

#define SECOND_NS 1000000000ULL
#define WALL_NS	  1700000000000000000LL

static bool matches(const char *text, const char *labels)
{
	json_t *object = json_loads(labels, 0, NULL);
	struct buf error = { 0 };
	struct matchers *m;
	bool found;

	assert_non_null(object);
	assert_int_equal(matchers_parse(&m, text, &error), 0);
	found = matchers_match(m, object);
	matchers_free(m);
	json_decref(object);
	buf_release(&error);
	return found;
}

#define SDB "{\"alertname\": \"SlowDisk\", \"device\": \"sdb\", \"severity\": \"page\"}"

static void matchers_are_those_of_alertmanager(void **state)
{
	(void)state;
	assert_true(matches("alertname=SlowDisk", SDB));
	assert_true(matches("SlowDisk", SDB));
	assert_true(matches("SlowDisk device=sdb", SDB));
	assert_false(matches("SlowDisk device=sda", SDB));
	assert_true(matches("alertname=\"SlowDisk\",device=~\"sd.*\"", SDB));
	assert_true(matches("{alertname=\"SlowDisk\", device=~\"sd[a-z]\"}", SDB));
	/* the whole value */
	assert_false(matches("device=~sd", SDB));
	assert_true(matches("device=~sda|sdb", SDB));
	assert_true(matches("device!~\"nvme.*\" alertname=SlowDisk", SDB));
	assert_false(matches("device!~\"sd.*\" alertname=SlowDisk", SDB));
	/* a label that is absent is empty */
	assert_true(matches("SlowDisk service!=x", SDB));
	assert_true(matches("SlowDisk service=\"\"", SDB));
	assert_false(matches("service=x", SDB));
	assert_true(matches("device=\"a \\\"b\\\\\\n\"", "{\"device\": \"a \\\"b\\\\\\n\"}"));
	assert_true(matches("device=~\"a\\.b\"", "{\"device\": \"a.b\"}"));
	assert_false(matches("device=~\"a\\.b\"", "{\"device\": \"axb\"}"));
	assert_true(matches("device=~\"(?:sd|nvme)[a-z]{1,2}\"", SDB));
	/* one that would take for ever matches nothing */
	assert_false(matches("device=~\"(a*)*(a*)*(a*)*b\"",
			     "{\"device\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac\"}"));
}

static void what_is_no_matcher_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		" ",
		"{}",
		"device=~\"(\"",
		"=x",
		"1a=b",
		"{device=sda",
		"device=sda}",
		"device=\"sda",
		"device=\"sda\"x",
		"service!=x",
		"device=~\".*\"",
		"device!=\"\" {",
		"device==x ==",
		"a=~\"x[3\"",
	};
	struct buf error = { 0 };
	struct matchers *m;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		buf_reset(&error);
		if (matchers_parse(&m, wrong[i], &error) != -EINVAL || !error.len)
			fail_msg("'%s' is taken for matchers", wrong[i]);
	}
	buf_release(&error);
}

static void matchers_are_written_as_they_are_read(void **state)
{
	static const char text[] = "alertname=\"a\\\"b\\\\\",device=~\"s.*\",x!=\"\\n\"";
	struct buf error = { 0 }, out = { 0 };
	struct matchers *m;

	(void)state;
	assert_int_equal(matchers_parse(&m, text, &error), 0);
	matchers_write(m, &out);
	assert_string_equal(buf_cstr(&out), text);
	matchers_free(m);
	buf_release(&out);
	buf_release(&error);
}

static const struct silence *add(struct silences *s, const char *matchers, u64 seconds, u64 now_ns)
{
	const struct silence *one = NULL;
	struct buf error = { 0 };

	assert_int_equal(silences_add(s, matchers, seconds * SECOND_NS, "a test", now_ns, WALL_NS,
				      &one, &error),
			 0);
	buf_release(&error);
	return one;
}

static bool is_silenced(const struct silences *s, const char *labels)
{
	json_t *object = json_loads(labels, 0, NULL);
	bool found = silences_find(s, object);

	json_decref(object);
	return found;
}

static void silences_end_by_themselves_and_by_hand(void **state)
{
	struct silences *s = silences_new();
	char id[SILENCE_ID_SIZE];
	u64 version = silences_version(s);

	(void)state;
	assert_false(is_silenced(s, SDB));
	memcpy(id, add(s, "SlowDisk", 60, 0)->id, sizeof(id));
	add(s, "Other", 10, 0);
	assert_true(is_silenced(s, SDB));
	assert_true(silences_version(s) != version);
	assert_false(silences_expire(s, 9 * SECOND_NS));
	assert_true(silences_expire(s, 10 * SECOND_NS));
	assert_int_equal(silences_cnt(s), 1);
	assert_true(is_silenced(s, SDB));
	assert_false(silences_end(s, "nothing"));
	assert_true(silences_end(s, id));
	assert_false(silences_end(s, id));
	assert_false(is_silenced(s, SDB));
	silences_free(s);
}

static void silences_outlive_the_daemon(void **state)
{
	struct silences *s = silences_new(), *later = silences_new(), *back = silences_new();
	json_t *saved;

	(void)state;
	add(s, "SlowDisk", 60, 0);
	add(s, "Other", 10, 0);
	saved = silences_save(s);
	/* 20 s later by the clock on the wall; the other clock begins anew */
	silences_load(later, saved, 5 * SECOND_NS, WALL_NS + 20 * (s64)SECOND_NS);
	assert_int_equal(silences_cnt(later), 1);
	assert_true(is_silenced(later, SDB));
	assert_false(silences_expire(later, 44 * SECOND_NS));
	assert_true(silences_expire(later, 45 * SECOND_NS));
	/* the clock was set back by an hour: not longer than was asked for */
	silences_load(back, saved, 0, WALL_NS - 3600 * (s64)SECOND_NS);
	assert_int_equal(silences_cnt(back), 2);
	assert_true(silences_expire(back, 60 * SECOND_NS));
	assert_int_equal(silences_cnt(back), 0);
	json_decref(saved);
	silences_free(s);
	silences_free(later);
	silences_free(back);
}

static void wrong_silences_are_refused(void **state)
{
	struct silences *s = silences_new();
	const struct silence *one;
	struct buf error = { 0 };

	(void)state;
	assert_int_equal(silences_add(s, "a=b", SECOND_NS, "", 0, 0, &one, &error), -EINVAL);
	assert_int_equal(silences_add(s, "a=b", 0, "x", 0, 0, &one, &error), -EINVAL);
	assert_int_equal(silences_add(s, "a=b", UINT64_MAX, "x", 0, 0, &one, &error), -EINVAL);
	assert_int_equal(silences_add(s, "a=b", SECOND_NS, "\xff", 0, 0, &one, &error), -EINVAL);
	assert_int_equal(silences_add(s, "a=b", SECOND_NS, "a\nb", 0, 0, &one, &error), -EINVAL);
	assert_int_equal(silences_add(s, "", SECOND_NS, "x", 0, 0, &one, &error), -EINVAL);
	for (int i = 0; i < 256; i++)
		add(s, "a=b", 1, 0);
	assert_int_equal(silences_add(s, "a=b", SECOND_NS, "x", 0, 0, &one, &error), -ENOSPC);
	buf_release(&error);
	silences_free(s);
}

#define TEST(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(matchers_are_those_of_alertmanager),
		TEST(what_is_no_matcher_is_refused),
		TEST(matchers_are_written_as_they_are_read),
		TEST(silences_end_by_themselves_and_by_hand),
		TEST(silences_outlive_the_daemon),
		TEST(wrong_silences_are_refused),
	};

	return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}
