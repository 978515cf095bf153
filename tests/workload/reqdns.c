// SPDX-License-Identifier: BSD-3-Clause
/*
 * Both ends of a known number of DNS queries over UDP, many in one system call.
 *
 *   reqdns server ADDRESS [delay=MS]
 *       prints the port it got, then answers until it is ended: each query as many as are there at once, after
 *       `delay` ms. A name that begins with "no" does not exist.
 *   reqdns client ADDRESS PORT QUERIES BATCH FAIL
 *       sends QUERIES in batches of BATCH and awaits the answers of each; every FAILth is for a name that
 *       does not exist. Ends with one line of KEY=NUMBER; `mean` is the time of a batch until its last answer.
 */
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX   64
#define MESSAGE_MAX 512
#define HEADER	    12

static struct batch {
	unsigned char data[BATCH_MAX][MESSAGE_MAX];
	struct sockaddr_storage peer[BATCH_MAX];
	struct iovec part[BATCH_MAX];
	struct mmsghdr message[BATCH_MAX];
} batch;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void batch_reset(bool with_peer)
{
	for (int i = 0; i < BATCH_MAX; i++) {
		batch.part[i] = (struct iovec){ batch.data[i], MESSAGE_MAX };
		batch.message[i].msg_hdr = (struct msghdr){
			.msg_name = with_peer ? &batch.peer[i] : NULL,
			.msg_namelen = with_peer ? sizeof(batch.peer[i]) : 0,
			.msg_iov = &batch.part[i],
			.msg_iovlen = 1,
		};
	}
}

static void batch_send(int fd, int cnt)
{
	for (int sent = 0; sent < cnt;) {
		int n = sendmmsg(fd, batch.message + sent, (unsigned)(cnt - sent), 0);

		if (n <= 0)
			die("sendmmsg");
		sent += n;
	}
}

static int batch_receive(int fd)
{
	int n = recvmmsg(fd, batch.message, BATCH_MAX, MSG_WAITFORONE, NULL);

	if (n <= 0)
		die("recvmmsg");
	return n;
}

static void serve(int fd, long delay_ms)
{
	for (;;) {
		int cnt;

		batch_reset(true);
		cnt = batch_receive(fd);
		usleep(delay_ms * 1000);
		for (int i = 0; i < cnt; i++) {
			unsigned char *header = batch.data[i];

			header[2] |= 0x80; /* an answer */
			header[3] = memcmp(header + HEADER + 1, "no", 2) ? 0 : 3;
			batch.part[i].iov_len = batch.message[i].msg_len;
		}
		batch_send(fd, cnt);
	}
}

/* A query for the address of "NAME.test"; its length. */
static size_t query_make(unsigned char *to, unsigned id, const char *name)
{
	unsigned char *at = to + HEADER;

	memset(to, 0, HEADER);
	to[0] = (unsigned char)(id >> 8);
	to[1] = (unsigned char)id;
	to[2] = 1; /* recursion is desired */
	to[5] = 1; /* one question */
	*at++ = (unsigned char)strlen(name);
	at = (unsigned char *)stpcpy((char *)at, name);
	memcpy(at, "\4test\0\0\1\0\1", 10);
	return (size_t)(at + 10 - to);
}

static void ask(int fd, long queries, long size, long fail)
{
	long ok = 0, failed = 0, batches = 0;
	double took = 0;

	for (long i = 0; i < queries; batches++) {
		int cnt = 0;
		double begin;

		batch_reset(false);
		for (; cnt < size && i < queries; cnt++) {
			const char *name = ++i % fail ? "yes" : "no";

			batch.part[cnt].iov_len = query_make(batch.data[cnt], (unsigned)i, name);
		}
		begin = now();
		batch_send(fd, cnt);
		while (cnt > 0) {
			int n;

			batch_reset(false);
			n = batch_receive(fd);
			for (int k = 0; k < n; k++) {
				ok += !(batch.data[k][3] & 15);
				failed += !!(batch.data[k][3] & 15);
			}
			cnt -= n;
		}
		took += now() - begin;
	}
	printf("ok=%ld failed=%ld mean=%.9f\n", ok, failed, took / (double)batches);
}

int main(int argc, char **argv)
{
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM };
	bool server = argc >= 3 && !strcmp(argv[1], "server");
	bool client = argc == 7 && !strcmp(argv[1], "client");
	struct sockaddr_storage bound;
	socklen_t size = sizeof(bound);
	struct addrinfo *address;
	char port[16];
	int fd;

	if ((!server && !client) ||
	    getaddrinfo(argv[2], server ? "0" : argv[3], &numeric, &address)) {
		fprintf(stderr, "usage: reqdns server ADDRESS [delay=MS]\n"
				"       reqdns client ADDRESS PORT QUERIES BATCH FAIL\n");
		return 2;
	}
	fd = socket(address->ai_family, SOCK_DGRAM, 0);
	if (fd < 0 || (server ? bind : connect)(fd, address->ai_addr, address->ai_addrlen))
		die("socket");
	freeaddrinfo(address);
	if (client) {
		ask(fd, atol(argv[4]), atol(argv[5]), atol(argv[6]));
		return 0;
	}
	getsockname(fd, (struct sockaddr *)&bound, &size);
	getnameinfo((struct sockaddr *)&bound, size, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
	printf("%s\n", port);
	fflush(stdout);
	serve(fd, argc > 3 && !strncmp(argv[3], "delay=", 6) ? atol(argv[3] + 6) : 0);
}
