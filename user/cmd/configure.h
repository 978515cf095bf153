/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration as it is in effect: the file and those it includes, the built-in rules, the command line. */
#ifndef CMD_CONFIGURE_H
#define CMD_CONFIGURE_H

#include "cmd/options.h"

/*
 * Reads `file`; NULL: the one that the options name, the usual one if it exists, or none. 0, or negative errno and `error`
 * as of conf_load(). The options must outlive the process, but for configure() itself.
 */
int configure(struct conf **ret, const char *file, const struct agent_options *o,
	      struct buf *error);
/* Did it fail since the daemon does not see a file that whoever asks for it has read? That is said so. */
#define CONFIGURE_UNSEEN \
	"the daemon does not see it: /tmp, /home and /root may be its own, /etc/seismo is not"
bool configure_unseen(int err);

/*
 * The same for the event loop: files are read by another thread, and on a disk that hangs they are given up after a second
 * (-ETIMEDOUT). What is set while a disk hangs may be just what silences its alerts. Options of NULL: the file alone, which is then
 * named, as conf_load() reads it.
 */
int configure_in_time(struct conf **ret, const char *file, const struct agent_options *o,
		      struct buf *error);

#endif
