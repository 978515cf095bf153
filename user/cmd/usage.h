/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What there is to know of how a command is used: its options and arguments, examples, and what its exit status says.
 * From it come the parsing, --help, the manual page and the completion of shells.
 */
#ifndef CMD_USAGE_H
#define CMD_USAGE_H

#include <argp.h>
#include <stdbool.h>

enum exit_status {
	EXIT_OK = 0,
	EXIT_PROBLEM = 1,     /* the command found a problem */
	EXIT_USAGE = 2,	      /* bad options or configuration */
	EXIT_UNSUPPORTED = 3, /* cannot run on this machine or as this user */
};
#define EXIT_STATUSES 4

struct usage_example {
	const char *command; /* without `seismo` */
	const char *text;    /* what it is good for */
};

struct usage {
	/* .doc: what the command does and, behind a \v, what else there is to know. */
	const struct argp *argp;
	/* Optional: makes that parser ready, where its options are made of other rows. */
	void (*prepare)(void);
	const struct usage_example *examples; /* ends with a row without command */
	/* For completion, optional: a command of the shell that prints what the arguments may be. */
	const char *words;
	const char *status[EXIT_STATUSES]; /* by enum exit_status; NULL: never happens */
};

/* argp_parse(), with messages in the name of `seismo NAME` and exit status 2 for bad usage. */
void usage_parse(const struct usage *u, const char *name, int argc, char **argv, void *input);

/* The argument of --format, text or json; anything else is bad usage. */
bool usage_is_json(const char *format, const struct argp_state *state);

/* Calls `each` with its options, then with those of the parsers below it, which are common to several commands. */
void usage_each_option(const struct usage *u,
		       void (*each)(void *ctx, const struct argp_option *option, bool common),
		       void *ctx);

#endif
