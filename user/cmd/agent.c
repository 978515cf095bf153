// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/configure.h"
#include "cmd/web.h"
#include "conf/describe.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "probe/tls_functions.h"

#define READ_AGE_MAX_NS (1000 * NS_PER_MS)
#define HISTORY_BYTES	((size_t)16 << 20)
#define PROBE_TABLES	32 /* of one object, at most */

/* Options without a letter. */
enum { KEY_STATE_DIR = 0x100, KEY_DATA_DIR, KEY_SOCKET };

/* Splits FAMILY=PROGRAM in place. */
static void hook_parse(struct agent_options *o, char *arg, struct argp_state *state)
{
	char *equals = strchr(arg, '=');

	if (!equals)
		argp_error(state, "--hook needs FAMILY=NAME, not '%s'", arg);
	if (o->hook_cnt == FORCED_HOOKS)
		argp_error(state, "--hook may be given at most %d times", FORCED_HOOKS);
	*equals = '\0';
	o->hooks[o->hook_cnt++] = (struct forced_hook){ arg, equals + 1 };
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct agent_options *o = state->input;

	switch (key) {
	case 'c':
		o->config = arg;
		return 0;
	case 'p':
		o->probes = arg;
		return 0;
	case 'b':
		o->btf = arg;
		return 0;
	case 'i':
		if (setting_parse(&conf_interval, arg, &o->interval_ns))
			argp_error(state, "--interval is '%s', must be a duration from 100ms to 1m",
				   arg);
		return 0;
	case 'k':
		hook_parse(o, arg, state);
		return 0;
	case KEY_STATE_DIR:
		o->state_dir = arg;
		return 0;
	case KEY_DATA_DIR:
		o->data_dir = arg;
		return 0;
	case KEY_SOCKET:
		o->socket = arg;
		return 0;
	case 'v':
		log_level = SEISMO_LOG_DEBUG;
		o->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp agent_argp = {
	.options =
		(const struct argp_option[]){
			{ "config", 'c', "FILE", 0,
			  "configuration file (default: " DEFAULT_CONFIG ", if it exists)", 0 },
			{ "probes", 'p', "LIST", 0,
			  "run only these probes: all, none, or names with an optional mode, such as syscall=full,block,tcp; request=off: all but this one",
			  0 },
			{ "interval", 'i', "DURATION", 0,
			  "read the kernel's tables this often (default: 5s); nobody gets values older than a second",
			  0 },
			{ "btf", 'b', "FILE", 0,
			  "BTF of the running kernel, for kernels without /sys/kernel/btf/vmlinux",
			  0 },
			{ "hook", 'k', "FAMILY=NAME", 0,
			  "use this hook instead of its alternatives (see `seismo check --format json`); may be repeated",
			  0 },
			{ "state-dir", KEY_STATE_DIR, "DIR", 0,
			  "directory of the lock and the control socket (default: " DEFAULT_STATE_DIR
			  ")",
			  0 },
			{ "data-dir", KEY_DATA_DIR, "DIR", 0,
			  "directory of what outlives the daemon: baselines, alerts, silences (default: the state directory if one is given, otherwise " CONF_DATA_DIR
			  ")",
			  0 },
			{ "socket", KEY_SOCKET, "PATH", 0,
			  "control socket (default: api.sock in the state directory)", 0 },
			{ "verbose", 'v', NULL, 0,
			  "more detail, and messages of the kernel's verifier", 0 },
			{ 0 },
		},
	.parser = parse,
};

int agent_configure(struct agent *a, const struct agent_options *options)
{
	struct buf error = { 0 };
	int err;

	a->options = options;
	err = configure(&a->conf, NULL, options, &error);
	if (!err) {
		a->socket = strdup(a->conf->socket);
		err = a->socket ? 0 : -ENOMEM;
	}
	if (err)
		log_printf(SEISMO_LOG_ERR, "%s", error.len ? buf_cstr(&error) : strerror(-err));
	buf_release(&error);
	return err ? EXIT_USAGE : EXIT_OK;
}

int agent_compare(const struct agent *a, const char *file,
		  void (*each)(void *ctx, const char *key, const char *from, const char *to,
			       bool live),
		  void *ctx, struct buf *error)
{
	struct conf *c = NULL;
	int err = configure_in_time(&c, file, a->options, error);

	if (err)
		return err;
	conf_compare(a->conf, c, each, ctx);
	conf_free(c);
	return 0;
}

/* A probe whose conditions were not asked for at the start does not see them. */
static void rules_warn(const struct agent *a, const struct conf *c)
{
	bool port = false, command = false;

	for (unsigned i = 0; i < c->service_cnt; i++) {
		port |= c->services[i].match.port && !a->probes.watches_ports;
		command |= c->services[i].match.command && !a->probes.watches_commands;
	}
	if (port)
		log_warn("services: no rule had a port at the start; rules by port take a restart");
	if (command)
		log_warn(
			"services: no rule had a command at the start; rules by command take a restart");
}

static void change_log(void *ctx, const char *key, const char *from, const char *to, bool live)
{
	(void)ctx;
	if (live)
		log_info("reload: %s: %s -> %s", key, from, to);
	else
		log_warn("reload: %s: %s -> %s takes a restart", key, from, to);
}

/* The configuration that is in effect afterwards, NULL: it stays the one of before, for the reason in `error`. */
static struct conf *conf_renew(struct agent *a, struct buf *error)
{
	struct conf *c = NULL;

	if (configure_in_time(&c, NULL, a->options, error))
		return NULL;
	if ((a->web && web_renew(a->web, c)) || (a->alarm && alarm_configure(a->alarm, c)))
		buf_str(error, "there is no memory");
	else
		return c;
	conf_free(c);
	return NULL;
}

bool agent_reload(struct agent *a)
{
	struct conf *before = a->conf, *c;
	struct buf error = { 0 };

	c = conf_renew(a, &error);
	if (!c) {
		log_printf(
			SEISMO_LOG_ERR,
			"reload: %s; the configuration stays as it was, mend the file and reload again",
			buf_cstr(&error));
		buf_release(&error);
		self_reloaded(a->self, false);
		return false;
	}
	buf_release(&error);
	conf_compare(before, c, change_log, NULL);
	rules_warn(a, c);
	conf_keep_fixed(c, before);
	a->conf = c;
	probe_set_reconfigure(&a->probes, c);
	collector_reconfigure(a->collector, c, clock_now_ns());
	conf_free(before);
	self_reloaded(a->self, true);
	return true;
}

static int start_failed(const struct probe_set *set, int err)
{
	const char *advice = kernel_advice(err);

	if (err == -ESRCH)
		log_printf(SEISMO_LOG_ERR, "%s", set->error);
	else
		log_printf(SEISMO_LOG_ERR, "cannot start: %s%s%s", set->error,
			   advice ? "; to do: " : "", advice ?: "");
	return err == -ESRCH ? EXIT_USAGE : EXIT_UNSUPPORTED;
}

static void unavailable_warn(const struct probe_run *run)
{
	const char *advice = kernel_advice(run->err);

	log_warn("probe '%s' is unavailable, continuing without it: %s%s%s", run->probe->name,
		 run->error, advice ? "; to do: " : "", advice ?: "");
}

static int memory_failed(void)
{
	log_printf(SEISMO_LOG_ERR,
		   "out of memory; raise MemoryMax= of the unit, or lower limits.memory");
	return EXIT_UNSUPPORTED;
}

/* This family was started, be it in vain. */
static int family_add(struct agent *a, const struct probe_run *run)
{
	if (run->state == PROBE_UNAVAILABLE)
		unavailable_warn(run);
	if (run->state != PROBE_ON)
		return EXIT_OK;
	self_family_add(a->self, run);
	return collector_family_add(a->collector, run) ? memory_failed() : EXIT_OK;
}

_Static_assert(CONF_BUCKETS <= BUCKETS_MAX, "room for the list");

static void buckets_set(struct registry *r, const struct conf *conf)
{
	for (int set = 0; set < BUCKET_SETS; set++)
		if (conf->buckets == BUCKETS_LIST)
			buckets_list(&r->buckets[set], conf->bucket_ns, conf->bucket_cnt);
		else if (conf->buckets == BUCKETS_FINE)
			buckets_fine(&r->buckets[set]);
}

int agent_begin(struct agent *a, const struct agent_options *options)
{
	struct probe_set *set = &a->probes;
	int err;

	set->conf = a->conf;
	set->btf_path = options->btf;
	set->forced = options->hooks;
	buckets_set(&a->registry, a->conf);
	err = probe_set_open(set);
	err = err ?: probe_set_start_next(set);
	if (err < 0)
		return start_failed(set, err);
	a->collector = collector_new(&set->tables, a->conf, &a->registry, set->list, a->worker,
				     a->slow_worker);
	a->self = self_new(&a->registry, set->list);
	a->history = history_new(&a->registry, clock_now_ns(), HISTORY_BYTES);
	if (!a->collector || !a->self || !a->history)
		return memory_failed();
	return family_add(a, set->list[0]);
}

int agent_alarm(struct agent *a, struct loop *l)
{
	a->alarm = alarm_new(l, &a->registry, a->history, a->conf, a->worker);
	return a->alarm ? EXIT_OK : memory_failed();
}

int agent_start_next(struct agent *a, bool *more)
{
	struct probe_set *set = &a->probes;
	const struct probe_run *run = &set->runs[set->cnt];
	int err = probe_set_start_next(set);

	*more = err > 0;
	if (err < 0)
		return start_failed(set, err);
	return err ? family_add(a, run) : EXIT_OK;
}

int agent_start(struct agent *a, const struct agent_options *options)
{
	int status = agent_begin(a, options);
	bool more = true;

	while (!status && more)
		status = agent_start_next(a, &more);
	return status;
}

int agent_look(struct agent *a)
{
	return probe_running(&a->probes, probe_tls.name)
		       ? collector_read(a->collector, clock_now_ns())
		       : 0;
}

void agent_stop(struct agent *a)
{
	worker_free(a->worker);
	worker_free(a->slow_worker);
	alarm_free(a->alarm);
	self_free(a->self);
	history_free(a->history);
	collector_free(a->collector);
	registry_release(&a->registry);
	probe_set_close(&a->probes);
	conf_free(a->conf);
	free(a->socket);
}

/* Each hook may be a program and its link; tables are shared, but each family has descriptors of its own. */
unsigned agent_descriptors(const struct agent *a)
{
	unsigned cnt = 0;

	for (const struct probe *const *p = probes; *p; p++) {
		if (conf_probe_mode(a->conf, (*p)->name) == PROBE_MODE_OFF)
			continue;
		cnt += PROBE_TABLES + 1; /* and its types */
		for (const struct hook *h = (*p)->hooks; h->alt[0]; h++)
			cnt += 2;
	}
	return cnt + (probe_wanted(a->conf, probe_tls.name) ? TLS_FILES * TLS_HOOKS * 2 : 0);
}

u64 agent_descriptors_raise(void)
{
	struct rlimit limit, raised;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	raised = (struct rlimit){ limit.rlim_max, limit.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &raised)) /* a filter of system calls may refuse it */
		return limit.rlim_cur;
	return raised.rlim_cur;
}

u64 agent_cpu_ns(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	return (u64)cpu.tv_sec * 1000 * NS_PER_MS + (u64)cpu.tv_nsec;
}

void agent_spend(struct agent *a, u64 since_cpu_ns)
{
	a->cost_ns += agent_cpu_ns() - since_cpu_ns;
	a->idle_ns = clock_now_ns();
}

u64 agent_read_ns(const struct agent *a)
{
	return collector_read_ns(a->collector);
}

/* Many who ask often leave as much time for others as their readings take. */
u64 agent_fresh_until(const struct agent *a)
{
	u64 read_ns = agent_read_ns(a), age_ns = a->conf->interval_ns / 5, until_ns;

	if (!read_ns)
		return 0;
	until_ns = read_ns + (age_ns > READ_AGE_MAX_NS ? READ_AGE_MAX_NS : age_ns) + 1;
	return until_ns > a->idle_ns + a->cost_ns ? until_ns : a->idle_ns + a->cost_ns;
}

bool agent_is_fresh(const struct agent *a)
{
	return clock_now_ns() < agent_fresh_until(a);
}

int agent_read(struct agent *a)
{
	u64 cpu_ns = agent_cpu_ns(), now_ns = clock_now_ns();
	int err = collector_read_older(a->collector, now_ns, agent_is_fresh(a) ? UINT64_MAX : 0);

	if (a->self_ns == agent_read_ns(a))
		return err;
	a->self_ns = agent_read_ns(a);
	self_read(a->self, a->collector, &a->probes.tables, a->conf);
	if (a->alarm)
		alarm_read(a->alarm);
	a->cost_ns = 0;
	agent_spend(a, cpu_ns);
	return err;
}

int agent_tick(struct agent *a)
{
	int err = agent_read(a);

	err = err ?: history_tick(a->history, self_lossy(a->self));
	if (a->alarm)
		alarm_tick(a->alarm);
	return err;
}
