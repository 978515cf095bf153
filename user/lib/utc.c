// SPDX-License-Identifier: BSD-3-Clause
#include "lib/utc.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define NS_PER_SEC 1000000000LL

s64 utc_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

void utc_add(struct buf *b, struct utc_cache *cache, s64 ns)
{
	s64 second = ns / NS_PER_SEC, rest = ns % NS_PER_SEC;
	char digits[] = ".000000000Z";
	time_t at;
	struct tm tm;

	if (rest < 0) {
		rest += NS_PER_SEC;
		second--;
	}
	if (second != cache->second || !*cache->text) {
		at = (time_t)second;
		gmtime_r(&at, &tm);
		strftime(cache->text, sizeof(cache->text), "%Y-%m-%dT%H:%M:%S", &tm);
		cache->second = second;
	}
	buf_str(b, cache->text);
	for (int i = 9; i > 0; i--, rest /= 10)
		digits[i] = (char)('0' + rest % 10);
	buf_add(b, digits, sizeof(digits) - 1);
}

int utc_parse(const char *text, s64 *ret_ns)
{
	struct tm tm = { 0 };
	const char *s = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	s64 rest = 0, unit = NS_PER_SEC / 10;

	if (!s || tm.tm_year < 0 || tm.tm_year > 350) /* what ns in 64 bits can tell */
		return -EINVAL;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
			rest += (*s - '0') * unit;
	if (strcmp(s, "Z") != 0)
		return -EINVAL;
	*ret_ns = timegm(&tm) * NS_PER_SEC + rest;
	return 0;
}
