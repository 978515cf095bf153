// SPDX-License-Identifier: BSD-3-Clause
#include "expo/accept.h"

#include <string.h>

#define SPACE  " \t"
#define Q_FULL 1000

struct span {
	const char *s;
	size_t len;
};

struct param {
	struct span name, value;
};

/* One of a header's alternatives: name; param=value; q=0.5 */
struct item {
	struct span name;
	const char *params; /* where they begin; they end where param_next() says so */
	unsigned q;	    /* in thousandths; 0 (not wanted) also when malformed */
};

/* The formats on offer, the one for "anything" first. */
static const struct expo_format *const formats[] = { &expo_text, &expo_openmetrics };

static bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && !strncasecmp(a.s, b.s, a.len);
}

static bool span_is(struct span a, const char *s)
{
	return span_equal(a, (struct span){ s, strlen(s) });
}

static struct span token_take(const char **p)
{
	struct span t = { *p, strcspn(*p, SPACE ",;=\"") };

	*p += t.len;
	return t;
}

/* A token or a quoted string; escapes in it stay as they are. Leaves *p at a quote that has no end. */
static struct span value_take(const char **p)
{
	const char *end;

	if (**p != '"')
		return token_take(p);
	for (end = *p + 1; *end && *end != '"'; end++)
		if (*end == '\\' && end[1])
			end++;
	if (!*end)
		return (struct span){ *p, 0 };
	struct span v = { *p + 1, (size_t)(end - *p - 1) };
	*p = end + 1;
	return v;
}

static bool param_next(const char **p, struct param *out)
{
	*p += strspn(*p, SPACE);
	if (**p != ';')
		return false;
	++*p;
	*p += strspn(*p, SPACE);
	out->name = token_take(p);
	out->value = (struct span){ *p, 0 };
	if (**p == '=') {
		++*p;
		out->value = value_take(p);
	}
	return true;
}

/* A digit, a point and more digits, at most 1; 0 for anything else. */
static unsigned q_parse(struct span v)
{
	unsigned q = 0, scale = Q_FULL;

	for (size_t i = 0; i < v.len; i++) {
		if (i == 1 && v.s[i] == '.')
			continue;
		if (i == 1 || v.s[i] < '0' || v.s[i] > '9')
			return 0;
		q += (unsigned)(v.s[i] - '0') * scale;
		scale /= 10;
	}
	return q <= Q_FULL ? q : 0;
}

static bool item_next(const char **p, struct item *it)
{
	struct param param;

	*p += strspn(*p, SPACE ",");
	if (!**p)
		return false;
	it->name = token_take(p);
	it->params = *p;
	it->q = Q_FULL;
	while (param_next(p, &param))
		if (span_is(param.name, "q"))
			it->q = q_parse(param.value);
	if (**p && **p != ',') {
		it->q = 0;
		*p += strcspn(*p, ",");
	}
	return true;
}

/* Whether no parameter that both name has different values. */
static bool params_agree(const char *asked, const char *offered)
{
	struct param a, o;

	while (param_next(&asked, &a))
		for (const char *p = offered; param_next(&p, &o);)
			if (span_equal(a.name, o.name) && !span_equal(a.value, o.value))
				return false;
	return true;
}

/* How closely the item names the format: 3 by its type, 2 by the part before the slash, 1 as anything, 0 not. */
static int item_match(const struct item *it, const struct expo_format *format)
{
	const char *p = format->content_type;
	struct item own;

	if (span_is(it->name, "*/*"))
		return 1;
	item_next(&p, &own);
	if (span_equal(it->name, own.name))
		return params_agree(it->params, own.params) ? 3 : 0;
	own.name.len = (size_t)(strchr(own.name.s, '/') + 1 - own.name.s);
	if (it->name.len != own.name.len + 1 || it->name.s[own.name.len] != '*')
		return 0;
	return strncasecmp(it->name.s, own.name.s, own.name.len) ? 0 : 2;
}

const struct expo_format *accept_format(const char *accept)
{
	const struct expo_format *best = formats[0];
	unsigned best_q = 0;
	int best_match = 0;
	struct item it;

	while (accept && item_next(&accept, &it)) {
		for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
			int match = it.q ? item_match(&it, formats[i]) : 0;

			if (!match || it.q < best_q || (it.q == best_q && match <= best_match))
				continue;
			best = formats[i];
			best_q = it.q;
			best_match = match;
		}
	}
	return best;
}

bool accept_gzip(const char *accept_encoding)
{
	struct item it;
	bool any = false;

	while (accept_encoding && item_next(&accept_encoding, &it)) {
		if (span_is(it.name, "gzip") || span_is(it.name, "x-gzip"))
			return it.q;
		if (span_is(it.name, "*"))
			any = it.q;
	}
	return any;
}
