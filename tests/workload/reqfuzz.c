// SPDX-License-Identifier: BSD-3-Clause
/*
 * Streams that no honest program would send: the beginnings of what protocols say, cut off, with wrong lengths and
 * wrong bytes, in pieces, from either end. The same seed gives the same streams.
 *
 *   reqfuzz both ADDRESS SEED CONNECTIONS    it is both ends of each connection
 *   reqfuzz brief ADDRESS SEED CONNECTIONS    the same, with two turns at most on each
 *   reqfuzz client ADDRESS SEED CONNECTIONS PORT    another server is the other end
 *
 * Ends with one line of KEY=NUMBER.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE_MAX 4096

#define BYTES(text) ((struct sample){ text, sizeof(text) - 1 })

/* What protocols say, at either end. */
static const struct sample {
	const char *bytes;
	size_t len;
} samples[] = {
	BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	BYTES("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nbody"),
	BYTES("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\nbody\r\n0\r\n\r\n"),
	BYTES("CONNECT a:1 HTTP/1.1\r\n\r\n"),
	BYTES("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n"),
	BYTES("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 404 No\r\n\r\n"),
	BYTES("HTTP/1.1 999 Odd\r\n\r\nHTTP/9.9 -12 Odd\r\n\r\n"),
	BYTES("PRI * "
	      "HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\4\1\5\0\0\0\1\x82\x84\x86\x41"),
	BYTES("\0\0\4\1\5\0\0\0\1\x82\x84\x86\x88\0\0\1\1\5\0\0\0\1\x88\xff\xff\xff\1\4\xff\xff\xff"
	      "\xff"),
	BYTES("\0\0\5\1\x2d\x7f\xff\xff\xff\xff\0\0\0\0\0\0\1\0\1\0\0\0\3x"),
	BYTES("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n"),
	BYTES("*2147483647\r\n$2147483647\r\nGET\r\n*-1\r\n$-1\r\n*0\r\n"),
	BYTES("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n$4\r\nping\r\n"),
	BYTES("+OK\r\n-ERR no\r\n:1\r\n$5\r\nhello\r\n*2\r\n$1\r\na\r\n$99999999999\r\n"),
	BYTES("\0\0\0\x13\0\3\0\0user\0postgres\0\0Q\0\0\0\rSELECT 1\0P\xff\xff\xff\xff"),
	BYTES("Q\0\0\0\1Q\0\0\0\0Q\x7f\xff\xff\xffS\0\0\0\4X\0\0\0\4"),
	BYTES("R\0\0\0\x08\0\0\0\0Z\0\0\0\5IC\0\0\0\rSELECT 1\0E\0\0\0\4Z\0\0\0\5E"),
	BYTES("\x0a\0\0\0\x0a\x35.5.5\0\1\0\0\0\1\0\0\0\3SELE\xff\xff\xff\0\3"),
	BYTES("\x07\0\0\1\0\0\0\2\0\0\0\xff\xff\xff\xff\xff\x09\0\0\1\xff\x10\4#42000"),
	BYTES("get a b c\r\nset a 0 0 4294967295\r\nset a 0 0 -1\r\nincr\r\nversion\r\n"),
	BYTES("VALUE a 0 4294967295\r\nEND\r\nERROR\r\nSTORED\r\nCLIENT_ERROR\r\n"),
	BYTES("\x80\0\xff\xff\xff\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0"),
	BYTES("\x81\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	BYTES("\0\x1d\0\1\1\0\0\1\0\0\0\0\0\0\3yes\4test\0\0\1\0\1\0\x1d\0\2\x81\x83\0\1"),
	BYTES("\xff\xff\0\1\1\0\xff\xff\xff\xff\xff\xff\xff\xff\xc0\x0c\xc0\x0c"),
	BYTES("\x16\3\1\0\5\1\0\0\1\3\x14\3\3\0\1\1\x17\3\3\0\4abcd\x17\3\3\xff\xff"),
	BYTES("\x17\3\3\0\0\x17\3\3\x40\0\x15\3\3\0\2\1\0\x16\3\3\0\4\4\0\0\0"),
	BYTES("\0\0\0\x0c\0\x12\0\0\0\0\0\1\0\2me\0\0\0\x14\0\0\0\x09\0\0\0\2\0\2me\0\0\0\1\0\0\0\0"),
	BYTES("\0\0\0\x10\0\0\0\2\0\2\3to\2\0\0\0\0\0\6\0\x7f\xff\xff\xff\0\0\0\2\xff\xff\xff\xff"),
	BYTES("\x24\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x0f\0\0\0\x10ping\0\1\0\0\0\0"),
	BYTES("\x26\0\0\0\7\0\0\0\1\0\0\0\xdd\7\0\0\0\0\0\0\0\xff\xff\xff\x7f\2a\0\xff\xff\xff\x7f"),
	BYTES("\4\0\0\0\5\0\0\0\0\5\0\0\1\1\0\0\0\2\0\0\x0b\0\2crc\5\0\0\2\7\0\0\0\2ab"),
	BYTES("\x84\0\0\0\6\0\0\0\2\0\0\x85\0\0\1\2\0\0\0\0\xff\xff\3crc\x85\0\0\2"),
	BYTES("AMQP\0\0\x09\1\1\0\1\0\0\0\6\0\x32\0\x0a\1\x94\xce\1\0\1\xff\xff\xff\xff\0\x14\0\x28"),
	BYTES("CONNECT {}\r\nPING\r\nPUB a _INBOX.abcdefghijklmnopqrstuvwxyz0123456789 99999999999\r\n"),
	BYTES("INFO {\"a\":1}\r\nMSG a 1 4294967295\r\nHMSG a 1 2 1\r\n-ERR 'x'\r\nPONG\r\nPONG\r\n"),
	BYTES("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0\x30\x84\xff\xff\xff\xff\2\4\xff\xff\xff\xff\x63"),
	BYTES("\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0\x30\xff\2\1\1\x65\x8f\x0a\4"),
	BYTES("\0\0\0\x2c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10"
	      "0123456789abcdef"),
	BYTES("\1\1\0\1\0\x08\0\0\0\1\1\0\0\0\0\0\1\5\0\1\xff\xff\xff\0\1\3\0\1\0\7\0\0"),
	BYTES("\1\6\0\1\0\x0b\0\0Status: 999\1\6\0\2\xff\xff\xff\0\1\3\0\1\0\x08\0\0\xff\xff\xff\xff\xff"),
	BYTES("\r\n\r\n\r\n\r\n"),
	BYTES(""),
};

static uint32_t turns = 8; /* of a connection, at most */
static uint64_t state;
static long sent, received;
static struct sockaddr_storage address;
static socklen_t address_len;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* xorshift64* */
static uint32_t chance(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

/* Makes something to send: a sample, or two, or none, with a few changes. */
static size_t piece_make(char *to)
{
	size_t len = 0;

	for (uint32_t i = 0, n = 1 + chance(3); i < n; i++) {
		const struct sample *s = &samples[chance(sizeof(samples) / sizeof(*samples))];

		memcpy(to + len, s->bytes, s->len);
		len += s->len;
	}
	if (!chance(8))
		for (uint32_t n = chance(PIECE_MAX / 2); n; n--)
			to[len++] = (char)chance(256);
	for (uint32_t n = len ? chance(4) : 0; n; n--)
		to[chance((uint32_t)len)] = (char)chance(256);
	return !len || chance(3) ? len : chance((uint32_t)len);
}

/* Sends it in pieces. Nobody may read at the other end: what does not fit is dropped. */
static void piece_send(int fd)
{
	char data[PIECE_MAX];
	size_t len = piece_make(data), at = 0;

	while (at < len) {
		size_t n = chance(2) ? len - at : 1 + chance((uint32_t)(len - at));
		ssize_t done = send(fd, data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (done <= 0)
			return;
		sent += done;
		at += (size_t)done;
	}
}

static void all_receive(int fd)
{
	char data[PIECE_MAX];
	ssize_t n;

	while ((n = recv(fd, data, 1 + chance(sizeof(data)), MSG_DONTWAIT)) > 0)
		received += n;
}

static void turns_make(int fd, int peer)
{
	for (uint32_t i = 0, n = chance(turns); i < n; i++) {
		int from = peer >= 0 && chance(2) ? peer : fd, to = from == fd ? peer : fd;

		piece_send(from);
		if (chance(4))
			all_receive(to >= 0 ? to : fd);
	}
}

static int listener_open(void)
{
	socklen_t size = sizeof(address);
	int fd = socket(address.ss_family, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, address_len) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		die("listen");
	return fd;
}

static void connection_make(int listener)
{
	const struct linger at_once = { .l_onoff = 1 };
	int fd = socket(address.ss_family, SOCK_STREAM, 0), peer = -1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, address_len))
		die("connect");
	if (listener >= 0) {
		peer = accept(listener, NULL, NULL);
		if (peer < 0)
			die("accept");
	}
	turns_make(fd, peer);
	/* with a reset, so that no port is kept waiting */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	if (peer >= 0)
		close(peer);
}

int main(int argc, char **argv)
{
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	bool brief = argc == 5 && !strcmp(argv[1], "brief");
	bool both = brief || (argc == 5 && !strcmp(argv[1], "both"));
	bool client = argc == 6 && !strcmp(argv[1], "client");
	struct addrinfo *found;
	int listener = -1;

	if ((!both && !client) || getaddrinfo(argv[2], both ? "0" : argv[5], &numeric, &found)) {
		fprintf(stderr, "usage: reqfuzz both|brief ADDRESS SEED CONNECTIONS\n"
				"       reqfuzz client ADDRESS SEED CONNECTIONS PORT\n");
		return 2;
	}
	memcpy(&address, found->ai_addr, found->ai_addrlen);
	address_len = found->ai_addrlen;
	freeaddrinfo(found);
	state = strtoull(argv[3], NULL, 10) * 2 + 1;
	if (brief)
		turns = 3;
	if (both)
		listener = listener_open();
	for (long i = 0, n = atol(argv[4]); i < n; i++)
		connection_make(listener);
	printf("connections=%s sent=%ld received=%ld\n", argv[4], sent, received);
	return 0;
}
