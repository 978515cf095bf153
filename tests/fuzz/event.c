// SPDX-License-Identifier: BSD-3-Clause
/* Files of the event log as anybody may have left them: reading, following, going on with them. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "event/filter.h"
#include "event/reader.h"
#include "event/tail.h"
#include "lib/utc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tail_check(const char *data, size_t size)
{
	struct tail tail;

	tail_parse(data, size, size % 2, &tail);
	if (tail.found != (tail.seq != 0) || (tail.stopped && tail.torn) ||
	    !memchr(tail.time, '\0', sizeof(tail.time)) || strchr(tail.time, '\n'))
		abort();
}

/* All that is read is what was written, but for lines that have no end. */
static void reader_check(const char *data, size_t size)
{
	const struct event_filter filter = { .since_ns = 1, .pid = 1 };
	struct event_reader *r = event_reader_open("-");
	size_t len, sum = 0;
	const char *line;
	bool bad;

	if (!r)
		return;
	while (event_reader_next(r, &line, &len) > 0) {
		json_decref(event_filter_line(&filter, line, len, &bad));
		if (memchr(line, '\n', len) || memcmp(line, data + sum, len) != 0)
			abort();
		sum += len + 1;
	}
	if (sum > size || memchr(data + sum, '\n', size - sum))
		abort();
	event_reader_free(r);
}

static void filter_check(const char *data, size_t size)
{
	struct event_filter filter = { 0 };
	struct buf error = { 0 };
	char *text = strndup(data, size);
	s64 ns;

	for (const struct event_filter_row *row = event_filter_rows; text && row->name; row++)
		event_filter_set(&filter, row->name, text, 1, &error);
	if (text)
		utc_parse(text, &ns);
	buf_release(&error);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("events", 0);
		dup2(fd, 0);
	}
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	lseek(fd, 0, SEEK_SET);
	tail_check((const char *)data, size);
	reader_check((const char *)data, size);
	filter_check((const char *)data, size);
	return 0;
}
