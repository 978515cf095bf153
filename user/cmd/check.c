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
	case 'c':
		o->agent.config = arg;
		return 0;
	case 'p':
		o->agent.probes = arg;
		return 0;
	case 'f':
		if (strcmp(arg, "text") != 0 && strcmp(arg, "json") != 0)
			argp_error(state, "--format is text or json, not '%s'", arg);
		o->json = !strcmp(arg, "json");
		return 0;
	case 'v':
		log_level = LOG_DEBUG;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is one argument too many", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "config", 'c', "FILE", 0,
			  "check this configuration too (default " DEFAULT_CONFIG " if there)", 0 },
			{ "probes", 'p', "LIST", 0, "only these, as for 'seismo run'", 0 },
			{ "format", 'f', "text|json", 0, "default text", 0 },
			{ "verbose", 'v', NULL, 0, "also what the kernel's verifier says", 0 },
			{ 0 },
		},
	.parser = parse,
	.doc = "Loads and attaches every probe for a moment and tells by which hook it works here, "
	       "which better "
	       "one was not possible and why.\vExit status: 0 everything works, 1 something is "
	       "lost, 2 bad "
	       "configuration, 3 cannot run here.",
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
		status = agent_start(&agent);
	if (!status) {
		if (options.json)
			report_json(stdout, &agent);
		else
			report_hooks(stdout, &agent);
		status = report_problem(&agent) ? EXIT_PROBLEM : EXIT_FINE;
	}
	agent_stop(&agent);
	return status;
}
