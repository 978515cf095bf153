// SPDX-License-Identifier: BSD-3-Clause
#include "http/tunnel.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "http/turns.h"
#include "lib/worker.h"

#define HANDSHAKE_NS (10 * 1000 * NS_PER_MS)
#define LEAVE_NS     (10 * 1000 * NS_PER_MS)
#define LOOK_NS	     (1000 * NS_PER_MS) /* at who has had its time */
#define AT_WORK_MAX  2 /* the thread goes on at once, and all others still wait for their turn */
#define RECORD_BYTES 16384 /* the most that one has */
/* Between both ends: TLS has buffers of its own. */
#define PAIR_BUFFER_BYTES (64 * 1024)

struct tunnel {
	struct job job;	  /* the handshake goes on */
	struct turn turn; /* waits for that */
	struct tunnel *prev, *next;
	struct tunnels *all;
	void *owner; /* NULL: has left */
	gnutls_session_t session;
	struct secure *secure;
	int outer, inner; /* the client's socket, and our end of the pair; -1: none */
	struct watch *outer_watch, *inner_watch;
	uint64_t deadline_ns; /* 0: none */
	int shaken;	      /* what the handshake has come to */
	bool waiting;	      /* for its turn */
	bool busy;	      /* the thread has it */
	bool ending;	      /* when the thread is done */
	bool sending;	      /* a record that the client has not taken to its end */
	bool client_ended, plain_ended;
	bool closed; /* nothing more is sent, and what comes is dropped */
	char *rest;  /* what the plain connection has not taken yet; NULL: nothing */
	size_t rest_at, rest_len;
};

struct tunnels {
	struct tunnels_options o;
	struct worker *worker;
	struct timer *look;
	struct tunnel *first;
	unsigned cnt;
	struct turns turns;
	unsigned at_work; /* how many the thread has */
	char record[RECORD_BYTES];
};

/* --- its end */

static void tunnel_free(struct tunnel *t)
{
	void *owner = t->owner;
	struct tunnels *all = t->all;

	DL_DELETE(all->first, t);
	if (!--all->cnt)
		timer_stop(all->look);
	watch_remove(t->outer_watch);
	watch_remove(t->inner_watch);
	if (t->session)
		gnutls_deinit(t->session);
	t->secure->users--;
	close(t->outer);
	if (t->inner >= 0)
		close(t->inner);
	free(t->rest);
	free(t);
	if (owner)
		all->o.ended(owner);
}

void tunnel_end(struct tunnel *t)
{
	t->ending = true;
	if (t->waiting)
		turns_remove(&t->all->turns, &t->turn);
	t->waiting = false;
	if (t->busy)
		shutdown(t->outer, SHUT_RDWR);
	else
		tunnel_free(t);
}

void tunnel_leave(struct tunnel *t)
{
	t->owner = NULL;
	t->deadline_ns = clock_now_ns() + LEAVE_NS;
}

static void look_due(void *ctx, uint64_t now_ns)
{
	struct tunnels *all = ctx;
	struct tunnel *t, *next;

	DL_FOREACH_SAFE(all->first, t, next)
	if (t->deadline_ns && now_ns >= t->deadline_ns && !t->ending)
		tunnel_end(t);
}

/* --- bytes */

/* Waits for what it can go on with. */
static void watches_set(struct tunnel *t)
{
	unsigned outer = 0, inner = 0;

	if (t->closed || (!t->client_ended && !t->rest))
		outer |= LOOP_READ;
	if (t->sending)
		outer |= LOOP_WRITE;
	if (t->rest)
		inner |= LOOP_WRITE;
	if (!t->sending && !t->plain_ended)
		inner |= LOOP_READ;
	watch_set(t->outer_watch, outer);
	if (t->inner_watch)
		watch_set(t->inner_watch, inner);
}

static bool is_again(int n)
{
	return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
}

static void rest_drop(struct tunnel *t)
{
	free(t->rest);
	t->rest = NULL;
}

/* The plain connection is told when its client has said all. */
static void plain_end(struct tunnel *t)
{
	if (t->client_ended && !t->rest && t->inner >= 0)
		shutdown(t->inner, SHUT_WR);
}

/* False: there is no memory for what it does not take. */
static bool plain_send(struct tunnel *t, const char *data, size_t len)
{
	ssize_t n = send(t->inner, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	size_t done = n > 0 ? (size_t)n : 0;

	if (done == len || (n < 0 && errno != EAGAIN && errno != EINTR))
		return true; /* who has closed it wants no more */
	t->rest = malloc(len - done);
	if (!t->rest)
		return false;
	t->rest_at = 0;
	t->rest_len = len - done;
	memcpy(t->rest, data + done, t->rest_len);
	return true;
}

static void rest_send(struct tunnel *t)
{
	ssize_t n = send(t->inner, t->rest + t->rest_at, t->rest_len - t->rest_at,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	t->rest_at += n > 0 ? (size_t)n : 0;
	if (n < 0 || t->rest_at == t->rest_len)
		rest_drop(t);
	plain_end(t);
}

/*
 * What has come meanwhile is read before the socket is closed: the kernel would reset the connection, and the client might lose what it
 * was sent.
 */
static bool client_drain(struct tunnel *t)
{
	ssize_t n = recv(t->outer, t->all->record, RECORD_BYTES, MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* One record. False: it has ended. */
static bool client_receive(struct tunnel *t)
{
	ssize_t n;

	if (t->closed)
		return client_drain(t);
	n = gnutls_record_recv(t->session, t->all->record, RECORD_BYTES);
	if (n > 0)
		return plain_send(t, t->all->record, (size_t)n);
	if (n == 0 || n == GNUTLS_E_PREMATURE_TERMINATION) {
		t->client_ended = true;
		plain_end(t);
		return true;
	}
	/* it would have us negotiate again, as often as it likes */
	return n != GNUTLS_E_REHANDSHAKE && !gnutls_error_is_fatal((int)n);
}

/* Everything was sent. False: nothing more is to come. */
static bool client_close(struct tunnel *t)
{
	int err = gnutls_bye(t->session, GNUTLS_SHUT_WR);

	t->sending = is_again(err);
	if (t->sending)
		return true;
	t->closed = true;
	shutdown(t->outer, SHUT_WR);
	return !err && !t->client_ended;
}

static bool client_send(struct tunnel *t)
{
	size_t most = gnutls_record_get_max_size(t->session);
	ssize_t n = recv(t->inner, t->all->record, most < RECORD_BYTES ? most : RECORD_BYTES,
			 MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		t->plain_ended = true;
		return client_close(t);
	}
	n = gnutls_record_send(t->session, t->all->record, (size_t)n);
	t->sending = is_again((int)n);
	return n > 0 || t->sending;
}

/* The library has kept it. */
static bool client_send_on(struct tunnel *t)
{
	ssize_t n;

	if (t->plain_ended)
		return client_close(t);
	n = gnutls_record_send(t->session, NULL, 0);
	t->sending = is_again((int)n);
	return n >= 0 || t->sending;
}

static void inner_ready(void *ctx, unsigned events)
{
	struct tunnel *t = ctx;
	bool goes_on = true;

	if (events & LOOP_WRITE)
		rest_send(t);
	if ((events & LOOP_READ) && !t->sending && !t->plain_ended)
		goes_on = client_send(t);
	if (goes_on)
		watches_set(t);
	else
		tunnel_end(t);
}

/* --- the handshake */

static void handshake_wait(struct tunnel *t);

static void outer_ready(void *ctx, unsigned events)
{
	struct tunnel *t = ctx;
	bool goes_on = true;

	if (t->inner < 0 && !t->closed) {
		handshake_wait(t);
		return;
	}
	if ((events & LOOP_WRITE) && t->sending)
		goes_on = client_send_on(t);
	if (goes_on && (events & LOOP_READ) && !t->rest)
		goes_on = client_receive(t);
	if (goes_on)
		watches_set(t);
	else
		tunnel_end(t);
}

/* By the thread. */
static void handshake_work(struct job *job)
{
	struct tunnel *t = (struct tunnel *)job;

	t->shaken = gnutls_handshake(t->session);
	if (t->shaken < 0 && gnutls_error_is_fatal(t->shaken))
		gnutls_alert_send_appropriate(t->session, t->shaken);
}

/* False: there is no plain connection. */
static bool pair_open(struct tunnel *t)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		return false;
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &(int){ PAIR_BUFFER_BYTES }, sizeof(int));
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &(int){ PAIR_BUFFER_BYTES }, sizeof(int));
	/* nor the client with its request until we acknowledge the end of its handshake, to which there is no answer */
	setsockopt(t->outer, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
	t->inner = ends[0];
	t->deadline_ns = 0;
	t->inner_watch = loop_watch(t->all->o.loop, t->inner, LOOP_READ, inner_ready, t);
	if (t->inner_watch)
		return t->all->o.opened(t->owner, ends[1],
					secure_is_verified(t->secure, t->session));
	close(ends[1]);
	return false;
}

/* The client is told why, before the connection ends. */
static void handshake_failed(struct tunnel *t)
{
	t->closed = true;
	shutdown(t->outer, SHUT_WR);
	watch_set(t->outer_watch, LOOP_READ);
}

static void handshakes_begin(struct tunnels *all);

static void handshake_done(struct job *job)
{
	struct tunnel *t = (struct tunnel *)job;
	struct tunnels *all = t->all;

	all->at_work--;
	t->busy = false;
	if (job->dropped || t->ending || (!t->shaken && !pair_open(t)))
		tunnel_end(t);
	else if (!t->shaken)
		watches_set(t);
	else if (!gnutls_error_is_fatal(t->shaken))
		watch_set(t->outer_watch,
			  gnutls_record_get_direction(t->session) ? LOOP_WRITE : LOOP_READ);
	else
		handshake_failed(t);
	handshakes_begin(all);
}

static struct tunnel *tunnel_of(struct turn *turn)
{
	return (struct tunnel *)((char *)turn - offsetof(struct tunnel, turn));
}

static void handshakes_begin(struct tunnels *all)
{
	struct turn *turn;

	while (all->at_work < AT_WORK_MAX && (turn = turns_take(&all->turns))) {
		struct tunnel *t = tunnel_of(turn);

		t->waiting = false;
		t->busy = !worker_add(all->worker, &t->job);
		all->at_work += t->busy;
		if (!t->busy)
			tunnel_end(t);
	}
}

static void handshake_wait(struct tunnel *t)
{
	watch_set(t->outer_watch, 0);
	t->waiting = true;
	turns_add(&t->all->turns, &t->turn);
	handshakes_begin(t->all);
}

/* --- from start to end */

/* Who has left has had its time when somebody else needs its place. */
static bool place_make(struct tunnels *all)
{
	struct tunnel *t;

	if (all->cnt < all->o.max)
		return true;
	DL_FOREACH(all->first, t)
	{
		if (t->owner)
			continue;
		tunnel_end(t);
		return true;
	}
	return false;
}

static bool tunnel_begin(struct tunnel *t)
{
	if (gnutls_init(&t->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL))
		return false;
	gnutls_transport_set_int(t->session, t->outer);
	secure_begin(t->secure, t->session);
	/* a record does not wait until the one before is acknowledged, which takes 40 ms */
	setsockopt(t->outer, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	t->outer_watch = loop_watch(t->all->o.loop, t->outer, LOOP_READ, outer_ready, t);
	return t->outer_watch;
}

struct tunnel *tunnel_new(struct tunnels *all, int fd, const struct sockaddr *from,
			  struct secure *secure, void *owner)
{
	struct tunnel *t = place_make(all) ? calloc(1, sizeof(*t)) : NULL;

	if (!t) {
		close(fd);
		return NULL;
	}
	*t = (struct tunnel){ .job = { .work = handshake_work, .done = handshake_done },
			      .turn = { .address = address_of(from) },
			      .all = all,
			      .secure = secure,
			      .outer = fd,
			      .inner = -1,
			      .deadline_ns = clock_now_ns() + HANDSHAKE_NS };
	secure->users++;
	DL_APPEND(all->first, t);
	if (!all->cnt++)
		timer_set_every(all->look, LOOK_NS);
	if (!tunnel_begin(t)) {
		tunnel_free(t);
		return NULL;
	}
	t->owner = owner;
	return t;
}

struct tunnels *tunnels_new(const struct tunnels_options *o)
{
	struct tunnels *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->o = *o;
	all->look = loop_timer(o->loop, look_due, all);
	all->worker = all->look ? worker_new(o->loop, AT_WORK_MAX) : NULL;
	if (all->worker)
		return all;
	tunnels_free(all);
	errno = ENOMEM;
	return NULL;
}

void tunnels_free(struct tunnels *all)
{
	struct tunnel *t, *next;

	if (!all)
		return;
	DL_FOREACH_SAFE(all->first, t, next)
	tunnel_end(t);
	worker_free(all->worker);
	timer_remove(all->look);
	free(all);
}
