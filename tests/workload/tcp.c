// SPDX-License-Identifier: BSD-3-Clause
/*
 * Both ends of a known number of TCP connections, one after the other, with known bytes each way.
 *
 *   tcp server ADDRESS CONNECTIONS RECEIVE SEND [delay=MS] [readers=N] [reset] [within=MS]
 *       prints the port it got, then for each connection: waits delay ms before accept, receives,
 *       sends, and closes (with an RST when asked to)
 *       (an RST drops what the client has not read: with `reset`, SEND is best 0); N threads at once receive a little at a time
 *   tcp client ADDRESS PORT CONNECTIONS SEND RECEIVE [nonblock] [within=MS]
 *       the other end; closes when the server has
 *
 * `within` counts the connects that took no longer, and the round-trip times that were no longer when the
 * connection was new.
 *
 * Either ends with one line of KEY=NUMBER.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct job {
	struct addrinfo *address;
	long connections, send, receive;
	long delay_ms, within_ms, readers;
	bool reset, nonblock;
	/* What came of it. */
	long connected, refused, failed, sent, received, resets, retransmits;
	long connect_within, rtt_within;
	double connect_seconds, wait_seconds, rtt_seconds, first_rtt_seconds;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void bytes_send(struct job *j, int fd)
{
	static const char data[65536];

	for (long left = j->send; left > 0;) {
		ssize_t n =
			send(fd, data, left < (long)sizeof(data) ? left : (long)sizeof(data), 0);

		if (n < 0)
			die("send");
		left -= n;
		j->sent += n;
	}
}

static void bytes_receive(struct job *j, int fd)
{
	char data[65536];

	for (long left = j->receive; left > 0;) {
		ssize_t n =
			recv(fd, data, left < (long)sizeof(data) ? left : (long)sizeof(data), 0);

		if (n <= 0)
			die("recv");
		left -= n;
		j->received += n;
	}
}

#define READERS_MAX 16

struct reader {
	struct job *job;
	int fd;
};

/* Whoever receives the last byte ends the others' calls. */
static void *reader_run(void *arg)
{
	struct reader *r = arg;
	char data[100];
	ssize_t n;

	while ((n = recv(r->fd, data, sizeof(data), 0)) > 0)
		if (__atomic_add_fetch(&r->job->received, n, __ATOMIC_RELAXED) == r->job->receive)
			shutdown(r->fd, SHUT_RD);
	if (n < 0)
		die("recv");
	return NULL;
}

static void bytes_receive_together(struct job *j, int fd)
{
	struct reader reader = { .job = j, .fd = fd };
	pthread_t thread[READERS_MAX];

	j->received = 0;
	for (long i = 0; i < j->readers; i++)
		if (pthread_create(&thread[i], NULL, reader_run, &reader))
			die("pthread_create");
	for (long i = 0; i < j->readers; i++)
		pthread_join(thread[i], NULL);
}

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = {};
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		die("TCP_INFO");
	return info;
}

/* The kernel's own view of the connection as it begins, and as it ends. */
static void connection_note_new(struct job *j, int fd)
{
	struct tcp_info info = info_of(fd);

	j->first_rtt_seconds += info.tcpi_rtt / 1e6;
	j->rtt_within += info.tcpi_rtt <= j->within_ms * 1000;
}

static void connection_note(struct job *j, int fd)
{
	struct tcp_info info = info_of(fd);

	j->rtt_seconds += info.tcpi_rtt / 1e6;
	j->retransmits += info.tcpi_total_retrans;
}

static void connection_serve(struct job *j, int listener)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct pollfd ready = { .fd = listener, .events = POLLIN };
	double begin;
	int fd;

	poll(&ready, 1, -1);
	begin = now();
	if (j->delay_ms)
		usleep(j->delay_ms * 1000);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("accept");
	j->wait_seconds += now() - begin;
	j->connected++;
	connection_note_new(j, fd);
	if (j->readers)
		bytes_receive_together(j, fd);
	else
		bytes_receive(j, fd);
	bytes_send(j, fd);
	connection_note(j, fd);
	if (j->reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static void serve(struct job *j)
{
	struct sockaddr_storage bound;
	socklen_t size = sizeof(bound);
	char port[16];
	int fd = socket(j->address->ai_family, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, j->address->ai_addr, j->address->ai_addrlen) || listen(fd, 1024))
		die("listen");
	getsockname(fd, (struct sockaddr *)&bound, &size);
	getnameinfo((struct sockaddr *)&bound, size, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
	printf("%s\n", port);
	fflush(stdout);
	for (long i = 0; i < j->connections; i++)
		connection_serve(j, fd);
}

/* Returns 0 or what connecting failed with. */
static int connection_open(struct job *j, int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	if (!connect(fd, j->address->ai_addr, j->address->ai_addrlen))
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	poll(&ready, 1, -1);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static void connection_use(struct job *j, int fd)
{
	char more;

	fcntl(fd, F_SETFL, 0);
	connection_note_new(j, fd);
	bytes_send(j, fd);
	bytes_receive(j, fd);
	connection_note(j, fd);
	if (recv(fd, &more, 1, 0) < 0 && errno == ECONNRESET)
		j->resets++;
}

static void connect_all(struct job *j)
{
	for (long i = 0; i < j->connections; i++) {
		int fd = socket(j->address->ai_family,
				SOCK_STREAM | (j->nonblock ? SOCK_NONBLOCK : 0), 0);
		double begin = now(), took;
		int error = connection_open(j, fd);

		took = now() - begin;
		j->connect_seconds += took;
		j->connect_within += !error && took * 1000 <= j->within_ms;
		j->connected += !error;
		j->refused += error == ECONNREFUSED;
		j->failed += error && error != ECONNREFUSED;
		if (!error)
			connection_use(j, fd);
		close(fd);
	}
}

static void options_parse(struct job *j, char **option)
{
	for (; *option; option++) {
		if (!strncmp(*option, "delay=", 6))
			j->delay_ms = atol(*option + 6);
		else if (!strncmp(*option, "within=", 7))
			j->within_ms = atol(*option + 7);
		else if (!strncmp(*option, "readers=", 8))
			j->readers = atol(*option + 8);
		else if (!strcmp(*option, "reset"))
			j->reset = true;
		else if (!strcmp(*option, "nonblock"))
			j->nonblock = true;
		else
			errno = EINVAL, die(*option);
	}
}

int main(int argc, char **argv)
{
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	bool server = argc >= 6 && !strcmp(argv[1], "server");
	bool client = argc >= 7 && !strcmp(argv[1], "client");
	struct job j = {};
	char **arg = argv + 3 + client;

	if ((!server && !client) ||
	    getaddrinfo(argv[2], server ? "0" : argv[3], &numeric, &j.address)) {
		fprintf(stderr, "usage: tcp server ADDRESS CONNECTIONS RECEIVE SEND [delay=MS] "
				"[readers=N] [reset] [within=MS]\n"
				"       tcp client ADDRESS PORT CONNECTIONS SEND RECEIVE "
				"[nonblock] [within=MS]\n");
		return 2;
	}
	j.connections = atol(arg[0]);
	j.receive = atol(arg[server ? 1 : 2]);
	j.send = atol(arg[server ? 2 : 1]);
	options_parse(&j, arg + 3);
	if (server)
		serve(&j);
	else
		connect_all(&j);
	printf("connected=%ld refused=%ld failed=%ld sent=%ld received=%ld resets=%ld "
	       "retransmits=%ld connect_within=%ld rtt_within=%ld "
	       "connect_seconds=%.6f wait_seconds=%.6f first_rtt_seconds=%.6f rtt_seconds=%.6f\n",
	       j.connected, j.refused, j.failed, j.sent, j.received, j.resets, j.retransmits,
	       j.connect_within, j.rtt_within, j.connect_seconds, j.wait_seconds,
	       j.first_rtt_seconds, j.rtt_seconds);
	freeaddrinfo(j.address);
	return 0;
}
