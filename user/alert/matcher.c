// SPDX-License-Identifier: BSD-3-Clause
#include "alert/matcher.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCHERS_MAX  16
#define VALUE_MAX_LEN 256   /* those of labels are no longer */
#define MATCH_MAX     10000 /* steps of an expression; what takes more does not match */

static const struct match_op {
	const char *text;
	bool regex, negative;
} match_ops[] = {
	/* longer ones first */
	{ "=~", true, false },
	{ "!~", true, true },
	{ "!=", false, true },
	{ "=", false, false },
};
#define MATCH_OPS (sizeof(match_ops) / sizeof(*match_ops))

struct matcher {
	char *name, *value;
	const struct match_op *op;
	pcre2_code *regex;	     /* of operators with `regex`, NULL otherwise */
	pcre2_match_data *match;     /* the same */
	pcre2_match_context *limits; /* the same */
};

struct matchers {
	unsigned cnt;
	struct matcher matcher[MATCHERS_MAX];
};

static bool regex_match(const struct matcher *m, const char *value)
{
	int found =
		pcre2_match(m->regex, (PCRE2_SPTR)value, strlen(value), 0, 0, m->match, m->limits);

	return found >= 0;
}

static bool matcher_match(const struct matcher *m, const char *value)
{
	bool found = m->op->regex ? regex_match(m, value) : !strcmp(m->value, value);

	return found != m->op->negative;
}

static bool is_between(char c)
{
	return c == ',' || isspace((unsigned char)c);
}

static size_t name_len(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return isdigit((unsigned char)*text) ? 0 : n;
}

/* In quotes a backslash takes the character after it as it is, \n is a new line. NULL: no end, or too long. */
static const char *value_read(const char *text, char value[VALUE_MAX_LEN + 1])
{
	bool quoted = *text == '"';
	size_t len = 0;

	for (text += quoted; *text; text++) {
		char c = *text;

		if (quoted ? c == '"' : is_between(c) || c == '}')
			break;
		if (quoted && c == '\\') {
			c = *++text;
			if (!c)
				return NULL;
			/* what else stands behind one, such as \. of an expression, keeps it */
			if (c != '"' && c != '\\' && c != 'n' && len < VALUE_MAX_LEN)
				value[len++] = '\\';
			c = c == 'n' ? '\n' : c;
		}
		if (len == VALUE_MAX_LEN)
			return NULL;
		value[len++] = c;
	}
	value[len] = '\0';
	if (quoted && *text != '"')
		return NULL;
	return text + quoted;
}

static int regex_make(struct matcher *m, struct buf *error)
{
	const uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL | PCRE2_UTF |
				 PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
	PCRE2_SIZE at;
	char reason[128];
	int failed;

	m->regex = pcre2_compile((PCRE2_SPTR)m->value, PCRE2_ZERO_TERMINATED, options, &failed, &at,
				 NULL);
	if (!m->regex) {
		pcre2_get_error_message(failed, (PCRE2_UCHAR *)reason, sizeof(reason));
		buf_printf(error, "'%s' is no regular expression: %s", m->value, reason);
		return -EINVAL;
	}
	m->match = pcre2_match_data_create(1, NULL);
	m->limits = pcre2_match_context_create(NULL);
	if (!m->match || !m->limits)
		return -ENOMEM;
	pcre2_set_match_limit(m->limits, MATCH_MAX);
	pcre2_set_depth_limit(m->limits, MATCH_MAX);
	return 0;
}

static void matcher_release(struct matcher *m)
{
	pcre2_code_free(m->regex);
	pcre2_match_data_free(m->match);
	pcre2_match_context_free(m->limits);
	free(m->name);
	free(m->value);
}

/* Takes nothing of it when it fails. */
static int matcher_make(struct matcher *m, const char *name, size_t len, const struct match_op *op,
			const char *value, struct buf *error)
{
	int err;

	*m = (struct matcher){ strndup(name, len), strdup(value), op };
	err = !m->name || !m->value ? -ENOMEM : op->regex ? regex_make(m, error) : 0;
	if (err)
		matcher_release(m);
	return err;
}

static const struct match_op *op_read(const char *text)
{
	for (size_t i = 0; i < MATCH_OPS; i++)
		if (!strncmp(text, match_ops[i].text, strlen(match_ops[i].text)))
			return &match_ops[i];
	return NULL;
}

static int matcher_parse(struct matcher *m, const char **text, struct buf *error)
{
	static const char alertname[] = "alertname";
	const char *name = *text, *next;
	size_t len = name_len(name);
	const struct match_op *op = op_read(name + len);
	char value[VALUE_MAX_LEN + 1];

	if (!op && len && (!name[len] || is_between(name[len]) || name[len] == '}')) {
		memcpy(value, name, len < VALUE_MAX_LEN ? len : VALUE_MAX_LEN);
		value[len < VALUE_MAX_LEN ? len : VALUE_MAX_LEN] = '\0';
		*text = name + len;
		return matcher_make(m, alertname, strlen(alertname), &match_ops[MATCH_OPS - 1],
				    value, error);
	}
	if (!op || !len) {
		buf_printf(error,
			   "'%.64s' is no matcher, such as device=\"sda\" or service=~\"web.*\"",
			   name);
		return -EINVAL;
	}
	next = value_read(name + len + strlen(op->text), value);
	if (!next || (*next && !is_between(*next) && *next != '}')) {
		buf_printf(
			error,
			"the value in '%.64s' is longer than %d bytes, or its quotes are not right",
			name, VALUE_MAX_LEN);
		return -EINVAL;
	}
	*text = next;
	return matcher_make(m, name, len, op, value, error);
}

static int all_parse(struct matchers *m, const char *text, struct buf *error)
{
	bool braces, selective = false;
	int err;

	text += strspn(text, " \t\n");
	braces = *text == '{';
	for (text += braces; *text && *text != '}';) {
		if (is_between(*text)) {
			text++;
			continue;
		}
		if (m->cnt == MATCHERS_MAX) {
			buf_printf(error, "more than %d matchers", MATCHERS_MAX);
			return -EINVAL;
		}
		err = matcher_parse(&m->matcher[m->cnt], &text, error);
		if (err)
			return err;
		selective |= !matcher_match(&m->matcher[m->cnt++], "");
	}
	if (braces != (*text == '}') || text[braces + strspn(text + braces, " \t\n")]) {
		buf_str(error, "the braces are not right");
		return -EINVAL;
	}
	if (selective)
		return 0;
	buf_str(error, m->cnt ? "these match every alert; at least one matcher must need a label"
			      : "there are no matchers");
	return -EINVAL;
}

int matchers_parse(struct matchers **ret, const char *text, struct buf *error)
{
	struct matchers *m = calloc(1, sizeof(*m));
	int err = m ? all_parse(m, text, error) : -ENOMEM;

	if (err)
		matchers_free(m);
	else
		*ret = m;
	return err;
}

void matchers_free(struct matchers *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->cnt; i++)
		matcher_release(&m->matcher[i]);
	free(m);
}

bool matchers_match(const struct matchers *m, const json_t *labels)
{
	const char *value;

	for (unsigned i = 0; i < m->cnt; i++) {
		value = json_string_value(json_object_get(labels, m->matcher[i].name));
		if (!matcher_match(&m->matcher[i], value ?: ""))
			return false;
	}
	return true;
}

void matchers_write(const struct matchers *m, struct buf *out)
{
	for (const struct matcher *one = m->matcher; one < m->matcher + m->cnt; one++) {
		buf_printf(out, "%s%s%s\"", one == m->matcher ? "" : ",", one->name, one->op->text);
		for (const char *c = one->value; *c; c++) {
			if (*c == '"' || *c == '\\' || *c == '\n')
				buf_char(out, '\\');
			buf_char(out, *c == '\n' ? 'n' : *c);
		}
		buf_char(out, '"');
	}
}
