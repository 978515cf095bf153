// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/roff.h"

#include <string.h>

#include "lib/version.h"

/* Nothing in the text is a request or an escape. Hyphens can be copied, and quotes are none of typography. */
static void plain_add(struct buf *out, const char *text, size_t len)
{
	static const struct {
		char c;
		const char *escape;
	} escapes[] = { { '\\', "\\e" },  { '-', "\\-" },   { '\'', "\\(aq" },
			{ '"', "\\(dq" }, { '^', "\\(ha" }, { '~', "\\(ti" } };

	for (size_t i = 0; i < len; i++) {
		size_t e = 0;

		while (e < sizeof(escapes) / sizeof(*escapes) && escapes[e].c != text[i])
			e++;
		if (e < sizeof(escapes) / sizeof(*escapes))
			buf_str(out, escapes[e].escape);
		else
			buf_char(out, text[i]);
	}
}

void roff_begin(struct buf *out, const char *name, int section, const char *about)
{
	buf_printf(out, ".\\\" Made from the program's own tables.\n.TH ");
	plain_add(out, name, strlen(name));
	buf_printf(out, " %d \"\" \"Seismo %s\" \"Seismo\"\n.nh\n.ad l\n.SH NAME\n", section,
		   version);
	plain_add(out, name, strlen(name));
	buf_str(out, " \\- ");
	plain_add(out, about, strlen(about));
	buf_char(out, '\n');
}

static void heading_add(struct buf *out, const char *request, const char *title)
{
	buf_printf(out, "%s \"", request);
	plain_add(out, title, strlen(title));
	buf_str(out, "\"\n");
}

void roff_section(struct buf *out, const char *title)
{
	heading_add(out, ".SH", title);
}

void roff_subsection(struct buf *out, const char *title)
{
	heading_add(out, ".SS", title);
}

/* A line of a paragraph, which no period at its begin makes a request. */
static void line_add(struct buf *out, const char *text, size_t len)
{
	bool bold = false;

	buf_str(out, len && (*text == '.' || *text == '\'') ? "\\&" : "");
	while (len) {
		const char *tick = memchr(text, '`', len);
		size_t part = tick ? (size_t)(tick - text) : len;

		plain_add(out, text, part);
		if (tick) {
			bold = !bold;
			buf_str(out, bold ? "\\fB" : "\\fR");
			part++;
		}
		text += part;
		len -= part;
	}
	buf_str(out, bold ? "\\fR\n" : "\n");
}

void roff_text(struct buf *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len)
			line_add(out, text, len);
		text += len + (text[len] == '\n');
		if (*text == '\n')
			buf_str(out, ".PP\n");
	}
}

void roff_entry(struct buf *out, const char *bold, const char *rest)
{
	buf_str(out, ".TP\n\\fB");
	plain_add(out, bold, strlen(bold));
	buf_str(out, "\\fR");
	plain_add(out, rest, strlen(rest));
	buf_char(out, '\n');
}

void roff_example(struct buf *out, const char *text)
{
	buf_str(out, ".PP\n.in +4n\n.EX\n");
	while (*text) {
		size_t len = strcspn(text, "\n");

		buf_str(out, *text == '.' || *text == '\'' ? "\\&" : "");
		plain_add(out, text, len);
		buf_char(out, '\n');
		text += len + (text[len] == '\n');
	}
	buf_str(out, ".EE\n.in\n");
}
