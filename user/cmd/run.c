// SPDX-License-Identifier: BSD-3-Clause
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/report.h"
#include "expo/accept.h"
#include "expo/services.h"
#include "http/listen.h"
#include "http/server.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/notify.h"

#define TICK_NS	  200000000ULL
#define LOCK_NAME "seismo" /* abstract socket: disappears with the process */

struct daemon {
	struct agent agent;
	struct http_server *http;
	struct loop *loop;
	struct watchdog watchdog;
	int lock;
	bool ready;
};

static void serve_metrics(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct expo_format *format = accept_format(http_request_header(request, "Accept"));
	struct daemon *d = ctx;

	agent_read(&d->agent);
	reply->content_type = format->content_type;
	expo_write(format, &d->agent.registry, &reply->body);
}

static void serve_services(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	struct daemon *d = ctx;

	(void)request;
	reply->content_type = "application/json";
	expo_services(d->agent.calls, clock_now_ns(), &reply->body);
}

static void serve_healthy(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	(void)request;
	buf_str(&reply->body, "Seismo is healthy.\n");
}

static void serve_ready(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct daemon *d = ctx;

	(void)request;
	reply->status = d->ready ? 200 : 503;
	buf_str(&reply->body, d->ready ? "Seismo is ready.\n" : "Seismo is starting its probes.\n");
}

static const struct http_route routes[] = {
	{ "/metrics", serve_metrics },
	{ "/api/v1/services", serve_services },
	{ "/-/healthy", serve_healthy },
	{ "/-/ready", serve_ready },
	{ NULL, NULL },
};

static void http_ready(void *ctx)
{
	http_server_run(((struct daemon *)ctx)->http);
}

static int http_timeout_ms(void *ctx)
{
	return http_server_timeout_ms(((struct daemon *)ctx)->http);
}

/* Pings the watchdog only if the loop runs and the BPF maps can be read. */
static void watchdog_tick(struct daemon *d, u64 now_ns)
{
	int err;

	if (!watchdog_due(&d->watchdog, now_ns))
		return;
	err = collector_read(d->agent.collector, now_ns);
	if (err)
		log_err(err,
			"cannot read the BPF maps; the watchdog of the service manager is not pinged");
	else
		watchdog_feed();
}

static void tick(void *ctx, u64 now_ns)
{
	struct daemon *d = ctx;

	for (struct probe_run *const *run = d->agent.probes.list; *run; run++)
		if ((*run)->state == PROBE_ON && (*run)->probe->tick)
			(*run)->probe->tick(*run, now_ns);
	collector_tick(d->agent.collector, now_ns);
	calls_tick(d->agent.calls, now_ns);
	self_tick(d->agent.self, now_ns);
	watchdog_tick(d, now_ns);
}

/* One daemon a machine: a second one would double the cost and measure nothing new. */
static int lock_take(struct daemon *d)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + sizeof(LOCK_NAME);
	struct ucred peer = { 0 };
	socklen_t peer_len = sizeof(peer);

	memcpy(addr.sun_path + 1, LOCK_NAME, sizeof(LOCK_NAME) - 1);
	d->lock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!bind(d->lock, (struct sockaddr *)&addr, len) && !listen(d->lock, 1))
		return EXIT_OK;
	if (errno == EADDRINUSE && !connect(d->lock, (struct sockaddr *)&addr, len) &&
	    !getsockopt(d->lock, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len))
		log_printf(SEISMO_LOG_ERR,
			   "another seismo runs on this machine already: process %d", peer.pid);
	else
		log_printf(SEISMO_LOG_ERR, "another seismo runs on this machine already");
	return EXIT_UNSUPPORTED;
}

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

static int http_open(struct daemon *d)
{
	const char *listen = d->agent.conf->listen;
	struct rlimit limit;
	int err;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	err = http_server_new(&d->http, listen, routes, d);
	if (!err) {
		if (!is_loopback(listen))
			log_warn(
				"%s can be reached from other hosts without encryption or authentication",
				listen);
		return EXIT_OK;
	}
	if (err == -EINVAL)
		log_printf(SEISMO_LOG_ERR,
			   "cannot listen on '%s': it must be ADDRESS:PORT, such as 127.0.0.1:9469",
			   listen);
	else
		log_err(err, "cannot listen on %s", listen);
	return err == -EINVAL ? EXIT_USAGE : EXIT_UNSUPPORTED;
}

static void url_write(const struct daemon *d, struct buf *url)
{
	const char *listen = d->agent.conf->listen;
	int host = (int)(strrchr(listen, ':') - listen);

	buf_printf(url, "http://%.*s:%u/metrics", host ? host : 9, host ? listen : "127.0.0.1",
		   http_server_port(d->http));
}

static void probes_write(const struct daemon *d, enum probe_state state, const char *what,
			 struct buf *text)
{
	const char *between = what;

	for (struct probe_run *const *run = d->agent.probes.list; *run; run++) {
		if ((*run)->state != state)
			continue;
		buf_printf(text, "%s %s", between, (*run)->probe->name);
		between = ",";
	}
}

/* One line for the service manager. */
static void status_write(const struct daemon *d, struct buf *status)
{
	probes_write(d, PROBE_ON, "watching", status);
	probes_write(d, PROBE_UNAVAILABLE, "; unavailable", status);
	buf_str(status, "; metrics at ");
	url_write(d, status);
}

static void announce(const struct daemon *d)
{
	const struct table_sizes *s = &d->agent.probes.tables.sizes;
	struct buf url = { 0 }, text = { 0 };
	json_t *report = report_json(&d->agent);

	url_write(d, &url);
	printf("seismo " VERSION " is running:\n");
	report_probes(stdout, report);
	json_decref(report);
	printf("  tables %.1f MiB of limits.memory %llu MiB: %u identities, %u counters, %u histograms on %u possible CPUs\n",
	       (double)s->bytes / (1 << 20),
	       (unsigned long long)d->agent.conf->limits.memory_bytes >> 20, s->identities,
	       s->counters, s->hists, s->cpus);
	report_tables(&text, &d->agent);
	if (text.len)
		log_warn("%s", buf_cstr(&text));
	buf_release(&text);
	printf("  metrics at %s; details: seismo check; stop with Ctrl-C\n", buf_cstr(&url));
	buf_release(&url);
}

/* All probes are attached and connections are accepted: tells the user and the service manager. */
static void ready(struct daemon *d)
{
	struct buf status = { 0 };

	d->ready = true;
	announce(d);
	status_write(d, &status);
	notify_ready(buf_cstr(&status));
	buf_release(&status);
}

static int daemon_run(struct daemon *d)
{
	int err;

	watchdog_init(&d->watchdog);
	loop_limit(d->loop, http_timeout_ms, http_ready, d);
	err = loop_watch(d->loop, http_server_fd(d->http), http_ready, d);
	err = err ?: loop_every(d->loop, TICK_NS, tick, d);
	if (!err) {
		ready(d);
		err = loop_run(d->loop);
	}
	notify_stopping();
	if (err < 0) {
		log_err(err, "the event loop failed");
		return EXIT_UNSUPPORTED;
	}
	return EXIT_OK;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct agent_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		return 0;
	case 'l':
		o->listen = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "listen", 'l', "ADDR:PORT", 0,
			  "address and port of the HTTP endpoint (default: 127.0.0.1:9469)", 0 },
			{ 0 },
		},
	.parser = parse,
	.children = (const struct argp_child[]){ { &agent_argp, 0, NULL, 0 }, { 0 } },
	.doc = "Collects and serves metrics of this machine until SIGINT or SIGTERM.\vModes of syscall: count (calls and errors), sampled (default; also durations, in a twentieth of the time), full (durations of every call).\n\n"
	       "Exit status: 0 ended by a signal, 2 bad options or configuration, 3 Seismo cannot run here.",
};

int cmd_run(int argc, char **argv)
{
	struct agent_options options = { 0 };
	struct daemon d = { .lock = -1 };
	int status;

	argp_err_exit_status = EXIT_USAGE;
	argv[0] = "seismo run";
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	status = agent_configure(&d.agent, &options);
	d.loop = loop_new();
	if (!status)
		status = lock_take(&d);
	if (!status)
		status = http_open(&d);
	if (!status)
		status = agent_start(&d.agent, &options);
	if (!status)
		status = daemon_run(&d);
	http_server_free(d.http);
	agent_stop(&d.agent);
	loop_free(d.loop);
	if (d.lock >= 0)
		close(d.lock);
	return status;
}
