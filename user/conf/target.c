// SPDX-License-Identifier: BSD-3-Clause
#include "conf/target.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/buf.h"
#include "lib/parse.h"

#define NS_PER_SEC 1000000000ULL
#define DAY_S	   86400

static const struct setting severity = { .kind = SETTING_ENUM,
					 .initial = RULE_INFO,
					 .words = rule_severities };

/* --- Alertmanagers and webhooks */

int url_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value, const char *text)
{
	const char *host = !strncmp(text, "http://", 7)	   ? text + 7
			   : !strncmp(text, "https://", 8) ? text + 8
							   : "";

	if (!*host || strchr("/:?#", *host) || strpbrk(text, " \t"))
		return value_wrong(d, f->key, value, "http://HOST:PORT or https://HOST:PORT");
	if (memchr(host, '@', strcspn(host, "/?#")))
		return yaml_doc_error(d, value, "'%s' has credentials in it, use 'basic_auth'",
				      f->key);
	return 0;
}

void url_origin_write(const char *url, struct buf *out)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	buf_add(out, url, (size_t)(host - url) + strcspn(host, "/?#"));
}

/* What comes behind the origin is shown as a number that changes with it (FNV-1a). */
static void url_show(const char *url, struct buf *out)
{
	size_t begin = out->len;
	const char *rest;
	u32 hash = 2166136261;

	url_origin_write(url, out);
	rest = url + (out->len - begin);
	if (!rest[strspn(rest, "/")])
		return;
	for (; *rest; rest++)
		hash = (hash ^ (unsigned char)*rest) * 16777619;
	buf_printf(out, "/...%08x", hash);
}

#define AUTH(member) \
	offsetof(struct http_target, basic_auth.member) - offsetof(struct http_target, basic_auth)
#define TLS(member) offsetof(struct http_target, tls.member) - offsetof(struct http_target, tls)

static const struct field auth_fields[] = {
	{ "username", &field_text, AUTH(username), .required = true, .help = "The name." },
	{ "password_file", &field_text, AUTH(password_file), .required = true, .check = path_check,
	  .help = "The file with the password, read for each message." },
	{ .key = NULL },
};

static const struct setting insecure = { .kind = SETTING_BOOL };

static const struct field tls_fields[] = {
	{ "ca_file", &field_text, TLS(ca_file), .check = path_check,
	  .help = "Certificates of the authorities that are trusted; by default the system's." },
	{ "cert_file", &field_text, TLS(cert_file), .check = path_check,
	  .help = "A certificate of Seismo's own, with key_file." },
	{ "key_file", &field_text, TLS(key_file), .check = path_check, .help = "Its key." },
	{ "insecure_skip_verify", &field_setting, TLS(insecure_skip_verify), &insecure,
	  .help = "Do not check who answers." },
	{ .key = NULL },
};

const struct field http_target_fields[] = {
	{ "url", &field_text, offsetof(struct http_target, url), .required = true,
	  .check = url_check, .show = url_show,
	  .help = "Where it is, with http:// or https://; of Alertmanagers without the path of the API." },
	{ "basic_auth", &field_mapping, offsetof(struct http_target, basic_auth), auth_fields,
	  .help = "Name and password." },
	{ "tls", &field_mapping, offsetof(struct http_target, tls), tls_fields,
	  .help = "Of https://." },
	{ "severity", &field_setting, offsetof(struct http_target, severity), &severity,
	  .help = "It is told of alerts with this severity and graver ones." },
	{ .key = NULL },
};

int http_target_check(struct yaml_doc *d, yaml_node_t *node, const void *targets, unsigned i)
{
	const struct http_target *all = targets, *t = &all[i];
	const yaml_node_t *tls = yaml_doc_value(d, node, "tls");

	if (tls && !strncmp(t->url, "http:", 5))
		return yaml_doc_error(d, tls, "'tls' needs a url with https://");
	if (!t->tls.cert_file != !t->tls.key_file)
		return yaml_doc_error(d, tls, "'cert_file' and 'key_file' need each other");
	for (unsigned before = 0; before < i; before++)
		if (!strcmp(all[before].url, t->url))
			return yaml_doc_error(d, node, "duplicate url");
	return 0;
}

/* --- commands */

static const struct setting timeout = { .kind = SETTING_DURATION,
					.initial = 10 * NS_PER_SEC,
					.min = NS_PER_SEC / 10,
					.max = 300 * NS_PER_SEC };

const struct field command_target_fields[] = {
	{ "command", &field_texts, offsetof(struct command_target, command), .required = true,
	  .help = "The absolute path of the program, and its arguments." },
	{ "user", &field_text, offsetof(struct command_target, user), "nobody",
	  .max = CONF_NAME_MAX, .help = "The user that it runs as, without any capability." },
	{ "timeout", &field_setting, offsetof(struct command_target, timeout_ns), &timeout,
	  .help = "After this time it is killed, with what it has started." },
	{ "severity", &field_setting, offsetof(struct command_target, severity), &severity,
	  .help = "It is told of alerts with this severity and graver ones." },
	{ .key = NULL },
};

int command_target_check(struct yaml_doc *d, yaml_node_t *node, const void *targets, unsigned i)
{
	const struct command_target *t = (const struct command_target *)targets + i;

	if (*t->command[0] == '/')
		return 0;
	return yaml_doc_error(
		d, yaml_doc_value(d, node, "command"),
		"'%.64s' must be an absolute path: no shell and no search path is used",
		t->command[0]);
}

/* --- expectations */

static int time_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value, void *structure)
{
	const char *text = value_text(d, f->key, value, CONF_NAME_MAX);

	if (!text)
		return -EINVAL;
	if (parse_time(text, (s64 *)((char *)structure + f->offset)))
		return value_wrong(d, f->key, value, "a time such as 2026-11-26T02:00:00Z");
	return 0;
}

static void time_write(const struct field *f, const void *structure, struct buf *out)
{
	s64 ns = *(const s64 *)((const char *)structure + f->offset);
	time_t t = (time_t)(ns / (s64)NS_PER_SEC);
	char text[32];
	struct tm tm;

	if (!ns)
		return;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	buf_str(out, text);
}

static const struct field_type field_time = { time_load, time_write, NULL, NULL,
					      "a time such as 2026-11-26T02:00:00Z" };

/* Reads 02:00, at most 24:00, and moves the text behind it. */
static bool clock_parse(const char **text, u32 *ret_s)
{
	const char *t = *text;
	u32 h, m;

	if (strspn(t, "0123456789") != 2 || t[2] != ':' || strspn(t + 3, "0123456789") != 2)
		return false;
	h = (u32)(t[0] - '0') * 10 + (u32)(t[1] - '0');
	m = (u32)(t[3] - '0') * 10 + (u32)(t[4] - '0');
	*text += 5;
	*ret_s = (h * 60 + m) * 60;
	return m < 60 && *ret_s <= DAY_S;
}

static int daily_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		      void *structure)
{
	const char *text = value_text(d, f->key, value, CONF_NAME_MAX);
	struct expectation *e = structure;

	if (!text)
		return -EINVAL;
	if (clock_parse(&text, &e->daily_from_s) && *text++ == '-' &&
	    clock_parse(&text, &e->daily_to_s) && !*text && e->daily_from_s != e->daily_to_s)
		return 0;
	return value_wrong(d, f->key, value, "a part of the day in UTC such as \"02:00-04:00\"");
}

static void daily_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct expectation *e = structure;
	u32 from = e->daily_from_s / 60, to = e->daily_to_s / 60;

	(void)f;
	if (from != to)
		buf_printf(out, "\"%02u:%02u-%02u:%02u\"", from / 60, from % 60, to / 60, to % 60);
}

static const struct field_type field_daily = { daily_load, daily_write, NULL, NULL,
					       "two times of the day such as \"02:00-04:00\"" };

static const struct field_list match_list = { offsetof(struct expectation, match_cnt) };

const struct field expectation_fields[] = {
	{ "match", &field_pairs, offsetof(struct expectation, match), &match_list, true,
	  .help = "Labels of the alert, with alertname and severity, and patterns for their values." },
	{ "from", &field_time, offsetof(struct expectation, from_ns),
	  .help = "When that begins, with to." },
	{ "to", &field_time, offsetof(struct expectation, to_ns), .help = "When it ends." },
	{ "daily", &field_daily, 0, .help = "Instead of both: this part of every day, in UTC." },
	{ "reason", &field_text, offsetof(struct expectation, reason), .required = true,
	  .help = "Why, for those who see it." },
	{ .key = NULL },
};

int expectation_check(struct yaml_doc *d, yaml_node_t *node, const void *expected, unsigned i)
{
	const struct expectation *e = (const struct expectation *)expected + i;
	bool daily = e->daily_from_s != e->daily_to_s;

	if (!e->match_cnt)
		return yaml_doc_error(
			d, node,
			"'match' is empty: it would expect every alert; write { alertname: \"*\" } for that");
	if (daily ? e->from_ns || e->to_ns : !e->from_ns || !e->to_ns)
		return yaml_doc_error(d, node, "'expect' needs either 'from' and 'to', or 'daily'");
	if (!daily && e->to_ns <= e->from_ns)
		return yaml_doc_error(d, yaml_doc_value(d, node, "to"),
				      "'to' is not later than 'from'");
	return 0;
}

bool expectation_in_effect(const struct expectation *e, s64 wall_ns)
{
	u32 now_s = (u32)(wall_ns / (s64)NS_PER_SEC % DAY_S);

	if (e->from_ns || e->to_ns)
		return wall_ns >= e->from_ns && wall_ns < e->to_ns;
	if (e->daily_from_s < e->daily_to_s)
		return now_s >= e->daily_from_s && now_s < e->daily_to_s;
	return now_s >= e->daily_from_s || now_s < e->daily_to_s;
}
