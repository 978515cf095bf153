// SPDX-License-Identifier: BSD-3-Clause
#include <argp.h>
#include <jansson.h>
#include <string.h>

#include "cmd/ask.h"
#include "cmd/check_config.h"
#include "cmd/cmd.h"
#include "cmd/report.h"
#include "lib/log.h"

struct options {
	struct agent_options agent;
	bool json;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->agent;
		return 0;
	case 'f':
		o->json = usage_is_json(arg, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "format", 'f', "text|json", 0, "output format (default: text)", 0 },
			{ 0 },
		},
	.parser = parse,
	.children = (const struct argp_child[]){ { &agent_argp, 0, NULL, 0 }, { 0 } },
	.doc = "Reports what works on this kernel, what is missing, and what to do about it: what a running daemon says, or by starting every probe for a moment. With --config FILE alone it checks that file, which needs no root, and says what a reload of a running daemon would change.",
};

const struct usage check_usage = {
	.argp = &argp,
	.examples =
		(const struct usage_example[]){
			{ "check",
			  "what works on this machine, what is missing, and what to do about it" },
			{ "check --verbose", "with every hook and setting" },
			{ "check --config new.yaml",
			  "is this file right, and what would a reload change?" },
			{ .command = NULL } },
	.status = { "everything works", "something is missing", "bad options or configuration",
		    "Seismo cannot run here" },
};

/* What a running daemon does is not what was asked about when one of these was given. */
static bool is_about_daemon(const struct agent_options *o)
{
	return !o->config && !o->probes && !o->btf && !o->hook_cnt;
}

/* The file itself is what is asked about, and nothing is started. */
static bool is_about_config(const struct agent_options *o)
{
	return o->config && !o->probes && !o->btf && !o->hook_cnt;
}

static int report_make(struct agent *a, const struct agent_options *o, json_t **report)
{
	int status, err;

	agent_descriptors_raise();
	status = agent_start(a, o);
	err = status ? 0 : agent_look(a);
	if (err)
		log_err(err, "cannot read the kernel's tables");
	if (!status && !(*report = report_json(a))) {
		log_printf(SEISMO_LOG_ERR, "out of memory");
		status = EXIT_UNSUPPORTED;
	}
	return status;
}

static int check_machine(struct agent *a, const struct options *o)
{
	json_t *report = NULL;
	int status = EXIT_OK;

	if (is_about_daemon(&o->agent))
		status = ask_daemon(a->socket, "/api/v1/check", &report);
	if (!status && !report)
		status = report_make(a, &o->agent, &report);
	if (!status) {
		if (!o->json)
			report_text(stdout, report, log_level >= SEISMO_LOG_DEBUG);
		else if (!json_dumpf(report, stdout, JSON_INDENT(2)))
			fputc('\n', stdout);
		if (json_is_true(json_object_get(report, "problem")))
			status = EXIT_PROBLEM;
	}
	json_decref(report);
	return status;
}

int cmd_check(int argc, char **argv)
{
	struct options options = { 0 };
	struct agent agent = { 0 };
	int status;

	usage_parse(&check_usage, "check", argc, argv, &options);
	options.agent.web = is_about_config(&options.agent);
	status = agent_configure(&agent, &options.agent);
	if (!status && is_about_config(&options.agent))
		status = check_config(&agent, options.json);
	else if (!status)
		status = check_machine(&agent, &options);
	agent_stop(&agent);
	return status;
}
