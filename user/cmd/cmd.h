/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands, which return the exit status; main.c has a row for each. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "cmd/usage.h"

/* A sentence: what the program is. */
#define ABOUT \
	"Seismo reports, per service, what the kernel observes: requests, system calls, block I/O, TCP, processes, CPU, memory."

struct command {
	const char *name, *arguments, *summary;
	int (*run)(int argc, char **argv);
	const struct usage *usage; /* for which it calls usage_parse() */
};

/* Ends with one without name. */
extern const struct command commands[];

int cmd_run(int argc, char **argv);
int cmd_diagnose(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_rules(int argc, char **argv);
int cmd_silence(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* Says so, with the one that was meant, and returns the exit status. */
int command_unknown(const char *name);

extern const struct usage run_usage, attach_usage, diagnose_usage, check_usage, config_usage,
	events_usage, metrics_usage, rules_usage, silence_usage, top_usage, help_usage;

#endif
