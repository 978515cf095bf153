// SPDX-License-Identifier: BSD-3-Clause
/* seismo(1), from the rows of the commands. */
#include "cmd/manual.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/roff.h"
#include "conf/conf.h"

static void option_write(struct buf *out, const struct argp_option *o)
{
	struct buf names = { 0 }, argument = { 0 };

	buf_printf(&names, "--%s", o->name);
	if (o->key > ' ' && o->key < 127)
		buf_printf(&names, ", -%c", o->key);
	if (o->arg)
		buf_printf(&argument, " %s", o->arg);
	roff_entry(out, buf_cstr(&names), buf_cstr(&argument));
	roff_text(out, o->doc);
	buf_release(&names);
	buf_release(&argument);
}

static void own_option(void *ctx, const struct argp_option *o, bool common)
{
	if (!common)
		option_write(ctx, o);
}

struct common {
	struct buf *out;
	const struct argp_option *seen[64];
	unsigned cnt;
};

/* Those that several commands have are described once. */
static void common_option(void *ctx, const struct argp_option *o, bool common)
{
	struct common *c = ctx;

	for (unsigned i = 0; i < c->cnt; i++)
		if (c->seen[i] == o)
			return;
	if (!common || c->cnt == sizeof(c->seen) / sizeof(*c->seen))
		return;
	c->seen[c->cnt++] = o;
	option_write(c->out, o);
}

static void synopsis_write(struct buf *out, const struct command *c)
{
	const char *forms = c->usage->argp->args_doc ?: "";

	do {
		size_t len = strcspn(forms, "\n");
		struct buf rest = { 0 };

		buf_printf(&rest, " [OPTION...] %.*s", (int)len, forms);
		buf_str(out, ".br\n");
		buf_printf(out, "\\fBseismo %s\\fR", c->name);
		roff_text(out, buf_cstr(&rest));
		buf_release(&rest);
		forms += len + (forms[len] == '\n');
	} while (*forms);
}

static void command_write(struct buf *out, const struct command *c)
{
	const struct usage *u = c->usage;
	const char *notes = strchrnul(u->argp->doc, '\v');
	struct buf title = { 0 }, doc = { 0 };

	buf_printf(&title, "seismo %s", c->name);
	roff_subsection(out, buf_cstr(&title));
	synopsis_write(out, c);
	buf_str(out, ".PP\n");
	buf_add(&doc, u->argp->doc, (size_t)(notes - u->argp->doc));
	roff_text(out, buf_cstr(&doc));
	usage_each_option(u, own_option, out);
	if (*notes) {
		buf_str(out, ".PP\n");
		roff_text(out, notes + 1);
	}
	for (const struct usage_example *e = u->examples; e && e->command; e++) {
		buf_reset(&doc);
		buf_printf(&doc, "seismo %s", e->command);
		roff_entry(out, buf_cstr(&doc), "");
		roff_text(out, e->text);
	}
	buf_str(out, ".PP\nExit status:\n");
	for (int i = 0; i < EXIT_STATUSES; i++)
		if (u->status[i])
			buf_printf(out, "%d %s%s\n", i, u->status[i],
				   i == EXIT_UNSUPPORTED ? "." : ",");
	buf_release(&title);
	buf_release(&doc);
}

static const struct usage_example files[] = {
	{ DEFAULT_CONFIG,
	  "the configuration, see `seismo.yaml`(5); without it the defaults count" },
	{ DEFAULT_STATE_DIR, "lock and control socket" },
	{ CONF_DATA_DIR, "what outlives the daemon: what is usual, alerts, silences" },
	{ CONF_EVENTS_FILE, "the event log" },
	{ .command = NULL },
};

void manual_write(struct buf *out)
{
	struct common common = { out, { NULL }, 0 };

	roff_begin(out, "seismo", 1, "telemetry of every service, from the kernel");
	roff_section(out, "SYNOPSIS");
	roff_text(out, "`seismo` COMMAND [OPTION...] [ARGUMENT...]");
	roff_section(out, "DESCRIPTION");
	roff_text(out, ABOUT);
	roff_section(out, "COMMANDS");
	for (const struct command *c = commands; c->name; c++)
		command_write(out, c);
	roff_section(out, "COMMON OPTIONS");
	roff_text(
		out,
		"Commands that ask the daemon, or do its work, have these as well; `seismo help COMMAND` says which.");
	for (const struct command *c = commands; c->name; c++)
		usage_each_option(c->usage, common_option, &common);
	roff_section(out, "FILES");
	for (const struct usage_example *f = files; f->command; f++) {
		roff_entry(out, f->command, "");
		roff_text(out, f->text);
	}
	roff_section(out, "SEE ALSO");
	roff_text(out, "`seismo.yaml`(5), `seismo-metrics`(7), `seismo-rules`(7)");
}
