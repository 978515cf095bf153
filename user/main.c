// SPDX-License-Identifier: BSD-3-Clause
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/post.h"
#include "cmd/cmd.h"
#include "cmd/daemon.h"
#include "lib/log.h"
#include "lib/version.h"
#include "probe/kernel.h"

const struct command commands[] = {
	{ "run", "[OPTION...]", "collect and serve metrics, in the foreground", cmd_run,
	  &run_usage },
	{ "diagnose", "[OPTION...]", "what is wrong, why, and what to do about it", cmd_diagnose,
	  &diagnose_usage },
	{ "attach", "PID | -- COMMAND",
	  "one process with its threads and children: its system calls, and where its time goes",
	  cmd_attach, &attach_usage },
	{ "top", "[OPTION...]", "a live table of services, those that suffer first", cmd_top,
	  &top_usage },
	{ "check", "[OPTION...]", "what works on this kernel, what is missing, what to do about it",
	  cmd_check, &check_usage },
	{ "config", "[KEY...]", "the configuration in effect, each key with what has set it",
	  cmd_config, &config_usage },
	{ "events", "[OPTION...]", "the event log, filtered; what it has, and what comes",
	  cmd_events, &events_usage },
	{ "metrics", "[OPTION...]", "reference of every metric", cmd_metrics, &metrics_usage },
	{ "rules", "[RULE]", "the rules, their state, what to do when one fires", cmd_rules,
	  &rules_usage },
	{ "silence", "ACTION ...", "add, list and end silences of alerts", cmd_silence,
	  &silence_usage },
	{ "help", "[COMMAND]", "this list, or the options of a command", cmd_help, &help_usage },
	{ .name = NULL },
};

/* Reports lost output at the end of every command, including --help, after which argp exits. */
static void stdout_check(int status, void *unused)
{
	bool failed = ferror(stdout);

	(void)unused;
	if (!fclose(stdout) && !failed)
		return;
	log_printf(SEISMO_LOG_ERR,
		   "cannot write to standard output; see whether there is room where it goes");
	_exit(status ?: EXIT_PROBLEM);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";

	on_exit(stdout_check, NULL);
	/* who starts us may ignore it: then there would be no child to wait for */
	signal(SIGCHLD, SIG_DFL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("seismo %s (commit %s, libbpf %s)\n", version, version_commit,
		       kernel_libbpf_version());
		return EXIT_OK;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, FRONT_COMMAND))
		return front_main(daemon_routes);
	if (!strcmp(name, POST_COMMAND))
		return post_main();
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c->run(argc > 1 ? argc - 1 : 1, argc > 1 ? argv + 1 : argv);
	return command_unknown(name);
}
