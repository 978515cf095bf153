// SPDX-License-Identifier: BSD-3-Clause
/* The daemon's side of it. */
#include "http/front.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conf/web_pack.h"
#include "http/wire.h"
#include "lib/log.h"
#include "lib/part.h"

#define LIVED_NS     (10 * 1000 * NS_PER_MS) /* who lived so long is started again at once */
#define PAUSE_MIN_NS (50 * NS_PER_MS)
#define PAUSE_MAX_NS (5 * 1000 * NS_PER_MS)
#define BUDGET_NS \
	(100 * NS_PER_MS) /* for answers in a row, so that nobody waits who asks now and then */
#define END_TRIES    200
#define END_PAUSE_NS (5 * NS_PER_MS)

struct front {
	struct loop *loop;
	const struct http_route *routes;
	void *ctx;
	unsigned connections;
	enum http_access access; /* the most that its clients may have */
	enum log_format log_format;
	int web;	     /* the web configuration as a file, -1: none */
	pid_t pid;	     /* 0: there is none */
	uint64_t generation; /* the how many-th it is */
	int fd;		     /* -1: none */
	struct watch *watch;
	struct timer *restart, *breather;
	int64_t budget_ns;  /* what may be spent on answers without a pause, */
	uint64_t budget_at; /* at that time */
	uint64_t started_ns, pause_ns;
	struct http_shared **slots[WIRE_SLOTS]; /* which one has which number */
	struct wire_request request;
	struct wire_reply reply;
	bool later;	 /* the reply to this request comes later */
	bool complained; /* that it cannot be started */
	unsigned listener_cnt;
	int listeners[];
};

/* --- its process */

/* Descriptors that go with a message. */
union descriptors {
	struct cmsghdr header;
	char space[CMSG_SPACE(FRONT_DESCRIPTORS_MAX * sizeof(int))];
};

static int message_send(int fd, const void *data, size_t len, const int *fds, unsigned cnt)
{
	struct iovec part = { (void *)data, len };
	union descriptors control = { .header = {
					      .cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS,
					      .cmsg_len = CMSG_LEN(cnt * sizeof(int)),
				      } };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (cnt) {
		memcpy(CMSG_DATA(&control.header), fds, cnt * sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(cnt * sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len ? 0 : -errno;
}

/* What has changed; at first everything. */
static int setup_send(struct front *f, unsigned listener_cnt, enum wire_web web)
{
	const struct wire_setup setup = {
		.connections = f->connections,
		.log_level = log_level,
		.log_format = f->log_format,
		.web = web,
	};
	int fds[FRONT_DESCRIPTORS_MAX];

	memcpy(fds, f->listeners, listener_cnt * sizeof(*fds));
	fds[listener_cnt] = f->web;
	return message_send(f->fd, &setup, sizeof(setup), fds,
			    listener_cnt + (web == WIRE_WEB_FILE));
}

static enum wire_web web_now(const struct front *f)
{
	return f->web < 0 ? WIRE_WEB_NONE : WIRE_WEB_FILE;
}

static void front_ready(void *ctx, unsigned events);

static int process_start(struct front *f)
{
	int ends[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	f->fd = ends[0];
	f->generation++;
	f->started_ns = clock_now_ns();
	err = part_start(&f->pid, FRONT_COMMAND, ends[1], STDERR_FILENO);
	close(ends[1]);
	if (err)
		f->pid = 0;
	err = err ?: setup_send(f, f->listener_cnt, web_now(f));
	if (!err && !(f->watch = loop_watch(f->loop, f->fd, LOOP_READ, front_ready, f)))
		err = -errno;
	return err;
}

static void socket_drop(struct front *f)
{
	watch_remove(f->watch);
	f->watch = NULL;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* It has ended, or has no use any more. */
static void process_drop(struct front *f)
{
	socket_drop(f);
	if (f->pid)
		kill(f->pid, SIGKILL);
	timer_stop(f->breather);
	f->pause_ns = clock_now_ns() - f->started_ns >= LIVED_NS ? 0 : 2 * f->pause_ns;
	if (f->pause_ns < PAUSE_MIN_NS)
		f->pause_ns = PAUSE_MIN_NS;
	if (f->pause_ns > PAUSE_MAX_NS)
		f->pause_ns = PAUSE_MAX_NS;
	timer_set(f->restart, clock_now_ns() + f->pause_ns);
}

static void restart_due(void *ctx, uint64_t now_ns)
{
	struct front *f = ctx;
	int status = 0, err;

	if (f->pid && !waitpid(f->pid, &status, WNOHANG)) {
		timer_set(f->restart, now_ns + PAUSE_MIN_NS);
		return;
	}
	if (f->pid)
		log_warn("the process that serves HTTP has ended (%s %d); it is started again",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	f->pid = 0;
	err = process_start(f);
	if (err && !f->complained)
		log_err(err, "cannot start the process that serves HTTP; trying again");
	f->complained = err;
	if (err)
		process_drop(f);
}

/* --- what it goes by */

/* Nobody changes it any more: who has taken over the process would change what the next one gets. */
static int file_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
		       ? -errno
		       : 0;
}

/* A file in memory: the socket never has to take it. Negative errno: there cannot be one. */
static int memory_file(const struct buf *data)
{
	int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && done < data->len) {
		n = write(fd, data->data + done, data->len - done);
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0 && (data->failed || done < data->len || file_seal(fd))) {
		close(fd);
		return -ENOMEM;
	}
	return fd >= 0 ? fd : -errno;
}

#define PACKED_BYTES (256 * 1024) /* more than most need */

static int web_file(const struct web *web)
{
	struct buf packed = { 0 };
	int fd;

	/* where it does not move, which would leave parts of the keys in blocks that are free */
	buf_reserve(&packed, PACKED_BYTES);
	web_pack(web, &packed);
	fd = memory_file(&packed);
	if (packed.data)
		explicit_bzero(packed.data, packed.len);
	buf_release(&packed);
	return fd;
}

int front_secure(struct front *f, const struct web *web)
{
	int file = web ? web_file(web) : -1;

	if (web && file < 0)
		return file;
	if (f->web >= 0)
		close(f->web);
	f->web = file;
	f->access = web && web_knows_clients(web) ? HTTP_TRUSTED : HTTP_OPEN;
	/* the next one gets it with everything else */
	if (f->fd >= 0 && setup_send(f, 0, web_now(f)))
		process_drop(f);
	return 0;
}

void front_log(struct front *f, enum log_format format)
{
	f->log_format = format;
	if (f->fd >= 0 && setup_send(f, 0, WIRE_WEB_KEPT))
		process_drop(f);
}

/* --- what it asks for */

static const char *wire_header(const struct http_request *request, const char *name)
{
	const struct wire_texts *texts = request->from;

	return !strcasecmp(name, "Accept") && *texts->accept ? texts->accept : NULL;
}

static const char *wire_param(const struct http_request *request, const char *name)
{
	return wire_query(request->from, name);
}

/* From 1 on; 0: there are too many. */
static uint32_t slot_number(struct front *f, struct http_shared **slot)
{
	uint32_t i = 0;

	while (i < WIRE_SLOTS && f->slots[i] && f->slots[i] != slot)
		i++;
	if (i == WIRE_SLOTS)
		return 0;
	f->slots[i] = slot;
	return i + 1;
}

static bool slot_held(void *ctx, struct http_shared **slot, uint64_t version)
{
	struct front *f = ctx;
	uint32_t number = slot_number(f, slot);

	return number && version && f->request.held[number - 1] == version;
}

/* What the front says of who asks is believed to this limit. */
static enum http_access request_access(const struct front *f)
{
	return f->request.access < f->access ? f->request.access : f->access;
}

static const struct http_route *route_find(const struct front *f, const char *path)
{
	const struct http_route *route = f->routes;

	while (route->path && (route->access > request_access(f) ||
			       route->post != !!f->request.post || strcmp(route->path, path) != 0))
		route++;
	return route->path ? route : NULL;
}

static int reply_send(struct front *f, struct http_reply *r, uint64_t number)
{
	struct wire_reply *head = &f->reply;
	int file = r->body.len > WIRE_BODY_MAX ? memory_file(&r->body) : -1, err;

	if (r->body.len > WIRE_BODY_MAX && file < 0)
		http_reply_fail(r, 503, "no room for the reply: %s", strerror(-file));
	*head = (struct wire_reply){
		.number = number,
		.version = r->version,
		.body_bytes = r->body.len,
		.same_until_ns = r->same_until_ns,
		.status = r->status,
		.slot = r->shared ? slot_number(f, r->shared) : 0,
		.unchanged = r->shared && slot_held(f, r->shared, r->version),
	};
	strncpy(head->content_type, r->content_type, sizeof(head->content_type) - 1);
	if (file < 0 && r->body.len)
		memcpy(head->body, r->body.data, r->body.len);
	err = message_send(f->fd, head, WIRE_REPLY_MIN + (file < 0 ? r->body.len : 0), &file,
			   file >= 0);
	if (file >= 0)
		close(file);
	return err;
}

struct front_later {
	struct http_later later;
	struct front *front;
	uint64_t number, generation; /* of the process that has asked */
};

static void later_send(struct http_later *later, const struct http_reply *reply)
{
	struct front_later *l = (struct front_later *)later;
	struct http_reply r = *reply;

	if (r.body.failed)
		http_reply_fail(&r, 503, "out of memory");
	if (l->front->fd >= 0 && l->generation == l->front->generation &&
	    reply_send(l->front, &r, l->number))
		process_drop(l->front);
	buf_release(&r.body);
	free(l);
}

static struct http_later *later_begin(const struct http_request *request)
{
	struct front_later *l = calloc(1, sizeof(*l));
	struct front *f = request->owner;
	const struct wire_reply head = { .number = f->request.number };

	/* at once: the reply may be there before the handler has returned */
	if (!l || message_send(f->fd, &head, WIRE_REPLY_MIN, NULL, 0)) {
		free(l);
		return NULL;
	}
	*l = (struct front_later){ { later_send }, f, f->request.number, f->generation };
	f->later = true;
	return &l->later;
}

static const struct http_request_ops wire_ops = { wire_header, wire_param, later_begin };

static void reply_make(struct front *f, const struct http_route *route,
		       const struct wire_texts *texts, struct http_reply *reply)
{
	const struct http_request request = { &wire_ops, f, (void *)texts, request_access(f) };

	http_reply_init(reply);
	reply->held = slot_held;
	reply->held_ctx = f;
	if (route)
		route->handler(f->ctx, &request, reply);
	else
		http_reply_fail(reply, 404, "not found");
	if (reply->body.failed)
		http_reply_fail(reply, 503, "out of memory");
}

/* Whatever it asks for, and how often: half of the time is left to everything else. */
static void time_spent(struct front *f, uint64_t start_ns)
{
	uint64_t now_ns = clock_now_ns();

	f->budget_ns += (int64_t)(now_ns - f->budget_at) / 2;
	if (f->budget_ns > (int64_t)BUDGET_NS)
		f->budget_ns = BUDGET_NS;
	f->budget_ns -= (int64_t)(now_ns - start_ns);
	f->budget_at = now_ns;
	/* a reply that was given later, but at once, may have ended it */
	if (f->budget_ns >= 0 || !f->watch)
		return;
	watch_set(f->watch, 0);
	timer_set(f->breather, now_ns + 2 * (uint64_t)-f->budget_ns);
}

static int request_answer(struct front *f, const struct wire_texts *texts)
{
	const struct http_route *route = route_find(f, texts->path);
	uint64_t start_ns = clock_now_ns();
	struct http_reply reply;
	int err;

	f->later = false;
	reply_make(f, route, texts, &reply);
	err = f->later ? 0 : reply_send(f, &reply, f->request.number);
	buf_release(&reply.body);
	time_spent(f, start_ns);
	return err;
}

static void breather_over(void *ctx, uint64_t now_ns)
{
	struct front *f = ctx;

	(void)now_ns;
	watch_set(f->watch, LOOP_READ);
}

/* One request in each turn of the loop. */
static void front_ready(void *ctx, unsigned events)
{
	struct front *f = ctx;
	struct wire_texts texts;
	ssize_t len = recv(f->fd, &f->request, sizeof(f->request), MSG_DONTWAIT);

	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len > 0 && wire_request_read(&f->request, (size_t)len, &texts) &&
	    !request_answer(f, &texts))
		return;
	process_drop(f);
}

/* --- from start to end */

int front_new(struct front **ret, const struct front_options *o)
{
	struct front *f = calloc(1, sizeof(*f) + o->listener_cnt * sizeof(*f->listeners));
	int err = o->listener_cnt > FRONT_LISTENERS_MAX ? -ENOSPC : 0;

	if (!f) {
		for (unsigned i = 0; i < o->listener_cnt; i++)
			close(o->listeners[i]);
		return -ENOMEM;
	}
	*f = (struct front){
		.loop = o->loop,
		.routes = o->routes,
		.ctx = o->ctx,
		.connections = o->connections,
		.log_format = o->log_format,
		.web = -1,
		.fd = -1,
		.restart = loop_timer(o->loop, restart_due, f),
		.breather = loop_timer(o->loop, breather_over, f),
		.listener_cnt = o->listener_cnt,
	};
	memcpy(f->listeners, o->listeners, o->listener_cnt * sizeof(*f->listeners));
	if (!f->restart || !f->breather)
		err = -ENOMEM;
	if (!err)
		*ret = f;
	else
		front_free(f);
	return err;
}

int front_start(struct front *f)
{
	return process_start(f);
}

void front_free(struct front *f)
{
	const struct timespec pause = { .tv_nsec = END_PAUSE_NS };

	if (!f)
		return;
	socket_drop(f);
	timer_remove(f->restart);
	timer_remove(f->breather);
	if (f->pid)
		kill(f->pid, SIGKILL);
	for (int i = 0; f->pid && i < END_TRIES && !waitpid(f->pid, NULL, WNOHANG); i++)
		nanosleep(&pause, NULL);
	for (unsigned i = 0; i < f->listener_cnt; i++)
		close(f->listeners[i]);
	if (f->web >= 0)
		close(f->web);
	free(f);
}
