/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets. Addresses: ADDR:PORT, [ADDR]:PORT, localhost:PORT, or :PORT for every address of the host. */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Parses without looking up names. 0 or -EINVAL. */
int listen_parse(const char *listen, struct sockaddr_storage *addr, socklen_t *len);
/*
 * Returns a non-blocking listening socket, or -EINVAL for what is no address, -EADDRINUSE, -EACCES,
 * -EADDRNOTAVAIL and whatever else the kernel says.
 */
int listen_open(const char *listen);
/* Is it no Unix socket? */
bool listen_is_tcp(int fd);
/* The port that a socket listens on. */
unsigned listen_port(int fd);

/*
 * A listening Unix socket of this name, for its owner only. One that a dead process has left there is
 * replaced: -EADDRINUSE when somebody listens there, -EEXIST when it is something else than a socket.
 */
int listen_unix(const char *path);
/* 0, or -ENAMETOOLONG. */
int unix_address(const char *path, struct sockaddr_un *addr);

#endif
