// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/usage.h"

#include <stdio.h>
#include <string.h>

#include "lib/buf.h"

/* What --help shows behind the options. */
static void end_write(const struct usage *u, struct buf *doc)
{
	const char *between = "";

	if (u->examples)
		buf_str(doc, "Examples:\n");
	for (const struct usage_example *e = u->examples; e && e->command; e++)
		buf_printf(doc, "  seismo %s\n      %s\n", e->command, e->text);
	buf_str(doc, "\nExit status: ");
	for (int i = 0; i < EXIT_STATUSES; i++) {
		if (!u->status[i])
			continue;
		buf_printf(doc, "%s%d %s", between, i, u->status[i]);
		between = ", ";
	}
	buf_char(doc, '.');
}

static void doc_write(const struct usage *u, struct buf *doc)
{
	const char *notes = strchrnul(u->argp->doc, '\v');

	buf_str(doc, u->argp->doc);
	buf_str(doc, *notes ? "\n\n" : "\v");
	end_write(u, doc);
}

void usage_parse(const struct usage *u, const char *name, int argc, char **argv, void *input)
{
	static char whole[64]; /* which messages begin with */
	struct buf doc = { 0 };
	struct argp argp;

	if (u->prepare)
		u->prepare();
	doc_write(u, &doc);
	argp = *u->argp;
	argp.doc = buf_cstr(&doc);
	snprintf(whole, sizeof(whole), "seismo %s", name);
	argv[0] = whole;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, input);
	buf_release(&doc);
}

bool usage_is_json(const char *format, const struct argp_state *state)
{
	if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
		argp_error(state, "--format must be text or json, not '%s'", format);
	return !strcmp(format, "json");
}

static void options_each(const struct argp *argp, bool common,
			 void (*each)(void *ctx, const struct argp_option *option, bool common),
			 void *ctx)
{
	for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++)
		if (o->name && !(o->flags & OPTION_HIDDEN))
			each(ctx, o, common);
	for (const struct argp_child *child = argp->children; child && child->argp; child++)
		options_each(child->argp, true, each, ctx);
}

void usage_each_option(const struct usage *u,
		       void (*each)(void *ctx, const struct argp_option *option, bool common),
		       void *ctx)
{
	if (u->prepare)
		u->prepare();
	options_each(u->argp, false, each, ctx);
}
