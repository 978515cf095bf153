// SPDX-License-Identifier: BSD-3-Clause
/*
 * `reqmix ADDRESS PORT PATH SEED CONNECTIONS STEPS` makes requests of HTTP/1.1 as they come: GET, POST and chunked PUT,
 * short and long, one at a time or several before the first is answered, together or one after the other, in
 * one piece or in many; which, the seed says. All connections at once, STEPS times a random choice on each.
 * Prints how many were answered: "answers=N".
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM	262144
#define AT_ONCE 6
#define CHOICE(c, ...)                                \
	(((const int[]){ __VA_ARGS__ })[random_below( \
		c, (int)(sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)))])

static struct {
	struct sockaddr_in address;
	const char *path;
	unsigned seed;
	int steps;
} job;

struct connection {
	pthread_t thread;
	unsigned random;
	int fd;
	long answers;
	size_t asked, came;
	char ask[ROOM], answer[ROOM + 1];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int random_below(struct connection *c, int limit)
{
	return rand_r(&c->random) % limit;
}

/* --- asking */

static void add(struct connection *c, const char *bytes)
{
	size_t len = strlen(bytes);

	if (c->asked + len >= ROOM)
		abort();
	memcpy(c->ask + c->asked, bytes, len);
	c->asked += len;
}

/* Bytes of a body: a piece of it that began like a request would be taken for one. */
static void add_filling(struct connection *c, int len)
{
	static const char letters[] = "get / http/1.1\r\nabc";
	char one[2] = "";

	for (int i = 0; i < len; i++) {
		one[0] = letters[random_below(c, sizeof(letters) - 1)];
		add(c, one);
	}
}

static void add_head(struct connection *c, const char *method, const char *field)
{
	char line[512];

	snprintf(line, sizeof(line), "%s %s HTTP/1.1\r\nHost: x\r\n%s", method, job.path, field);
	add(c, line);
	add(c, "X: ");
	for (int i = CHOICE(c, 0, 0, 0, 0, 1, 3, 10, 200, 1500); i > 0; i--)
		add(c, "a");
	add(c, "\r\n\r\n");
}

static void add_chunks(struct connection *c)
{
	char line[16];

	add_head(c, "PUT", "Transfer-Encoding: chunked\r\n");
	for (int n = 1 + random_below(c, 4); n > 0; n--) {
		int len = CHOICE(c, 1, 10, 500, 4000);

		snprintf(line, sizeof(line), "%x\r\n", (unsigned)len);
		add(c, line);
		add_filling(c, len);
		add(c, "\r\n");
	}
	add(c, "0\r\n\r\n");
}

static void add_request(struct connection *c)
{
	char field[48];
	int kind = random_below(c, 10), len;

	if (kind < 6) {
		add_head(c, "GET", "");
	} else if (kind < 8) {
		len = CHOICE(c, 0, 1, 5, 100, 3000, 20000);
		snprintf(field, sizeof(field), "Content-Length: %d\r\n", len);
		add_head(c, "POST", field);
		add_filling(c, len);
	} else {
		add_chunks(c);
	}
}

static void ask(struct connection *c)
{
	bool whole = random_below(c, 10) < 6;

	for (size_t at = 0; at < c->asked;) {
		size_t left = c->asked - at,
		       len = whole ? left : (size_t)CHOICE(c, 1, 2, 3, 5, 20, 100, 1000, 10000);
		ssize_t n = send(c->fd, c->ask + at, len < left ? len : left, 0);

		if (n <= 0)
			die("send");
		at += (size_t)n;
		if (!whole && random_below(c, 10) < 3)
			usleep(1000);
	}
	c->asked = 0;
}

/* --- being answered */

/* The bytes of the first answer that has come, 0: it is not whole. */
static size_t answer_len(struct connection *c)
{
	const char *end, *field;
	size_t len;

	c->answer[c->came] = '\0';
	end = strstr(c->answer, "\r\n\r\n");
	if (!end)
		return 0;
	field = strcasestr(c->answer, "\nContent-Length:");
	len = (size_t)(end + 4 - c->answer);
	if (field && field < end)
		len += strtoul(field + 16, NULL, 10);
	return len <= c->came ? len : 0;
}

static void answered(struct connection *c)
{
	size_t len;

	while (!(len = answer_len(c))) {
		size_t room = ROOM - c->came, most = (size_t)CHOICE(c, 1, 7, 100, 65536);
		ssize_t n = recv(c->fd, c->answer + c->came, most < room ? most : room, 0);

		if (n <= 0)
			die("recv");
		c->came += (size_t)n;
	}
	c->came -= len;
	memmove(c->answer, c->answer + len, c->came);
	c->answers++;
}

static void step(struct connection *c)
{
	int n = random_below(c, 10) < 7 ? 1 : 2 + random_below(c, AT_ONCE - 1);
	bool together = random_below(c, 2);

	for (int i = 0; i < n; i++) {
		add_request(c);
		if (together && i + 1 < n)
			continue;
		ask(c);
		usleep((unsigned)CHOICE(c, 0, 0, 1000));
	}
	for (int i = 0; i < n; i++)
		answered(c);
}

static void *connection_run(void *arg)
{
	struct connection *c = arg;
	int at_once = 1;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&job.address, sizeof(job.address)))
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
	for (int i = 0; i < job.steps; i++)
		step(c);
	close(c->fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct connection *connections;
	long cnt, answers = 0;

	if (argc != 7 || inet_pton(AF_INET, argv[1], &job.address.sin_addr) != 1) {
		fprintf(stderr, "Usage: reqmix ADDRESS PORT PATH SEED CONNECTIONS STEPS\n");
		return 2;
	}
	job.address.sin_family = AF_INET;
	job.address.sin_port = htons((unsigned short)atoi(argv[2]));
	job.path = argv[3];
	job.seed = (unsigned)atoi(argv[4]);
	cnt = atol(argv[5]);
	job.steps = atoi(argv[6]);
	connections = calloc((size_t)cnt, sizeof(*connections));
	if (!connections)
		die("connections");
	for (long i = 0; i < cnt; i++) {
		connections[i].random = job.seed * 1000 + (unsigned)i;
		if (pthread_create(&connections[i].thread, NULL, connection_run, &connections[i]))
			die("thread");
	}
	for (long i = 0; i < cnt; i++) {
		pthread_join(connections[i].thread, NULL);
		answers += connections[i].answers;
	}
	printf("answers=%ld\n", answers);
	return 0;
}
