// SPDX-License-Identifier: BSD-3-Clause
/* Lists the rules: asked from the daemon, or from the configuration where none runs. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/agent.h"
#include "cmd/ask.h"
#include "cmd/backtest.h"
#include "cmd/cmd.h"
#include "cmd/rules_report.h"
#include "lib/log.h"
#include "lib/parse.h"

struct options {
	struct agent_options agent;
	const char *format, *rule, *every;
	bool test; /* a back-test of `file` */
	const char *file;
	u64 since_ns;
};

static void format_check(const char *format, struct argp_state *state)
{
	struct buf known = { 0 };

	if (rules_format_type(format))
		return;
	rules_formats(&known);
	argp_error(state, "--format must be one of %s, not '%s'", buf_cstr(&known), format);
}

static void argument_parse(struct options *o, const char *arg, struct argp_state *state)
{
	if (!o->rule && !o->test && !strcmp(arg, "test"))
		o->test = true;
	else if (o->test && !o->file)
		o->file = arg;
	else if (!o->test && !o->rule)
		o->rule = arg;
	else
		argp_error(state, "unexpected argument '%s'", arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	u64 ns;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->agent;
		return 0;
	case 'f':
		format_check(arg, state);
		o->format = arg;
		return 0;
	case 'e':
		if (setting_parse(&rules_every, arg, &ns))
			argp_error(state,
				   "--every is '%s', must be a duration from 1s to 1h, such as 15s",
				   arg);
		o->every = arg;
		return 0;
	case 's':
		if (parse_duration(arg, &o->since_ns) || !o->since_ns)
			argp_error(state, "--since is '%s', must be a duration such as 6h", arg);
		return 0;
	case ARGP_KEY_ARG:
		argument_parse(o, arg, state);
		return 0;
	case ARGP_KEY_END:
		if (o->test && !o->file)
			argp_error(state, "'test' needs a file of rules");
		if (o->test && strcmp(o->format, "text") != 0 && strcmp(o->format, "json") != 0)
			argp_error(state, "--format of a test must be text or json, not '%s'",
				   o->format);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "format", 'f', "text|markdown|json|yaml|prometheus|man", 0,
			  "output format (default: text)", 0 },
			{ "every", 'e', "DURATION", 0,
			  "with --format prometheus: how often Prometheus scrapes Seismo and evaluates the rules (default: 5s); windows that are too short for that are widened",
			  0 },
			{ "since", 's', "DURATION", 0,
			  "with test: look back this far (default: all that the daemon knows, up to a day)",
			  0 },
			{ 0 },
		},
	.parser = parse,
	.args_doc = "[RULE]\ntest FILE",
	.children = (const struct argp_child[]){ { &agent_argp, 0, NULL, 0 }, { 0 } },
	.doc = "Lists the rules, built-in ones and those of the configuration, with their state: what a running daemon says, or without states what the configuration has. With RULE all about that one: why it is as it is, what to do when it fires, its definition. With `test FILE` a running daemon says when the rules of the file would have fired.\v"
	       "Symptoms page: users of a service suffer, or a disk or the host is dying. Causes are told as info until a symptom fires on the same service or device.\n\n"
	       "A rule of the configuration replaces the built-in one of the same name; { alert: NAME, enabled: off } switches it off.",
};

const struct usage rules_usage = {
	.argp = &argp,
	.words = "seismo config rules 2>/dev/null | sed -n 's/^rules[.]\\([^. ]*\\) .*/\\1/p'",
	.examples =
		(const struct usage_example[]){
			{ "rules SlowDisk", "one rule, with its runbook" },
			{ "rules --format markdown", "the reference of all rules" },
			{ "rules --format yaml",
			  "to change one: copy it to `rules:` of the configuration" },
			{ "rules --format prometheus >seismo.rules.yml",
			  "the same rules for Prometheus" },
			{ "rules test new.yaml", "when would these have fired?" },
			{ .command = NULL } },
	.status = { [EXIT_OK] = "success",
		    [EXIT_USAGE] = "bad options or configuration, or no such rule",
		    [EXIT_UNSUPPORTED] = "the daemon cannot be asked" },
};

static int ask(const struct agent *a, const struct options *o, struct buf *answer, bool *answered)
{
	struct buf path = { 0 };
	int status;

	buf_str(&path, "/api/v1/rules?");
	query_add(&path, "format", o->format);
	if (o->rule)
		query_add(&path, "rule", o->rule);
	if (o->every)
		query_add(&path, "every", o->every);
	status = ask_text(a->socket, buf_cstr(&path), answer, answered);
	buf_release(&path);
	return status;
}

/* Of the configuration, without a daemon. */
static int report(const struct agent *a, const struct options *o, struct buf *out)
{
	struct rules_report r = {
		.rules = (const struct rule_conf *const *)a->conf->rules,
		.rule_cnt = a->conf->rule_cnt,
		.only = o->rule,
		.every_ns = rules_every.initial,
	};

	if (o->every)
		setting_parse(&rules_every, o->every, &r.every_ns);
	if (!rules_report(&r, o->format, out))
		return EXIT_OK;
	log_printf(SEISMO_LOG_ERR, "no rule '%s'; 'seismo rules' lists all of them", o->rule);
	return EXIT_USAGE;
}

static int list(const struct agent *a, const struct options *o)
{
	struct buf out = { 0 };
	bool answered = false;
	int status = EXIT_OK;

	/* a file that was named is what is asked about */
	if (!o->agent.config)
		status = ask(a, o, &out, &answered);
	if (!status && !answered) {
		buf_reset(&out);
		status = report(a, o, &out);
	}
	if (!status)
		fwrite(out.data ?: "", 1, out.len, stdout);
	buf_release(&out);
	return status;
}

int cmd_rules(int argc, char **argv)
{
	struct options options = { .format = "text" };
	struct agent agent = { 0 };
	int status;

	usage_parse(&rules_usage, "rules", argc, argv, &options);
	status = agent_configure(&agent, &options.agent);
	if (!status && options.test)
		status = backtest_ask(&agent, options.file, options.since_ns,
				      !strcmp(options.format, "json"));
	else if (!status)
		status = list(&agent, &options);
	agent_stop(&agent);
	return status;
}
