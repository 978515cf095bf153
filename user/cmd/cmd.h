/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands, which return the exit status; main.c has a row for each. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

enum exit_status {
	EXIT_OK = 0,
	EXIT_PROBLEM = 1,     /* the command found a problem */
	EXIT_USAGE = 2,	      /* bad options or configuration */
	EXIT_UNSUPPORTED = 3, /* cannot run on this machine or as this user */
};

struct command {
	const char *name, *arguments, *summary;
	int (*run)(int argc, char **argv);
};

/* Ends with one without name. */
extern const struct command commands[];

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_rules(int argc, char **argv);
int cmd_silence(int argc, char **argv);
int cmd_help(int argc, char **argv);

#endif
