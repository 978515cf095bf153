/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening addresses: ADDR:PORT, [ADDR]:PORT, localhost:PORT, or :PORT for every address of the host. */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <sys/socket.h>

/* Parses without looking up names. 0 or -EINVAL. */
int listen_parse(const char *listen, struct sockaddr_storage *addr, socklen_t *len);
/*
 * Returns a non-blocking listening socket, or -EINVAL for what is no address, -EADDRINUSE, -EACCES,
 * -EADDRNOTAVAIL and whatever else the kernel says.
 */
int listen_open(const char *listen);

#endif
