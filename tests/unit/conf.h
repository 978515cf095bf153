/* SPDX-License-Identifier: BSD-3-Clause */
/* Configuration files of tests, in a folder of their own. */
#ifndef UNIT_CONF_H
#define UNIT_CONF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/load.h"
#include "lib/buf.h"

/* The test's own families. */
extern const struct conf_family *const conf_families;

static char folder[] = "/tmp/conf_test.XXXXXX";
static char path[sizeof(folder) + 16];

static inline void text_write(const char *file, const char *text, size_t len)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline void file_write(const char *text, size_t len)
{
	text_write(path, text, len);
}

static inline struct conf *conf_of(const char *text)
{
	struct buf error = { 0 };
	struct conf *c = NULL;

	file_write(text, strlen(text));
	if (conf_load(&c, path, conf_families, &error))
		fail_msg("%s\n-> %s", text, buf_cstr(&error));
	assert_int_equal(error.len, 0);
	buf_release(&error);
	return c;
}

/* What is said about a text, without the path that it must start with. */
static inline void error_check(const char *text, size_t len, const char *expected)
{
	struct buf error = { 0 };
	struct conf *c = (struct conf *)conf_families;
	int err;

	file_write(text, len);
	err = conf_load(&c, path, conf_families, &error);
	if (err != -EINVAL || strncmp(buf_cstr(&error), path, strlen(path)) != 0 ||
	    strcmp(buf_cstr(&error) + strlen(path), expected) != 0)
		fail_msg("%s\n-> %d %s\nnot %s", text, err, buf_cstr(&error), expected);
	assert_ptr_equal(c, conf_families);
	buf_release(&error);
}

static inline int folder_make(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/seismo.yaml", folder);
	return 0;
}

static inline int folder_remove(void **state)
{
	char command[sizeof(folder) + 8];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

#endif
