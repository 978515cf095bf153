// SPDX-License-Identifier: BSD-3-Clause
/* The life of the daemon: from the lock to the last probe, and the way back. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/daemon.h"
#include "cmd/endpoint.h"
#include "cmd/report.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/sandbox.h"
#include "lib/version.h"

#define TICK_NS	 (200 * NS_PER_MS)
#define JOBS_MAX 512 /* names of the containers of a large machine, at the start */
#define END_NS \
	(5000 * NS_PER_MS) /* for all parts that may hang: a busy disk takes seconds to sync */
#define END_LEAST_NS (1000 * NS_PER_MS) /* for each of them */
/* Between two families, for those who ask meanwhile. */
#define START_PAUSE_NS (2 * NS_PER_MS)

enum { KEY_WEB_CONFIG = 0x200 }; /* an option without a letter */

/* Pings the watchdog only if the loop runs and the BPF maps can be read. */
static void watchdog_tick(struct daemon *d, u64 now_ns)
{
	int err;

	if (!watchdog_due(&d->watchdog, now_ns))
		return;
	err = agent_read(&d->agent);
	if (err)
		log_err(err,
			"cannot read the BPF maps; the watchdog of the service manager is not pinged, so that it starts Seismo again");
	else
		watchdog_feed();
}

/* What was made of a read is of no use when the next one is due. */
static void expositions_drop(struct daemon *d)
{
	if (agent_is_fresh(&d->agent))
		return;
	for (struct exposition *e = d->expositions; e < d->expositions + EXPO_FORMATS; e++)
		http_shared_drop(&e->shared);
	http_shared_drop(&d->services);
}

static void tick(void *ctx, u64 now_ns)
{
	struct daemon *d = ctx;

	for (struct probe_run *const *run = d->agent.probes.list; *run; run++)
		if ((*run)->state == PROBE_ON && (*run)->probe->tick)
			(*run)->probe->tick(*run, now_ns);
	feed_tick(&d->feed, now_ns); /* as long as identities are known */
	collector_tick(d->agent.collector, now_ns);
	self_tick(d->agent.self, now_ns);
	history_tidy(d->agent.history);
	alarm_deliver(d->agent.alarm);
	attaching_tick(d->attaching, now_ns);
	expositions_drop(d);
	watchdog_tick(d, now_ns);
}

/* What happened is remembered from one to the next. */
static void clock_tick(void *ctx, u64 now_ns)
{
	struct daemon *d = ctx;
	int err = agent_tick(&d->agent);

	(void)now_ns;
	if (err && !d->unreadable)
		log_err(err,
			"cannot read the kernel's tables; trying again, and the history has a gap until then");
	else if (!err && d->unreadable)
		log_info("the kernel's tables can be read again");
	d->unreadable = err;
	log_settle();
}

/* One daemon to a state directory: two on a machine would each cost the same again. */
static int lock_open(struct daemon *d, const struct agent_options *o)
{
	const char *dir = o->state_dir ?: DEFAULT_STATE_DIR;
	pid_t holder;

	d->lock = lock_take(dir, &holder);
	if (d->lock >= 0)
		return EXIT_OK;
	if (d->lock == -EWOULDBLOCK)
		log_printf(
			SEISMO_LOG_ERR,
			"another seismo is running already: process %d holds the lock %s/lock; end it, or give another directory with --state-dir",
			holder, dir);
	else if (d->lock == -EPERM)
		log_printf(
			SEISMO_LOG_ERR,
			"%s is not safe for the lock: it has to belong to root, and nobody else may write to it",
			dir);
	else
		log_printf(
			SEISMO_LOG_ERR,
			"cannot take the lock %s/lock: %s; run as root, or give another directory with --state-dir",
			dir, strerror(-d->lock));
	return EXIT_UNSUPPORTED;
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
	endpoint_url_write(d, status);
}

static void announce(const struct daemon *d)
{
	const struct table_sizes *s = &d->agent.probes.tables.sizes;
	struct buf url = { 0 }, text = { 0 };
	json_t *report = report_json(&d->agent);

	endpoint_url_write(d, &url);
	printf("seismo %s is running:\n", version);
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
	feed_begin(&d->feed, d->loop);
	announce(d);
	status_write(d, &status);
	notify_ready(buf_cstr(&status));
	buf_release(&status);
}

static void start_next(void *ctx, u64 now_ns)
{
	struct daemon *d = ctx;
	bool more = false;

	(void)now_ns;
	d->status = agent_start_next(&d->agent, &more);
	if (d->status)
		loop_end(d->loop, 0);
	else if (more)
		timer_set(d->starter, clock_now_ns() + START_PAUSE_NS);
	else
		ready(d);
}

static void log_configure(const struct conf *c)
{
	log_level = c->log_level;
	log_begin(c->log_format);
}

bool daemon_reload(struct daemon *d)
{
	u64 interval_ns = d->agent.conf->interval_ns;
	bool successful;

	if (!d->ready) {
		log_warn(
			"reload: Seismo is still attaching its probes; try again when it is ready");
		return false;
	}
	successful = agent_reload(&d->agent);
	feed_reloaded(&d->feed, successful);
	if (!successful)
		return false;
	if (d->agent.conf->interval_ns != interval_ns)
		timer_set_every(d->clock, d->agent.conf->interval_ns);
	log_configure(d->agent.conf);
	if (d->front)
		front_log(d->front, d->agent.conf->log_format);
	log_info("reload: the configuration is in effect");
	return true;
}

static void reload_raised(void *ctx, int signal)
{
	(void)signal;
	daemon_reload(ctx);
}

static int loop_open(struct daemon *d)
{
	d->loop = loop_new();
	if (d->loop) {
		d->starter = loop_timer(d->loop, start_next, d);
		d->ticker = loop_timer(d->loop, tick, d);
		d->clock = loop_timer(d->loop, clock_tick, d);
		d->attaching = attaching_new(&d->agent, &d->feed, d->loop);
		d->diagnosing = diagnosing_new(&d->agent, d->loop);
	}
	if (d->attaching && d->diagnosing && d->ticker && d->starter && d->clock &&
	    !loop_signal(d->loop, SIGHUP, reload_raised, d))
		return EXIT_OK;
	log_err(-errno,
		"cannot start the event loop; raise the limits of open files and memory (LimitNOFILE=, MemoryMax=)");
	return EXIT_UNSUPPORTED;
}

/* Each thread has capabilities of its own: they are given up before there are any. */
static int privileges_drop(void)
{
	static const int kept[] = {
		CAP_BPF,     /* loads programs, reads their tables */
		CAP_PERFMON, /* attaches programs, also when somebody is attached to */
		CAP_SYS_PTRACE,
		CAP_DAC_READ_SEARCH, /* look into /proc and files of others: names, ports, memory, stacks */
		CAP_SYS_ADMIN,	  /* measures what the probes cost */
		CAP_SYS_RESOURCE, /* tables are locked memory before Linux 5.11 */
		CAP_SYSLOG,	  /* the kernel tells the addresses of its functions */
		CAP_SETUID,
		CAP_SETGID, /* the front and commands run as other users */
		CAP_KILL,   /* and are ended */
	};
	const char *what;
	int err = privileges_reduce(kept, sizeof(kept) / sizeof(*kept), &what);

	if (!err)
		return EXIT_OK;
	log_err(err, "cannot %s", what);
	return EXIT_UNSUPPORTED;
}

static int threads_start(struct daemon *d)
{
	d->agent.worker = worker_new(d->loop, JOBS_MAX);
	d->agent.slow_worker = d->agent.worker ? worker_new(d->loop, 1) : NULL;
	if (d->agent.slow_worker)
		return EXIT_OK;
	log_err(-errno, "cannot start a thread");
	return EXIT_UNSUPPORTED;
}

static void arrivals_ready(void *ctx, unsigned events)
{
	struct daemon *d = ctx;

	(void)events;
	collector_arrivals(d->agent.collector, clock_now_ns());
}

static int arrivals_open(struct daemon *d)
{
	int fd = collector_arrivals_fd(d->agent.collector);

	d->arrivals = fd < 0 ? NULL : loop_watch(d->loop, fd, LOOP_READ, arrivals_ready, d);
	if (fd < 0 || d->arrivals)
		return EXIT_OK;
	log_err(-errno,
		"cannot wait for new processes; raise the limits of open files and memory (LimitNOFILE=, MemoryMax=)");
	return EXIT_UNSUPPORTED;
}

static int daemon_run(struct daemon *d)
{
	int err;

	watchdog_init(&d->watchdog);
	timer_set(d->starter, clock_now_ns());
	timer_set_every(d->ticker, TICK_NS);
	timer_set_every(d->clock, d->agent.conf->interval_ns);
	log_drops = true;
	err = loop_run(d->loop);
	notify_stopping();
	if (err < 0) {
		log_err(err, "the event loop failed; start it again");
		return EXIT_UNSUPPORTED;
	}
	return d->status;
}

static u64 end_wait_ns(u64 until_ns)
{
	u64 now_ns = clock_now_ns();

	return until_ns > now_ns + END_LEAST_NS ? until_ns - now_ns : END_LEAST_NS;
}

/* One that hangs keeps no other from writing what it has left. False: there is one. */
static bool parts_end(struct daemon *d, int status)
{
	u64 until_ns = clock_now_ns() + END_NS;
	/* before the log ends: alerts may change until then */
	bool ended = alarm_end(d->agent.alarm, end_wait_ns(until_ns));

	ended &= worker_end(d->agent.worker, end_wait_ns(until_ns));
	ended &= worker_end(d->agent.slow_worker, end_wait_ns(until_ns));
	ended &= attaching_end(d->attaching, end_wait_ns(until_ns));
	ended &= feed_end(&d->feed, status, end_wait_ns(until_ns));
	return ended;
}

/* The kernel takes down everything else that this process has. */
static void end_at_once(const struct daemon *d, int status)
{
	log_warn(
		"a file (names of a container, the memory of a process, the data directory, the event log) cannot be read or written to its end; ending without it, see whether their disks answer");
	if (d->lock >= 0)
		close(d->lock);
	fflush(NULL);
	_exit(status);
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
	case KEY_WEB_CONFIG:
		o->web_config = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "listen", 'l', "ADDR:PORT,...", 0,
			  "addresses and ports of the HTTP endpoint (default: 127.0.0.1:9469); unix:PATH: a Unix socket; none: only the control socket",
			  0 },
			{ "web-config", KEY_WEB_CONFIG, "FILE", 0,
			  "TLS, users and headers of the endpoint, as in web.yml of Prometheus' exporters (default: none)",
			  0 },
			{ 0 },
		},
	.parser = parse,
	.children = (const struct argp_child[]){ { &agent_argp, 0, NULL, 0 }, { 0 } },
	.doc = "Collects and serves metrics of this machine until SIGINT or SIGTERM.\vModes of syscall: count (calls, errors, durations of slow calls), sampled (default; also a sample of the other durations, taken in a twentieth of the time), full (durations of every call).",
};

const struct usage run_usage = {
	.argp = &argp,
	.examples =
		(const struct usage_example[]){
			{ "run",
			  "with /etc/seismo/seismo.yaml, if it is there: http://127.0.0.1:9469/metrics" },
			{ "run --listen 127.0.0.1:9000 --probes syscall=full,block",
			  "two probes only, on another port" },
			{ "run --probes request=off", "all but the most expensive probe" },
			{ "run --config try.yaml --state-dir /run/try",
			  "a second daemon, to try something" },
			{ .command = NULL } },
	.status = { [EXIT_OK] = "ended by a signal",
		    [EXIT_USAGE] = "bad options or configuration",
		    [EXIT_UNSUPPORTED] = "Seismo cannot run here" },
};

int daemon_main(const struct agent_options *options)
{
	struct daemon d = { .lock = -1 };
	int status;

	/* before that, what is wrong is told as by every command, but that the journal wants priorities */
	if (!options->own && log_is_journal())
		log_begin(SEISMO_LOG_AUTO);
	status = agent_configure(&d.agent, options);
	if (!status && !options->own)
		log_configure(d.agent.conf);
	status = status ?: loop_open(&d);
	status = status ?: lock_open(&d, options);
	status = status ?: endpoint_open(&d);
	status = status ?: privileges_drop();
	status = status ?: threads_start(&d);
	status = status ?: endpoint_watch(&d);
	status = status ?: feed_open(&d.feed, &d.agent);
	status = status ?: agent_begin(&d.agent, options);
	status = status ?: agent_alarm(&d.agent, d.loop);
	status = status ?: arrivals_open(&d);
	status = status ?: daemon_run(&d);
	watch_remove(d.arrivals);
	diagnosing_free(d.diagnosing);
	attaching_abandon(d.attaching);
	endpoint_close(&d);
	if (!parts_end(&d, status))
		end_at_once(&d, status);
	backtest_end(&d.backtest);
	attaching_free(d.attaching);
	feed_free(&d.feed);
	agent_stop(&d.agent);
	loop_free(d.loop);
	if (d.lock >= 0)
		close(d.lock);
	log_settle();
	return status;
}

int cmd_run(int argc, char **argv)
{
	struct agent_options options = { .web = true };

	usage_parse(&run_usage, "run", argc, argv, &options);
	return daemon_main(&options);
}
