// SPDX-License-Identifier: BSD-3-Clause
/*
 * HTTP whose bodies go past the usual calls. It is both ends of a connection, a thread each.
 *
 *   bypass SEND RECEIVE [requests=N] [size=BYTES] [fail=N] [up] [whole] [open] [mptcp] [ktls] [local]
 *       makes `requests` requests, of which every `fail`th is answered with 503. The body of `size` bytes is that
 *       of the answer, or of the request with `up`; it is sent by the way SEND and received by the way
 *       RECEIVE; heads too with `whole`. The byte of `oob` follows bodies of at most a chunk. `open`: waits for the end of its input before it closes. `local`: a Unix socket.
 *
 * Ends with one line of KEY=NUMBER: what each end sent and received by its own count, and by the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/tcp.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK	  65536
#define HEAD_SIZE 128

static struct {
	long requests, size, fail;
	long up, whole, open, mptcp, ktls, local;
} job = { .requests = 6, .size = 300000, .fail = 3 };

/* One end of the connection. Each has pipes and a ring of its own. */
struct end {
	int fd, pipe[2];
	bool server;
	long sent, received;
	struct uring {
		int fd;
		unsigned *sq_tail, *sq_mask, *cq_head, *cq_tail, *cq_mask;
		struct io_uring_sqe *sqes;
		struct io_uring_cqe *cqes;
	} ring;
};

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

static int body_file;
static char *body;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- io_uring, one operation at a time */

static void uring_open(struct uring *u)
{
	struct io_uring_params p = { 0 };
	char *rings;

	u->fd = (int)syscall(SYS_io_uring_setup, 4, &p);
	if (u->fd < 0)
		die("io_uring_setup");
	rings = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe) + 4096,
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_SQ_RING);
	u->sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_SQES);
	if (rings == MAP_FAILED || u->sqes == MAP_FAILED)
		die("mmap of io_uring");
	u->sq_tail = (unsigned *)(rings + p.sq_off.tail);
	u->sq_mask = (unsigned *)(rings + p.sq_off.ring_mask);
	u->cq_head = (unsigned *)(rings + p.cq_off.head);
	u->cq_tail = (unsigned *)(rings + p.cq_off.tail);
	u->cq_mask = (unsigned *)(rings + p.cq_off.ring_mask);
	u->cqes = (struct io_uring_cqe *)(rings + p.cq_off.cqes);
	for (unsigned i = 0; i < p.sq_entries; i++)
		((unsigned *)(rings + p.sq_off.array))[i] = i;
}

/* The result of the next completion, waited for; `more`: another one follows. */
static int uring_wait(struct uring *u, bool *more)
{
	unsigned head = *u->cq_head;
	int res;

	while (head == __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE))
		if (syscall(SYS_io_uring_enter, u->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0 &&
		    errno != EINTR)
			die("io_uring_enter");
	res = u->cqes[head & *u->cq_mask].res;
	*more = u->cqes[head & *u->cq_mask].flags & IORING_CQE_F_MORE;
	__atomic_store_n(u->cq_head, head + 1, __ATOMIC_RELEASE);
	return res;
}

/* Like the system call; a zero-copy send is over when its buffer is free again. */
static ssize_t uring_do(struct end *e, unsigned op, const void *data, size_t len)
{
	struct uring *u = &e->ring;
	unsigned tail;
	bool more;
	int res;

	if (!u->sqes)
		uring_open(u);
	tail = *u->sq_tail;
	u->sqes[tail & *u->sq_mask] = (struct io_uring_sqe){
		.opcode = (uint8_t)op, .fd = e->fd, .addr = (uintptr_t)data, .len = (unsigned)len
	};
	__atomic_store_n(u->sq_tail, tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, u->fd, 1, 0, 0, NULL, 0) != 1)
		die("io_uring_enter");
	res = uring_wait(u, &more);
	if (more)
		uring_wait(u, &more);
	if (res < 0)
		errno = -res;
	return res < 0 ? -1 : res;
}

/* --- ways to send up to len bytes of the body at `at`, or of a head */

static ssize_t way_send(struct end *e, const char *data, size_t len)
{
	return send(e->fd, data, len, 0);
}

static ssize_t way_sendmmsg(struct end *e, const char *data, size_t len)
{
	struct iovec parts[] = { { (char *)data, len / 2 },
				 { (char *)data + len / 2, len - len / 2 } };
	struct mmsghdr messages[] = { { .msg_hdr = { .msg_iov = &parts[0], .msg_iovlen = 1 } },
				      { .msg_hdr = { .msg_iov = &parts[1], .msg_iovlen = 1 } } };
	int n = sendmmsg(e->fd, messages, 2, 0);

	return n < 0 ? n : (ssize_t)messages[0].msg_len + (n > 1 ? messages[1].msg_len : 0);
}

/* Frees the buffers that the kernel has let go of. */
static ssize_t way_zerocopy(struct end *e, const char *data, size_t len)
{
	struct pollfd done = { .fd = e->fd };
	char control[128];
	struct msghdr message = { .msg_control = control, .msg_controllen = sizeof(control) };
	const int on = 1;
	ssize_t n;

	if (setsockopt(e->fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)))
		die("SO_ZEROCOPY");
	n = send(e->fd, data, len, MSG_ZEROCOPY);
	poll(&done, 1, 20);
	recvmsg(e->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
	return n;
}

/* All that is in the pipe goes on into the socket. */
static ssize_t pipe_send(struct end *e, ssize_t n)
{
	for (ssize_t left = n, done; left > 0; left -= done)
		if ((done = splice(e->pipe[0], NULL, e->fd, NULL, (size_t)left, 0)) <= 0)
			die("splice to socket");
	return n;
}

static ssize_t way_vmsplice(struct end *e, const char *data, size_t len)
{
	struct iovec part = { (char *)data, len };

	return pipe_send(e, vmsplice(e->pipe[1], &part, 1, 0));
}

/* What is no part of the file is written. */
static ssize_t way_sendfile(struct end *e, const char *data, size_t len)
{
	off_t at = data - body;

	if (at < 0 || at >= job.size)
		return way_send(e, data, len);
	return sendfile(e->fd, body_file, &at, len);
}

static ssize_t way_splice(struct end *e, const char *data, size_t len)
{
	off_t at = data - body;

	if (at < 0 || at >= job.size)
		return way_vmsplice(e, data, len);
	return pipe_send(e, splice(body_file, &at, e->pipe[1], NULL, len, 0));
}

/* After what is sent comes a byte that is none of it: it is counted, but not here. */
static ssize_t way_oob(struct end *e, const char *data, size_t len)
{
	ssize_t n = way_send(e, data, len);

	if (n == (ssize_t)len) {
		if (send(e->fd, "!", 1, MSG_OOB) != 1)
			die("MSG_OOB");
		e->sent++;
	}
	return n;
}

static ssize_t way_uring_send(struct end *e, const char *data, size_t len)
{
	return uring_do(e, IORING_OP_SEND, data, len);
}

static ssize_t way_uring_write(struct end *e, const char *data, size_t len)
{
	return uring_do(e, IORING_OP_WRITE, data, len);
}

static ssize_t way_uring_zerocopy(struct end *e, const char *data, size_t len)
{
	return uring_do(e, IORING_OP_SEND_ZC, data, len);
}

static const struct send_way {
	const char *name;
	ssize_t (*send)(struct end *e, const char *data, size_t len);
} send_ways[] = {
	{ "send", way_send },
	{ "sendmmsg", way_sendmmsg },
	{ "zerocopy", way_zerocopy },
	{ "vmsplice", way_vmsplice },
	{ "sendfile", way_sendfile },
	{ "splice", way_splice },
	{ "oob", way_oob },
	{ "uring", way_uring_send },
	{ "uring-write", way_uring_write },
	{ "uring-zerocopy", way_uring_zerocopy },
};

/* --- ways to receive up to len bytes; what they were only heads are looked at for */

static ssize_t way_recv(struct end *e, char *data, size_t len)
{
	return recv(e->fd, data, len, 0);
}

static ssize_t way_recvmmsg(struct end *e, char *data, size_t len)
{
	struct iovec parts[] = { { data, len / 2 }, { data + len / 2, len - len / 2 } };
	struct mmsghdr messages[] = { { .msg_hdr = { .msg_iov = &parts[0], .msg_iovlen = 1 } },
				      { .msg_hdr = { .msg_iov = &parts[1], .msg_iovlen = 1 } } };
	int n = recvmmsg(e->fd, messages, len > 1 ? 2 : 1, MSG_WAITFORONE, NULL);

	if (len == 1)
		return recv(e->fd, data, 1, 0);
	return n < 0 ? n : (ssize_t)messages[0].msg_len + (n > 1 ? messages[1].msg_len : 0);
}

static ssize_t way_peek(struct end *e, char *data, size_t len)
{
	ssize_t n = recv(e->fd, data, len, MSG_PEEK);

	return n > 0 ? recv(e->fd, data, (size_t)n, 0) : n;
}

/* Drops them. */
static ssize_t way_trunc(struct end *e, char *data, size_t len)
{
	ssize_t n = recv(e->fd, NULL, len, MSG_TRUNC);

	if (n > 0)
		memset(data, 0, (size_t)n);
	return n;
}

static ssize_t way_splice_from(struct end *e, char *data, size_t len)
{
	ssize_t n = splice(e->fd, NULL, e->pipe[1], NULL, len, 0);

	for (ssize_t at = 0, done; at < n; at += done)
		if ((done = read(e->pipe[0], data + at, (size_t)(n - at))) <= 0)
			die("read from pipe");
	return n;
}

/* Maps whole pages into this process; the kernel copies the rest, or tells that it is to be read. */
static ssize_t way_map(struct end *e, char *data, size_t len)
{
	static __thread char *room;
	struct tcp_zerocopy_receive z = { 0 };
	socklen_t size = sizeof(z);
	struct pollfd ready = { .fd = e->fd, .events = POLLIN };

	if (!room)
		room = mmap(NULL, CHUNK, PROT_READ, MAP_SHARED, e->fd, 0);
	if (room == MAP_FAILED)
		die("mmap of a socket");
	poll(&ready, 1, -1);
	z.address = (uintptr_t)room;
	z.length = (unsigned)(len < CHUNK ? len : CHUNK);
	if (getsockopt(e->fd, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &z, &size))
		die("TCP_ZEROCOPY_RECEIVE");
	if (z.length)
		memcpy(data, room, z.length);
	else
		return way_recv(e, data,
				z.recv_skip_hint && z.recv_skip_hint < len ? z.recv_skip_hint
									   : len);
	return z.length;
}

static ssize_t way_oob_from(struct end *e, char *data, size_t len)
{
	ssize_t n = way_recv(e, data, len);
	struct pollfd urgent = { .fd = e->fd, .events = POLLPRI };
	char byte;

	if (n == (ssize_t)len) {
		poll(&urgent, 1, -1);
		if (recv(e->fd, &byte, 1, MSG_OOB) != 1)
			die("receive MSG_OOB");
		e->received++;
	}
	return n;
}

static ssize_t way_uring_recv(struct end *e, char *data, size_t len)
{
	return uring_do(e, IORING_OP_RECV, data, len);
}

static ssize_t way_uring_read(struct end *e, char *data, size_t len)
{
	return uring_do(e, IORING_OP_READ, data, len);
}

static const struct receive_way {
	const char *name;
	ssize_t (*receive)(struct end *e, char *data, size_t len);
} receive_ways[] = {
	{ "recv", way_recv },	 { "recvmmsg", way_recvmmsg },	{ "peek", way_peek },
	{ "trunc", way_trunc },	 { "splice", way_splice_from }, { "map", way_map },
	{ "oob", way_oob_from }, { "uring", way_uring_recv },	{ "uring-read", way_uring_read },
};

static const struct send_way *send_way = send_ways;
static const struct receive_way *receive_way = receive_ways;

/* --- messages */

static void all_send(struct end *e, const struct send_way *way, const char *data, size_t len)
{
	while (len) {
		ssize_t n = way->send(e, data, len < CHUNK ? len : CHUNK);

		if (n <= 0)
			die(way->name);
		e->sent += n;
		data += n;
		len -= (size_t)n;
	}
}

static void all_receive(struct end *e, const struct receive_way *way, char *data, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t left = len - at;
		ssize_t n = way->receive(e, data + at % CHUNK,
					 left < CHUNK - at % CHUNK ? left : CHUNK - at % CHUNK);

		if (n <= 0)
			die(way->name);
		e->received += n;
		at += (size_t)n;
	}
}

/* A head has always HEAD_SIZE bytes. */
static void message_send(struct end *e, const char *first, long size)
{
	char head[HEAD_SIZE + 1];
	int n = snprintf(head, sizeof(head), "%s\r\nContent-Length: %ld\r\nFill: ", first, size);

	memset(head + n, 'x', (size_t)(HEAD_SIZE - n));
	memcpy(head + HEAD_SIZE - 4, "\r\n\r\n", 4);
	all_send(e, job.whole ? send_way : send_ways, head, HEAD_SIZE);
	all_send(e, send_way, body, (size_t)size);
}

static void message_receive(struct end *e, long size)
{
	static __thread char data[CHUNK];

	all_receive(e, job.whole ? receive_way : receive_ways, data, HEAD_SIZE);
	all_receive(e, receive_way, data, (size_t)size);
}

static void *end_run(void *arg)
{
	struct end *e = arg;

	for (long i = 1; i <= job.requests; i++) {
		bool fails = job.fail && i % job.fail == 0;

		if (!e->server)
			message_send(e, "POST /some/thing HTTP/1.1\r\nHost: here",
				     job.up ? job.size : 0);
		message_receive(e, e->server == !!job.up ? job.size : 0);
		if (e->server)
			message_send(e, fails ? "HTTP/1.1 503 Broken" : "HTTP/1.1 200 OK",
				     job.up ? 0 : job.size);
	}
	return NULL;
}

/* --- the connection */

/* TLS in the kernel with a key that both ends know; there is no handshake. */
static void tls_begin(int fd)
{
	const struct tls12_crypto_info_aes_gcm_128 key = {
		.info = { .version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 }
	};

	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")))
		die("TLS in the kernel");
	if (setsockopt(fd, SOL_TLS, TLS_TX, &key, sizeof(key)) ||
	    setsockopt(fd, SOL_TLS, TLS_RX, &key, sizeof(key)))
		die("TLS keys");
}

static void connection_open(struct end *client, struct end *server)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	struct sockaddr *address = job.local ? (void *)&path : (void *)&in;
	socklen_t size = job.local ? sizeof(sa_family_t) : sizeof(in); /* any name */
	int family = address->sa_family, protocol = job.mptcp ? IPPROTO_MPTCP : 0;
	int listener = socket(family, SOCK_STREAM, protocol);

	if (listener < 0 || bind(listener, address, size) || listen(listener, 1))
		die("listen");
	size = job.local ? sizeof(path) : sizeof(in);
	getsockname(listener, address, &size);
	client->fd = socket(family, SOCK_STREAM, protocol);
	if (client->fd < 0 || connect(client->fd, address, size))
		die("connect");
	server->fd = accept(listener, NULL, NULL);
	if (server->fd < 0)
		die("accept");
	close(listener);
	if (pipe(client->pipe) || pipe(server->pipe))
		die("pipe");
	if (job.ktls) {
		tls_begin(client->fd);
		tls_begin(server->fd);
	}
}

/* The kernel's own count, of what has come; what was sent is the other end's. */
static unsigned long long kernel_received(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	if (!job.local && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		die("TCP_INFO");
	return info.tcpi_bytes_received;
}

static void body_make(void)
{
	body_file = memfd_create("body", 0);
	if (body_file < 0 || ftruncate(body_file, job.size + 1))
		die("memfd_create");
	body = mmap(NULL, (size_t)job.size + 1, PROT_READ | PROT_WRITE, MAP_SHARED, body_file, 0);
	if (body == MAP_FAILED)
		die("mmap");
	memset(body, 'b', (size_t)job.size);
}

static void options_parse(char **option)
{
	static const struct {
		const char *name;
		long *value;
	} options[] = {
		{ "requests=", &job.requests }, { "size=", &job.size },
		{ "fail=", &job.fail },		{ "up", &job.up },
		{ "whole", &job.whole },	{ "open", &job.open },
		{ "mptcp", &job.mptcp },	{ "ktls", &job.ktls },
		{ "local", &job.local },
	};
	size_t i, n = sizeof(options) / sizeof(*options);

	for (; *option; option++) {
		for (i = 0; i < n; i++)
			if (!strncmp(*option, options[i].name, strlen(options[i].name)))
				break;
		if (i == n)
			errno = EINVAL, die(*option);
		*options[i].value = strchr(*option, '=') ? atol(strchr(*option, '=') + 1) : 1;
	}
}

static void ways_find(const char *send_name, const char *receive_name)
{
	size_t n = sizeof(send_ways) / sizeof(*send_ways);
	size_t m = sizeof(receive_ways) / sizeof(*receive_ways);

	while (send_way < send_ways + n && strcmp(send_way->name, send_name))
		send_way++;
	while (receive_way < receive_ways + m && strcmp(receive_way->name, receive_name))
		receive_way++;
	if (send_way == send_ways + n || receive_way == receive_ways + m)
		errno = EINVAL, die("way");
}

int main(int argc, char **argv)
{
	struct end client = { .fd = -1 }, server = { .fd = -1, .server = true };
	pthread_t thread;

	if (argc < 3) {
		fprintf(stderr, "usage: bypass SEND RECEIVE [OPTION...]\n");
		return 2;
	}
	ways_find(argv[1], argv[2]);
	options_parse(argv + 3);
	body_make();
	connection_open(&client, &server);
	if (pthread_create(&thread, NULL, end_run, &server))
		die("pthread_create");
	end_run(&client);
	pthread_join(thread, NULL);
	printf("sent=%ld received=%ld kernel=%llu\n", client.sent + server.sent,
	       client.received + server.received,
	       kernel_received(client.fd) + kernel_received(server.fd));
	fflush(stdout);
	if (job.open)
		while (getchar() != EOF) {
		}
	close(client.fd);
	close(server.fd);
	return 0;
}
