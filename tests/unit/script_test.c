// SPDX-License-Identifier: BSD-3-Clause
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* The script in an argument area of len bytes. */
static const char *script_of(const char *area, size_t len)
{
	static char name[SCRIPT_ARGS_MAX];
	char args[2 * SCRIPT_ARGS_MAX] = { 0 };
	struct script_scan scan;
	u32 at, n;

	memset(&scan, 0xa5, sizeof(scan));
	if (len > SCRIPT_ARGS_MAX)
		len = SCRIPT_ARGS_MAX;
	memcpy(args, area, len);
	at = script_find(args, (u32)len, &scan, &n);
	assert_true(n < SCRIPT_ARGS_MAX && at + n <= SCRIPT_ARGS_MAX);
	snprintf(name, sizeof(name), "%.*s", (int)n, args + at);
	return name;
}

static const struct {
	const char *name;
	const char *args[6];
} argument_rows[] = {
	{ "app.py", { "python3", "app.py" } },
	{ "app.py", { "python3", "/srv/app/app.py", "--port", "80" } },
	{ "app.py", { "/usr/bin/python3", "-u", "-OO", "./app.py" } },
	{ "gunicorn", { "python3", "/usr/bin/gunicorn", "x:y" } },
	{ "app.py", { "python3", "-Es", "app.py" } },
	{ "app.py", { "python3", "-W", "ignore", "app.py" } },
	{ "http.server", { "python3", "-m", "http.server", "80" } },
	{ "", { "python3", "-c", "print(1)", "app.py" } },
	{ "", { "python3", "-uc", "print", "x" } },
	{ "", { "python3", "-", "x" } },
	{ "", { "python3" } },
	{ "", { "-bash" } },
	{ "", { "bash", "-c", "echo" } },
	{ "", { "bash", "-lc", "exec", "x" } },
	{ "run.sh", { "bash", "-x", "/opt/run.sh", "a/b" } },
	{ "run.sh", { "bash", "-eu", "-o", "pipefail", "run.sh" } },
	{ "-odd", { "bash", "--", "-odd", "x" } },
	{ "odd", { "bash", "--", "a/odd" } },
	{ "x.pl", { "perl", "-w", "-I", "lib", "x.pl" } },
	{ "", { "perl", "-e", "1" } },
	{ "", { "perl", "-lane", "print", "f" } },
	{ "server.js", { "node", "--inspect", "/app/server.js" } },
	{ "server.js", { "node", "--max-old-space-size=4096", "server.js" } },
	{ "server.js", { "node", "-r", "dotenv/config", "server.js" } },
	{ "server.js", { "node", "--require", "x/y", "server.js" } },
	{ "server.js", { "node", "--import", "x/y", "server.js" } },
	{ "", { "node", "--eval", "x" } },
	{ "app.jar", { "java", "-Xmx1g", "-jar", "/opt/app.jar", "x" } },
	{ "app.jar", { "java", "-Dmode=release", "-server", "-jar", "app.jar" } },
	{ "org.x.Main", { "java", "-cp", "/a/*:/b", "org.x.Main" } },
	{ "org.x.Main", { "java", "-classpath", "/a/*:/b", "org.x.Main" } },
	{ "org.x.Main", { "java", "--class-path", "a.jar", "org.x.Main" } },
	{ "org.x.Main", { "java", "--add-opens", "java.base/java.lang=ALL", "org.x.Main" } },
	{ "main", { "java", "-p", "mods", "-m", "mod/main" } },
	{ "artisan", { "php", "-d", "memory_limit=1", "artisan", "queue:work" } },
	/* no names */
	{ "", { "python3", "" } },
	{ "", { "python3", "/" } },
	{ "", { "python3", "dir/" } },
	{ "", { "python3", "a b" } },
	{ "", { "python3", "a\nb" } },
	{ "", { "python3", "-m" } },
	{ "", { "java", "-jar" } },
	{ "", { "java", "-cp", "x" } },
	{ "", { "", "", "" } },
	/* any bytes */
	{ "..", { "sh", "/a/.." } },
	{ "a\"b\\c\xff", { "sh", "/x/a\"b\\c\xff" } },
};

static void arguments_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(argument_rows) / sizeof(*argument_rows); i++) {
		char area[SCRIPT_ARGS_MAX];
		size_t len = 0;

		for (size_t a = 0; a < 6 && argument_rows[i].args[a]; a++)
			len += (size_t)sprintf(area + len, "%s", argument_rows[i].args[a]) + 1;
		if (strcmp(script_of(area, len), argument_rows[i].name))
			fail_msg("%s %s: '%s', not '%s'", argument_rows[i].args[0],
				 argument_rows[i].args[1] ? argument_rows[i].args[1] : "",
				 script_of(area, len), argument_rows[i].name);
	}
}

/* What is cut off is not taken for a name. */
static void end_test(void **state)
{
	char area[SCRIPT_ARGS_MAX + 1];

	(void)state;
	assert_string_equal(script_of("", 0), "");
	assert_string_equal(script_of("sh\0a.sh", 7), "");
	assert_string_equal(script_of("sh\0a.sh", 8), "a.sh");
	memset(area, 'a', sizeof(area));
	assert_string_equal(script_of(area, sizeof(area)), "");
	area[2] = '\0';
	assert_string_equal(script_of(area, sizeof(area)), "");
	area[100] = '/';
	area[SCRIPT_ARGS_MAX - 1] = '\0';
	assert_int_equal(strlen(script_of(area, sizeof(area))), SCRIPT_ARGS_MAX - 102);
	memset(area, 0, sizeof(area));
	assert_string_equal(script_of(area, sizeof(area)), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_test),
		cmocka_unit_test(end_test),
	};

	return cmocka_run_group_tests_name("script", tests, NULL, NULL);
}
