/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands: a row each in main.c. They return the exit status. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

enum exit_status {
	EXIT_OK = 0,
	EXIT_PROBLEM = 1,     /* what was asked about is not in order */
	EXIT_USAGE = 2,	      /* bad options or configuration */
	EXIT_UNSUPPORTED = 3, /* this machine, or this user, cannot run it */
};

struct command {
	const char *name, *arguments, *summary;
	int (*run)(int argc, char **argv);
};

/* Ends with one without name. */
extern const struct command commands[];

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_help(int argc, char **argv);

#endif
