// SPDX-License-Identifier: BSD-3-Clause
/* `seismo attach`: asks the daemon, be it its own, to watch one process, and shows what it finds. */
#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/target.h"
#include "cmd/agent.h"
#include "cmd/ask.h"
#include "cmd/attach_command.h"
#include "cmd/attach_live.h"
#include "cmd/attach_text.h"
#include "cmd/cmd.h"
#include "cmd/own_daemon.h"
#include "lib/log.h"
#include "lib/parse.h"

#define ROUTE	      "/api/v1/attach"
#define START_MS      20
#define NAMES_WAIT_MS 3000
#define LOOK_MS	      200
#define LIVE_NS	      (1000 * NS_PER_MS)
#define LINE_NS	      (5000 * NS_PER_MS)

struct options {
	struct agent_options agent;
	u64 pid, duration_ns, slow_ns;
	bool json;
	const char *output; /* NULL: standard output */
	char **command;	    /* ends with NULL; NULL: there is none */
};

struct follow {
	const struct options *o;
	const char *socket;
	u64 id, after;
	struct attach_command command;
	bool tty; /* that is ours alone: with a live table */
	struct attach_live live;
	json_t *doc, *line; /* the last answer, and that of the last line */
	u64 next_ns;
};

/* --- signals */

static volatile sig_atomic_t interrupts;

static void interrupt_raised(int signal)
{
	(void)signal;
	interrupts++;
}

static void child_noticed(int signal)
{
	(void)signal;
}

/* The terminal has another size, or was the shell's for a while. */
static volatile sig_atomic_t resized, continued;

static void terminal_changed(int signal)
{
	resized = 1;
	continued |= signal == SIGCONT;
}

/* --- asking the daemon */

/* The status of an answer; a document that is not there: nobody has answered. */
static int answer_status(const struct follow *f, int status, const json_t *doc)
{
	if (status || doc)
		return status;
	log_printf(SEISMO_LOG_ERR,
		   "the daemon at %s has ended; its log says why (journalctl -u seismo)",
		   f->socket);
	return EXIT_UNSUPPORTED;
}

static int ask(struct follow *f, const char *end)
{
	char path[128];
	json_t *doc = NULL;
	int status;

	snprintf(path, sizeof(path), ROUTE "%s?id=%llu&after=%llu", end, (unsigned long long)f->id,
		 (unsigned long long)f->after);
	status = *end ? tell_daemon(f->socket, path, &doc) : ask_daemon(f->socket, path, &doc);
	status = answer_status(f, status, doc);
	if (status)
		return status;
	if (json_object_get(doc, "after"))
		f->after = (u64)json_integer_value(json_object_get(doc, "after"));
	json_decref(f->doc);
	f->doc = doc;
	return EXIT_OK;
}

static bool is_state(const struct follow *f, const char *state)
{
	const char *is = json_string_value(json_object_get(f->doc, "state"));

	return is && !strcmp(is, state);
}

/* Until a signal, a child's end, or for so long; nobody reads on: ends it. */
static void wait_ms(int ms)
{
	const struct timespec pause = { ms / 1000, (long)(ms % 1000) * (long)NS_PER_MS };
	struct pollfd out = { .fd = STDOUT_FILENO };

	if (ppoll(&out, 1, &pause, NULL) > 0 && out.revents & (POLLERR | POLLNVAL))
		interrupts = 100;
}

static void namesakes_tell(pid_t pid)
{
	struct buf text = { 0 };

	if (kill(pid, 0) && errno == ESRCH)
		target_namesakes(pid, &text);
	if (text.len)
		log_info("%s", buf_cstr(&text));
	buf_release(&text);
}

static int begin(struct follow *f)
{
	char path[160];
	json_t *answer = NULL;
	int len = snprintf(path, sizeof(path), ROUTE "?pid=%llu&client=%d&exec=%d",
			   (unsigned long long)(f->command.pid ? (u64)f->command.pid : f->o->pid),
			   getpid(), f->command.pid != 0);
	int status;

	if (f->o->slow_ns)
		snprintf(path + len, sizeof(path) - (size_t)len, "&slow=%lluus",
			 (unsigned long long)f->o->slow_ns / 1000);
	status = tell_daemon(f->socket, path, &answer);
	status = answer_status(f, status, answer);
	if (status == EXIT_USAGE && f->o->pid)
		namesakes_tell((pid_t)f->o->pid);
	f->id = (u64)json_integer_value(json_object_get(answer, "id"));
	json_decref(answer);
	while (!status && !(status = ask(f, "")) && is_state(f, "starting") && !interrupts)
		wait_ms(START_MS);
	if (!status && is_state(f, "starting")) {
		log_printf(SEISMO_LOG_ERR, "interrupted before it was attached; nothing is left");
		ask(f, "/end");
		return EXIT_UNSUPPORTED;
	}
	if (status || !is_state(f, "failed"))
		return status;
	log_printf(SEISMO_LOG_ERR, "cannot attach: %s",
		   json_string_value(json_object_get(f->doc, "error")) ?: "?");
	return EXIT_UNSUPPORTED;
}

/* --- showing */

static void line_show(struct follow *f)
{
	struct buf text = { 0 };

	attach_text_line(f->doc, f->line, &text);
	fwrite(text.data, 1, text.len, stdout);
	fflush(stdout);
	buf_release(&text);
	json_decref(f->line);
	f->line = json_incref(f->doc);
}

static void slow_show(const struct follow *f)
{
	const json_t *list = json_object_get(f->doc, "slow"),
		     *lost = json_object_get(f->doc, "slow_lost_total"), *e;
	struct buf text = { 0 };
	size_t i = 0;

	json_array_foreach((json_t *)list, i, e)
	{
		if (f->o->json) {
			json_dumpf(e, stdout, JSON_COMPACT);
			putchar('\n');
			continue;
		}
		buf_reset(&text);
		attach_text_slow(e, &text);
		fwrite(text.data, 1, text.len, stdout);
	}
	if (json_integer_value(lost))
		log_warn(
			"%lld slow calls, I/Os or requests came faster than they could be shown; --slow with a longer time shows fewer",
			(long long)json_integer_value(lost));
	buf_release(&text);
	fflush(stdout);
}

/* What the shell has written stands below the table by now. */
static void live_continue(struct follow *f)
{
	if (continued)
		attach_live_leave(&f->live);
	resized = continued = 0;
}

static void live_show(struct follow *f)
{
	live_continue(f);
	attach_live_show(&f->live, f->doc);
}

static void show(struct follow *f, u64 now_ns)
{
	if (f->o->slow_ns)
		slow_show(f);
	else if (f->o->json || (now_ns < f->next_ns && !(f->tty && resized)))
		return;
	else if (f->tty)
		live_show(f);
	else
		line_show(f);
	f->next_ns = now_ns + (f->tty ? LIVE_NS : LINE_NS);
}

static void summary_show(struct follow *f)
{
	struct attach_view view = { 0 };
	struct buf text = { 0 };

	live_continue(f);
	attach_live_clear(&f->live);
	if (f->o->slow_ns)
		slow_show(f);
	json_object_del(f->doc, "slow");
	json_object_del(f->doc, "slow_lost_total");
	json_object_del(f->doc, "after");
	json_object_del(f->doc, "id");
	if (f->o->json) {
		json_dumpf(f->doc, stdout, f->o->slow_ns ? JSON_COMPACT : JSON_INDENT(2));
		putchar('\n');
		return;
	}
	attach_text_summary(f->doc, &view, &text);
	fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
}

/* --- from the begin to the end */

/* The terminal's Ctrl-C is for the command, if there is one, which may end of it. */
static bool wants_end(const struct follow *f, u64 end_ns)
{
	return interrupts > (f->command.pid ? 1 : 0) || (end_ns && clock_now_ns() >= end_ns) ||
	       ferror(stdout);
}

/* Names of functions are being looked up. */
static bool names_pending(const struct follow *f)
{
	return json_integer_value(json_object_get(f->doc, "blocked_in_pending_total")) &&
	       interrupts < 2;
}

/* What is not there yet is what a script waits for, as well as a person. */
static void attached_tell(const struct follow *f)
{
	const json_t *process = json_object_get(f->doc, "process"),
		     *processes = json_object_get(f->doc, "processes");
	long long threads = json_integer_value(json_object_get(processes, "threads_running")),
		  running = json_integer_value(json_object_get(processes, "running"));

	if (!f->command.pid)
		log_info("attached to %s[%lld]: %lld thread%s of %lld process%s; Ctrl-C ends it",
			 json_string_value(json_object_get(process, "command")) ?: "?",
			 (long long)json_integer_value(json_object_get(process, "pid")), threads,
			 threads == 1 ? "" : "s", running, running == 1 ? "" : "es");
}

/* The daemon has ended, or another one knows nothing of this: what it told last is all that there is. */
static void rest_lost(struct follow *f)
{
	attach_live_leave(&f->live); /* why stands below it */
	log_warn("the daemon has given it up: this is what it had found after %.1f s",
		 json_number_value(json_object_get(f->doc, "elapsed_seconds")));
	json_object_del(f->doc, "slow"); /* has been shown */
	json_object_del(f->doc, "slow_lost_total");
}

static int follow(struct follow *f)
{
	u64 end_ns = f->o->duration_ns ? clock_now_ns() + f->o->duration_ns : 0, now_ns;
	int status = EXIT_OK;

	attached_tell(f);
	f->next_ns = clock_now_ns() + (f->tty ? 0 : LINE_NS);
	while (!status && is_state(f, "attached") && !wants_end(f, end_ns)) {
		u64 left_ms = end_ns ? (end_ns - clock_now_ns()) / NS_PER_MS + 1 : LOOK_MS;

		wait_ms(left_ms < LOOK_MS ? (int)left_ms : LOOK_MS);
		if (wants_end(f, end_ns))
			break;
		status = ask(f, "");
		now_ns = clock_now_ns();
		if (!status)
			show(f, now_ns);
	}
	for (int i = 0; !status && i < NAMES_WAIT_MS / LOOK_MS && names_pending(f); i++) {
		wait_ms(LOOK_MS);
		status = ask(f, "");
		if (!status && f->o->slow_ns)
			slow_show(f);
	}
	status = status ?: ask(f, "/end");
	if (status)
		rest_lost(f);
	summary_show(f);
	return status ? EXIT_UNSUPPORTED : EXIT_OK;
}

static void signals_catch(bool command)
{
	const struct sigaction interrupt = { .sa_handler = interrupt_raised },
			       child = { .sa_handler = child_noticed },
			       terminal = { .sa_handler = terminal_changed,
					    .sa_flags = SA_RESTART };

	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGTERM, &interrupt, NULL);
	if (command)
		sigaction(SIGCHLD, &child, NULL);
	sigaction(SIGWINCH, &terminal, NULL);
	sigaction(SIGCONT, &terminal, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* The command keeps the one that we have been given; a table would be written over what it writes. */
static int output_open(struct follow *f)
{
	if (f->o->output && !freopen(f->o->output, "we", stdout)) {
		log_err(-errno, "cannot write to '%s'", f->o->output);
		return EXIT_USAGE;
	}
	f->tty = isatty(STDOUT_FILENO) && !f->o->json && !f->o->command;
	return EXIT_OK;
}

static int attach(const struct options *o, const char *socket)
{
	struct follow f = { .o = o, .socket = socket, .command = { .go = -1, .failed = -1 } };
	int status = EXIT_OK;

	setlocale(LC_CTYPE, "C.UTF-8"); /* in which it writes, wherever it is */
	if (o->command)			/* with the signals as we have them from who started us */
		status = command_start(&f.command, o->command);
	signals_catch(o->command);
	status = status ?: output_open(&f);
	status = status ?: begin(&f);
	if (!status && o->command)
		status = command_go(&f.command, *o->command);
	if (!status)
		status = follow(&f);
	attach_live_release(&f.live);
	command_release(&f.command);
	if (f.command.pid)
		waitpid(f.command.pid, NULL, WNOHANG);
	json_decref(f.doc);
	json_decref(f.line);
	return status;
}

/* --- options */

enum { KEY_SLOW = 0x1000, KEY_DURATION, KEY_OUTPUT };

static void duration_parse(const char *name, const char *arg, u64 *ret, struct argp_state *state)
{
	if (parse_duration(arg, ret) || *ret < 1000)
		argp_error(state, "--%s is '%s', must be a duration such as 500us, 10ms, 30s", name,
			   arg);
}

static void pid_parse(struct options *o, const char *arg, struct argp_state *state)
{
	if (o->pid)
		argp_error(state, "one process at a time: %llu or '%s'", (unsigned long long)o->pid,
			   arg);
	if (parse_u64(arg, 1, INT32_MAX, &o->pid))
		argp_error(state, "'%s' is no process id; a command comes after --", arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->agent;
		return 0;
	case 'p':
		pid_parse(o, arg, state);
		return 0;
	case KEY_SLOW:
		duration_parse("slow", arg, &o->slow_ns, state);
		return 0;
	case KEY_DURATION:
		duration_parse("duration", arg, &o->duration_ns, state);
		return 0;
	case KEY_OUTPUT:
		o->output = arg;
		return 0;
	case 'o':
		o->json = usage_is_json(arg, state);
		return 0;
	case ARGP_KEY_ARG:
		if (state->quoted && state->next > state->quoted) {
			o->command = state->argv + state->next - 1;
			state->next = state->argc;
		} else {
			pid_parse(o, arg, state);
		}
		return 0;
	case ARGP_KEY_END:
		if (!o->pid == !o->command)
			argp_error(state,
				   o->pid ? "a process or a command, not both"
					  : "which process? Give its id, or a command after --");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "pid", 'p', "PID", 0, "the process", 0 },
			{ "slow", KEY_SLOW, "DURATION", 0,
			  "print each call, block I/O and request that takes so long as it happens; not calls that wait on purpose",
			  0 },
			{ "duration", KEY_DURATION, "DURATION", 0,
			  "end after this time (default: when the process ends)", 0 },
			{ "format", 'o', "text|json", 0,
			  "output format (default: text); with --slow one object of JSON a line",
			  0 },
			{ "output", KEY_OUTPUT, "FILE", 0,
			  "write to this file (default: standard output, which a command shares)",
			  0 },
			{ 0 },
		},
	.parser = parse,
	.args_doc = "PID\n-- COMMAND [ARGUMENT...]",
	.children = (const struct argp_child[]){ { &agent_argp, 0, "Daemon:", 1 }, { 0 } },
	.doc = "Follows one process with its threads and children until it ends, or Ctrl-C: every system call with errors and time, where its time goes, which files are slow.\v"
	       "A terminal shows a table that is refreshed, anything else, and a terminal that a command shares, a line every five seconds; at the end there is a summary. Others on the machine pay a test for each system call as long as it lasts. With a command the first Ctrl-C is the command's, the second ends this.",
};

const struct usage attach_usage = {
	.argp = &argp,
	.examples =
		(const struct usage_example[]){
			{ "attach 812", "what this process does, until Ctrl-C" },
			{ "attach 812 --slow 10ms", "each call that takes longer, as it happens" },
			{ "attach --duration 30s --format json 812", "for scripts" },
			{ "attach -- make -j2", "a command from its first call to its last" },
			{ .command = NULL } },
	.words = "pgrep .",
	.status = { "the process ended, or the time is up; how the process ended is in the summary",
		    NULL, "bad options, or no such process", "Seismo cannot run here" },
};

int cmd_attach(int argc, char **argv)
{
	struct options options = { 0 };
	struct own_daemon own = { 0 };
	struct agent agent = { 0 };
	struct buf ready = { 0 };
	bool answered = false;
	int status;

	usage_parse(&attach_usage, "attach", argc, argv, &options);
	status = agent_configure(&agent, &options.agent);
	status = status ?: ask_text(agent.socket, "/-/ready", &ready, &answered);
	if (!status && !answered)
		status = own_daemon_start(&own, &options.agent);
	if (!status)
		status = attach(&options, answered ? agent.socket : own.socket);
	own_daemon_stop(&own);
	buf_release(&ready);
	agent_stop(&agent);
	return status;
}
