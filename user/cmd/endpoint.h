/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's listening sockets: those that the configuration names, and the control socket. */
#ifndef CMD_ENDPOINT_H
#define CMD_ENDPOINT_H

#include "cmd/daemon.h"

/* An exit status; what is wrong was said on stderr. */
int endpoint_open(struct daemon *d);
/* Afterwards, once there is a thread: sees when the web configuration changes. An exit status. */
int endpoint_watch(struct daemon *d);
/* Takes Unix sockets away as well. */
void endpoint_close(struct daemon *d);
/* Where the metrics are: a URL, or the path of a Unix socket. */
void endpoint_url_write(const struct daemon *d, struct buf *url);

#endif
