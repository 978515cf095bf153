// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "alert/outbox.h"

static struct notice *notice(u64 key, const char *name, bool firing, enum notice_mute mute)
{
	struct notice *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	*n = (struct notice){
		.key = key, .firing = firing, .mute = mute, .name = strdup(name), .refs = 1
	};
	return n;
}

/* Puts one whose only reference is the box's. */
static void put_as(struct outbox *o, u64 key, const char *name, bool firing, enum notice_mute mute,
		   enum told told)
{
	struct notice *n = notice(key, name, firing, mute);

	outbox_put(o, n, told);
	notice_unref(n);
}

static void put(struct outbox *o, u64 key, bool firing)
{
	put_as(o, key, "A", firing, NOTICE_LOUD, TOLD_NOTHING);
}

/* Takes all, as "1f 2r": keys that fire or are resolved. */
static const char *take(struct outbox *o, bool told)
{
	static char text[256];
	struct parcel parcels[8];
	unsigned cnt = outbox_take(o, parcels, 8, false);
	int len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < cnt; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%s%llu%c", i ? " " : "",
				(unsigned long long)parcels[i].notice->key,
				parcels[i].firing ? 'f' : 'r');
	outbox_return(o, parcels, cnt, told);
	return text;
}

static const struct outbox_rules once = { .pages = true, .max = 100 };
static const struct outbox_rules repeating = { .pages = true, .repeats = true, .max = 100 };

static void each_state_is_told_once(void **state)
{
	struct outbox *o = outbox_new(&once);

	(void)state;
	assert_false(outbox_ready(o));
	put(o, 1, true);
	put(o, 2, true);
	assert_int_equal(outbox_waiting(o), 2);
	assert_string_equal(take(o, true), "1f 2f");
	assert_string_equal(take(o, true), "");
	put(o, 1, true);
	assert_string_equal(take(o, true), "");
	put(o, 1, false);
	assert_string_equal(take(o, true), "1r");
	put(o, 1, false);
	assert_string_equal(take(o, true), "");
	put(o, 1, true);
	assert_string_equal(take(o, true), "1f");
	outbox_free(o);
}

static void what_was_not_accepted_is_told_again(void **state)
{
	struct outbox *o = outbox_new(&once);

	(void)state;
	put(o, 1, true);
	assert_string_equal(take(o, false), "1f");
	assert_int_equal(outbox_waiting(o), 1);
	assert_string_equal(take(o, true), "1f");
	assert_string_equal(take(o, true), "");
	outbox_free(o);
}

static void what_changed_back_is_told_as_it_is(void **state)
{
	struct outbox *o = outbox_new(&once);

	(void)state;
	put(o, 1, true);
	take(o, true);
	put(o, 1, false);
	put(o, 1, true);
	assert_string_equal(take(o, true), "");
	/* nobody has heard that it fired, and is told that it did */
	put(o, 2, true);
	put(o, 2, false);
	assert_string_equal(take(o, true), "2r");
	/* also when it was told of before */
	put(o, 2, true);
	put(o, 2, false);
	assert_string_equal(take(o, true), "2r");
	outbox_free(o);
}

static void a_change_while_it_is_told_is_not_lost(void **state)
{
	struct outbox *o = outbox_new(&once);
	struct parcel parcels[2];

	(void)state;
	put(o, 1, true);
	assert_int_equal(outbox_take(o, parcels, 2, false), 1);
	put(o, 1, false);
	outbox_return(o, parcels, 1, true);
	assert_string_equal(take(o, true), "1r");
	outbox_free(o);
}

static void repeating_targets_hear_again_what_is_put_again(void **state)
{
	struct outbox *o = outbox_new(&repeating);

	(void)state;
	put(o, 1, true);
	assert_string_equal(take(o, true), "1f");
	assert_string_equal(take(o, true), "");
	put(o, 1, true);
	assert_int_equal(outbox_waiting(o), 0);
	assert_true(outbox_ready(o));
	assert_string_equal(take(o, true), "1f");
	put(o, 1, false);
	assert_string_equal(take(o, true), "1r");
	put(o, 1, false);
	assert_string_equal(take(o, true), "1r");
	outbox_forget(o, 1);
	assert_string_equal(take(o, true), "");
	outbox_free(o);
}

static void muted_alerts_end_for_those_who_page(void **state)
{
	struct outbox *o = outbox_new(&repeating);
	const struct outbox_rules log_rules = { .max = 100 };
	struct outbox *log = outbox_new(&log_rules);

	(void)state;
	/* never heard of: not told at all */
	put_as(o, 1, "A", true, NOTICE_SILENCED, TOLD_NOTHING);
	assert_string_equal(take(o, true), "");
	put_as(o, 1, "A", false, NOTICE_SILENCED, TOLD_NOTHING);
	assert_string_equal(take(o, true), "");
	/* heard of: it ends, once, and is back when the silence has ended */
	put(o, 2, true);
	take(o, true);
	put_as(o, 2, "A", true, NOTICE_EXPECTED, TOLD_NOTHING);
	assert_string_equal(take(o, true), "2r");
	put_as(o, 2, "A", true, NOTICE_EXPECTED, TOLD_NOTHING);
	assert_string_equal(take(o, true), "");
	put(o, 2, true);
	assert_string_equal(take(o, true), "2f");
	/* who pages nobody hears everything */
	put_as(log, 1, "A", true, NOTICE_SILENCED, TOLD_NOTHING);
	assert_string_equal(take(log, true), "1f");
	put_as(log, 1, "A", false, NOTICE_SILENCED, TOLD_NOTHING);
	assert_string_equal(take(log, true), "1r");
	outbox_free(o);
	outbox_free(log);
}

static void what_was_told_before_a_restart_is_known(void **state)
{
	struct outbox *o = outbox_new(&once);

	(void)state;
	put_as(o, 1, "A", true, NOTICE_LOUD, TOLD_ALL);
	put_as(o, 2, "A", false, NOTICE_LOUD, TOLD_FIRING);
	put_as(o, 3, "A", true, NOTICE_LOUD, TOLD_NOTHING);
	put_as(o, 4, "A", false, NOTICE_LOUD, TOLD_ALL);
	assert_string_equal(take(o, true), "2r 3f");
	put(o, 1, false);
	assert_string_equal(take(o, true), "1r");
	outbox_free(o);
}

static void alerts_of_one_name_are_taken_together(void **state)
{
	struct outbox *o = outbox_new(&once);
	struct parcel parcels[8];

	(void)state;
	put_as(o, 1, "A", true, NOTICE_LOUD, TOLD_NOTHING);
	put_as(o, 2, "B", true, NOTICE_LOUD, TOLD_NOTHING);
	put_as(o, 3, "A", true, NOTICE_LOUD, TOLD_NOTHING);
	assert_int_equal(outbox_take(o, parcels, 8, true), 2);
	assert_int_equal(parcels[1].notice->key, 3);
	outbox_return(o, parcels, 2, true);
	assert_int_equal(outbox_take(o, parcels, 8, true), 1);
	outbox_return(o, parcels, 1, true);
	outbox_free(o);
}

static void the_oldest_make_room(void **state)
{
	const struct outbox_rules two = { .pages = true, .max = 2 };
	struct outbox *o = outbox_new(&two);
	struct parcel parcels[2];

	(void)state;
	put(o, 1, true);
	put(o, 2, true);
	/* also while they are being told */
	assert_int_equal(outbox_take(o, parcels, 2, false), 2);
	put(o, 3, true);
	outbox_return(o, parcels, 2, true);
	assert_int_equal(outbox_dropped(o), 1);
	assert_string_equal(take(o, true), "3f");
	outbox_free(o);
}

static void what_is_still_to_be_told_is_not_forgotten(void **state)
{
	struct outbox *o = outbox_new(&once);

	(void)state;
	put(o, 1, true);
	take(o, true);
	put(o, 1, false);
	outbox_forget(o, 1);
	assert_string_equal(take(o, true), "1r");
	/* and then it is: the same again is new */
	put(o, 1, false);
	assert_string_equal(take(o, true), "1r");
	outbox_free(o);
}

#define TEST(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_state_is_told_once),
		TEST(what_was_not_accepted_is_told_again),
		TEST(what_changed_back_is_told_as_it_is),
		TEST(a_change_while_it_is_told_is_not_lost),
		TEST(repeating_targets_hear_again_what_is_put_again),
		TEST(muted_alerts_end_for_those_who_page),
		TEST(what_was_told_before_a_restart_is_known),
		TEST(alerts_of_one_name_are_taken_together),
		TEST(the_oldest_make_room),
		TEST(what_is_still_to_be_told_is_not_forgotten),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
