// SPDX-License-Identifier: BSD-3-Clause
#include "conf/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	double factor;
	enum rule_unit unit;
} units[] = {
	{ "", 1, RULE_PLAIN },		{ "%", 0.01, RULE_PERCENT },
	{ "us", 1e-6, RULE_SECONDS },	{ "ms", 1e-3, RULE_SECONDS },
	{ "s", 1, RULE_SECONDS },	{ "m", 60, RULE_SECONDS },
	{ "h", 3600, RULE_SECONDS },	{ "B", 1, RULE_BYTES },
	{ "KiB", 1024, RULE_BYTES },	{ "MiB", 1 << 20, RULE_BYTES },
	{ "GiB", 1 << 30, RULE_BYTES }, { "TiB", 1024.0 * (1 << 30), RULE_BYTES },
};

#define FRACTION_MAX 12

bool decimal_parse(const char *text, double *ret, const char **end)
{
	static const char digits[] = "0123456789";
	size_t len = strspn(text, digits), fraction = 0;
	char copy[32] = "";

	if (!len)
		return false;
	if (text[len] == '.') {
		fraction = strspn(text + len + 1, digits);
		if (!fraction)
			return false;
		len += 1 + fraction;
	}
	if (len >= sizeof(copy) || fraction > FRACTION_MAX)
		return false;
	memcpy(copy, text, len);
	*ret = strtod(copy, NULL);
	*end = text + len;
	return true;
}

bool number_parse(const char *text, double *ret, enum rule_unit *unit)
{
	const char *end;
	double number;

	if (!decimal_parse(text, &number, &end))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(units[i].name, end) != 0)
			continue;
		/* the division gives the double that is nearest to 99.9 / 100, and 0.01 is none */
		*ret = units[i].factor < 1 ? number / round(1 / units[i].factor)
					   : number * units[i].factor;
		*unit = units[i].unit;
		return true;
	}
	return false;
}

void decimal_write(double value, struct buf *out)
{
	int digits = value > 0 ? 14 - (int)floor(log10(value)) : 0; /* 15 in all are exact */
	char text[400];
	size_t len;

	digits = digits < 0 ? 0 : digits > FRACTION_MAX ? FRACTION_MAX : digits;
	len = (size_t)snprintf(text, sizeof(text), "%.*f", digits, value);
	while (digits && text[len - 1] == '0')
		len--;
	buf_add(out, text, len - (text[len - 1] == '.'));
}

void number_write(double value, enum rule_unit unit, struct buf *out)
{
	size_t best = 0; /* the largest unit that leaves no fraction, or the smallest one */

	for (size_t i = sizeof(units) / sizeof(*units); i-- > 0;) {
		double number = value / units[i].factor;

		if (units[i].unit != unit)
			continue;
		best = i;
		if (value && fabs(number - round(number)) < 1e-9 * number)
			break;
	}
	decimal_write(value / units[best].factor, out);
	buf_str(out, units[best].name);
}
