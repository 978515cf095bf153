// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "lib/buf.h"
#include "lib/log.h"

/* Splits FAMILY=PROGRAM in place. */
static void hook_parse(struct agent_options *o, char *arg, struct argp_state *state)
{
	char *equals = strchr(arg, '=');

	if (!equals)
		argp_error(state, "--hook is FAMILY=NAME, not '%s'", arg);
	if (o->hook_cnt == FORCED_HOOKS)
		argp_error(state, "at most %d times --hook", FORCED_HOOKS);
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
	case 'k':
		hook_parse(o, arg, state);
		return 0;
	case 'v':
		log_level = SEISMO_LOG_DEBUG;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is one argument too many", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp agent_argp = {
	.options =
		(const struct argp_option[]){
			{ "config", 'c', "FILE", 0, "default " DEFAULT_CONFIG " if there", 0 },
			{ "probes", 'p', "LIST", 0,
			  "only these: all, none, or names with an optional mode, as in syscall=full,block,tcp",
			  0 },
			{ "btf", 'b', "FILE", 0, "the kernel's types, where it has none itself",
			  0 },
			{ "hook", 'k', "FAMILY=NAME", 0,
			  "observe by this hook and none of its alternatives, which `seismo check --format json` lists; may be repeated",
			  0 },
			{ "verbose", 'v', NULL, 0, "also what the kernel's verifier says", 0 },
			{ 0 },
		},
	.parser = parse,
};

/* The configuration knows the modes that there are, the probe those that it has. */
static int modes_check(const struct conf *conf, struct buf *error)
{
	for (const struct probe *const *p = probes; *p; p++) {
		enum probe_mode mode = conf_probe_mode(conf, (*p)->name, PROBE_MODE_ON);

		if ((*p)->mode != PROBE_MODE_ON || mode == PROBE_MODE_ON || mode == PROBE_MODE_OFF)
			continue;
		buf_reset(error);
		buf_printf(error, "probe '%s' has no modes: it is on or off", (*p)->name);
		return -EINVAL;
	}
	return 0;
}

int agent_configure(struct agent *a, const struct agent_options *options)
{
	const char *path = options->config;
	struct buf error = { 0 };
	int err = 0;

	if (!path && !access(DEFAULT_CONFIG, F_OK))
		path = DEFAULT_CONFIG;
	if (path)
		err = conf_load(&a->conf, path, probe_names(), &error);
	else
		a->conf = conf_default();
	if (!err && !a->conf)
		err = -ENOMEM;
	if (!err && options->listen) {
		free(a->conf->listen);
		a->conf->listen = strdup(options->listen);
		err = a->conf->listen ? 0 : -ENOMEM;
	}
	if (!err && options->probes) {
		buf_str(&error, "--probes: ");
		err = conf_probes_parse(a->conf, options->probes, probe_names(), &error);
	}
	err = err ?: modes_check(a->conf, &error);
	if (err)
		log_printf(SEISMO_LOG_ERR, "%s", error.len ? buf_cstr(&error) : strerror(-err));
	buf_release(&error);
	return err ? EXIT_USAGE : EXIT_OK;
}

static int start_failed(const struct probe_set *set, int err)
{
	if (err == -EPERM || err == -EACCES)
		log_printf(
			SEISMO_LOG_ERR,
			"the kernel does not let this user load BPF programs (%s): run it as root, or with the capabilities CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE and CAP_SYS_PTRACE",
			strerror(-err));
	else if (err == -ESRCH)
		log_printf(SEISMO_LOG_ERR, "%s", set->error);
	else
		log_printf(SEISMO_LOG_ERR, "cannot watch this machine: %s", set->error);
	return err == -ESRCH ? EXIT_USAGE : EXIT_UNSUPPORTED;
}

int agent_start(struct agent *a, const struct agent_options *options)
{
	struct probe_set *set = &a->probes;
	int err;

	set->conf = a->conf;
	set->btf_path = options->btf;
	set->forced = options->hooks;
	err = probe_set_open(set);
	err = err ?: 1;
	while (err > 0) {
		const struct probe_run *run = &set->runs[set->cnt];

		err = probe_set_start_next(set);
		if (err > 0 && run->state == PROBE_UNAVAILABLE)
			log_warn("probe '%s' is not possible here, going on without: %s",
				 run->probe->name, run->error);
	}
	if (err)
		return start_failed(set, err);
	a->collector = collector_new(&set->tables, a->conf, &a->registry, set->list);
	a->self = self_new(&a->registry, set->list);
	a->calls = calls_new(a->collector);
	if (!a->collector || !a->self || !a->calls) {
		log_printf(SEISMO_LOG_ERR, "out of memory");
		return EXIT_UNSUPPORTED;
	}
	return EXIT_OK;
}

void agent_stop(struct agent *a)
{
	self_free(a->self);
	calls_free(a->calls);
	collector_free(a->collector);
	registry_release(&a->registry);
	probe_set_close(&a->probes);
	conf_free(a->conf);
}

void agent_read(struct agent *a)
{
	collector_read(a->collector);
	self_read(a->self, a->collector, &a->probes.tables, a->conf);
}
