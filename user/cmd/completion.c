// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/completion.h"

#include <string.h>

#include "cmd/cmd.h"
#include "event/event.h"
#include "probe/probe.h"

#define HEAD "# Made from the program's own tables.\n"

/* --- what can stand where */

enum value_kind {
	VALUE_NONE,
	VALUE_ANY,
	VALUE_WORD,
	VALUE_LIST, /* of words, with commas */
	VALUE_FILE,
	VALUE_FOLDER,
};

static void probes_write(struct buf *words)
{
	buf_str(words, "all none");
	for (const struct conf_family *f = probe_families(); f->name; f++)
		buf_printf(words, " %s", f->name);
}

static void kinds_write(struct buf *words)
{
	for (int kind = 0; kind < EVENT_KINDS; kind++)
		buf_printf(words, "%s%s", kind ? " " : "", event_rows[kind].name);
}

/* Arguments that are the same thing everywhere, by the name that --help has for them. */
static const struct {
	const char *argument;
	enum value_kind kind;
	void (*write)(struct buf *words);
} arguments[] = {
	{ "FILE", VALUE_FILE, NULL },
	{ "PATH", VALUE_FILE, NULL },
	{ "DIR", VALUE_FOLDER, NULL },
	{ "LIST", VALUE_LIST, probes_write },
	{ "KIND[,KIND...]", VALUE_LIST, kinds_write },
};

/* What an option takes; its words, separated by spaces. */
static enum value_kind value_of(const struct argp_option *o, struct buf *words)
{
	if (!o->arg)
		return VALUE_NONE;
	for (size_t i = 0; i < sizeof(arguments) / sizeof(*arguments); i++) {
		if (strcmp(arguments[i].argument, o->arg) != 0)
			continue;
		if (arguments[i].write)
			arguments[i].write(words);
		return arguments[i].kind;
	}
	if (!strchr(o->arg, '|'))
		return VALUE_ANY;
	for (const char *c = o->arg; *c; c++)
		buf_char(words, *c == '|' ? ' ' : *c);
	return VALUE_WORD;
}

static bool has_letter(const struct argp_option *o)
{
	return o->key > ' ' && o->key < 127;
}

/* A command of the shell that prints what the arguments of this command may be; NULL: nothing is known of them. */
static const char *words_command(const struct command *c, struct buf *command)
{
	if (c->run != cmd_help)
		return c->usage->words;
	buf_str(command, "echo");
	for (const struct command *other = commands; other->name; other++)
		buf_printf(command, " %s", other->name);
	return buf_cstr(command);
}

/* Between single quotes, which end for one, and with a backslash before these characters. */
static void quoted_add(struct buf *out, const char *text, const char *escaped)
{
	for (; *text; text++) {
		if (*text == '\'')
			buf_str(out, "'\\''");
		else
			buf_printf(out, "%s%c", strchr(escaped, *text) ? "\\" : "", *text);
	}
}

/* --- bash */

static const char bash_head[] = HEAD
	"_seismo_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
	"_seismo_list() { mapfile -t COMPREPLY < <(compgen -P \"${cur%\"${cur##*,}\"}\" -W \"$1\" -- \"${cur##*,}\"); }\n"
	"_seismo_paths() { compopt -o filenames; mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\"); }\n"
	"\n"
	"_seismo() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} name=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\t# --name=value comes as three words\n"
	"\tif [[ $cur == '=' ]]; then\n"
	"\t\tcur=\n"
	"\telif [[ $name == '=' ]]; then\n"
	"\t\tname=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\tfi\n"
	"\tif ((COMP_CWORD == 1)); then\n"
	"\t\tname=\n"
	"\tfi\n"
	"\tcase ${COMP_WORDS[1]}:$name in\n";

struct shell {
	struct buf *out;
	const struct command *command;
};

/* What follows an option that takes something. */
static void bash_value(void *ctx, const struct argp_option *o, bool common)
{
	const struct shell *s = ctx;
	struct buf words = { 0 };
	enum value_kind kind = value_of(o, &words);

	(void)common;
	if (kind != VALUE_NONE) {
		buf_printf(s->out, "\t%s:--%s", s->command->name, o->name);
		if (has_letter(o))
			buf_printf(s->out, " | %s:-%c", s->command->name, o->key);
		buf_str(s->out, ") ");
	}
	if (kind == VALUE_WORD || kind == VALUE_LIST)
		buf_printf(s->out, "_seismo_%s '%s' ;;\n", kind == VALUE_LIST ? "list" : "words",
			   buf_cstr(&words));
	else if (kind == VALUE_FILE || kind == VALUE_FOLDER)
		buf_printf(s->out, "_seismo_paths %s ;;\n", kind == VALUE_FILE ? "-f" : "-d");
	else if (kind == VALUE_ANY)
		buf_str(s->out, ";;\n");
	buf_release(&words);
}

static void bash_name(void *ctx, const struct argp_option *o, bool common)
{
	(void)common;
	buf_printf(((const struct shell *)ctx)->out, "--%s ", o->name);
}

static void bash_command(struct buf *out, const struct command *c)
{
	struct shell s = { out, c };
	struct buf words = { 0 };
	const char *command = words_command(c, &words);

	usage_each_option(c->usage, bash_value, &s);
	buf_printf(out, "\t%s:?*)\n\t\tif [[ $cur == -* ]]; then\n\t\t\t_seismo_words '", c->name);
	usage_each_option(c->usage, bash_name, &s);
	buf_str(out, "--help --usage'\n");
	if (command)
		buf_printf(out, "\t\telse\n\t\t\t_seismo_words \"$(%s)\"\n", command);
	buf_str(out, "\t\tfi\n\t\t;;\n");
	buf_release(&words);
}

void completion_bash(struct buf *out)
{
	buf_str(out, bash_head);
	for (const struct command *c = commands; c->name; c++)
		bash_command(out, c);
	buf_str(out, "\t*:) _seismo_words '");
	for (const struct command *c = commands; c->name; c++)
		buf_printf(out, "%s ", c->name);
	buf_str(out, "--help --version' ;;\n\tesac\n}\ncomplete -F _seismo seismo\n");
}

/* --- zsh */

static void zsh_value(struct buf *out, const struct argp_option *o)
{
	struct buf words = { 0 };
	enum value_kind kind = value_of(o, &words);

	if (kind == VALUE_NONE)
		return;
	buf_char(out, ':');
	quoted_add(out, o->arg, "[]:\\");
	buf_char(out, ':');
	if (kind == VALUE_WORD)
		buf_printf(out, "(%s)", buf_cstr(&words));
	else if (kind == VALUE_LIST)
		buf_printf(out, "_values -s , value %s", buf_cstr(&words));
	else if (kind == VALUE_FILE)
		buf_str(out, "_files");
	else if (kind == VALUE_FOLDER)
		buf_str(out, "_files -/");
	buf_release(&words);
}

static void zsh_option(void *ctx, const struct argp_option *o, bool common)
{
	const struct shell *s = ctx;

	(void)common;
	if (has_letter(o))
		buf_printf(s->out, " \\\n\t\t\t'(-%c --%s)'{-%c%s,--%s%s}'[", o->key, o->name,
			   o->key, o->arg ? "+" : "", o->name, o->arg ? "=" : "");
	else
		buf_printf(s->out, " \\\n\t\t\t'--%s%s[", o->name, o->arg ? "=" : "");
	quoted_add(s->out, o->doc, "[]:\\");
	buf_char(s->out, ']');
	zsh_value(s->out, o);
	buf_char(s->out, '\'');
}

static void zsh_command(struct buf *out, const struct command *c)
{
	struct shell s = { out, c };
	struct buf words = { 0 };
	const char *command = words_command(c, &words);

	buf_printf(out, "\t%s)\n\t\t_arguments", c->name);
	usage_each_option(c->usage, zsh_option, &s);
	buf_str(out, " \\\n\t\t\t'--help[show what there is to know]'");
	if (command) {
		buf_str(out, " \\\n\t\t\t'*:argument:{ compadd -- $(");
		quoted_add(out, command, "");
		buf_str(out, ") }'");
	}
	buf_str(out, "\n\t\t;;\n");
	buf_release(&words);
}

void completion_zsh(struct buf *out)
{
	buf_str(out,
		"#compdef seismo\n" HEAD
		"_seismo() {\n\tlocal -a commands\n\tif ((CURRENT == 2)); then\n\t\tcommands=(");
	for (const struct command *c = commands; c->name; c++) {
		buf_printf(out, "\n\t\t\t'%s:", c->name);
		quoted_add(out, c->summary, "\\:");
		buf_char(out, '\'');
	}
	buf_str(out,
		"\n\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tshift words\n\t((CURRENT--))\n\tcase $words[1] in\n");
	for (const struct command *c = commands; c->name; c++)
		zsh_command(out, c);
	buf_str(out, "\tesac\n}\n_seismo \"$@\"\n");
}

/* --- fish */

static void fish_quoted_add(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_printf(out, "%s%c", strchr("'\\", *text) ? "\\" : "", *text);
}

static void fish_option(void *ctx, const struct argp_option *o, bool common)
{
	const struct shell *s = ctx;
	struct buf words = { 0 };
	enum value_kind kind = value_of(o, &words);

	(void)common;
	buf_printf(s->out, "complete -c seismo -n '__fish_seen_subcommand_from %s' -l %s",
		   s->command->name, o->name);
	if (has_letter(o))
		buf_printf(s->out, " -s %c", o->key);
	if (kind == VALUE_FILE)
		buf_str(s->out, " -r -F");
	else if (kind == VALUE_FOLDER)
		buf_str(s->out, " -x -a '(__fish_complete_directories)'");
	else if (kind != VALUE_NONE)
		buf_printf(s->out, " -x -a '%s'", buf_cstr(&words));
	buf_str(s->out, " -d '");
	fish_quoted_add(s->out, o->doc);
	buf_str(s->out, "'\n");
	buf_release(&words);
}

static void fish_command(struct buf *out, const struct command *c)
{
	struct shell s = { out, c };
	struct buf words = { 0 };
	const char *command = words_command(c, &words);

	buf_printf(out, "complete -c seismo -n __fish_use_subcommand -a %s -d '", c->name);
	fish_quoted_add(out, c->summary);
	buf_str(out, "'\n");
	if (command) {
		buf_printf(out, "complete -c seismo -n '__fish_seen_subcommand_from %s' -a '(",
			   c->name);
		fish_quoted_add(out, command);
		buf_str(out, ")'\n");
	}
	usage_each_option(c->usage, fish_option, &s);
	buf_release(&words);
}

void completion_fish(struct buf *out)
{
	buf_str(out, HEAD "complete -c seismo -f\n");
	for (const struct command *c = commands; c->name; c++)
		fish_command(out, c);
}
