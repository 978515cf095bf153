// SPDX-License-Identifier: BSD-3-Clause
#include "http/server.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "expo/accept.h"
#include "http/gzip.h"
#include "http/listen.h"

#define CONNECTIONS_MAX	     1024u
#define CONNECTION_MEMORY    ((size_t)16 * 1024)
#define IDLE_TIMEOUT_SECONDS 10u
/* Replies above this size may take long to send and much memory meanwhile: only so many at a time. */
#define BIG_REPLY_BYTES	  ((size_t)64 * 1024)
#define BIG_REPLIES_MAX	  16u
#define BIG_REPLY_SECONDS 10 /* for so long nobody else can take its place */

/* A connection. */
struct client {
	struct client *prev, *next;
	struct http_server *server;
	int fd;
	time_t last_request;
	bool big;     /* counted in the server's big_cnt */
	bool evicted; /* shut down and out of the list */
};

struct http_server {
	struct MHD_Daemon *daemon;
	const struct http_route *routes;
	void *ctx;
	struct client *clients; /* the one whose last request is longest ago comes first */
	unsigned client_cnt, client_max, big_cnt;
};

struct http_request {
	struct MHD_Connection *connection;
};

static time_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

static void client_enlist(struct client *c)
{
	DL_APPEND(c->server->clients, c);
	c->server->client_cnt++;
	c->last_request = now_seconds();
}

static void client_delist(struct client *c)
{
	DL_DELETE(c->server->clients, c);
	c->server->client_cnt--;
}

static void client_set_big(struct client *c, bool big)
{
	c->server->big_cnt += (unsigned)big - (unsigned)c->big;
	c->big = big;
}

/* The library sees the end of the connection and cleans up in its next round. */
static void client_evict(struct client *c)
{
	client_delist(c);
	client_set_big(c, false);
	c->evicted = true;
	shutdown(c->fd, SHUT_RDWR);
}

static struct client *client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
		->socket_context;
}

/*
 * Nobody can keep others out by holding connections, idle or trickling: before the library would stop
 * to accept, the one that has not made a request for the longest time has to go.
 */
static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http_server *s = cls;
	struct client *c = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		c = calloc(1, sizeof(*c));
		*socket_context = c;
		if (!c)
			return;
		c->server = s;
		c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				->connect_fd;
		if (s->client_cnt >= s->client_max)
			client_evict(s->clients);
		client_enlist(c);
	} else if (c) {
		if (!c->evicted)
			client_delist(c);
		free(c);
	}
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **request_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct client *c = client_of(connection);

	(void)cls, (void)request_cls, (void)code;
	if (c)
		client_set_big(c, false);
}

/* Whether one more big reply may start; one that has had its time makes room. */
static bool big_reply_admit(struct http_server *s)
{
	struct client *c;

	if (s->big_cnt < BIG_REPLIES_MAX)
		return true;
	DL_SEARCH_SCALAR(s->clients, c, big, true);
	if (!c || now_seconds() - c->last_request < BIG_REPLY_SECONDS)
		return false;
	client_evict(c);
	return true;
}

static void reply_refuse(struct http_reply *r, unsigned status, const char *message)
{
	buf_release(&r->body);
	*r = (struct http_reply){ .status = status, .content_type = "text/plain; charset=utf-8" };
	buf_str(&r->body, message);
}

static void reply_not_found(struct http_reply *r, const struct http_route *route)
{
	reply_refuse(r, MHD_HTTP_NOT_FOUND, "not found; these are:\n");
	for (; route->path; route++) {
		buf_str(&r->body, route->path);
		buf_char(&r->body, '\n');
	}
}

static void reply_make(struct http_reply *r, const struct http_server *s, const char *path,
		       const struct http_request *request)
{
	const struct http_route *route = s->routes;

	while (route->path && strcmp(route->path, path))
		route++;
	if (route->path)
		route->handler(s->ctx, request, r);
	else
		reply_not_found(r, s->routes);
	if (r->body.failed)
		reply_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
}

/* Headers that belong to a status, whoever set it. */
static const struct {
	unsigned status;
	const char *name, *value;
} status_header[] = {
	{ MHD_HTTP_METHOD_NOT_ALLOWED, "Allow", "GET, HEAD" },
	{ MHD_HTTP_SERVICE_UNAVAILABLE, "Retry-After", "1" },
};

static void headers_add(struct MHD_Response *response, const struct http_reply *r, bool gzip)
{
	MHD_add_response_header(response, "Content-Type", r->content_type);
	MHD_add_response_header(response, "Vary", "Accept, Accept-Encoding");
	if (gzip)
		MHD_add_response_header(response, "Content-Encoding", "gzip");
	for (size_t i = 0; i < sizeof(status_header) / sizeof(*status_header); i++)
		if (status_header[i].status == r->status)
			MHD_add_response_header(response, status_header[i].name,
						status_header[i].value);
}

/* Takes the body. */
static enum MHD_Result reply_queue(struct http_reply *r, struct MHD_Connection *connection,
				   bool gzip)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(r->body.len, r->body.data, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		buf_release(&r->body);
		return MHD_NO;
	}
	headers_add(response, r, gzip);
	result = MHD_queue_response(connection, r->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_send(struct http_reply *r, struct client *c,
				  const struct http_request *request)
{
	bool gzip = accept_gzip(http_request_header(request, "Accept-Encoding")) &&
		    gzip_compress(&r->body);

	if (r->body.len > BIG_REPLY_BYTES) {
		if (big_reply_admit(c->server)) {
			client_set_big(c, true);
		} else {
			gzip = false;
			reply_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE,
				     "too many replies under way\n");
		}
	}
	return reply_queue(r, request->connection, gzip);
}

/*
 * Called when a request's headers are there, for each piece of its body, and at its end. What has the
 * wrong method is answered at once, and the library closes the connection rather than read the body.
 */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **request_cls)
{
	struct http_request request = { .connection = connection };
	struct http_reply reply = { .status = MHD_HTTP_OK,
				    .content_type = "text/plain; charset=utf-8" };
	bool allowed = !strcmp(method, "GET") || !strcmp(method, "HEAD");
	struct client *c = client_of(connection);

	(void)version, (void)upload;
	if (!c || c->evicted)
		return MHD_NO;
	if (allowed && (!*request_cls || *upload_size)) {
		*request_cls = c;
		*upload_size = 0;
		return MHD_YES;
	}
	client_delist(c);
	client_enlist(c);
	if (allowed)
		reply_make(&reply, cls, path, &request);
	else
		reply_refuse(&reply, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	return reply_send(&reply, c, &request);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* Half of the descriptors are for the rest of the process. */
static unsigned connection_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur / 2 > CONNECTIONS_MAX)
		return CONNECTIONS_MAX;
	return (unsigned)files.rlim_cur / 2;
}

static struct MHD_Daemon *daemon_start(struct http_server *s, int fd, unsigned limit)
{
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_LISTEN_SOCKET, fd, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, limit, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_SECONDS, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_ARRAY,
				options, MHD_OPTION_END);
}

int http_server_new(struct http_server **ret, const char *listen, const struct http_route *routes,
		    void *ctx)
{
	unsigned limit = connection_limit();
	int fd = listen_open(listen);
	struct http_server *s;

	if (fd < 0)
		return fd;
	s = calloc(1, sizeof(*s));
	if (s) {
		s->routes = routes;
		s->ctx = ctx;
		s->client_max = limit - limit / 4;
		s->daemon = daemon_start(s, fd, limit);
	}
	if (!s || !s->daemon) {
		free(s);
		close(fd);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	MHD_stop_daemon(s->daemon);
	free(s);
}

int http_server_fd(const struct http_server *s)
{
	return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int http_server_timeout_ms(const struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
		return -1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

void http_server_run(struct http_server *s)
{
	MHD_run(s->daemon);
}

unsigned http_server_port(const struct http_server *s)
{
	return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}
