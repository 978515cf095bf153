// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/completion.h"
#include "cmd/manual.h"
#include "conf/suggest.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "lib/version.h"

static void list_write(struct buf *out)
{
	int name_width = 0, width = 0;

	for (const struct command *c = commands; c->name; c++) {
		int name_len = (int)strlen(c->name), len = (int)strlen(c->arguments);

		name_width = name_len > name_width ? name_len : name_width;
		width = len > width ? len : width;
	}
	buf_printf(out, "Seismo %s. %s\n\n", version, ABOUT);
	for (const struct command *c = commands; c->name; c++)
		buf_printf(out, "  seismo %-*s %-*s  %s\n", name_width, c->name, width,
			   c->arguments, c->summary);
	buf_str(out,
		"  seismo --version\n\n'seismo help COMMAND' shows a command's options, `man seismo` all of it.\n");
}

static const struct format {
	const char *name;
	void (*write)(struct buf *out);
} formats[] = {
	{ "text", list_write },	   { "man", manual_write },	{ "bash", completion_bash },
	{ "zsh", completion_zsh }, { "fish", completion_fish }, { NULL, NULL },
};

struct options {
	const struct format *format;
	char *command;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'f':
		for (o->format = formats; o->format->name; o->format++)
			if (!strcmp(o->format->name, arg))
				return 0;
		argp_error(state, "--format must be text, man, bash, zsh or fish, not '%s'", arg);
		return EINVAL;
	case ARGP_KEY_ARG:
		if (o->command)
			argp_error(state, "unexpected argument '%s'", arg);
		o->command = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "format", 'f', "text|man|bash|zsh|fish", 0,
			  "the list of commands (default: text), the manual page seismo(1), or a script by which a shell completes what is typed",
			  0 },
			{ 0 },
		},
	.parser = parse,
	.args_doc = "[COMMAND]",
	.doc = "Lists the commands, or shows how one is used.",
};

const struct usage help_usage = {
	.argp = &argp,
	.examples =
		(const struct usage_example[]){
			{ "help rules", "the options of this command, with examples" },
			{ "help --format bash >/etc/bash_completion.d/seismo",
			  "completion for bash, where it was not installed" },
			{ .command = NULL },
		},
	.status = { [EXIT_OK] = "success", [EXIT_USAGE] = "bad options, or no such command" },
};

int command_unknown(const char *name)
{
	const char *names[32];
	struct buf message = { 0 };
	unsigned cnt = 0;

	for (const struct command *c = commands; c->name && cnt < 31; c++)
		names[cnt++] = c->name;
	names[cnt] = NULL;
	buf_printf(&message, "unknown command '%.64s'", name);
	suggest(&message, name, names);
	log_printf(SEISMO_LOG_ERR, "%s", buf_cstr(&message));
	buf_release(&message);
	return EXIT_USAGE;
}

int cmd_help(int argc, char **argv)
{
	struct options options = { .format = formats };
	struct buf out = { 0 };

	usage_parse(&help_usage, "help", argc, argv, &options);
	for (const struct command *c = commands; options.command && c->name; c++)
		if (!strcmp(c->name, options.command))
			return c->run(2, (char *[]){ options.command, (char *)"--help", NULL });
	if (options.command)
		return command_unknown(options.command);
	options.format->write(&out);
	fwrite(out.data ?: "", 1, out.len, stdout);
	buf_release(&out);
	return EXIT_OK;
}
