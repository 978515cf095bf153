// SPDX-License-Identifier: BSD-3-Clause
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

bool listen_is_tcp(int fd)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);

	return !getsockname(fd, (struct sockaddr *)&addr, &len) && addr.ss_family != AF_UNIX;
}

unsigned listen_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} addr = { 0 };
	socklen_t len = sizeof(addr);

	getsockname(fd, &addr.any, &len);
	return ntohs(addr.any.sa_family == AF_INET6 ? addr.in6.sin6_port : addr.in.sin_port);
}

int unix_address(const char *path, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	memcpy(addr->sun_path, path, strlen(path));
	return 0;
}

/* Takes a socket away on which nobody listens any more. */
static int stale_remove(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, err = 0;

	if (lstat(addr->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN)
		err = -EADDRINUSE;
	else if (errno != ECONNREFUSED)
		err = -errno;
	close(fd);
	return !err && unlink(addr->sun_path) ? -errno : err;
}

int listen_unix(const char *path)
{
	struct sockaddr_un addr;
	int fd, err = unix_address(path, &addr);

	err = err ?: stale_remove(&addr);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* the name in the file system takes over the mode */
	if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(fd, SOMAXCONN)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}
