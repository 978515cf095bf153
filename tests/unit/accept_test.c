// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "expo/accept.h"

#define OM "application/openmetrics-text"

static const struct {
	const char *accept;
	const struct expo_format *format;
} format_case[] = {
	{ NULL, &expo_text },
	{ "", &expo_text },
	{ "*/*", &expo_text },
	{ "text/html,application/xhtml+xml,*/*;q=0.8", &expo_text },
	{ "text/plain", &expo_text },
	{ "text/*", &expo_text },
	{ "application/*", &expo_openmetrics },
	{ "image/*", &expo_text },
	{ OM, &expo_openmetrics },
	{ "Application/OpenMetrics-Text; Version=1.0.0; charset=UTF-8", &expo_openmetrics },
	{ OM "; version=\"1.0.0\"", &expo_openmetrics },
	{ OM "; version=0.0.1", &expo_text },
	{ OM "; version=2.0.0, text/plain; version=0.0.4; q=0.1", &expo_text },
	{ OM ", text/plain", &expo_openmetrics },
	{ "text/plain, " OM, &expo_text },
	{ "*/*, " OM, &expo_openmetrics },
	{ "*/*;q=0.5, " OM ";q=0.4", &expo_text },
	{ "text/plain;q=0.5, " OM ";q=0.501", &expo_openmetrics },
	{ OM ";q=0", &expo_text },
	{ OM ";q=0.000, application/*;q=0.001", &expo_openmetrics },
	/* what Prometheus 2.4x and 3 send */
	{ OM ";version=1.0.0," OM ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	  &expo_openmetrics },
	{ OM ";version=1.0.0;escaping=allow-utf-8;q=0.6," OM ";version=0.0.1;q=0.5,"
	     "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
	     "*/*;q=0.2",
	  &expo_openmetrics },
	{ "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", &expo_text },
	/* malformed: as if it were not there */
	{ OM ";q=", &expo_text },
	{ OM ";q=x", &expo_text },
	{ OM ";q=1.5", &expo_text },
	{ OM ";q=-1", &expo_text },
	{ OM ";q=1e9", &expo_text },
	{ OM " text/plain", &expo_text },
	{ OM ";version=\"1.0.0", &expo_text },
	{ ",;,=\"\\", &expo_text },
	{ ", ;q=1, , " OM, &expo_openmetrics },
	{ "a;b=\"x,y\\\"," OM "\", text/plain;q=0.2", &expo_text },
};

static void formats_are_negotiated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(format_case) / sizeof(*format_case); i++)
		if (accept_format(format_case[i].accept) != format_case[i].format)
			fail_msg("%s", format_case[i].accept);
}

static const struct {
	const char *accept;
	bool gzip;
} gzip_case[] = {
	{ NULL, false },
	{ "", false },
	{ "identity", false },
	{ "gzip", true },
	{ "GZip", true },
	{ "x-gzip", true },
	{ "deflate, gzip;q=1.0, *;q=0.5", true },
	{ "gzip;q=0", false },
	{ "gzip; q=0.000", false },
	{ "gzip;q=0.001", true },
	{ "gzip;q=0, *", false },
	{ "*;q=0, gzip", true },
	{ "*", true },
	{ "*;q=0", false },
	{ "gzipped, not-gzip", false },
	{ "gzip;q=zero", false },
	{ "br gzip", false },
};

static void gzip_is_negotiated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(gzip_case) / sizeof(*gzip_case); i++)
		if (accept_gzip(gzip_case[i].accept) != gzip_case[i].gzip)
			fail_msg("%s", gzip_case[i].accept);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(formats_are_negotiated),
	cmocka_unit_test(gzip_is_negotiated),
};

int main(void)
{
	return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
