// SPDX-License-Identifier: BSD-3-Clause
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/agent.h"
#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "cmd/defaults.h"
#include "cmd/settings.h"
#include "conf/suggest.h"
#include "lib/log.h"

#define KEYS_MAX 32

enum output { OUTPUT_TEXT, OUTPUT_YAML, OUTPUT_JSON, OUTPUT_MAN };
static const char *const output_names[] = { "text", "yaml", "json", "man", NULL };

struct options {
	struct agent_options agent;
	enum output output;
	bool defaults;
	const char *keys[KEYS_MAX]; /* what is asked about; none: everything */
	unsigned key_cnt;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->agent;
		return 0;
	case 'f':
		for (o->output = 0; output_names[o->output]; o->output++)
			if (!strcmp(output_names[o->output], arg))
				return 0;
		argp_error(state,
			   "--format must be text, yaml, json or, with --defaults, man, not '%s'",
			   arg);
		return EINVAL;
	case 'd':
		o->defaults = true;
		return 0;
	case ARGP_KEY_END:
		if (o->output == (o->defaults ? OUTPUT_JSON : OUTPUT_MAN))
			argp_error(state, "--format %s is %s --defaults", output_names[o->output],
				   o->defaults ? "not for" : "for");
		return 0;
	case ARGP_KEY_ARG:
		if (o->key_cnt == KEYS_MAX)
			argp_error(state, "more than %d keys", KEYS_MAX);
		o->keys[o->key_cnt++] = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "format", 'f', "text|yaml|json", 0, "output format (default: text)", 0 },
			{ "defaults", 'd', NULL, 0,
			  "print a file with every key, its meaning and its default, as comments (--format man: as a manual page)",
			  0 },
			{ 0 },
		},
	.parser = parse,
	.args_doc = "[KEY...]",
	.children = (const struct argp_child[]){ { &agent_argp, 0, NULL, 0 }, { 0 } },
	.doc = "Prints the configuration in effect, and for each key what has set it: a line of a file, an option of the command line, or nothing (built-in). It is that of the running daemon; without one, or with --config, what the file and the options here would make of it. With KEY only these keys, or all of a section: limits, probes.syscall, rules.\v"
	       "Of URLs only the host is shown, with a number that changes with the rest, which may be a secret.",
};

static const struct usage_example examples[] = {
	{ "config", "what is in effect, and where it comes from" },
	{ "config probes limits", "only these sections" },
	{ "config --format yaml", "the same as a configuration file" },
	{ "config --config new.yaml", "what this file would say; needs no root" },
	{ "config --defaults", "every key with its meaning, to begin a file with" },
	{ .command = NULL },
};

const struct usage config_usage = {
	.argp = &argp,
	.words = "seismo config 2>/dev/null | cut -d' ' -f1",
	.examples = examples,
	.status = { [EXIT_OK] = "success",
		    [EXIT_USAGE] = "bad options or configuration, or no such key",
		    [EXIT_UNSUPPORTED] = "the daemon cannot be asked" },
};

/* What a running daemon has is not what is asked about when one of these was given. */
static bool is_about_daemon(const struct agent_options *o)
{
	return !o->config && !o->probes && !o->btf && !o->hook_cnt && !o->interval_ns &&
	       !o->data_dir;
}

/* Of the daemon, if there is one that this user may ask. */
static int settings_find(const struct agent *a, const struct options *o, json_t **settings)
{
	bool about_daemon = is_about_daemon(&o->agent);
	json_t *answer = NULL;
	int status = EXIT_OK;

	if (about_daemon && !access(a->socket, F_OK) && access(a->socket, W_OK))
		log_warn(
			"what a running daemon has in effect is known to root only; this is what the file says; run it as root");
	else if (about_daemon)
		status = ask_daemon(a->socket, "/api/v1/config", &answer);
	if (!status)
		*settings = answer ? json_incref(json_object_get(answer, "settings"))
				   : settings_json(a->conf);
	json_decref(answer);
	return status;
}

static int key_missing(const json_t *settings, const char *key)
{
	const char *names[64], *name;
	struct buf message = { 0 };
	unsigned cnt = 0;
	json_t *setting;

	json_object_foreach((json_t *)settings, name,
			    setting) if (cnt < sizeof(names) / sizeof(*names) - 1 &&
					 strncmp(name, "rules.", 6) != 0) names[cnt++] = name;
	names[cnt] = NULL;
	buf_printf(&message, "there is no key '%.64s'", key);
	suggest(&message, key, names);
	log_printf(SEISMO_LOG_ERR, "%s", buf_cstr(&message));
	buf_release(&message);
	return EXIT_USAGE;
}

/* Leaves those that are asked about. */
static int keys_choose(const struct options *o, json_t *settings)
{
	bool found[KEYS_MAX] = { false };
	json_t *setting;
	const char *key;
	void *next;

	json_object_foreach(settings, key, setting) for (unsigned i = 0; i < o->key_cnt; i++)
		found[i] |= setting_is_of(key, o->keys[i]);
	for (unsigned i = 0; i < o->key_cnt; i++)
		if (!found[i] && strcmp(o->keys[i], "rules") != 0)
			return key_missing(settings, o->keys[i]);
	json_object_foreach_safe(settings, next, key, setting)
	{
		bool wanted = !o->key_cnt;

		for (unsigned i = 0; i < o->key_cnt; i++)
			wanted |= setting_is_of(key, o->keys[i]);
		if (!wanted)
			json_object_del(settings, key);
	}
	return EXIT_OK;
}

static void settings_print(const struct options *o, json_t *settings)
{
	json_t *doc;

	if (o->output == OUTPUT_TEXT) {
		settings_text(settings);
	} else if (o->output == OUTPUT_YAML) {
		settings_yaml(settings);
	} else {
		doc = json_pack("{s:O}", "settings", settings);
		if (!json_dumpf(doc, stdout, JSON_INDENT(2)))
			putchar('\n');
		json_decref(doc);
	}
}

static void defaults_print(const struct options *o)
{
	struct buf out = { 0 };

	if (o->output == OUTPUT_MAN)
		defaults_manual_write(&out);
	else
		defaults_file_write(&out);
	fputs(buf_cstr(&out), stdout);
	buf_release(&out);
}

int cmd_config(int argc, char **argv)
{
	struct options options = { 0 };
	struct agent agent = { 0 };
	json_t *settings = NULL;
	int status;

	usage_parse(&config_usage, "config", argc, argv, &options);
	if (options.defaults) {
		defaults_print(&options);
		return EXIT_OK;
	}
	status = agent_configure(&agent, &options.agent);
	status = status ?: settings_find(&agent, &options, &settings);
	status = status ?: keys_choose(&options, settings);
	if (!status)
		settings_print(&options, settings);
	json_decref(settings);
	agent_stop(&agent);
	return status;
}
