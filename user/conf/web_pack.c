// SPDX-License-Identifier: BSD-3-Clause
/*
 * Texts with a NUL behind each: of each member in turn the number, or how many texts it has and these. Users come last, each a name
 * and a hash.
 */
#include "conf/web_pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"

enum kind { NUMBER, TEXT, TEXTS };

#define AT(member) offsetof(struct web, member)
static const struct {
	enum kind kind;
	size_t offset;
	u64 max; /* of numbers */
} members[] = {
	{ TEXT, AT(tls.cert) },
	{ TEXT, AT(tls.key) },
	{ TEXT, AT(tls.client_ca) },
	{ NUMBER, AT(tls.client_auth), WEB_CLIENT_REQUIRE_AND_VERIFY },
	{ NUMBER, AT(tls.min_version), WEB_TLS13 },
	{ NUMBER, AT(tls.max_version), WEB_TLS13 },
	{ NUMBER, AT(tls.prefer_server_cipher_suites), 1 },
	{ TEXTS, AT(tls.client_allowed_sans) },
	{ TEXTS, AT(tls.cipher_suites) },
	{ TEXTS, AT(tls.curve_preferences) },
	{ TEXT, AT(http.headers.hsts) },
	{ TEXT, AT(http.headers.content_type_options) },
	{ TEXT, AT(http.headers.frame_options) },
	{ TEXT, AT(http.headers.xss_protection) },
	{ TEXT, AT(http.headers.content_security_policy) },
	{ TEXTS, AT(excluded) },
	{ NUMBER, AT(rate.interval_ns), UINT64_MAX },
	{ NUMBER, AT(rate.burst), UINT64_MAX },
};
#define MEMBERS (sizeof(members) / sizeof(*members))

/* --- to bytes */

static void number_write(struct buf *out, u64 number)
{
	buf_u64(out, number);
	buf_char(out, '\0');
}

static void text_write(struct buf *out, const char *text)
{
	buf_add(out, text, strlen(text) + 1);
}

static void texts_write(struct buf *out, char *const *texts)
{
	u64 cnt = 0;

	while (texts && texts[cnt])
		cnt++;
	number_write(out, cnt);
	for (u64 i = 0; i < cnt; i++)
		text_write(out, texts[i]);
}

void web_pack(const struct web *w, struct buf *out)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		const char *at = (const char *)w + members[i].offset;

		if (members[i].kind == NUMBER)
			number_write(out, *(const u64 *)at);
		else if (members[i].kind == TEXTS)
			texts_write(out, *(char *const *const *)at);
		else
			texts_write(out, (char *const[]){ *(char *const *)at, NULL });
	}
	number_write(out, w->user_cnt);
	for (unsigned i = 0; i < w->user_cnt; i++) {
		text_write(out, w->users[i].name);
		text_write(out, w->users[i].hash);
	}
}

/* --- and back */

struct reader {
	const char *at, *end;
	int err;
};

/* "", and an error, where there is none. */
static const char *text_next(struct reader *r)
{
	const char *text = r->at, *nul = memchr(text, 0, (size_t)(r->end - text));

	if (!nul) {
		r->err = r->err ?: -EINVAL;
		return "";
	}
	r->at = nul + 1;
	return text;
}

static u64 number_read(struct reader *r, u64 max)
{
	u64 number = 0;

	if (parse_u64(text_next(r), 0, max, &number))
		r->err = r->err ?: -EINVAL;
	return number;
}

/* Of what has at least a byte each. */
static u64 count_read(struct reader *r)
{
	u64 cnt = number_read(r, (u64)(r->end - r->at));

	return r->err ? 0 : cnt;
}

static char *text_read(struct reader *r)
{
	char *text = strdup(text_next(r));

	if (!text)
		r->err = r->err ?: -ENOMEM;
	return text;
}

/* Ends with NULL; NULL: there are none. */
static char **texts_read(struct reader *r)
{
	u64 cnt = count_read(r);
	char **texts = cnt ? calloc(cnt + 1, sizeof(*texts)) : NULL;

	if (cnt && !texts)
		r->err = -ENOMEM;
	for (u64 i = 0; texts && i < cnt && !r->err; i++)
		texts[i] = text_read(r);
	return texts;
}

static void users_read(struct reader *r, struct web *w)
{
	u64 cnt = count_read(r);

	w->users = cnt ? calloc(cnt, sizeof(*w->users)) : NULL;
	if (cnt && !w->users)
		r->err = -ENOMEM;
	while (!r->err && w->user_cnt < cnt) {
		struct web_user *u = &w->users[w->user_cnt++];

		u->name = text_read(r);
		u->hash = text_read(r);
	}
}

static void member_read(struct reader *r, struct web *w, size_t i)
{
	char *at = (char *)w + members[i].offset;

	if (members[i].kind == NUMBER)
		*(u64 *)at = number_read(r, members[i].max);
	else if (members[i].kind == TEXTS)
		*(char ***)at = texts_read(r);
	else if (count_read(r))
		*(char **)at = text_read(r);
}

int web_unpack(struct web **ret, const char *data, size_t len)
{
	struct reader r = { data, data + len, 0 };
	struct web *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	for (size_t i = 0; i < MEMBERS; i++)
		member_read(&r, w, i);
	users_read(&r, w);
	if (!r.err && r.at != r.end)
		r.err = -EINVAL;
	if (r.err)
		web_free(w);
	else
		*ret = w;
	return r.err;
}
