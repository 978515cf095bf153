/* SPDX-License-Identifier: BSD-3-Clause */
/* The command of `seismo attach -- COMMAND`: a child that executes it only when it is attached to. */
#ifndef CMD_ATTACH_COMMAND_H
#define CMD_ATTACH_COMMAND_H

#include <sys/types.h>

struct attach_command {
	pid_t pid;  /* 0: there is none */
	int go;	    /* written to: the child executes its command; -1: it has */
	int failed; /* readable: why it could not */
};

/* Starts the child, with the signals as they are. An exit status; says what is wrong. */
int command_start(struct attach_command *c, char **argv);
/* It is attached to: off it goes. An exit status; says what is wrong. */
int command_go(struct attach_command *c, const char *name);
/* One that was not attached to ends; one that was goes on. */
void command_release(struct attach_command *c);

#endif
