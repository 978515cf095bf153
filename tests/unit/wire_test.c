// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "http/wire.h"

static struct wire_request request;

static size_t filled(const char *const *texts)
{
	size_t len = WIRE_REQUEST_MIN;

	memset(&request, 0xff, sizeof(request));
	for (; *texts; texts++)
		assert_true(wire_request_add(&request, &len, *texts));
	return len;
}

static void what_was_asked_is_read(void **state)
{
	static const char *const texts[] = { "/api/v1/query", "text/plain", "by",
					     "service,peer",  "window",	    "",
					     "metric",	      "x",	    NULL };
	size_t len = filled(texts);
	struct wire_texts t;

	(void)state;
	assert_true(wire_request_read(&request, len, &t));
	assert_string_equal(t.path, "/api/v1/query");
	assert_string_equal(t.accept, "text/plain");
	assert_string_equal(wire_query(&t, "by"), "service,peer");
	assert_string_equal(wire_query(&t, "window"), "");
	assert_string_equal(wire_query(&t, "metric"), "x");
	assert_null(wire_query(&t, "x")); /* that is a value */
	assert_null(wire_query(&t, "service,peer"));
}

static void what_is_no_request_is_refused(void **state)
{
	static const char *const texts[] = { "/metrics", "", NULL },
				 *const odd[] = { "/metrics", "", "by", NULL },
				 *const one[] = { "/metrics", NULL };
	size_t len = filled(texts);
	struct wire_texts t;

	(void)state;
	assert_true(wire_request_read(&request, len, &t));
	for (size_t part = 0; part < len; part++)
		assert_false(wire_request_read(&request, part, &t));
	assert_false(wire_request_read(&request, sizeof(request) + 1, &t));
	assert_false(wire_request_read(&request, filled(odd), &t));
	assert_false(wire_request_read(&request, filled(one), &t));
}

static void there_is_room_for_all_that_a_client_may_send(void **state)
{
	size_t len = WIRE_REQUEST_MIN;
	char text[1025];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 16; i++)
		assert_true(wire_request_add(&request, &len, text));
	while (wire_request_add(&request, &len, text))
		;
	assert_true(len <= sizeof(request));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_is_read),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(there_is_room_for_all_that_a_client_may_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
