// SPDX-License-Identifier: BSD-3-Clause
#include "event/tail.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_MAX (2 * EVENT_LINE_MAX) /* has a line in any case */

/* The number that a line begins with, also one that is cut off behind it; 0: none. */
static u64 line_seq(const char *line, size_t len)
{
	static const char begin[] = "{\"seq\":";
	size_t at = sizeof(begin) - 1;
	u64 seq = 0;

	if (len <= at || memcmp(line, begin, at) != 0)
		return 0;
	for (; at < len && line[at] >= '0' && line[at] <= '9'; at++)
		if (__builtin_mul_overflow(seq, 10, &seq) ||
		    __builtin_add_overflow(seq, (u64)(line[at] - '0'), &seq))
			return 0;
	return at < len && line[at] == ',' && seq < UINT64_MAX / 2 ? seq : 0;
}

static void line_time(const char *line, size_t len, struct tail *ret)
{
	static const char key[] = "\"time\":";
	const char *at = memmem(line, len, key, sizeof(key) - 1), *end;

	if (!at)
		return;
	at += sizeof(key) - 1;
	end = memchr(at + 1, '"', (size_t)(line + len - at) - (at < line + len));
	if (*at != '"' || !end || (size_t)(end + 1 - at) >= sizeof(ret->time))
		return;
	for (const char *c = at + 1; c < end; c++)
		if ((*c < '0' || *c > ':') && !strchr("-.TZ", *c))
			return;
	memcpy(ret->time, at, (size_t)(end + 1 - at));
	ret->time[end + 1 - at] = '\0';
}

static bool line_has(const char *line, size_t len, const char *text)
{
	return memmem(line, len, text, strlen(text));
}

/* What the log itself has to tell may come behind the end. */
static bool is_stopped(const char *line, size_t len, bool before)
{
	if (line_has(line, len, "\"kind\":\"lost\"") ||
	    line_has(line, len, "\"kind\":\"suppressed\""))
		return before;
	return line_has(line, len, "\"kind\":\"stop\"");
}

void tail_parse(const char *data, size_t len, bool whole, struct tail *ret)
{
	const char *line = data, *end = data + len, *newline;
	u64 seq;

	*ret = (struct tail){ 0 };
	if (!len)
		return;
	if (!whole) { /* begins within a line */
		line = memchr(data, '\n', len);
		line = line ? line + 1 : end;
	}
	for (; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line)) ?: end;
		seq = line_seq(line, (size_t)(newline - line));
		if (seq > ret->seq)
			ret->seq = seq;
		ret->found |= seq != 0;
		if (newline == end)
			break;
		ret->stopped = is_stopped(line, (size_t)(newline - line), ret->stopped);
		line_time(line, (size_t)(newline - line), ret);
	}
	ret->torn = data[len - 1] != '\n';
	if (ret->torn)
		ret->stopped = false;
}

void tail_read(int fd, struct tail *ret)
{
	struct stat st = { 0 };
	off_t from = 0;
	char *data;
	ssize_t n;

	*ret = (struct tail){ 0 };
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	if (st.st_size > (off_t)TAIL_MAX)
		from = st.st_size - (off_t)TAIL_MAX;
	data = malloc(TAIL_MAX);
	n = data ? pread(fd, data, TAIL_MAX, from) : -1;
	if (n > 0)
		tail_parse(data, (size_t)n, !from, ret);
	free(data);
}
