// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "lib/log.h"

int cmd_help(int argc, char **argv)
{
	if (argc > 1) {
		for (const struct command *c = commands; c->name; c++)
			if (!strcmp(c->name, argv[1]) && c->run != cmd_help)
				return c->run(2, (char *[]){ argv[1], "--help", NULL });
		if (strcmp(argv[1], "help") != 0 && strcmp(argv[1], "--help") != 0) {
			log_printf(SEISMO_LOG_ERR,
				   "unknown command '%s'; 'seismo help' lists all commands",
				   argv[1]);
			return EXIT_USAGE;
		}
	}
	puts("Seismo " VERSION
	     " reports, per service, what the kernel observes: requests, system calls, block I/O, TCP, processes, CPU, memory.\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  seismo %-8s %-12s %s\n", c->name, c->arguments, c->summary);
	puts("  seismo --version\n\n'seismo help COMMAND' shows a command's options.");
	return EXIT_OK;
}
