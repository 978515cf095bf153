// SPDX-License-Identifier: BSD-3-Clause
/* Which statuses are failures: the function and the pattern say the same. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf/pattern.h"
#include "metric/status.h"

static void failures_are_those_of_the_pattern(void **state)
{
	static const char *const failed[] = { "500",	  "503",	 "599",
					      "error",	  "UNKNOWN",	 "DEADLINE_EXCEEDED",
					      "INTERNAL", "UNAVAILABLE", "DATA_LOSS" };
	static const char *const fine[] = { "",	 "ok",	 "OK",	"200",	"404",	     "50",
					    "5", "5000", "err", "LOSS", "CANCELLED", "DATA" };

	(void)state;
	for (size_t i = 0; i < sizeof(failed) / sizeof(*failed); i++) {
		assert_true(status_is_failed(failed[i]));
		assert_true(pattern_match(STATUS_FAILED, failed[i]));
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++) {
		assert_false(pattern_match(STATUS_FAILED, fine[i]));
		assert_false(status_is_failed(fine[i]));
	}
	assert_false(status_is_failed(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_are_those_of_the_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
