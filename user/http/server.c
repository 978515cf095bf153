// SPDX-License-Identifier: BSD-3-Clause
#include "http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "expo/accept.h"
#include "http/client.h"
#include "http/connection.h"
#include "http/gate.h"
#include "http/listen.h"
#include "http/reply.h"
#include "http/tunnel.h"
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
	struct tunnels *tunnels; /* NULL: there was no TLS so far */
	struct gate gate;
	struct loop *loop;
	const struct http_route *routes;
	void *ctx;
	void (*forward)(void *ctx, const struct http_route *route,
			const struct http_request *request, struct http_reply *reply);
	unsigned connection_max, big_cnt;
	uint64_t heavy_ns; /* taken by heavy replies in this turn of the loop */
	void (*refresh)(void *ctx);
	struct client *accepting; /* whose connection is being added */
	unsigned listener_max, listener_cnt;
	struct listener listeners[];
};

/* --- connections */

static struct client *client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
		->socket_context;
}

static void login_done(struct login_wait *wait, bool right);

static struct client *connection_begin(struct http_server *s, struct MHD_Connection *connection)
{
	struct client *c = s->accepting;

	s->accepting = NULL;
	c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	c->connection = connection;
	c->wake = s->timeout;
	c->wait.done = login_done;
	return c;
}

static void connection_free(struct http_server *s, struct client *c)
{
	gate_end(&s->gate, c);
	later_free(c->later);
	client_free(c);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http_server *s = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*socket_context = connection_begin(s, connection);
	else if (*socket_context)
		connection_free(s, *socket_context);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **request_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct client *c = client_of(connection);

	(void)cls, (void)request_cls, (void)code;
	if (c && !c->evicted)
		client_set_body(c, NULL);
}

/* What is given a reply in its turn sets the timer as well. */
static void engine_run(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	s->heavy_ns = 0;
	timer_stop(s->timeout);
	MHD_run(s->daemon);
	gate_sweep(&s->gate);
	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
		timer_set_by(s->timeout, clock_now_ns() + ms * NS_PER_MS);
}

static void engine_ready(void *ctx, unsigned events)
{
	(void)events;
	engine_run(ctx);
}

static void timeout_expired(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	engine_run(ctx);
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

/* Takes the socket. False: it was closed, and the client is the caller's still. */
static bool connection_add(struct http_server *s, struct client *c, int fd,
			   const struct sockaddr *addr, socklen_t len)
{
	s->accepting = c;
	/* when the library has no room it does not say that there is a connection */
	return MHD_add_connection(s->daemon, fd, addr, len) == MHD_YES || !s->accepting;
}

static bool tunnel_opened(void *owner, int fd, bool verified)
{
	struct client *c = owner;

	c->verified = verified;
	return connection_add(c->list->server, c, fd, (struct sockaddr *)&c->address,
			      sizeof(c->address));
}

static void tunnel_ended(void *owner)
{
	struct client *c = owner;

	c->tunnel = NULL;
	if (!c->connection)
		connection_free(c->list->server, c);
}

static bool client_begin(struct http_server *s, struct client *c, int fd, socklen_t len)
{
	if (!c->list->tcp || !gate_has_tls(&s->gate))
		return connection_add(s, c, fd, (struct sockaddr *)&c->address, len);
	gate_begin(&s->gate, c);
	c->tunnel = tunnel_new(s->tunnels, fd, (struct sockaddr *)&c->address, c->secure, c);
	return c->tunnel;
}

/* Takes one connection from the queue. False: there is none, or no way to take it. */
static bool listener_accept(struct listener *l)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);
	int fd = accept4(l->fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct http_server *s = l->server;
	struct client *c;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			listener_pause(l, errno);
		return errno == ECONNABORTED || errno == EINTR;
	}
	l->complained = false;
	if (s->refresh)
		s->refresh(s->ctx);
	client_list_make_room(&l->clients);
	c = client_new(&l->clients, &addr);
	if (!c)
		close(fd);
	else if (!client_begin(s, c, fd, len))
		connection_free(s, c);
	return true;
}

/* Those that had to go are gone after the library's next round: not more at a time than there is room for. */
static void listener_ready(void *ctx, unsigned events)
{
	struct listener *l = ctx;

	(void)events;
	for (unsigned i = l->server->connection_max / 8 + 1; i && listener_accept(l); i--)
		;
	engine_run(l->server);
}

/* --- replies */

/* Whether one more big body may be on its way; one that has had its time makes room. */
static bool big_body_admit(void *ctx)
{
	struct http_server *s = ctx;
	const struct body *slow = NULL;

	if (s->big_cnt < BIG_BODIES_MAX)
		return true;
	for (unsigned i = 0; i < s->listener_cnt && !slow; i++)
		slow = client_list_slow(&s->listeners[i].clients, BIG_BODY_SECONDS);
	for (unsigned i = 0; i < s->listener_cnt && slow; i++)
		client_list_evict(&s->listeners[i].clients, slow);
	return slow;
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

static enum http_access client_access(const struct client *c)
{
	return c->list->control ? HTTP_CONTROL : c->trusted ? HTTP_TRUSTED : HTTP_OPEN;
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

static struct http_reply reply_begin(const struct http_server *s)
{
	struct http_reply reply;

	http_reply_init(&reply);
	reply.gate_version = s->gate.version;
	reply.web = s->gate.secure ? s->gate.secure->web : NULL;
	return reply;
}

static enum MHD_Result request_answer(struct http_server *s, struct http_reply *reply,
				      struct client *c)
{
	const char *accepted =
		MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Accept-Encoding");

	client_touch(c);
	/* the next request comes with the certificates of now */
	c->last = gate_is_stale(&s->gate, c);
	return reply_deliver(reply, c, accept_gzip(accepted), big_body_admit, s) ? MHD_YES : MHD_NO;
}

/* Nobody who has logged in to a page is made to change something by another one. */
static bool is_foreign(const struct client *c, const char *method)
{
	return !c->list->control && !strcmp(method, "POST") &&
	       MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Origin");
}

/*
 * The headers are there. What is refused, or has the wrong method, is answered at once, and the library closes the connection
 * rather than read the body.
 */
static enum MHD_Result request_begin(struct http_server *s, struct client *c, const char *path,
				     const char *method)
{
	struct http_reply reply = reply_begin(s);
	enum gate_answer answer = GATE_OPEN;

	c->refused = false;
	if (s->refresh)
		s->refresh(s->ctx);
	if (!c->list->control)
		answer = gate_enter(&s->gate, c, c->connection, path, &reply);
	if (answer == GATE_CLOSE)
		return MHD_NO;
	if (answer == GATE_WAIT) {
		c->version = s->gate.version;
		MHD_suspend_connection(c->connection);
		return MHD_YES;
	}
	if (answer == GATE_REFUSE)
		return request_answer(s, &reply, c);
	if (is_foreign(c, method)) {
		http_reply_fail(&reply, MHD_HTTP_FORBIDDEN, "not for pages of others");
		return request_answer(s, &reply, c);
	}
	if (route_find(s, path, method) || is_unknown(s, path, method))
		return MHD_YES;
	reply_not_allowed(&reply, s, path);
	return request_answer(s, &reply, c);
}

/* Whether somebody has logged in is known: who has as a user of a time before has not. */
static void login_done(struct login_wait *wait, bool right)
{
	struct client *c = (struct client *)((char *)wait - offsetof(struct client, wait));

	right = right && c->version == c->list->server->gate.version;
	c->trusted = right;
	c->refused = !right;
	MHD_resume_connection(c->connection);
	timer_set_by(c->wake, clock_now_ns());
}

static const struct http_request_ops connection_request = {
	.header = connection_header,
	.query = connection_query,
	.later = connection_suspend,
};

/* The body is dropped. */
static enum MHD_Result request_end(struct http_server *s, struct client *c, const char *path,
				   const char *method)
{
	struct http_request request = {
		.ops = &connection_request,
		.owner = c,
		.from = c->connection,
		.access = client_access(c),
	};
	struct http_reply reply = reply_begin(s);
	const struct http_route *route = route_find(s, path, method);

	if (c->later)
		later_take(c, &reply);
	else if (c->refused)
		gate_refuse(&reply);
	else if (is_foreign(c, method))
		http_reply_fail(&reply, MHD_HTTP_FORBIDDEN, "not for pages of others");
	else if (route || is_unknown(s, path, method))
		reply_make(&reply, s, c, route, &request);
	else
		reply_not_allowed(&reply, s, path);
	if (c->later) {
		buf_release(&reply.body);
		return MHD_YES;
	}
	if (reply.body.failed)
		http_reply_fail(&reply, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
	return request_answer(s, &reply, c);
}

/* Called when a request's headers are there, for each piece of its body, and at its end. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **request_cls)
{
	struct client *c = client_of(connection);

	(void)version, (void)upload;
	if (!c || c->evicted)
		return MHD_NO;
	if (!*request_cls) {
		*request_cls = c;
		return request_begin(cls, c, path, method);
	}
	if (!*upload_size)
		return request_end(cls, c, path, method);
	*upload_size = 0;
	return c->refused ? MHD_NO : MHD_YES;
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
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, s },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME,
				0, NULL, NULL, on_request, s, MHD_OPTION_ARRAY, options,
				MHD_OPTION_END);
}

static int engine_start(struct http_server *s)
{
	int fd;

	s->daemon = daemon_start(s);
	s->timeout = loop_timer(s->loop, timeout_expired, s);
	if (s->daemon) {
		fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
		s->watch = loop_watch(s->loop, fd, LOOP_READ, engine_ready, s);
	}
	return s->watch && s->timeout ? 0 : -ENOMEM;
}

static void engine_stop(struct http_server *s)
{
	watch_remove(s->watch);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	timer_remove(s->timeout);
}

int http_server_new(struct http_server **ret, struct loop *loop, const struct http_route *routes,
		    void *ctx, unsigned connections, unsigned listeners)
{
	struct http_server *s = calloc(1, sizeof(*s) + listeners * sizeof(*s->listeners));

	if (!s)
		return -ENOMEM;
	*s = (struct http_server){
		.loop = loop,
		.routes = routes,
		.ctx = ctx,
		.gate = { .loop = loop },
		.connection_max = connections,
		.listener_max = listeners,
	};
	if (engine_start(s)) {
		http_server_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void http_server_forward(struct http_server *s,
			 void (*make)(void *ctx, const struct http_route *route,
				      const struct http_request *request, struct http_reply *reply),
			 void (*refresh)(void *ctx))
{
	s->forward = make;
	s->refresh = refresh;
}

int http_server_secure(struct http_server *s, struct secure *secure)
{
	const struct tunnels_options tunnels = {
		.loop = s->loop,
		.max = s->connection_max,
		.opened = tunnel_opened,
		.ended = tunnel_ended,
	};

	if (secure && secure->credentials && !s->tunnels && !(s->tunnels = tunnels_new(&tunnels)))
		return -ENOMEM;
	return gate_set(&s->gate, secure) ? 0 : -ENOMEM;
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
			     .server = s,
			     .control = control,
			     .tcp = listen_is_tcp(fd) },
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
	for (struct listener *l = s->listeners; l < s->listeners + s->listener_cnt; l++) {
		watch_remove(l->watch);
		timer_remove(l->retry);
		close(l->fd);
	}
	gate_close(&s->gate);
	tunnels_free(s->tunnels);
	engine_stop(s);
	gate_release(&s->gate);
	free(s);
}
