// SPDX-License-Identifier: BSD-3-Clause
#include "http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "expo/accept.h"
#include "http/client.h"
#include "http/connection.h"
#include "http/payload.h"
#include "lib/log.h"

#define CONNECTION_MEMORY    ((size_t)16 * 1024)
#define IDLE_TIMEOUT_SECONDS 10u
#define ACCEPT_RETRY_NS	     (100 * NS_PER_MS)
#define HEAVY_NS	     (15 * NS_PER_MS) /* for heavy replies in one turn of the loop, while others wait */
/*
 * What is handed to the kernel at a time, so that nobody's big reply keeps the others waiting; as much again
 * for its own bookkeeping.
 */
#define SEND_BUFFER_BYTES (64 * 1024)
/* How many big bodies there may be in memory, and for how long nobody else can take one's place. */
#define BIG_BODIES_MAX	 16u
#define BIG_BODY_SECONDS 10

struct listener {
	struct http_server *server;
	int fd;
	struct watch *watch;
	struct timer *retry;
	bool complained;
	struct client_list clients;
};

struct http_server {
	struct MHD_Daemon *daemon;
	struct watch *watch;
	struct timer *timeout;
	struct loop *loop;
	const struct http_route *routes;
	void *ctx;
	void (*forward)(void *ctx, const struct http_route *route,
			const struct http_request *request, struct http_reply *reply);
	unsigned connection_max, big_cnt;
	uint64_t heavy_ns;	    /* taken by heavy replies in this turn of the loop */
	struct listener *accepting; /* on which the connection came that is being added */
	unsigned listener_max, listener_cnt;
	struct listener listeners[];
};

/* Of a connection that is suspended until it is sent, and so cannot go before. It is the client's. */
struct connection_later {
	struct http_later later;
	struct http_server *server;
	struct MHD_Connection *connection;
	struct http_reply reply;
};

struct http_shared {
	uint64_t version;
	struct payload plain, gzip;
};

/* --- connections */

static struct client *client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
		->socket_context;
}

static void later_free(struct connection_later *l)
{
	buf_release(&l->reply.body);
	free(l);
}

static void client_gone(struct client *c)
{
	if (c->later)
		later_free(c->later);
	client_free(c);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http_server *s = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*socket_context =
			client_new(&s->accepting->clients,
				   MHD_get_connection_info(connection,
							   MHD_CONNECTION_INFO_CONNECTION_FD)
					   ->connect_fd);
	else if (*socket_context)
		client_gone(*socket_context);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **request_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct client *c = client_of(connection);

	(void)cls, (void)request_cls, (void)code;
	if (c && !c->evicted)
		client_set_body(c, NULL);
}

static void server_run(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	s->heavy_ns = 0;
	MHD_run(s->daemon);
	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
		timer_set(s->timeout, clock_now_ns() + ms * NS_PER_MS);
	else
		timer_stop(s->timeout);
}

static void daemon_ready(void *ctx, unsigned events)
{
	(void)events;
	server_run(ctx);
}

static void timeout_expired(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	server_run(ctx);
}

/* Nothing is taken from the queue for a moment: without descriptors it would be tried again and again. */
static void listener_pause(struct listener *l, int err)
{
	if (!l->complained)
		log_warn(
			"cannot accept connections for the moment: %s; if that comes again, raise the limit of open files (LimitNOFILE=)",
			strerror(err));
	l->complained = true;
	client_list_make_room(&l->clients);
	watch_set(l->watch, 0);
	timer_set(l->retry, clock_now_ns() + ACCEPT_RETRY_NS);
}

static void retry_expired(void *ctx, uint64_t now_ns)
{
	struct listener *l = ctx;

	(void)now_ns;
	watch_set(l->watch, LOOP_READ);
}

/* Takes one connection from the queue. False: there is none, or no way to take it. */
static bool listener_accept(struct listener *l)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);
	int fd = accept4(l->fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			listener_pause(l, errno);
		return errno == ECONNABORTED || errno == EINTR;
	}
	l->complained = false;
	client_list_make_room(&l->clients);
	l->server->accepting = l;
	MHD_add_connection(l->server->daemon, fd, (struct sockaddr *)&addr, len);
	return true;
}

/* Those that had to go are gone after the library's next round: not more at a time than there is room for. */
static void listener_ready(void *ctx, unsigned events)
{
	struct listener *l = ctx;

	(void)events;
	for (unsigned i = l->server->connection_max / 8 + 1; i && listener_accept(l); i--)
		;
	server_run(l->server);
}

/* --- replies */

void http_reply_fail(struct http_reply *r, unsigned status, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_release(&r->body);
	*r = (struct http_reply){ .status = status, .content_type = HTTP_TEXT };
	buf_str(&r->body, text);
	buf_char(&r->body, '\n');
}

bool http_reply_share(struct http_reply *r, struct http_shared **slot, uint64_t version)
{
	r->shared = slot;
	r->version = version;
	if (r->held)
		return r->held(r->held_ctx, slot, version);
	return *slot && (*slot)->plain.response && (*slot)->version == version;
}

void http_shared_drop(struct http_shared **slot)
{
	if (!*slot)
		return;
	payload_release(&(*slot)->plain);
	payload_release(&(*slot)->gzip);
	free(*slot);
	*slot = NULL;
}

/* Whether one more big body may be on its way; one that has had its time makes room. */
static bool big_body_admit(struct http_server *s)
{
	const struct body *slow = NULL;

	if (s->big_cnt < BIG_BODIES_MAX)
		return true;
	for (unsigned i = 0; i < s->listener_cnt && !slow; i++)
		slow = client_list_slow(&s->listeners[i].clients, BIG_BODY_SECONDS);
	for (unsigned i = 0; i < s->listener_cnt && slow; i++)
		client_list_evict(&s->listeners[i].clients, slow);
	return slow;
}

static struct payload_head reply_head(const struct http_reply *r)
{
	return (struct payload_head){ r->status, r->content_type, r->allow };
}

/* What to send, plain at least, in the reply's slot or else in `own`. NULL: no memory. */
static struct http_shared *reply_payloads(struct http_reply *r, struct http_shared *own)
{
	const struct payload_head head = reply_head(r);
	struct http_shared *to = own;

	if (r->shared) {
		if (http_reply_share(r, r->shared, r->version))
			return *r->shared;
		if (!*r->shared)
			*r->shared = calloc(1, sizeof(**r->shared));
		to = *r->shared ?: own;
	}
	payload_release(&to->plain);
	payload_release(&to->gzip);
	to->version = r->version;
	return payload_make(&to->plain, &r->body, &head, false) ? to : NULL;
}

static enum MHD_Result payload_send(const struct payload *p, unsigned status, struct client *c,
				    struct MHD_Connection *connection)
{
	client_set_body(c, p->body);
	return MHD_queue_response(connection, status, p->response);
}

static enum MHD_Result reply_send(struct http_server *s, struct http_reply *r, struct client *c,
				  struct MHD_Connection *connection, bool gzip)
{
	struct http_shared own = { 0 }, *from = reply_payloads(r, &own);
	const struct payload_head head = reply_head(r);
	enum MHD_Result result = MHD_NO;
	struct payload *p;

	if (!from)
		return MHD_NO;
	if (gzip && !from->gzip.response)
		payload_make_gzip(&from->gzip, &from->plain, &head);
	p = gzip && from->gzip.response ? &from->gzip : &from->plain;
	if (p->body->clients || !body_is_big(p->body) || big_body_admit(s)) {
		result = payload_send(p, r->status, c, connection);
	} else {
		payload_release(&own.plain);
		payload_release(&own.gzip);
		http_reply_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many replies under way");
		if (reply_payloads(r, &own))
			result = payload_send(&own.plain, r->status, c, connection);
	}
	payload_release(&own.plain);
	payload_release(&own.gzip);
	return result;
}

static void reply_not_found(struct http_reply *r, const struct http_route *route)
{
	struct buf paths = { 0 };

	for (; route->path; route++)
		buf_printf(&paths, "\n%s", route->path);
	http_reply_fail(r, MHD_HTTP_NOT_FOUND, "not found; these are:%s", buf_cstr(&paths));
	buf_release(&paths);
}

static bool method_fits(const struct http_route *route, const char *method)
{
	if (route->post)
		return !strcmp(method, "POST");
	return !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

/* NULL: nothing has this path, or what has it wants another method. */
static const struct http_route *route_find(const struct http_server *s, const char *path,
					   const char *method)
{
	const struct http_route *route = s->routes;

	while (route->path && (strcmp(route->path, path) != 0 || !method_fits(route, method)))
		route++;
	return route->path ? route : NULL;
}

/* No route has this path, after route_find() of it. What comes with other methods may have a body, and is refused. */
static bool is_unknown(const struct http_server *s, const char *path, const char *method)
{
	return (!strcmp(method, "GET") || !strcmp(method, "HEAD")) && !route_find(s, path, "POST");
}

static void reply_not_allowed(struct http_reply *r, const struct http_server *s, const char *path)
{
	const char *methods = !route_find(s, path, "POST") ? "GET, HEAD"
			      : route_find(s, path, "GET") ? "GET, HEAD, POST"
							   : "POST";

	http_reply_fail(r, MHD_HTTP_METHOD_NOT_ALLOWED, "only %s", methods);
	r->allow = methods;
}

void http_reply_init(struct http_reply *r)
{
	*r = (struct http_reply){ .status = MHD_HTTP_OK, .content_type = HTTP_TEXT };
}

struct http_later *http_reply_later(const struct http_request *request)
{
	return request->ops->later(request);
}

void http_later_send(struct http_later *l, const struct http_reply *reply)
{
	l->send(l, reply);
}

static void connection_resume(struct http_later *later, const struct http_reply *reply)
{
	struct connection_later *l = (struct connection_later *)later;

	l->reply = *reply;
	MHD_resume_connection(l->connection);
	timer_set(l->server->timeout, clock_now_ns());
}

static struct http_later *connection_suspend(const struct http_request *request)
{
	struct connection_later *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	*l = (struct connection_later){
		.later = { connection_resume },
		.server = request->owner,
		.connection = request->from,
	};
	client_of(l->connection)->later = l;
	MHD_suspend_connection(l->connection);
	return &l->later;
}

/* Takes what was sent. */
static void later_take(struct client *c, struct http_reply *r)
{
	*r = c->later->reply;
	free(c->later);
	c->later = NULL;
}

static enum http_access client_access(const struct client *c)
{
	return c->list->control ? HTTP_CONTROL : HTTP_OPEN;
}

static void reply_handle(struct http_reply *r, struct http_server *s,
			 const struct http_route *route, const struct http_request *request)
{
	uint64_t start_ns = route->heavy ? clock_now_ns() : 0;

	if (s->forward)
		s->forward(s->ctx, route, request, r);
	else
		route->handler(s->ctx, request, r);
	if (route->heavy)
		s->heavy_ns += clock_now_ns() - start_ns;
}

static void reply_make(struct http_reply *r, struct http_server *s, const struct client *c,
		       const struct http_route *route, const struct http_request *request)
{
	if (!route)
		reply_not_found(r, s->routes);
	else if (route->access > client_access(c))
		http_reply_fail(r, MHD_HTTP_FORBIDDEN,
				route->access == HTTP_CONTROL
					? "only on the control socket"
					: "only on the control socket, or with authentication");
	else if (route->heavy && s->heavy_ns > HEAVY_NS && !c->list->control)
		http_reply_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests at once");
	else
		reply_handle(r, s, route, request);
}

static const struct http_request_ops connection_request = {
	.header = connection_header,
	.query = connection_query,
	.later = connection_suspend,
};

/*
 * Called when a request's headers are there, for each piece of its body, and at its end. What has the
 * wrong method is answered at once, and the library closes the connection rather than read the body.
 */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **request_cls)
{
	struct client *c = client_of(connection);
	struct http_request request = {
		.ops = &connection_request,
		.owner = cls,
		.from = connection,
		.access = c ? client_access(c) : HTTP_OPEN,
	};
	struct http_reply reply;
	const struct http_route *route = route_find(cls, path, method);
	bool allowed = route || is_unknown(cls, path, method);

	(void)version, (void)upload;
	if (!c || c->evicted)
		return MHD_NO;
	if (allowed && (!*request_cls || *upload_size)) {
		*request_cls = c;
		*upload_size = 0;
		return MHD_YES;
	}
	client_touch(c);
	http_reply_init(&reply);
	if (c->later)
		later_take(c, &reply);
	else if (allowed)
		reply_make(&reply, cls, c, route, &request);
	else
		reply_not_allowed(&reply, cls, path);
	if (c->later) {
		buf_release(&reply.body);
		return MHD_YES;
	}
	if (reply.body.failed)
		http_reply_fail(&reply, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
	return reply_send(cls, &reply, c, connection,
			  accept_gzip(http_request_header(&request, "Accept-Encoding")));
}

/* --- the server */

static struct MHD_Daemon *daemon_start(struct http_server *s)
{
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_CONNECTION_LIMIT, s->connection_max, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_SECONDS, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME,
				0, NULL, NULL, on_request, s, MHD_OPTION_ARRAY, options,
				MHD_OPTION_END);
}

int http_server_new(struct http_server **ret, struct loop *loop, const struct http_route *routes,
		    void *ctx, unsigned connections, unsigned listeners)
{
	struct http_server *s = calloc(1, sizeof(*s) + listeners * sizeof(*s->listeners));
	int fd;

	if (!s)
		return -ENOMEM;
	*s = (struct http_server){
		.loop = loop,
		.routes = routes,
		.ctx = ctx,
		.connection_max = connections,
		.listener_max = listeners,
	};
	s->daemon = daemon_start(s);
	s->timeout = loop_timer(loop, timeout_expired, s);
	if (s->daemon) {
		fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
		s->watch = loop_watch(loop, fd, LOOP_READ, daemon_ready, s);
	}
	if (!s->watch || !s->timeout) {
		http_server_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void http_server_forward(struct http_server *s,
			 void (*make)(void *ctx, const struct http_route *route,
				      const struct http_request *request, struct http_reply *reply))
{
	s->forward = make;
}

/* Some connections are beyond what all listeners may have: those that had to go and are not gone yet. */
static unsigned listener_max(const struct http_server *s, bool control)
{
	unsigned eighth = s->connection_max / 8;

	unsigned others = s->listener_max > 1 ? s->listener_max - 1 : 1;

	return control ? eighth : (s->connection_max - 2 * eighth + others - 1) / others;
}

int http_server_listen(struct http_server *s, int fd, bool control)
{
	struct listener *l = &s->listeners[s->listener_cnt];

	if (s->listener_cnt == s->listener_max) {
		close(fd);
		return -ENOSPC;
	}
	*l = (struct listener){
		.server = s,
		.fd = fd,
		.watch = loop_watch(s->loop, fd, LOOP_READ, listener_ready, l),
		.retry = loop_timer(s->loop, retry_expired, l),
		.clients = { .max = listener_max(s, control),
			     .big_cnt = &s->big_cnt,
			     .control = control },
	};
	s->listener_cnt++;
	/* connections inherit it */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ SEND_BUFFER_BYTES }, sizeof(int));
	return l->watch && l->retry ? 0 : -ENOMEM;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	watch_remove(s->watch);
	timer_remove(s->timeout);
	for (struct listener *l = s->listeners; l < s->listeners + s->listener_cnt; l++) {
		watch_remove(l->watch);
		timer_remove(l->retry);
		close(l->fd);
	}
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	free(s);
}
