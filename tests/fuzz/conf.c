// SPDX-License-Identifier: BSD-3-Clause
/* Configuration files and --probes lists: no crash, and one line for whatever is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/load.h"
#include "conf/probes.h"
#include "lib/buf.h"

static const char *const words[] = { "code", "class", NULL };
static const struct setting settings[] = {
	{ "status", SETTING_ENUM, 0, .words = words },
	{ "peer", SETTING_BOOL, 8 },
	{ "wait", SETTING_DURATION, 16, .min = 1000000000, .max = 3600000000000,
	  .can_be_off = true },
	{ "quota", SETTING_SIZE, 24, .min = 512, .max = 1 << 30 },
	{ .name = NULL },
};
static const struct conf_family known[] = {
	{ "syscall", true },
	{ "block", false },
	{ "request", false, settings },
	{ .name = NULL },
};

static void error_check(int err, const struct buf *error)
{
	if (!err != !error->len || (error->len && memchr(error->data, '\n', error->len)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("conf", MFD_CLOEXEC), err;
	char path[32], *list = strndup((const char *)data, size);
	struct buf error = { 0 };
	struct conf *c = NULL;

	if (fd < 0 || !list || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = conf_load(&c, path, known, &error);
	close(fd);
	error_check(err, &error);
	if (err)
		c = conf_default(known);
	buf_reset(&error);
	if (c && !strchr(list, '\n'))
		error_check(conf_probes_parse(c, list, &error), &error);
	conf_free(c);
	buf_release(&error);
	free(list);
	return 0;
}
