// SPDX-License-Identifier: BSD-3-Clause
/*
 * Both ends of random conversations in which not every message is a request or a response: commands without an
 * answer, what a server sends unasked, interim answers, bodies that come late, streams that are given up, pauses.
 *
 *   reqseq server PROTOCOL SEED STEPS
 *       prints the port it got; plays its part in each connection until it is ended
 *   reqseq client PROTOCOL SEED STEPS PORT CONNECTIONS
 *       plays the other part, all connections at once, with STEPS random choices on each. Prints how often each STATUS was
 *       answered, "PROTOCOL STATUS NUMBER", and at last "times max=SECONDS mean=SECONDS least=SECONDS" from the first
 *       byte of a request to the first byte of its answer, and the mean time that the server waits before it answers.
 *
 * Both make the same script from the seed and the number of the connection, so neither has to understand the other.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM	 (1 << 20)
#define OPS	 16384
#define REQUESTS 8192
#define STATUSES 8

enum side { CLIENT, SERVER };
enum op_kind { OP_SEND, OP_READ, OP_NAP, OP_BEGIN, OP_ANSWER };

struct op {
	enum op_kind kind;
	int number; /* ms of a nap; the request that begins or is answered */
	size_t at, len;
	const char *status;
};

/* What both sides do on a connection, each in its order. */
struct script {
	unsigned random;
	struct op ops[2][OPS];
	int cnt[2];
	char *data;
	size_t used;
	int begun, slept_ms[REQUESTS];
};

struct protocol {
	const char *name;
	void (*open)(struct script *s);
	void (*step)(struct script *s);
};
static const struct protocol *protocol;

static struct {
	unsigned seed;
	int steps;
} job;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- writing a script */

static int below(struct script *s, int limit)
{
	return rand_r(&s->random) % limit;
}

static bool often(struct script *s, int percent)
{
	return below(s, 100) < percent;
}

static struct op *op_add(struct script *s, enum side side, enum op_kind kind)
{
	if (s->cnt[side] == OPS || s->used > ROOM - 4096)
		abort();
	s->ops[side][s->cnt[side]] = (struct op){ .kind = kind, .at = s->used };
	return &s->ops[side][s->cnt[side]++];
}

static void nap(struct script *s, enum side side, int ms)
{
	op_add(s, side, OP_NAP)->number = ms;
}

/* Time in which nobody owes anything. */
static void idle(struct script *s)
{
	if (often(s, 40))
		nap(s, CLIENT, 40 + below(s, 80));
}

static void send_bytes(struct script *s, enum side side, const void *bytes, size_t len)
{
	struct op *op = op_add(s, side, OP_SEND);

	op->len = len;
	memcpy(s->data + s->used, bytes, len);
	s->used += len;
}

static void read_bytes(struct script *s, enum side side, size_t len)
{
	op_add(s, side, OP_READ)->len = len;
}

/* One side sends bytes, the other reads them then. */
static void say(struct script *s, enum side side, const void *bytes, size_t len)
{
	send_bytes(s, side, bytes, len);
	read_bytes(s, !side, len);
}

#define SAY(s, side, bytes) say(s, side, bytes, sizeof(bytes) - 1)

__attribute__((format(printf, 3, 4))) static void sayf(struct script *s, enum side side,
						       const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say(s, side, text, (size_t)n);
}

/* What the client sends next begins a request. */
static int begin(struct script *s)
{
	if (s->begun == REQUESTS)
		abort();
	op_add(s, CLIENT, OP_BEGIN)->number = s->begun;
	return s->begun++;
}

/* What the client reads next begins an answer. */
static void answer(struct script *s, int request, const char *status)
{
	struct op *op = op_add(s, CLIENT, OP_ANSWER);

	op->number = request;
	op->status = status;
}

/* The server works on these requests. */
static void work(struct script *s, int first, int cnt)
{
	int ms = often(s, 50) ? 0 : below(s, 8);

	if (ms)
		nap(s, SERVER, ms);
	for (int i = 0; i < cnt; i++)
		s->slept_ms[first + i] += ms;
}

/* A request and its answer, between which others may come. */
static void ask(struct script *s, const void *request, size_t len, const char *status,
		const void *response, size_t response_len)
{
	int number = begin(s);

	say(s, CLIENT, request, len);
	work(s, number, 1);
	answer(s, number, status);
	say(s, SERVER, response, response_len);
}

#define ASK(s, request, status, response) \
	ask(s, request, sizeof(request) - 1, status, response, sizeof(response) - 1)

static void nothing(struct script *s)
{
	(void)s;
}

/* --- Redis */

#define GET "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"

static void redis_pipeline(struct script *s)
{
	int first = s->begun, n = 2 + below(s, 12);

	for (int i = 0; i < n; i++) {
		begin(s);
		SAY(s, CLIENT, GET);
		if (often(s, 20))
			nap(s, CLIENT, 2);
	}
	work(s, first, n);
	for (int i = 0; i < n; i++) {
		answer(s, first + i, "ok");
		SAY(s, SERVER, "$5\r\nhello\r\n");
	}
}

static void redis_step(struct script *s)
{
	switch (below(s, 9)) {
	case 0:
		SAY(s, CLIENT, "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$3\r\n123\r\n");
		break;
	case 1:
		SAY(s, CLIENT, "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n" GET);
		break;
	case 2:
		SAY(s, CLIENT, "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n" GET);
		idle(s);
		SAY(s, CLIENT, GET);
		ASK(s, "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$2\r\nON\r\n", "ok", "+OK\r\n");
		break;
	case 3:
		SAY(s, SERVER, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n");
		break;
	case 4:
		ASK(s, "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n", "ok",
		    ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
		SAY(s, SERVER, ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n");
		break;
	case 5:
		redis_pipeline(s);
		break;
	case 6:
		ASK(s, GET, "error", "-ERR no\r\n");
		break;
	default:
		ASK(s, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n", "ok", "+OK\r\n");
	}
	idle(s);
}

/* --- MySQL */

#define MY_QUERY "\x09\0\0\0\3SELECT 1"
#define MY_OK	 "\7\0\0\1\0\0\0\2\0\0\0"

static void mysql_open(struct script *s)
{
	SAY(s, SERVER,
	    "\6\0\0\0\x0a"
	    "8.0\0x");
	SAY(s, CLIENT, "\4\0\0\1user");
	SAY(s, SERVER, "\7\0\0\2\0\0\0\2\0\0\0");
}

static void mysql_step(struct script *s)
{
	int number;

	switch (below(s, 7)) {
	case 0:
		SAY(s, CLIENT, "\5\0\0\0\x19\1\0\0\0");
		break;
	case 1:
		SAY(s, CLIENT, "\x08\0\0\0\x18\1\0\0\0\0\0a");
		break;
	case 2:
		SAY(s, CLIENT, "\x0a\0\0\0\xef\0\0\0\0\0\0\0\0x");
		break;
	case 3:
		number = begin(s);
		SAY(s, CLIENT, MY_QUERY);
		SAY(s, SERVER, "\x0a\0\0\1\xff\xff\xff\1\1\2\x10\0\0\0");
		work(s, number, 1);
		answer(s, number, "ok");
		SAY(s, SERVER, "\7\0\0\2\0\0\0\2\0\0\0");
		break;
	case 4:
		ASK(s, MY_QUERY, "error", "\x0a\0\0\1\xff\x7a\4#42S02x");
		break;
	default:
		ASK(s, MY_QUERY, "ok", MY_OK);
	}
	idle(s);
}

/* --- PostgreSQL */

#define PG_QUERY "Q\0\0\0\x0dSELECT 1\0"
#define PG_DONE	 "C\0\0\0\x0dSELECT 1\0"
#define PG_READY "Z\0\0\0\5I"
#define PG_PARSE "P\0\0\0\x11s\0SELECT 1\0\0\0"

static void postgresql_open(struct script *s)
{
	SAY(s, CLIENT, "\0\0\0\x10\0\3\0\0user\0a\0\0");
	SAY(s, SERVER,
	    "R\0\0\0\x08\0\0\0\0S\0\0\0\x0c"
	    "a\0bcdef\0" PG_READY);
}

static void postgresql_step(struct script *s)
{
	int number;

	switch (below(s, 7)) {
	case 0:
		SAY(s, SERVER,
		    "A\0\0\0\x0c\0\0\0\1"
		    "ab\0\0");
		break;
	case 1:
		number = begin(s);
		SAY(s, CLIENT, PG_QUERY);
		SAY(s, SERVER, "N\0\0\0\x0eSWARNING\0\0");
		work(s, number, 1);
		answer(s, number, "ok");
		SAY(s, SERVER, PG_DONE PG_READY);
		break;
	case 2: /* what comes before Sync is part of the request, but may come long before */
		SAY(s, CLIENT, PG_PARSE "H\0\0\0\4");
		SAY(s, SERVER, "1\0\0\0\4");
		idle(s);
		ASK(s, "S\0\0\0\4", "ok", PG_READY);
		break;
	case 3:
		ASK(s,
		    "Q\0\0\0\x0d"
		    "COPY in;\0",
		    "ok", "G\0\0\0\7\0\0\0");
		SAY(s, CLIENT, "d\0\0\0\7QSF");
		idle(s);
		SAY(s, CLIENT, "c\0\0\0\4");
		SAY(s, SERVER, PG_DONE PG_READY);
		break;
	case 4:
		ASK(s, PG_QUERY, "error", "E\0\0\0\x0cSERROR\0\0" PG_READY);
		break;
	default:
		ASK(s, PG_QUERY, "ok", PG_DONE PG_READY);
	}
	idle(s);
}

/* --- memcached */

static void memcached_step(struct script *s)
{
	switch (below(s, 7)) {
	case 0:
		SAY(s, CLIENT, "set a 0 0 5 noreply\r\nget a\r\n");
		break;
	case 1:
		SAY(s, CLIENT, "delete a noreply\r\nincr a 1 noreply\r\n");
		break;
	case 2:
		SAY(s, CLIENT, "mg a t q\r\n");
		idle(s);
		ASK(s, "mn\r\n", "ok", "MN\r\n");
		break;
	case 3:
		ASK(s, "incr a b\r\n", "error", "CLIENT_ERROR not a number\r\n");
		break;
	default:
		ASK(s, "get a\r\n", "ok", "VALUE a 0 5\r\nhello\r\nEND\r\n");
	}
	idle(s);
}

/* --- HTTP/1 */

#define HTTP_GET "GET / HTTP/1.1\r\nHost: t\r\n\r\n"
#define HTTP_OK	 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HINTS	 "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
#define UPLOAD	 "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n"

static void http_interim(struct script *s, const char *interim)
{
	int number = begin(s);
	bool apart = often(s, 50);

	SAY(s, CLIENT, HTTP_GET);
	if (apart) {
		sayf(s, SERVER, "%s", interim);
		work(s, number, 1);
		answer(s, number, "200");
		SAY(s, SERVER, HTTP_OK);
	} else {
		work(s, number, 1);
		answer(s, number, "200");
		sayf(s, SERVER, "%s%s", interim, HTTP_OK);
	}
}

static void http_step(struct script *s)
{
	int number;

	switch (below(s, 8)) {
	case 0:
		http_interim(s, HINTS);
		break;
	case 1:
		http_interim(s, "HTTP/1.1 102 Processing\r\n\r\n" HINTS);
		break;
	case 2:
		number = begin(s);
		SAY(s, CLIENT, UPLOAD "Expect: 100-continue\r\n\r\n");
		SAY(s, SERVER, "HTTP/1.1 100 Continue\r\n\r\n");
		SAY(s, CLIENT, "0123456789");
		work(s, number, 1);
		answer(s, number, "200");
		SAY(s, SERVER, HTTP_OK);
		break;
	case 3: /* answered before the body is there */
		ASK(s, UPLOAD "\r\n", "413", "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
		SAY(s, CLIENT, "01234");
		idle(s);
		SAY(s, CLIENT, "56789");
		break;
	case 4:
		ASK(s, "HEAD / HTTP/1.1\r\nHost: t\r\n\r\n", "200",
		    "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
		break;
	default:
		ASK(s, HTTP_GET, "200", HTTP_OK);
	}
	idle(s);
}

/* --- HTTP/2 */

static void frame(struct script *s, enum side side, int type, int flags, int stream,
		  const void *bytes, size_t len)
{
	char data[256] = { 0, 0, (char)len,	      (char)type,  (char)flags,
			   0, 0, (char)(stream >> 8), (char)stream };

	memcpy(data + 9, bytes, len);
	say(s, side, data, 9 + len);
}

#define HEADERS(s, side, flags, stream, bytes) \
	frame(s, side, 1, flags, stream, bytes, sizeof(bytes) - 1)

static void http2_open(struct script *s)
{
	SAY(s, CLIENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0");
	SAY(s, SERVER, "\0\0\0\4\0\0\0\0\0");
}

static void http2_answer(struct script *s, int number, int stream)
{
	answer(s, number, "200");
	HEADERS(s, SERVER, 4, stream, "\x88");
	frame(s, SERVER, 0, 0, stream, "hello", 5);
	HEADERS(s, SERVER, 5, stream, "\x40\1a\1b");
}

/* Several streams, answered in another order; some are given up by one side or the other. */
static void http2_step(struct script *s)
{
	int first = s->begun, n = 1 + below(s, 5), order = below(s, n);

	for (int i = 0; i < n; i++) {
		begin(s);
		HEADERS(s, CLIENT, 4, 2 * (first + i) + 1, "\x82\x86\x84");
		frame(s, CLIENT, 0, 0, 2 * (first + i) + 1, "hi", 2);
		HEADERS(s, CLIENT, 5, 2 * (first + i) + 1, "\x40\1a\1b"); /* trailers */
	}
	work(s, first, n);
	for (int i = 0; i < n; i++) {
		int number = first + (i + order) % n, stream = 2 * number + 1;

		if (often(s, 15))
			frame(s, CLIENT, 3, 0, stream, "\0\0\0\x08", 4);
		else if (often(s, 10))
			frame(s, SERVER, 3, 0, stream, "\0\0\0\2", 4);
		else
			http2_answer(s, number, stream);
	}
	if (often(s, 10)) { /* never answered */
		HEADERS(s, CLIENT, 5, 2 * s->begun + 1, "\x82\x86\x84");
		begin(s);
	}
	idle(s);
}

/* --- MQTT */

static void mqtt_open(struct script *s)
{
	ASK(s, "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a", "ok", "\x20\2\0\0");
	ASK(s, "\x82\6\0\1\0\1a\1", "ok", "\x90\3\0\1\1");
}

static void mqtt_step(struct script *s)
{
	switch (below(s, 6)) {
	case 0: /* published by the server, which the client acknowledges */
		SAY(s, SERVER, "\x32\6\0\1a\0\7x");
		SAY(s, CLIENT, "\x40\2\0\7");
		break;
	case 1:
		SAY(s, SERVER, "\x30\4\0\1ay");
		break;
	case 2:
		SAY(s, CLIENT, "\x30\4\0\1ay");
		break;
	case 3:
		ASK(s, "\x34\6\0\1a\0\x09z", "ok", "\x50\2\0\x09");
		SAY(s, CLIENT, "\x62\2\0\x09");
		SAY(s, SERVER, "\x70\2\0\x09");
		break;
	case 4:
		ASK(s, "\x32\6\0\1a\0\x08z", "ok", "\x40\2\0\x08");
		break;
	default:
		ASK(s, "\xc0\0", "ok", "\xd0\0");
	}
	idle(s);
}

/* --- a protocol that nobody knows */

#define HELLO "~hello, what is there?"

static void unknown_step(struct script *s)
{
	int number, rest;

	switch (below(s, 6)) {
	case 0: /* the server reads the end of the request when it has answered */
		number = begin(s);
		send_bytes(s, CLIENT, HELLO "rest", sizeof(HELLO) + 3);
		read_bytes(s, SERVER, sizeof(HELLO) - 1);
		work(s, number, 1);
		answer(s, number, "unknown");
		SAY(s, SERVER, "nothing.");
		read_bytes(s, SERVER, 4);
		break;
	case 1: /* it answers before it has the end */
		ASK(s, HELLO, "unknown", "nothing.");
		for (rest = below(s, 3); rest >= 0; rest--)
			SAY(s, CLIENT, "rest of it");
		break;
	case 2:
		ASK(s, HELLO, "unknown", "nothing.");
		idle(s);
		for (rest = below(s, 3); rest >= 0; rest--) {
			SAY(s, SERVER, "news!");
			nap(s, SERVER, 20);
		}
		break;
	default:
		ASK(s, HELLO, "unknown", "nothing.");
	}
	idle(s);
}

#include "reqseq_numbered.h"

static const struct protocol protocols[] = {
	{ "redis", nothing, redis_step },
	{ "mysql", mysql_open, mysql_step },
	{ "postgresql", postgresql_open, postgresql_step },
	{ "memcached", nothing, memcached_step },
	{ "http", nothing, http_step },
	{ "http2", http2_open, http2_step },
	{ "mqtt", mqtt_open, mqtt_step },
	{ "kafka", kafka_open, kafka_step },
	{ "mongodb", mongodb_open, mongodb_step },
	{ "cql", cql_open, cql_step },
	{ "amqp", amqp_open, amqp_step },
	{ "nats", nats_open, nats_step },
	{ "ldap", ldap_open, ldap_step },
	{ "zookeeper", zookeeper_open, zookeeper_step },
	{ "fastcgi", fastcgi_open, fastcgi_step },
	{ "unknown", nothing, unknown_step },
};

/* The first bytes tell the protocol: they are a request that is answered. */
static void script_make(struct script *s, int connection)
{
	s->random = job.seed * 1000 + (unsigned)connection;
	s->data = malloc(ROOM);
	if (!s->data)
		die("script");
	protocol->open(s);
	if (protocol->step == redis_step)
		ASK(s, GET, "ok", "$-1\r\n");
	for (int i = 0; i < job.steps; i++)
		protocol->step(s);
}

/* --- playing it */

struct connection {
	pthread_t thread;
	int fd;
	enum side side;
	struct script script;
	double started[REQUESTS];
	const struct op *answers[REQUESTS]; /* that begin with the next byte */
	int answer_cnt;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	const char *status[STATUSES];
	long answered[STATUSES], cnt;
	double max, sum, least;
} total;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void answered(struct connection *c)
{
	double end = now();
	int k;

	if (!c->answer_cnt)
		return;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < c->answer_cnt; i++) {
		const struct op *op = c->answers[i];
		double took = end - c->started[op->number];

		for (k = 0; total.status[k] && strcmp(total.status[k], op->status); k++)
			;
		total.status[k] = op->status;
		total.answered[k]++;
		total.cnt++;
		total.sum += took;
		total.least += c->script.slept_ms[op->number] / 1000.0;
		total.max = took > total.max ? took : total.max;
	}
	pthread_mutex_unlock(&lock);
	c->answer_cnt = 0;
}

static void op_read(struct connection *c, size_t len)
{
	char data[4096];
	ssize_t n;

	for (; len; len -= (size_t)n) {
		n = recv(c->fd, data, len < sizeof(data) ? len : sizeof(data), 0);
		if (n <= 0)
			die("recv");
		answered(c);
	}
}

static void op_play(struct connection *c, const struct op *op)
{
	switch (op->kind) {
	case OP_SEND:
		if (send(c->fd, c->script.data + op->at, op->len, MSG_NOSIGNAL) != (ssize_t)op->len)
			die("send");
		break;
	case OP_READ:
		op_read(c, op->len);
		break;
	case OP_NAP:
		usleep((unsigned)op->number * 1000);
		break;
	case OP_BEGIN:
		c->started[op->number] = now();
		break;
	case OP_ANSWER:
		c->answers[c->answer_cnt++] = op;
	}
}

static void *connection_play(void *arg)
{
	struct connection *c = arg;
	int at_once = 1;

	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
	for (int i = 0; i < c->script.cnt[c->side]; i++)
		op_play(c, &c->script.ops[c->side][i]);
	close(c->fd);
	return NULL;
}

static struct connection *connection_start(int fd, enum side side, int number)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		die("connection");
	c->fd = fd;
	c->side = side;
	script_make(&c->script, number);
	if (pthread_create(&c->thread, NULL, connection_play, c))
		die("thread");
	return c;
}

static void serve(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0), accepted;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 64) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		die("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (int i = 0; (accepted = accept(fd, NULL, NULL)) >= 0; i++)
		pthread_detach(connection_start(accepted, SERVER, i)->thread);
	die("accept");
}

static void play(int port, int connections)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((unsigned short)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct connection **all = calloc((size_t)connections, sizeof(*all));

	for (int i = 0; i < connections; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (!all || fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
			die("connect");
		all[i] = connection_start(fd, CLIENT, i);
	}
	for (int i = 0; i < connections; i++)
		pthread_join(all[i]->thread, NULL);
	for (int k = 0; total.status[k]; k++)
		printf("%s %s %ld\n", protocol->name, total.status[k], total.answered[k]);
	printf("times max=%.9f mean=%.9f least=%.9f\n", total.max, total.sum / (double)total.cnt,
	       total.least / (double)total.cnt);
}

int main(int argc, char **argv)
{
	bool server = argc == 5 && !strcmp(argv[1], "server");
	bool client = argc == 7 && !strcmp(argv[1], "client");

	for (size_t i = 0; argc > 2 && i < sizeof(protocols) / sizeof(*protocols); i++)
		if (!strcmp(protocols[i].name, argv[2]))
			protocol = &protocols[i];
	if ((!server && !client) || !protocol) {
		fprintf(stderr, "usage: reqseq server PROTOCOL SEED STEPS\n"
				"       reqseq client PROTOCOL SEED STEPS PORT CONNECTIONS\n");
		return 2;
	}
	job.seed = (unsigned)atoi(argv[3]);
	job.steps = atoi(argv[4]);
	if (server)
		serve();
	play(atoi(argv[5]), atoi(argv[6]));
	return 0;
}
