// SPDX-License-Identifier: BSD-3-Clause
/* Diagnoses of what is made by hand: what is found, however long or short it is and however long is looked at. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "diagnose.h"

#define MINUTE (60 / (int)TICK_S)

static void shop(struct world *w, int ticks, double errors)
{
	while (ticks--) {
		answers(w, "shop.service", 100, errors);
		tick(w);
		while (history_tidy(w->history))
			;
	}
}

static void finds(const struct world *w, u64 since_s, const char *cause, const char *verdict)
{
	json_t *doc = ask(w, since_s * NS_PER_SEC, NULL);

	if (strcmp(text_of(doc, "verdict"), verdict) != 0)
		fail_msg("since %llu s: %s", (unsigned long long)since_s, text_of(doc, "verdict"));
	if (cause)
		assert_string_equal(text_of(first_cause(doc), "cause"), cause);
	json_decref(doc);
}

/* It began before what is asked for, and before what is compared with that. */
static void what_lasts_is_found(void **state)
{
	struct world *w = world_new();

	(void)state;
	shop(w, 60 * MINUTE, 0);
	shop(w, 25 * MINUTE, 0.3);
	finds(w, 900, "errors_own", "wrong");
	finds(w, 60, "errors_own", "wrong");
	shop(w, 60 * MINUTE, 0);
	finds(w, 900, NULL, "nothing wrong");
	world_free(w);
}

/* It has been so for as long as anything is known. */
static void what_was_always_wrong_is_found(void **state)
{
	struct world *w = world_new();

	(void)state;
	shop(w, 90 / (int)TICK_S, 0.3);
	finds(w, 900, NULL, "wrong");
	shop(w, 30 * MINUTE, 0.3);
	finds(w, 900, NULL, "wrong");
	world_free(w);
}

/* A long time has long steps; what lasts half a minute is none of them. */
static void what_is_short_is_found_in_a_long_time(void **state)
{
	struct world *w = world_new();

	(void)state;
	shop(w, 1200 * MINUTE, 0);
	shop(w, 6, 0.08);
	finds(w, 86400, "errors_own", "wrong");
	shop(w, 10, 0);
	finds(w, 86400, "errors_own", "wrong");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lasts_is_found),
		cmocka_unit_test(what_was_always_wrong_is_found),
		cmocka_unit_test(what_is_short_is_found_in_a_long_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
