// SPDX-License-Identifier: BSD-3-Clause
#include <argp.h>
#include <string.h>

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
		if (strcmp(arg, "text") != 0 && strcmp(arg, "json") != 0)
			argp_error(state, "--format must be text or json, not '%s'", arg);
		o->json = !strcmp(arg, "json");
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
	.doc = "Starts every probe for a moment and reports what works on this kernel, what is missing, and what to do about it.\vExit status: 0 everything works, 1 something is missing, 2 bad options or configuration, 3 Seismo cannot run here.",
};

int cmd_check(int argc, char **argv)
{
	struct options options = { 0 };
	struct agent agent = { 0 };
	int status;

	argp_err_exit_status = EXIT_USAGE;
	argv[0] = "seismo check";
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	status = agent_configure(&agent, &options.agent);
	if (!status)
		status = agent_start(&agent, &options.agent);
	if (!status) {
		if (options.json)
			report_json(stdout, &agent);
		else
			report_text(stdout, &agent, log_level >= SEISMO_LOG_DEBUG);
		status = report_problem(&agent) ? EXIT_PROBLEM : EXIT_OK;
	}
	agent_stop(&agent);
	return status;
}
