/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A daemon for the length of one command, where none runs: the same program in a child process, behind a control socket in a
 * directory of its own, without a port, an event log, or anybody whom it tells of alerts. It ends with its parent, however that
 * ends, and not by the terminal's Ctrl-C, so that it can still be asked for the last time.
 */
#ifndef CMD_OWN_DAEMON_H
#define CMD_OWN_DAEMON_H

#include <sys/types.h>

#include "cmd/options.h"

struct own_daemon {
	char *dir, *socket; /* socket: as ask.h wants it */
	pid_t pid;	    /* 0: it does not run */
};

/*
 * Starts it with these options (its directories are its own whatever they say), and waits until every family was started, half a
 * second or so. `interval_ns` 0: a second. An exit status; what is wrong was said on stderr. To be called before the process has
 * other threads. Stop it in any case.
 */
int own_daemon_start(struct own_daemon *d, const struct agent_options *options);
/* Returns when it has ended. */
void own_daemon_stop(struct own_daemon *d);

#endif
