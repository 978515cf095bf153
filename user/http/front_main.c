// SPDX-License-Identifier: BSD-3-Clause
/* The front's own side: HTTP here, everything else is asked of the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "conf/web_pack.h"
#include "http/connection.h"
#include "http/front.h"
#include "http/secure.h"
#include "http/wire.h"
#include "lib/log.h"
#include "lib/sandbox.h"

#define DAEMON_FD STDIN_FILENO
#define ANSWER_MS 10000
/* Shared replies are kept so long after somebody has had one. */
#define SLOT_NS	       (1500 * NS_PER_MS)
#define TYPES_MAX      16
#define KNOWN_MAX      8
#define KNOWN_TEXT_MAX 512 /* an Accept of Prometheus is 200 */
#define EXIT_FAILED    1
/* File descriptors beside those of clients and listeners: messages, the loop, threads, the body of a reply. */
#define DESCRIPTORS_SPARE 32
/* Of a client, over TLS. */
#define DESCRIPTORS_EACH 3

/* A request whose reply comes later. */
struct pending {
	uint64_t number;
	struct http_later *later;
	struct pending *next;
};

/* A request, of which the reply is known. */
struct known {
	char text[KNOWN_TEXT_MAX];
	size_t len;
	uint64_t until_ns;
	unsigned slot, status, access;
	const char *type;
};

struct front_process {
	struct loop *loop;
	struct http_server *server;
	struct timer *stale;
	struct http_shared *slots[WIRE_SLOTS];
	struct pending *pending;
	struct known known[KNOWN_MAX];
	unsigned known_next;
	char *types[TYPES_MAX]; /* of content, that there were so far */
	struct wire_request request;
	size_t request_len;
	bool fits; /* the request into its message */
	/* the last message; the number tells which */
	union {
		struct wire_reply reply;
		struct wire_setup setup;
	};
};

/* The message's length; 0: the daemon has gone; negative errno. Its descriptors, as many as there is room for. */
static ssize_t message_receive(void *data, size_t size, int *fds, unsigned *cnt)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FRONT_DESCRIPTORS_MAX * sizeof(int))];
	} control;
	struct iovec part = { data, size };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(*cnt * sizeof(int)) };
	struct cmsghdr *c;
	ssize_t len;

	do
		len = recvmsg(DAEMON_FD, &message, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	c = len > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	*cnt = c ? (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
	if (c)
		memcpy(fds, CMSG_DATA(c), *cnt * sizeof(int));
	return len < 0 ? -errno : len;
}

/* Takes the file. */
static bool body_read(struct buf *body, int fd, uint64_t bytes)
{
	ssize_t n = 1;

	if (!buf_reserve(body, bytes))
		bytes = 0;
	while (body->len < bytes && n > 0) {
		n = pread(fd, body->data + body->len, bytes - body->len, (off_t)body->len);
		body->len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return body->len == bytes && !body->failed;
}

/* --- what the daemon says that it goes by */

static int web_read(int fd, struct web **ret)
{
	struct buf packed = { 0 };
	off_t bytes = lseek(fd, 0, SEEK_END);
	int err = -EIO;

	/* the kernel is not asked for more about a file */
	if (bytes < 0)
		close(fd);
	else if (body_read(&packed, fd, (uint64_t)bytes))
		err = web_unpack(ret, packed.data, packed.len);
	if (packed.data)
		explicit_bzero(packed.data, packed.len);
	buf_release(&packed);
	return err;
}

/* Takes the file, -1: no configuration any more. */
static int web_set(struct front_process *f, int file)
{
	struct secure *secure = NULL;
	struct web *web = NULL;
	struct buf error = { 0 };
	int err = file < 0 ? 0 : web_read(file, &web);

	if (web && (err = secure_new(&secure, web, &error)))
		web_free(web);
	err = err ?: http_server_secure(f->server, secure);
	if (err)
		secure_free(secure);
	buf_release(&error);
	return err;
}

/* Takes the file. What cannot be put into effect must not be served without: the daemon starts another one. */
static void setup_take(struct front_process *f, int file)
{
	int err = 0;

	log_level = f->setup.log_level;
	log_change(f->setup.log_format);
	if (f->setup.web == WIRE_WEB_FILE && file < 0) /* the kernel had no room for it */
		err = -EBADF;
	else if (f->setup.web != WIRE_WEB_KEPT)
		err = web_set(f, f->setup.web == WIRE_WEB_FILE ? file : -1);
	if (err) {
		log_err(err, "the process that serves HTTP cannot take the web configuration");
		_exit(EXIT_FAILED);
	}
	log_debug("the process that serves HTTP has its settings");
}

static bool is_setup(const struct front_process *f, ssize_t len)
{
	return len == sizeof(f->setup) && !f->setup.number;
}

/* --- replies */

/* For as long as anybody may want it. There are few. */
static const char *type_keep(struct front_process *f, char *type)
{
	unsigned i = 0;

	type[WIRE_TYPE_MAX - 1] = '\0';
	while (i < TYPES_MAX && f->types[i] && strcmp(f->types[i], type) != 0)
		i++;
	if (i == TYPES_MAX)
		return HTTP_TEXT;
	f->types[i] = f->types[i] ?: strdup(type);
	return f->types[i] ?: HTTP_TEXT;
}

/*
 * A reply; with its file, -1: there is none. What the daemon says else is in effect before. False: there is no reply in time, or the
 * daemon has gone.
 */
static bool message_wait(struct front_process *f, int timeout_ms, size_t *len, int *file)
{
	struct pollfd p = { DAEMON_FD, POLLIN, 0 };
	unsigned cnt;
	ssize_t n;

	do {
		*file = -1;
		cnt = 1;
		if (poll(&p, 1, timeout_ms) <= 0)
			return false;
		n = message_receive(&f->reply, sizeof(f->reply), file, &cnt);
		if (is_setup(f, n))
			setup_take(f, *file);
	} while (is_setup(f, n));
	*len = n > 0 ? (size_t)n : 0;
	if (!n)
		loop_end(f->loop, 0);
	return n >= (ssize_t)WIRE_REPLY_MIN;
}

/* The daemon has not sent again what is there no more: it was, when the daemon was asked. */
static bool is_lost(const struct front_process *f)
{
	const struct wire_reply *head = &f->reply;

	return head->unchanged && head->slot && head->slot <= WIRE_SLOTS &&
	       http_shared_version(f->slots[head->slot - 1]) != head->version;
}

static void slot_share(struct front_process *f, unsigned slot, uint64_t version,
		       struct http_reply *reply)
{
	http_reply_share(reply, &f->slots[slot], version);
	timer_set(f->stale, clock_now_ns() + SLOT_NS);
}

/* What the message says. Takes the file. */
static void reply_read(struct front_process *f, size_t len, int file, struct http_reply *reply)
{
	const struct wire_reply *head = &f->reply;
	bool complete = true;

	reply->status = head->status;
	if (!head->status) /* it comes later */
		return;
	if (file >= 0)
		complete = body_read(&reply->body, file, head->body_bytes);
	else
		buf_add(&reply->body, head->body, len - WIRE_REPLY_MIN);
	reply->content_type = type_keep(f, f->reply.content_type);
	if (!complete || is_lost(f)) {
		f->reply.slot = 0; /* nobody else is to get it */
		http_reply_fail(reply, 503, "out of memory");
	} else if (head->slot && head->slot <= WIRE_SLOTS) {
		slot_share(f, head->slot - 1, head->version, reply);
	}
}

/* The reply to a former request. Takes the file. */
static void late_take(struct front_process *f, size_t len, int file)
{
	struct http_reply reply;
	struct pending *p = f->pending;

	while (p && p->number != f->reply.number)
		p = p->next;
	if (!p) { /* nobody has waited so long */
		if (file >= 0)
			close(file);
		return;
	}
	http_reply_init(&reply);
	reply_read(f, len, file, &reply);
	http_later_send(p->later, &reply);
	LL_DELETE(f->pending, p);
	free(p);
}

/* Until there is something about this request. */
static bool reply_receive(struct front_process *f, struct http_reply *reply)
{
	size_t len;
	int file;

	while (message_wait(f, ANSWER_MS, &len, &file)) {
		if (f->reply.number == f->request.number) {
			reply_read(f, len, file, reply);
			return true;
		}
		late_take(f, len, file);
	}
	return false;
}

static void param_add(void *ctx, const char *name, const char *value)
{
	struct front_process *f = ctx;
	size_t *len = &f->request_len;

	f->fits = f->fits && wire_request_add(&f->request, len, name) &&
		  wire_request_add(&f->request, len, value);
}

/* The message that asks for it. False: there is no room for that in one. */
static bool request_make(struct front_process *f, const struct http_route *route,
			 const struct http_request *request)
{
	f->request.number++;
	f->request.access = request->access;
	f->request.post = route->post;
	f->request_len = WIRE_REQUEST_MIN;
	f->fits = wire_request_add(&f->request, &f->request_len, route->path) &&
		  wire_request_add(&f->request, &f->request_len,
				   http_request_header(request, "Accept") ?: "");
	connection_queries(request, param_add, f);
	for (int i = 0; i < WIRE_SLOTS; i++)
		f->request.held[i] = http_shared_version(f->slots[i]);
	return f->fits;
}

static bool wait_begin(struct front_process *f, const struct http_request *request)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p || !(p->later = http_reply_later(request))) {
		free(p);
		return false;
	}
	p->number = f->request.number;
	LL_PREPEND(f->pending, p);
	return true;
}

static size_t text_len(const struct front_process *f)
{
	return f->request_len - WIRE_REQUEST_MIN;
}

static void known_add(struct front_process *f, const struct http_reply *reply)
{
	struct known *k = &f->known[f->known_next];

	if (!f->reply.slot || f->reply.slot > WIRE_SLOTS || text_len(f) > sizeof(k->text))
		return;
	*k = (struct known){
		.len = text_len(f),
		.until_ns = f->reply.same_until_ns,
		.slot = f->reply.slot - 1,
		.status = reply->status,
		.access = f->request.access,
		.type = reply->content_type,
	};
	memcpy(k->text, f->request.text, k->len);
	f->known_next = (f->known_next + 1) % KNOWN_MAX;
}

/* Many ask for the same at the same time: the daemon is asked once. */
static bool known_take(struct front_process *f, struct http_reply *reply)
{
	uint64_t now_ns = clock_now_ns();

	for (const struct known *k = f->known; k < f->known + KNOWN_MAX; k++) {
		uint64_t version = http_shared_version(f->slots[k->slot]);

		if (now_ns >= k->until_ns || !version || k->len != text_len(f) ||
		    k->access != f->request.access || memcmp(k->text, f->request.text, k->len))
			continue;
		reply->status = k->status;
		reply->content_type = k->type;
		slot_share(f, k->slot, version, reply);
		return true;
	}
	return false;
}

static void ask(void *ctx, const struct http_route *route, const struct http_request *request,
		struct http_reply *reply)
{
	struct front_process *f = ctx;

	if (!request_make(f, route, request))
		http_reply_fail(reply, 431, "too long");
	else if (known_take(f, reply))
		return;
	else if (send(DAEMON_FD, &f->request, f->request_len, MSG_NOSIGNAL) < 0 ||
		 !reply_receive(f, reply))
		http_reply_fail(reply, 503, "the daemon does not answer");
	else if (reply->status)
		known_add(f, reply);
	else if (!wait_begin(f, request))
		http_reply_fail(reply, 503, "out of memory");
}

static void slots_stale(void *ctx, uint64_t now_ns)
{
	struct front_process *f = ctx;

	(void)now_ns;
	for (int i = 0; i < WIRE_SLOTS; i++)
		http_shared_drop(&f->slots[i]);
}

/* What the daemon has said so far. */
static void daemon_hear(void *ctx)
{
	struct front_process *f = ctx;
	size_t len;
	int file;

	while (message_wait(f, 0, &len, &file))
		late_take(f, len, file);
}

static void daemon_ready(void *ctx, unsigned events)
{
	(void)events;
	daemon_hear(ctx);
}

static void signal_ignore(void *ctx, int signal)
{
	(void)ctx, (void)signal;
}

/*
 * Bodies of replies are the daemon's memory for as long as somebody has them. Whoever has taken over this process can keep few, and
 * when memory is short it is this process that the kernel ends. Where one of both cannot be had, the rest goes on.
 */
static void limits_set(unsigned descriptors)
{
	const struct rlimit limit = { descriptors, descriptors };
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1000", 4) != 4)
		log_debug("cannot be the first to go when memory is short: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_debug("cannot limit the number of open files: %s", strerror(errno));
}

/* Of those that there may be, as many as there are descriptors for, beside this many. */
static unsigned connections_plan(unsigned connections, unsigned others)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) ||
	    limit.rlim_cur >= connections * DESCRIPTORS_EACH + others)
		return connections;
	return (unsigned)(limit.rlim_cur - others) / DESCRIPTORS_EACH;
}

/* What opens, allocates or is to be watched, before the sandbox. Its web configuration is the last of the descriptors. */
static int process_open(struct front_process *f, const struct http_route *routes, int *web)
{
	int fds[FRONT_DESCRIPTORS_MAX], err = 0;
	unsigned cnt = FRONT_DESCRIPTORS_MAX, connections;

	f->loop = loop_new();
	/* from a terminal, and a service manager, the daemon gets them as well, and ends us */
	if (!f->loop || loop_signal(f->loop, SIGINT, signal_ignore, f) ||
	    loop_signal(f->loop, SIGTERM, signal_ignore, f) ||
	    loop_signal(f->loop, SIGHUP, signal_ignore, f))
		return -errno;
	if (!is_setup(f, message_receive(&f->setup, sizeof(f->setup), fds, &cnt)) ||
	    cnt < (f->setup.web == WIRE_WEB_FILE))
		return -EPROTO;
	if (f->setup.web == WIRE_WEB_FILE)
		*web = fds[--cnt];
	log_level = f->setup.log_level;
	log_begin(f->setup.log_format);
	connections = connections_plan(f->setup.connections, cnt + DESCRIPTORS_SPARE);
	limits_set(connections * DESCRIPTORS_EACH + cnt + DESCRIPTORS_SPARE);
	/* as many sockets as the daemon had, with that of its own */
	err = http_server_new(&f->server, f->loop, routes, f, connections, cnt + 1);
	for (unsigned i = 0; i < cnt && !err; i++)
		err = http_server_listen(f->server, fds[i], false);
	if (err)
		return err;
	http_server_forward(f->server, ask, daemon_hear);
	f->stale = loop_timer(f->loop, slots_stale, f);
	return f->stale && loop_watch(f->loop, DAEMON_FD, LOOP_READ, daemon_ready, f) ? 0 : -ENOMEM;
}

int front_main(const struct http_route *routes)
{
	static const struct landlock_left nothing;
	static struct front_process f;
	const char *what = "be started by hand; use `seismo run`";
	int err, web = -1;

	closefrom(STDERR_FILENO + 1); /* what the daemon was started with */
	prctl(PR_SET_NAME, "seismo-front");
	err = process_open(&f, routes, &web);
	log_drops = true;
	if (!err)
		err = sandbox_enter(&nothing, &what);
	if (!err) {
		/* keys are read, and threads started, in the sandbox */
		setup_take(&f, web);
		err = loop_run(f.loop);
	}
	if (err < 0)
		log_err(err, "the process that serves HTTP cannot %s", what);
	_exit(err ? EXIT_FAILED : 0);
}
