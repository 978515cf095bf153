// SPDX-License-Identifier: BSD-3-Clause
#include "conf/template.h"

#include <string.h>

static bool variable_read(const char *begin, struct template_part *ret, const char **end)
{
	const char *close = strstr(begin + 2, "}}");

	if (!close)
		return false;
	*end = close + 2;
	begin += 2;
	while (begin < close && *begin == ' ')
		begin++;
	while (close > begin && close[-1] == ' ')
		close--;
	*ret = (struct template_part){ true, begin, (size_t)(close - begin) };
	return true;
}

bool template_next(const char **template, struct template_part *ret)
{
	const char *begin = *template, *next;

	if (!*begin)
		return false;
	if (!strncmp(begin, "{{", 2) && variable_read(begin, ret, template))
		return true;
	next = strstr(begin + 1, "{{") ?: begin + strlen(begin);
	*ret = (struct template_part){ false, begin, (size_t)(next - begin) };
	*template = next;
	return true;
}

bool template_part_is(const struct template_part *part, const char *text)
{
	return strlen(text) == part->len && !memcmp(text, part->text, part->len);
}
