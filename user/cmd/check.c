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
			argp_error(state, "--format is text or json, not '%s'", arg);
		o->json = !strcmp(arg, "json");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "format", 'f', "text|json", 0, "default text", 0 },
			{ 0 },
		},
	.parser = parse,
	.children = (const struct argp_child[]){ { &agent_argp, 0, NULL, 0 }, { 0 } },
	.doc = "Loads and attaches every probe for a moment and tells by which hook it works here, which better one was not possible and why.\vExit status: 0 everything works, 1 something is lost, 2 bad configuration, 3 cannot run here.",
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
			report_hooks(stdout, &agent);
		status = report_problem(&agent) ? EXIT_PROBLEM : EXIT_OK;
	}
	agent_stop(&agent);
	return status;
}
