// SPDX-License-Identifier: BSD-3-Clause
/*
 * HTTP/1.0 to a server that is our own: a library would be loaded into the daemon as well, which has no use
 * for it, and cost it 3 MiB and the time to load.
 */
#include "http/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "http/listen.h"
#include "lib/loop.h"

#define ANSWER_SECONDS 30 /* for each piece of it; it takes long where the host is short of CPU */
#define START_WAIT_NS  (10 * 1000 * NS_PER_MS)
#define START_RETRY_NS (50 * NS_PER_MS)

/* A socket on which reading and writing end with -EAGAIN when nothing happens for long. */
static int daemon_connect(const char *path)
{
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	struct sockaddr_un addr;
	int fd, err = unix_address(path, &addr);

	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	do
		err = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	while (err && errno == EINTR);
	if (!err)
		return fd;
	err = errno == ECONNREFUSED || errno == ENOTDIR ? -ENOENT : -errno;
	close(fd);
	return err;
}

static int request_send(int fd, const char *method, const char *path)
{
	struct buf request = { 0 };
	int err = 0;

	buf_printf(&request, "%s %s HTTP/1.0\r\nContent-Length: 0\r\n\r\n", method, path);
	if (request.failed)
		err = -ENOMEM;
	else if (send(fd, request.data, request.len, MSG_NOSIGNAL) != (ssize_t)request.len)
		err = -errno;
	buf_release(&request);
	return err;
}

static int answer_read(int fd, struct buf *answer)
{
	ssize_t n;

	do {
		if (!buf_reserve(answer, 65536))
			return -ENOMEM;
		n = recv(fd, answer->data + answer->len, 65535, 0);
		answer->len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR)); /* a handler of the caller's has run */
	return n ? -errno : 0;
}

/* Takes the head off. -EPROTO: it is not whole. */
static int answer_parse(const struct buf *answer, unsigned *status, struct buf *body)
{
	static const char length[] = "\r\nContent-Length:";
	const char *head = answer->data, *end = strstr(head, "\r\n\r\n"), *field;
	size_t len;

	field = end ? strcasestr(head, length) : NULL;
	if (sscanf(head, "HTTP/1.%*u %u", status) != 1 || !field || field > end)
		return -EPROTO;
	len = answer->len - (size_t)(end + 4 - head);
	if (strtoull(field + sizeof(length) - 1, NULL, 10) != len)
		return -EPROTO;
	buf_add(body, end + 4, len);
	return body->failed ? -ENOMEM : 0;
}

static int ask(const char *socket, const char *method, const char *path, unsigned *status,
	       struct buf *body)
{
	int fd = daemon_connect(socket), err;
	struct buf answer = { 0 };

	if (fd < 0)
		return fd;
	err = request_send(fd, method, path);
	err = err ?: answer_read(fd, &answer);
	buf_cstr(&answer);
	buf_reset(body);
	err = err ?: answer.len ? answer_parse(&answer, status, body) : -EPROTO;
	buf_release(&answer);
	close(fd);
	return err == -EAGAIN ? -ETIMEDOUT : err;
}

static int ask_ready(const char *socket, const char *method, const char *path, unsigned *status,
		     struct buf *body)
{
	const struct timespec pause = { .tv_nsec = START_RETRY_NS };
	uint64_t end_ns = clock_now_ns() + START_WAIT_NS;
	int err;

	while (!(err = ask(socket, method, path, status, body)) && *status == 503 &&
	       clock_now_ns() < end_ns)
		nanosleep(&pause, NULL);
	return err;
}

int control_get(const char *socket, const char *path, unsigned *status, struct buf *body)
{
	return ask_ready(socket, "GET", path, status, body);
}

int control_post(const char *socket, const char *path, unsigned *status, struct buf *body)
{
	return ask_ready(socket, "POST", path, status, body);
}
