// SPDX-License-Identifier: BSD-3-Clause
#include "lib/parse.h"

#include <errno.h>
#include <string.h>
#include <time.h>

struct unit {
	const char *name;
	u64 factor;
};

/* Reads the digits that the text starts with and moves it behind them. */
static int digits_read(const char **text, u64 *ret)
{
	const char *s = *text;
	u64 v = 0;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (u64)(*s - '0'), &v))
			return -ERANGE;
	*text = s;
	*ret = v;
	return 0;
}

static int quantity_parse(const char *text, const struct unit *units, u64 *ret)
{
	u64 v;
	int err = digits_read(&text, &v);

	if (err)
		return err;
	for (; units->name; units++)
		if (!strcmp(text, units->name))
			return __builtin_mul_overflow(v, units->factor, ret) ? -ERANGE : 0;
	return -EINVAL;
}

int parse_u64(const char *text, u64 min, u64 max, u64 *ret)
{
	u64 v;
	int err = digits_read(&text, &v);

	if (err)
		return err;
	if (*text)
		return -EINVAL;
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_duration(const char *text, u64 *ret_ns)
{
	static const struct unit units[] = {
		{ "us", 1000ULL },	     { "ms", 1000000ULL },	    { "s", 1000000000ULL },
		{ "m", 60 * 1000000000ULL }, { "h", 3600 * 1000000000ULL }, { 0 },
	};
	u64 ns;
	int err = quantity_parse(text, units, &ns);

	if (!err)
		*ret_ns = ns;
	return err;
}

int parse_size(const char *text, u64 *ret_bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "KiB", 1ULL << 10 },
		{ "MiB", 1ULL << 20 },
		{ "GiB", 1ULL << 30 },
		{ "TiB", 1ULL << 40 },
		{ 0 },
	};
	u64 bytes;
	int err = quantity_parse(text, units, &bytes);

	if (!err)
		*ret_bytes = bytes;
	return err;
}

int parse_time(const char *text, s64 *ret_ns)
{
	struct tm tm = { 0 }, same;
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S%z", &tm);
	long offset = tm.tm_gmtoff;
	time_t t;

	if (!rest || *rest)
		return -EINVAL;
	same = tm;
	t = timegm(&same);
	/* the 30th of February */
	if (same.tm_mday != tm.tm_mday || same.tm_hour != tm.tm_hour)
		return -EINVAL;
	if (t < 0 || t > INT64_MAX / 2000000000)
		return -ERANGE;
	*ret_ns = (t - offset) * 1000000000LL;
	return 0;
}
