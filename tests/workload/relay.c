// SPDX-License-Identifier: BSD-3-Clause
/*
 * `relay PORT SEED [MS]` passes on what comes to a port of 127.0.0.1 to PORT there, and back, in pieces of other sizes, each
 * direction of a connection in a thread of its own, after as many milliseconds. Prints the port it got.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct way {
	int from, to;
	unsigned random;
};

static unsigned delay_ms;
static const size_t sizes[] = { 100, 500, 1000, 4096, 20000, 65536 };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static size_t size_next(struct way *w)
{
	return sizes[rand_r(&w->random) % (sizeof(sizes) / sizeof(sizes[0]))];
}

static void *way_run(void *arg)
{
	struct way *w = arg;
	char data[65536];
	ssize_t came, sent = 0;

	while (sent >= 0 && (came = recv(w->from, data, size_next(w), 0)) > 0) {
		usleep(1000 * delay_ms);
		for (ssize_t at = 0; at < came && sent >= 0; at += sent) {
			size_t left = (size_t)(came - at), size = size_next(w);

			sent = send(w->to, data + at, size < left ? size : left, MSG_NOSIGNAL);
		}
	}
	shutdown(w->to, SHUT_WR);
	free(w);
	return NULL;
}

static void way_start(int from, int to, unsigned seed)
{
	struct way *w = malloc(sizeof(*w));
	int at_once = 1;
	pthread_t thread;

	if (!w)
		die("malloc");
	*w = (struct way){ from, to, seed };
	setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
	if (pthread_create(&thread, NULL, way_run, w) || pthread_detach(thread))
		die("thread");
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), from, to;
	socklen_t size = sizeof(address);
	unsigned seed;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "Usage: relay PORT SEED [MS]\n");
		return 2;
	}
	delay_ms = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) ||
	    listen(listener, 64) || getsockname(listener, (struct sockaddr *)&address, &size))
		die("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	address.sin_port = htons((unsigned short)atoi(argv[1]));
	seed = (unsigned)atoi(argv[2]);
	while ((from = accept(listener, NULL, NULL)) >= 0) {
		to = socket(AF_INET, SOCK_STREAM, 0);
		if (to < 0 || connect(to, (struct sockaddr *)&address, sizeof(address)))
			die("connect");
		way_start(from, to, seed++);
		way_start(to, from, seed++);
	}
	die("accept");
}
