// SPDX-License-Identifier: BSD-3-Clause
/*
 * Both ends of a known number of requests, over TCP or, where ADDRESS is a path, a Unix stream socket.
 *
 *   reqserver server ADDRESS [line] [epoll] [read=WAY] [answer=WAY] [size=BYTES] [late=MS] [pause=MS]
 *                            [greet] [push=COUNT] [backlog=N] [mptcp] [accepts=N]
 *       prints the port it got, then answers until it is ended. A request says how long to wait and which
 *       status to answer with; the answer has a body of `size` bytes. It reads `late` ms after the request
 *       has come. `pause` is the time between the two parts of an answer and between what is pushed: after
 *       each answer as many messages as `push` says, that nobody asked for, and one at the beginning
 *       with `greet`. After `accepts` connections it listens no more.
 *   reqserver client ADDRESS PORT [line] [connections=N] [requests=N] [pipeline=N] [body=BYTES]
 *                            [idle=MS] [delay=MS] [slow=MS] [every=N] [fail=N] [greet] [push=COUNT]
 *                            [giveup=MS] [reset] [half] [status=N] [oneway] [mptcp] [bind=PATH]
 *       makes `requests` requests on each connection, all connections at once; `pipeline` of them in one
 *       write. Every Nth is `slow`, every `fail`th is to be answered with 500. Who waits longer than `giveup`
 *       ends the connection, by RST with `reset`; `half` shuts the sending side down after each request. A
 *       `status` below 100 asks the server not to answer but to end the connection: 0 to close it, 1 to reset
 *       it; 2 to do nothing. `oneway` awaits no answers. A Unix socket is bound to PATH before it connects.
 *       Ends with one line of KEY=NUMBER, `lost` of them requests that got no answer; the times are from the
 *       first byte sent to the first byte of the answer, and `late` of them took longer than 1/32 s.
 *
 * The protocol is HTTP/1.1, or with `line` one of its own: a line for each request and each answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536

static struct {
	long connections, requests, pipeline, body, idle, delay, slow, every, fail;
	long size, late, pause, push;
	long line, epoll, greet;
	long giveup, reset, half, status, oneway, backlog;
	long mptcp, accepts;
	const char *read, *answer, *bind;
} job = { .connections = 1,
	  .requests = 1,
	  .pipeline = 1,
	  .giveup = -1,
	  .status = 200,
	  .backlog = 1024,
	  .read = "read",
	  .answer = "write" };

static union {
	struct sockaddr any;
	struct sockaddr_un path;
	struct sockaddr_storage room;
} address;
static socklen_t address_len;
static char *body; /* of requests and of answers */
static int body_file;

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

static void pause_ms(long ms)
{
	if (ms)
		usleep(ms * 1000);
}

/* Returns false when `ms` are over; -1: never. */
static bool wait_ms(int fd, short events, long ms)
{
	struct pollfd ready = { .fd = fd, .events = events };
	int n;

	while ((n = poll(&ready, 1, (int)ms)) < 0)
		if (errno != EINTR)
			die("poll");
	return n;
}

static void wait_for(int fd, short events)
{
	wait_ms(fd, events, -1);
}

/* The close that follows resets the connection. */
static void close_resets(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EAGAIN) {
			wait_for(fd, POLLOUT);
			continue;
		}
		if (n <= 0)
			die("write");
		data += n;
		len -= (size_t)n;
	}
}

/* --- ways to read: like read(2) */

static ssize_t read_readv(int fd, void *to, size_t size)
{
	struct iovec parts[] = { { to, 1 }, { (char *)to + 1, size - 1 } };

	return readv(fd, parts, 2);
}

static ssize_t read_recv(int fd, void *to, size_t size)
{
	return recv(fd, to, size, 0);
}

static ssize_t read_recvmsg(int fd, void *to, size_t size)
{
	struct iovec part = { to, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	return recvmsg(fd, &message, 0);
}

static ssize_t read_recvmmsg(int fd, void *to, size_t size)
{
	struct iovec part = { to, size };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &part, .msg_iovlen = 1 } };
	int n = recvmmsg(fd, &message, 1, 0, NULL);

	return n == 1 ? (ssize_t)message.msg_len : n;
}

static ssize_t read_peek(int fd, void *to, size_t size)
{
	ssize_t n = recv(fd, to, size, MSG_PEEK);

	return n > 0 ? recv(fd, to, (size_t)n, 0) : n;
}

/* A byte at a time, to the end of what has come. */
static ssize_t read_bytes(int fd, void *to, size_t size)
{
	return read(fd, to, size ? 1 : 0);
}

static const struct read_way {
	const char *name;
	ssize_t (*read)(int fd, void *to, size_t size);
} read_ways[] = {
	{ "read", read },
	{ "readv", read_readv },
	{ "recv", read_recv },
	{ "recvmsg", read_recvmsg },
	{ "recvmmsg", read_recvmmsg },
	{ "peek", read_peek },
	{ "bytes", read_bytes },
};

/* --- ways to answer: a head, and a body of job.size bytes */

static void answer_write(int fd, char *head, size_t len)
{
	char *whole = malloc(len + (size_t)job.size);

	if (!whole)
		die("malloc");
	memcpy(whole, head, len);
	memcpy(whole + len, body, (size_t)job.size);
	send_all(fd, whole, len + (size_t)job.size);
	free(whole);
}

/* What is left when the socket took only a part. */
static void answer_rest(int fd, const char *head, size_t len, ssize_t sent)
{
	if (sent < 0)
		die("answer");
	if ((size_t)sent < len) {
		send_all(fd, head + sent, len - (size_t)sent);
		sent = (ssize_t)len;
	}
	send_all(fd, body + ((size_t)sent - len), (size_t)job.size - ((size_t)sent - len));
}

static void answer_writev(int fd, char *head, size_t len)
{
	struct iovec parts[] = { { head, len }, { body, (size_t)job.size } };

	answer_rest(fd, head, len, writev(fd, parts, 2));
}

static void answer_sendmsg(int fd, char *head, size_t len)
{
	struct iovec parts[] = { { head, len }, { body, (size_t)job.size } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	answer_rest(fd, head, len, sendmsg(fd, &message, 0));
}

static void answer_sendmmsg(int fd, char *head, size_t len)
{
	struct iovec parts[] = { { head, len }, { body, (size_t)job.size } };
	struct mmsghdr messages[] = { { .msg_hdr = { .msg_iov = &parts[0], .msg_iovlen = 1 } },
				      { .msg_hdr = { .msg_iov = &parts[1], .msg_iovlen = 1 } } };
	int n = sendmmsg(fd, messages, 2, 0);

	if (n < 0)
		die("sendmmsg");
	answer_rest(fd, head, len,
		    (ssize_t)messages[0].msg_len + (n > 1 ? messages[1].msg_len : 0));
}

static void answer_sendfile(int fd, char *head, size_t len)
{
	off_t at = 0;

	if (send(fd, head, len, MSG_MORE) != (ssize_t)len)
		die("send");
	while (at < job.size)
		if (sendfile(fd, body_file, &at, (size_t)(job.size - at)) < 0)
			die("sendfile");
}

static void answer_splice(int fd, char *head, size_t len)
{
	loff_t at = 0;
	int ends[2];

	if (pipe(ends) || send(fd, head, len, MSG_MORE) != (ssize_t)len)
		die("splice");
	while (at < job.size) {
		ssize_t n = splice(body_file, &at, ends[1], NULL, (size_t)(job.size - at), 0);

		while (n > 0) {
			ssize_t out = splice(ends[0], NULL, fd, NULL, (size_t)n, 0);

			if (out <= 0)
				die("splice");
			n -= out;
		}
	}
	close(ends[0]);
	close(ends[1]);
}

static void answer_parts(int fd, char *head, size_t len)
{
	send_all(fd, head, len / 2);
	pause_ms(job.pause);
	send_all(fd, head + len / 2, len - len / 2);
	send_all(fd, body, (size_t)job.size);
}

static const struct answer_way {
	const char *name;
	void (*answer)(int fd, char *head, size_t len);
} answer_ways[] = {
	{ "write", answer_write },	 { "writev", answer_writev },
	{ "sendmsg", answer_sendmsg },	 { "sendmmsg", answer_sendmmsg },
	{ "sendfile", answer_sendfile }, { "splice", answer_splice },
	{ "parts", answer_parts },
};

static const struct read_way *read_way;
static const struct answer_way *answer_way;

static void ways_find(void)
{
	for (size_t i = 0; i < sizeof(read_ways) / sizeof(*read_ways); i++)
		if (!strcmp(read_ways[i].name, job.read))
			read_way = &read_ways[i];
	for (size_t i = 0; i < sizeof(answer_ways) / sizeof(*answer_ways); i++)
		if (!strcmp(answer_ways[i].name, job.answer))
			answer_way = &answer_ways[i];
	if (!read_way || !answer_way)
		errno = EINVAL, die("way");
}

/* --- messages, of either end */

/* What has come on a connection and is not consumed, and bytes of a body to pass over. */
struct stream {
	int fd;
	size_t len, skip;
	char data[CHUNK + 1];
};

/* Returns false at the end of the connection, or when there is nothing for now. */
static bool stream_fill(struct stream *s, ssize_t (*way)(int, void *, size_t))
{
	ssize_t n = way(s->fd, s->data + s->len, CHUNK - s->len);

	if (n <= 0)
		return false;
	if (s->skip) {
		size_t passed = s->skip < (size_t)n ? s->skip : (size_t)n;

		memmove(s->data, s->data + passed, (size_t)n - passed);
		s->skip -= passed;
		n -= (ssize_t)passed;
	}
	s->len += (size_t)n;
	s->data[s->len] = '\0';
	return true;
}

/* Length of the head that has come, 0 when it is not whole. */
static size_t head_len(const struct stream *s)
{
	const char *end = s->skip ? NULL : strstr(s->data, job.line ? "\n" : "\r\n\r\n");

	return end ? (size_t)(end - s->data) + (job.line ? 1 : 4) : 0;
}

/* Takes a head and its body from what has come. */
static void message_consume(struct stream *s, size_t head)
{
	const char *field = job.line ? NULL : strstr(s->data, "Content-Length: ");
	size_t size = field && field < s->data + head ? strtoul(field + 16, NULL, 10) : 0;
	size_t here = s->len - head < size ? s->len - head : size;

	s->skip = size - here;
	s->len -= head + here;
	memmove(s->data, s->data + head + here, s->len + 1);
}

/* --- server */

/* Returns false where the connection is to end instead. */
static bool message_answer(int fd, const char *request)
{
	char head[256];
	long delay = 0, status = 200;

	sscanf(request, job.line ? "%ld/%ld" : "%*s /%ld/%ld", &delay, &status);
	pause_ms(delay);
	if (status == 2)
		return true;
	if (status < 100) {
		if (status)
			close_resets(fd);
		return false;
	}
	answer_way->answer(fd, head,
			   (size_t)snprintf(head, sizeof(head),
					    job.line ? "%ld done\n"
						     : "HTTP/1.1 %ld Status\r\nServer: t\r\n"
						       "Content-Length: %ld\r\n\r\n",
					    status, job.size));
	for (long i = 0; i < job.push; i++) {
		pause_ms(job.pause);
		send_all(fd, "news\n", 5);
	}
	return true;
}

/* Reads once and answers all requests that are whole then. Returns false at the end. */
static bool connection_turn(struct stream *s)
{
	size_t head;

	if (job.late) {
		wait_for(s->fd, POLLIN);
		pause_ms(job.late);
	}
	if (!stream_fill(s, read_way->read))
		return job.epoll && errno == EAGAIN;
	while ((head = head_len(s))) {
		char request[64] = "";

		memcpy(request, s->data, head < sizeof(request) ? head : sizeof(request) - 1);
		message_consume(s, head);
		if (s->skip)
			while (s->skip && stream_fill(s, read_way->read))
				;
		if (!message_answer(s->fd, request))
			return false;
	}
	return true;
}

static struct stream *stream_new(int fd)
{
	struct stream *s = calloc(1, sizeof(*s));
	int at_once = 1;

	if (!s)
		die("calloc");
	s->fd = fd;
	if (address.any.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
	return s;
}

static void stream_end(struct stream *s)
{
	close(s->fd);
	free(s);
}

static void *connection_serve(void *arg)
{
	struct stream *s = arg;

	if (job.greet)
		send_all(s->fd, "hello\n", 6);
	while (connection_turn(s))
		;
	stream_end(s);
	return NULL;
}

static void serve_threads(int listener)
{
	pthread_t thread;
	long accepted = 0;
	int fd;

	while (accepted != job.accepts || !job.accepts) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0 || pthread_create(&thread, NULL, connection_serve, stream_new(fd)) ||
		    pthread_detach(thread))
			die("accept");
		accepted++;
	}
	close(listener);
	pause();
}

static void serve_epoll(int listener)
{
	struct epoll_event event = { .events = EPOLLIN };
	int poller = epoll_create1(0), fd;

	if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event))
		die("epoll");
	for (;;) {
		struct stream *s;

		if (epoll_wait(poller, &event, 1, -1) != 1)
			die("epoll");
		s = event.data.ptr;
		if (s) {
			if (!connection_turn(s))
				stream_end(s);
			continue;
		}
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		event = (struct epoll_event){ .events = EPOLLIN, .data.ptr = stream_new(fd) };
		if (fd < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event))
			die("connection");
	}
}

static int stream_socket(void)
{
	return socket(address.any.sa_family, SOCK_STREAM, job.mptcp ? IPPROTO_MPTCP : 0);
}

static void serve(void)
{
	socklen_t size = sizeof(address);
	char port[16] = "0";
	int fd = stream_socket();

	if (fd < 0 || bind(fd, &address.any, address_len) || listen(fd, (int)job.backlog))
		die("listen");
	getsockname(fd, &address.any, &size);
	if (address.any.sa_family != AF_UNIX)
		getnameinfo(&address.any, size, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
	printf("%s\n", port);
	fflush(stdout);
	(job.epoll ? serve_epoll : serve_threads)(fd);
}

/* --- client */

struct client {
	pthread_t thread;
	struct stream *stream;
	double *took; /* of each turn: a request, or `pipeline` of them at once */
	long turns, answers, ok, failed, pushed, lost;
};

static void requests_send(struct client *c, long first)
{
	static const char pad[] = "X-Pad: 0123456789\r\n";
	char data[CHUNK];
	size_t len = 0;

	for (long i = first; i < first + job.pipeline; i++) {
		long delay = job.every && (i + 1) % job.every == 0 ? job.slow : job.delay;
		int status = job.fail && (i + 1) % job.fail == 0 ? 500 : (int)job.status;

		if (job.line)
			len += (size_t)sprintf(data + len, "%ld/%d please\n", delay, status);
		else if (job.body)
			len += (size_t)
				sprintf(data + len,
					"POST /%ld/%d HTTP/1.1\r\nHost: t\r\nContent-Length: "
					"%ld\r\n%s\r\n",
					delay, status, job.body, pad);
		else
			len += (size_t)sprintf(data + len,
					       "GET /%ld/%d HTTP/1.1\r\nHost: t\r\n%s\r\n", delay,
					       status, pad);
	}
	send_all(c->stream->fd, data, len);
	send_all(c->stream->fd, body, (size_t)job.body);
}

/* Takes one answer, or something pushed, and counts it. */
static void answer_take(struct client *c)
{
	struct stream *s = c->stream;
	size_t head;

	while (!(head = head_len(s)))
		if (!stream_fill(s, read))
			errno = ECONNRESET, die("answer");
	if (job.line && strncmp(s->data, "200 ", 4) && strncmp(s->data, "500 ", 4)) {
		c->pushed++;
	} else {
		c->answers++;
		c->ok += !strncmp(s->data + (job.line ? 0 : 9), "200 ", 4);
		c->failed += !strncmp(s->data + (job.line ? 0 : 9), "500 ", 4);
	}
	message_consume(s, head);
	while (s->skip)
		if (!stream_fill(s, read))
			errno = ECONNRESET, die("body");
}

static void *client_run(void *arg)
{
	struct client *c = arg;

	if (job.greet)
		answer_take(c);
	for (long i = 0; i < job.requests; i += job.pipeline) {
		long pushed = c->pushed + job.pipeline * job.push,
		     answers = c->answers + job.pipeline;
		double begin = now();

		requests_send(c, i);
		if (job.half)
			shutdown(c->stream->fd, SHUT_WR);
		if (job.oneway) {
			pause_ms(job.idle);
			continue;
		}
		if (!wait_ms(c->stream->fd, POLLIN, job.giveup)) {
			c->lost += job.pipeline;
			break;
		}
		c->took[c->turns++] = now() - begin;
		if (!stream_fill(c->stream, read)) {
			c->lost += job.pipeline;
			c->turns--;
			break;
		}
		while (c->answers < answers || c->pushed < pushed)
			answer_take(c);
		pause_ms(job.idle);
	}
	if (job.reset)
		close_resets(c->stream->fd);
	close(c->stream->fd);
	return NULL;
}

static int time_compare(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) -
	       (*(const double *)a < *(const double *)b);
}

static void clients_tell(const struct client *clients)
{
	long per = job.requests / job.pipeline, cnt = 0, answers = 0, ok = 0, failed = 0,
	     pushed = 0, lost = 0, late = 0;
	double *took = calloc((size_t)(job.connections * per + 1), sizeof(*took)), sum = 0;

	for (long i = 0; i < job.connections; i++) {
		for (long k = 0; k < clients[i].turns; k++) {
			sum += took[cnt++] = clients[i].took[k];
			late += clients[i].took[k] > 1 / 32.0;
		}
		answers += clients[i].answers;
		ok += clients[i].ok;
		failed += clients[i].failed;
		pushed += clients[i].pushed;
		lost += clients[i].lost;
	}
	qsort(took, (size_t)cnt, sizeof(*took), time_compare);
	printf("answers=%ld ok=%ld failed=%ld pushed=%ld lost=%ld late=%ld mean=%.9f p50=%.9f p99=%.9f max=%.9f\n",
	       answers, ok, failed, pushed, lost, late, cnt ? sum / (double)cnt : 0, took[cnt / 2],
	       took[cnt * 99 / 100], took[cnt ? cnt - 1 : 0]);
	free(took);
}

static void name_bind(int fd)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	strncpy(name.sun_path, job.bind, sizeof(name.sun_path) - 1);
	if (bind(fd, (const struct sockaddr *)&name, sizeof(name)))
		die(job.bind);
}

static void clients_run(void)
{
	struct client *clients = calloc((size_t)job.connections, sizeof(*clients));

	for (long i = 0; i < job.connections; i++) {
		int fd = stream_socket();

		if (job.bind)
			name_bind(fd);
		if (fd < 0 || connect(fd, &address.any, address_len))
			die("connect");
		clients[i].stream = stream_new(fd);
		clients[i].took = calloc((size_t)job.requests, sizeof(double));
	}
	for (long i = 0; i < job.connections; i++)
		if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]))
			die("thread");
	for (long i = 0; i < job.connections; i++)
		pthread_join(clients[i].thread, NULL);
	clients_tell(clients);
}

/* --- arguments */

#define NUMBER(n) ((struct option){ #n, &job.n, NULL })
#define WORD(n)	  ((struct option){ #n, NULL, &job.n })

static const struct option {
	const char *name;
	long *number;
	const char **word;
} options[] = {
	NUMBER(connections), NUMBER(requests), NUMBER(pipeline), NUMBER(body), NUMBER(idle),
	NUMBER(delay),	     NUMBER(slow),     NUMBER(every),	 NUMBER(fail), NUMBER(size),
	NUMBER(late),	     NUMBER(pause),    NUMBER(push),	 NUMBER(line), NUMBER(epoll),
	NUMBER(greet),	     NUMBER(giveup),   NUMBER(reset),	 NUMBER(half), NUMBER(status),
	NUMBER(oneway),	     NUMBER(backlog),  WORD(read),	 WORD(answer), WORD(bind),
	NUMBER(mptcp),	     NUMBER(accepts),
};

static void option_set(const char *text)
{
	size_t len = strcspn(text, "=");
	const char *setting = text[len] ? text + len + 1 : "1";

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		const struct option *o = &options[i];

		if (strlen(o->name) != len || strncmp(o->name, text, len))
			continue;
		if (o->word)
			*o->word = setting;
		else
			*o->number = atol(setting);
		return;
	}
	errno = EINVAL;
	die(text);
}

static void address_set(const char *host, const char *port)
{
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;

	if (host[0] == '/') {
		address.path.sun_family = AF_UNIX;
		strncpy(address.path.sun_path, host, sizeof(address.path.sun_path) - 1);
		address_len = sizeof(address.path);
		return;
	}
	if (getaddrinfo(host, port, &numeric, &found))
		errno = EINVAL, die(host);
	memcpy(&address, found->ai_addr, found->ai_addrlen);
	address_len = found->ai_addrlen;
	freeaddrinfo(found);
}

static void body_make(void)
{
	size_t size = (size_t)(job.size > job.body ? job.size : job.body);

	body = malloc(size + 1);
	body_file = memfd_create("body", 0);
	if (!body || body_file < 0)
		die("body");
	memset(body, 'b', size);
	send_all(body_file, body, size);
}

int main(int argc, char **argv)
{
	bool server = argc >= 3 && !strcmp(argv[1], "server");
	bool client = argc >= 4 && !strcmp(argv[1], "client");

	if (!server && !client) {
		fprintf(stderr, "usage: reqserver server ADDRESS [OPTION[=VALUE]...]\n"
				"       reqserver client ADDRESS PORT [OPTION[=VALUE]...]\n");
		return 2;
	}
	address_set(argv[2], server ? "0" : argv[3]);
	for (int i = server ? 3 : 4; i < argc; i++)
		option_set(argv[i]);
	ways_find();
	body_make();
	if (server)
		serve();
	clients_run();
	return 0;
}
