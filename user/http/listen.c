// SPDX-License-Identifier: BSD-3-Clause
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST_MAX 64

/* The decimal port that is all of s, or -EINVAL. */
static int port_parse(const char *s)
{
	size_t len = strspn(s, "0123456789");
	int port = atoi(len <= 5 ? s : "");

	return len && len <= 5 && !s[len] && port <= UINT16_MAX ? port : -EINVAL;
}

/* Copies the host without its brackets and returns the port, or -EINVAL. */
static int listen_split(const char *listen, char *host)
{
	const char *colon = strrchr(listen, ':');
	size_t len = colon ? (size_t)(colon - listen) : 0;
	bool brackets = len > 2 && listen[0] == '[' && listen[len - 1] == ']';

	if (!colon || len >= HOST_MAX)
		return -EINVAL;
	memcpy(host, listen + brackets, len);
	host[len - 2 * brackets] = '\0';
	if (!brackets == !!strchr(host, ':'))
		return -EINVAL;
	return port_parse(colon + 1);
}

int listen_parse(const char *listen, struct sockaddr_storage *addr, socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	char host[HOST_MAX];
	int port = listen_split(listen, host);

	if (port < 0)
		return port;
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1", &in->sin_addr) ==
	    1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		*len = sizeof(*in);
		return 0;
	}
	if (inet_pton(AF_INET6, *host ? host : "::", &in6->sin6_addr) != 1)
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	*len = sizeof(*in6);
	return 0;
}

int listen_open(const char *address)
{
	struct sockaddr_storage addr;
	socklen_t len;
	int fd, err = listen_parse(address, &addr, &len);

	if (err)
		return err;
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (addr.ss_family == AF_INET6) /* [::] serves IPv4 too, whatever the host's default */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 0 }, sizeof(int));
	if (bind(fd, (struct sockaddr *)&addr, len) || listen(fd, SOMAXCONN)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}
