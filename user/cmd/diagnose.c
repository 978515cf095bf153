// SPDX-License-Identifier: BSD-3-Clause
/* What is wrong: asked from the daemon, or from one of its own, which watches for a while first. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/agent.h"
#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "cmd/holder.h"
#include "cmd/own_daemon.h"
#include "diagnose/diagnosis.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/parse.h"

#define NS_PER_SEC   (1000 * NS_PER_MS)
#define SINCE_MAX_NS (24 * 3600 * NS_PER_SEC)
#define DURATION_MAX (3600 * NS_PER_SEC)

struct options {
	struct agent_options agent;
	const char *service;
	bool json;
	u64 since_ns, duration_ns;
};

static void duration_parse(const char *option, const char *text, u64 min_ns, u64 max_ns, u64 *ret,
			   struct argp_state *state)
{
	if (parse_duration(text, ret) || *ret < min_ns || *ret > max_ns)
		argp_error(state, "%s is '%s', must be a duration from %llus to %lluh, such as 15m",
			   option, text, (unsigned long long)(min_ns / NS_PER_SEC),
			   (unsigned long long)(max_ns / NS_PER_SEC / 3600));
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->agent;
		return 0;
	case 's':
		duration_parse("--since", arg, NS_PER_SEC, SINCE_MAX_NS, &o->since_ns, state);
		return 0;
	case 'd':
		duration_parse("--duration", arg, NS_PER_SEC, DURATION_MAX, &o->duration_ns, state);
		return 0;
	case 'S':
		o->service = arg;
		return 0;
	case 'f':
		o->json = usage_is_json(arg, state);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'; --service NAME asks about one service",
			   arg);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "since", 's', "DURATION", 0,
			  "what began, or was still wrong, in this time (default: 15m)", 0 },
			{ "duration", 'd', "DURATION", 0,
			  "where no daemon runs: watch for so long (default: 10s)", 0 },
			{ "service", 'S', "NAME", 0, "only what concerns this service", 0 },
			{ "format", 'f', "text|json", 0, "output format (default: text)", 0 },
			{ 0 },
		},
	.parser = parse,
	.children = (const struct argp_child[]){ { &agent_argp, 0, NULL, 0 }, { 0 } },
	.doc = "Says what is wrong, for whom and since when, follows it to its first cause, and what to do about that. A running daemon answers at once from what it remembers. Without one this command watches for a while and goes by absolute signs, since nothing tells what is usual.\v"
	       "CAUSE is where it begins, NOT what it is not, TIME where each second of the service goes (100 % in all), DO what to do. What is not known comes first. Ctrl-C while it watches: what was seen until then.",
};

const struct usage diagnose_usage = {
	.argp = &argp,
	.examples =
		(const struct usage_example[]){
			{ "diagnose", "what is wrong, or was in the last 15 minutes" },
			{ "diagnose --since 2h --service shop.service",
			  "what a service has suffered from" },
			{ "diagnose --format json | jq '.causes[0].subject'", "for scripts" },
			{ .command = NULL } },
	.status = { "nothing is wrong", "something is", "bad options or configuration",
		    "it cannot be told, or Seismo cannot run here" },
};

/* --- watching */

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void progress(u64 left_ns, bool terminal)
{
	if (terminal)
		fprintf(stderr, "\rwatching, %llu s left (Ctrl-C: now) ",
			(unsigned long long)((left_ns + NS_PER_SEC - 1) / NS_PER_SEC));
}

static void watch_for(u64 duration_ns)
{
	const struct timespec pause = { .tv_nsec = 200 * NS_PER_MS };
	u64 end_ns = clock_now_ns() + duration_ns, now_ns;
	bool terminal = isatty(STDERR_FILENO);

	while (!interrupted && (now_ns = clock_now_ns()) < end_ns) {
		progress(end_ns - now_ns, terminal);
		nanosleep(&pause, NULL);
	}
	if (terminal)
		fputs("\r\033[K", stderr);
}

/* --- asking */

static int ask(const char *socket, const struct options *o, u64 since_ns, json_t **answer)
{
	struct buf path = { 0 };
	int status;

	buf_printf(&path, "/api/v1/diagnosis?since=%llu",
		   (unsigned long long)(since_ns / NS_PER_SEC));
	if (o->service)
		query_add(&path, "service", o->service);
	status = ask_daemon(socket, buf_cstr(&path), answer);
	buf_release(&path);
	if (!status && *answer)
		holder_add(socket, *answer);
	return status;
}

static int watch_and_ask(const struct options *o, json_t **answer)
{
	const struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART };
	struct own_daemon daemon;
	int status;

	status = own_daemon_start(&daemon, &o->agent); /* until then a signal ends both */
	if (!status) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		watch_for(o->duration_ns);
		status = ask(daemon.socket, o, o->duration_ns + NS_PER_SEC, answer);
	}
	own_daemon_stop(&daemon);
	if (!status && !*answer) {
		log_printf(SEISMO_LOG_ERR,
			   "the part that collects has ended; --verbose shows what it was at");
		status = EXIT_UNSUPPORTED;
	}
	return status;
}

static int answer_print(const struct options *o, const json_t *doc)
{
	const char *verdict = json_string_value(json_object_get(doc, "verdict")) ?: "";
	struct buf text = { 0 };

	if (o->json) {
		json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
		putchar('\n');
	} else {
		diagnosis_write(&text, doc);
		fwrite(text.data ?: "", 1, text.len, stdout);
		buf_release(&text);
	}
	return !strcmp(verdict, "wrong")	   ? EXIT_PROBLEM
	       : !strcmp(verdict, "nothing wrong") ? EXIT_OK
						   : EXIT_UNSUPPORTED;
}

int cmd_diagnose(int argc, char **argv)
{
	struct options options = { .since_ns = 900 * NS_PER_SEC, .duration_ns = 10 * NS_PER_SEC };
	struct agent agent = { 0 };
	json_t *answer = NULL;
	int status;

	usage_parse(&diagnose_usage, "diagnose", argc, argv, &options);
	status = agent_configure(&agent, &options.agent);
	if (!status)
		status = ask(agent.socket, &options, options.since_ns, &answer);
	if (!status && !answer)
		status = watch_and_ask(&options, &answer);
	if (!status)
		status = answer_print(&options, answer);
	json_decref(answer);
	agent_stop(&agent);
	return status;
}
