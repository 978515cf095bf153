// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "http/listen.h"
#include "lib/log.h"

/* File descriptors: connections, and what is opened for a moment now and then. */
#define CONNECTIONS_MIN	  32
#define CONNECTIONS_MAX	  1024
#define DESCRIPTORS_SPARE 32

static bool is_loopback(const char *listen)
{
	struct sockaddr_storage addr;
	socklen_t len;

	if (listen_parse(listen, &addr, &len))
		return true;
	if (addr.ss_family == AF_INET)
		return ntohl(((struct sockaddr_in *)&addr)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&addr)->sin6_addr);
}

/* How many connections there is room for, beside all that the daemon itself has open. */
static int descriptors_plan(const struct daemon *d, unsigned *connections)
{
	u64 needed = agent_descriptors(&d->agent) + DESCRIPTORS_SPARE;
	u64 limit = agent_descriptors_raise();

	if (limit < needed + CONNECTIONS_MIN) {
		log_printf(
			SEISMO_LOG_ERR,
			"%llu open files are too few: these probes need %llu; raise the limit (ulimit -n, LimitNOFILE= of a unit), or choose fewer with --probes",
			(unsigned long long)limit, (unsigned long long)needed + CONNECTIONS_MIN);
		return EXIT_UNSUPPORTED;
	}
	*connections = CONNECTIONS_MAX;
	if (limit - needed < CONNECTIONS_MAX)
		*connections = (unsigned)(limit - needed);
	return EXIT_OK;
}

static bool is_unix(const char *listen)
{
	return !strncmp(listen, CONF_UNIX_LISTEN, strlen(CONF_UNIX_LISTEN));
}

static const char *unix_path(const char *listen)
{
	return listen + strlen(CONF_UNIX_LISTEN);
}

/* Like a port of the loopback address, it is for everybody on this machine who gets to its folder. */
static int unix_open(const char *listen)
{
	int fd = *unix_path(listen) == '/' ? listen_unix(unix_path(listen)) : -EINVAL;

	if (fd >= 0 && chmod(unix_path(listen), 0666)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static void exposure_warn(const struct daemon *d, const char *listen)
{
	const struct web *web = d->agent.conf->web;
	bool tls = web && web_has_tls(web), asking = web && web_is_asking(web);

	if (is_unix(listen) || is_loopback(listen) || (tls && asking))
		return;
	log_warn(
		"%s can be reached from other hosts without %s; use 127.0.0.1 unless the network is trusted, or a web configuration (web: in the configuration, --web-config)",
		listen,
		tls	 ? "authentication"
		: asking ? "encryption"
			 : "encryption or authentication");
}

/* Opens *ret. 0 is no port of one that has none. */
static int listener_open(struct daemon *d, const char *listen, int *ret)
{
	int fd = *ret = is_unix(listen) ? unix_open(listen) : listen_open(listen);

	if (fd == -EINVAL) {
		log_printf(
			SEISMO_LOG_ERR,
			"cannot listen on '%s': it must be ADDRESS:PORT, such as 127.0.0.1:9469, " CONF_UNIX_LISTEN
			"PATH, or " CONF_NO_LISTEN,
			listen);
		return EXIT_USAGE;
	}
	if (fd < 0) {
		log_err(fd,
			"cannot listen on %s; choose another address (listen, --listen), or end who has this one",
			listen);
		return EXIT_UNSUPPORTED;
	}
	if (!d->port && !is_unix(listen))
		d->port = listen_port(fd);
	exposure_warn(d, listen);
	return EXIT_OK;
}

/* They are served by a process of their own. */
static int listeners_serve(struct daemon *d, const int *fds, unsigned connections)
{
	const struct front_options options = {
		.loop = d->loop,
		.routes = daemon_routes,
		.ctx = d,
		.listeners = fds,
		.listener_cnt = d->listening,
		.connections = connections,
		.log_format = d->agent.conf->log_format,
	};
	int err = d->listening ? front_new(&d->front, &options) : 0;

	d->web.front = d->front;
	err = err ?: web_renew(&d->web, d->agent.conf);
	if (!err && d->front)
		err = front_start(d->front);
	if (err)
		log_err(err,
			"cannot start the process that serves HTTP; raise the limits of memory and tasks (MemoryMax=, TasksMax=)");
	return err ? EXIT_UNSUPPORTED : EXIT_OK;
}

/* All of them, or none. */
static int listeners_open(struct daemon *d, unsigned connections)
{
	char *const *listen = d->agent.conf->listen;
	int fds[FRONT_LISTENERS_MAX] = { 0 }, status = EXIT_OK;

	for (; *listen && !status; listen++) {
		if (!strcmp(*listen, CONF_NO_LISTEN))
			continue;
		if (d->listening == FRONT_LISTENERS_MAX) {
			log_printf(SEISMO_LOG_ERR, "listen has more than %d addresses",
				   FRONT_LISTENERS_MAX);
			status = EXIT_USAGE;
			break;
		}
		status = listener_open(d, *listen, &fds[d->listening]);
		d->listening += !status;
	}
	if (!status)
		return listeners_serve(d, fds, connections);
	for (unsigned i = 0; i < d->listening; i++)
		close(fds[i]);
	return status;
}

static int control_open(struct daemon *d)
{
	const char *path = d->agent.socket;
	int fd = listen_unix(path), err;

	if (fd == -EADDRINUSE)
		log_printf(
			SEISMO_LOG_ERR,
			"another program listens on the control socket %s; end it, or choose another path (--socket)",
			path);
	else if (fd < 0)
		log_err(fd,
			"cannot listen on the control socket %s; choose another path (--socket)",
			path);
	if (fd < 0)
		return EXIT_UNSUPPORTED;
	d->control = true;
	err = http_server_listen(d->http, fd, true);
	if (err)
		log_err(err, "cannot wait for connections");
	return err ? EXIT_UNSUPPORTED : EXIT_OK;
}

int endpoint_open(struct daemon *d)
{
	unsigned connections;
	int status = descriptors_plan(d, &connections), err;

	if (status)
		return status;
	err = http_server_new(&d->http, d->loop, daemon_routes, d, connections, 1);
	if (err) {
		log_err(err,
			"cannot start the endpoint; raise the limits of open files and memory (LimitNOFILE=, MemoryMax=)");
		return EXIT_UNSUPPORTED;
	}
	return listeners_open(d, connections) ?: control_open(d);
}

int endpoint_watch(struct daemon *d)
{
	int err;

	d->web.worker = d->agent.worker;
	d->web.loop = d->loop;
	d->agent.web = &d->web;
	err = web_begin(&d->web);
	if (err)
		log_err(err, "cannot watch the web configuration");
	return err ? EXIT_UNSUPPORTED : EXIT_OK;
}

void endpoint_close(struct daemon *d)
{
	char *const *listen = d->agent.conf ? d->agent.conf->listen : NULL;

	web_close(&d->web);
	front_free(d->front);
	http_server_free(d->http);
	for (struct exposition *e = d->expositions; e < d->expositions + EXPO_FORMATS; e++)
		http_shared_drop(&e->shared);
	http_shared_drop(&d->services);
	top_usual_release(&d->usual);
	if (d->control)
		unlink(d->agent.socket);
	for (unsigned i = 0; i < d->listening && listen[i]; i++)
		if (is_unix(listen[i]))
			unlink(unix_path(listen[i]));
}

void endpoint_url_write(const struct daemon *d, struct buf *url)
{
	const char *listen = d->agent.conf->listen[0];
	int host;

	if (!d->listening || is_unix(listen)) {
		buf_str(url, d->listening ? unix_path(listen) : d->agent.socket);
		return;
	}
	host = (int)(strrchr(listen, ':') - listen);
	buf_printf(url, "%s://%.*s:%u/metrics", d->agent.conf->web_tls ? "https" : "http",
		   host ? host : 9, host ? listen : "127.0.0.1", d->port);
}
