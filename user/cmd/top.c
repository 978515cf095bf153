// SPDX-License-Identifier: BSD-3-Clause
/* The live table of services: asks a daemon for it every interval, in a thread, so that keys never wait. */
#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/agent.h"
#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "cmd/own_daemon.h"
#include "cmd/top_ask.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/parse.h"
#include "lib/worker.h"
#include "top/screen.h"

#define INTERVAL_NS (2 * 1000 * NS_PER_MS)
#define WINDOW_NS   (10 * 1000 * NS_PER_MS)
#define END_WAIT_NS (100 * NS_PER_MS)
#define LATE_NS	    (3 * 1000 * NS_PER_MS) /* after which it is said that there is no answer */
#define DAY_NS	    (24 * 3600 * 1000 * NS_PER_MS)
#define EMPTY_READS 16 /* of keys, one after the other: nobody is there any more */
#define BATCH_MAX   1000000

struct options {
	struct agent_options agent;
	struct top_view view;
	u64 window_ns, replay_ns;
	u64 tables; /* of --batch; 0: not given */
};

struct top {
	struct top_state state;
	const struct options *options;
	char *socket;
	struct loop *loop;
	struct worker *worker;
	struct timer *timer;
	struct watch *keys;
	struct top_ask ask;
	bool ended;	    /* the terminal is not ours any more */
	bool asking, again; /* what was asked for is no more what is wanted */
	u64 asked_ns;
	unsigned empty_reads;
};

/* --- options */

enum { KEY_BATCH = 0x100, KEY_REPLAY, KEY_SORT, KEY_FILTER, KEY_GROUP, KEY_WINDOW };

static u64 duration_take(struct argp_state *state, const char *name, const char *arg, u64 min)
{
	u64 ns = 0;

	if (parse_duration(arg, &ns) || ns < min || ns > DAY_NS)
		argp_error(state, "--%s is '%s', must be such as 30s, 15m or 2h", name, arg);
	return ns;
}

static void sort_take(struct options *o, const char *arg, struct argp_state *state)
{
	struct buf known = { 0 };

	o->view.by = top_by_find(arg);
	if (o->view.by != TOP_BYS)
		return;
	for (unsigned by = 0; by < TOP_BYS; by++)
		if (top_by_title(by))
			buf_printf(&known, "%s%s", known.len ? ", " : "", top_by_title(by));
	argp_error(state, "--sort is '%s', must be one of: %s", arg, buf_cstr(&known));
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->agent;
		return 0;
	case KEY_BATCH:
		if (parse_u64(arg, 1, BATCH_MAX, &o->tables))
			argp_error(state, "--batch is '%s', must be a number from 1 to %d", arg,
				   BATCH_MAX);
		return 0;
	case KEY_REPLAY: /* "-15m" is how it is said, 15m what is meant */
		o->replay_ns = duration_take(state, "replay", arg + (*arg == '-'), 1);
		return 0;
	case KEY_WINDOW:
		o->window_ns = duration_take(state, "window", arg, 1000 * NS_PER_MS);
		return 0;
	case KEY_SORT:
		sort_take(o, arg, state);
		return 0;
	case KEY_FILTER:
		if (snprintf(o->view.filter, sizeof(o->view.filter), "%s", arg) >= TOP_FILTER)
			argp_error(state, "--filter is longer than %d bytes", TOP_FILTER - 1);
		return 0;
	case KEY_GROUP:
		o->view.grouped = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "batch", KEY_BATCH, "N", 0,
			  "print N tables as lines, one every interval, and end; 1 where there is no terminal",
			  0 },
			{ "replay", KEY_REPLAY, "-AGO", 0,
			  "begin so long ago, such as -15m, in the daemon's history of up to a day; left and right step through it, and with --batch a table follows every window",
			  0 },
			{ "window", KEY_WINDOW, "DURATION", 0,
			  "what the figures are about: rates, percentiles (default: 10s)", 0 },
			{ "sort", KEY_SORT, "COLUMN", 0,
			  "sort by this column (default: HURT, what hurts most)", 0 },
			{ "filter", KEY_FILTER, "TEXT", 0,
			  "only services whose name has this in it, or matches this pattern: *.service|nginx*",
			  0 },
			{ "group", KEY_GROUP, NULL, 0,
			  "group by what gives the name: unit, container, command, rule", 0 },
			{ 0 },
		},
	.parser = parse,
	.children = (const struct argp_child[]){ { &agent_argp, 0, NULL, 0 }, { 0 } },
	.doc = "A live table of services, those that suffer first: CPU, throttling, waiting for CPUs, requests in and out with their times and errors, what has been under way for longest, disks, round trips, memory, pressure. Enter opens a service; ? explains keys, columns and the order.\v"
	       "Asks the daemon that runs; where none does, it collects by itself while it runs. --interval is also how often the screen is refreshed (default: 2s).\n\n"
	       "A value that is unknown is `?`, one that does not exist is `-`.",
};

const struct usage top_usage = {
	.argp = &argp,
	.examples =
		(const struct usage_example[]){
			{ "top", "the live table; ? explains it, q quits" },
			{ "top --sort MEM --filter '*.service'", "units, the largest first" },
			{ "top --replay -15m",
			  "as it was 15 minutes ago; left and right step through time" },
			{ "top --batch 5 --interval 10s",
			  "five tables as lines, for a file or a pipe" },
			{ .command = NULL } },
	.status = { [EXIT_OK] = "success",
		    [EXIT_PROBLEM] = "the output could not be written",
		    [EXIT_USAGE] = "bad options, or nothing is known of that time",
		    [EXIT_UNSUPPORTED] =
			    "it cannot run on this machine or in this terminal, or the daemon may not be asked" },
};

/* --- lines */

static int lines_print(const struct top_table *t, const struct top_view *v, bool replay)
{
	const char *columns = getenv("COLUMNS");
	struct top_layout layout;
	struct top_lines lines;
	struct buf b = { 0 };
	u64 width = 0;

	if (columns && parse_u64(columns, 1, 10000, &width))
		width = 0;
	if (top_lines_make(&lines, t, v))
		return EXIT_UNSUPPORTED;
	top_layout_make(&layout, t, v, (unsigned)width);
	top_title_write(&b, t, v, &lines, replay);
	for (size_t i = 0; i == 0 || i < t->alert_cnt; i++) {
		buf_char(&b, '\n');
		top_alert_write(&b, t, i);
	}
	buf_char(&b, '\n');
	top_note_write(&b, t);
	buf_str(&b, "\n");
	top_header_write(&b, &layout);
	buf_char(&b, '\n');
	for (size_t i = 0; i < lines.cnt; i++) {
		top_line_write(&b, &layout, t, &lines.lines[i]);
		buf_char(&b, '\n');
	}
	buf_char(&b, '\n');
	fputs(buf_cstr(&b), stdout);
	fflush(stdout);
	buf_release(&b);
	top_lines_release(&lines);
	return ferror(stdout) ? EXIT_PROBLEM : EXIT_OK;
}

static void pause_ns(u64 ns)
{
	const struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	nanosleep(&t, NULL);
}

/* Each interval; through the history each window, without waiting. */
static int batch(const struct options *o, const char *socket, bool own)
{
	u64 interval_ns = o->agent.interval_ns ?: INTERVAL_NS, ago_ns = o->replay_ns;
	u64 cnt = o->tables ?: 1;
	int status = EXIT_OK;

	if (own)
		pause_ns(interval_ns); /* or there would be nothing to tell */
	for (u64 i = 0; i < cnt && !status; i++) {
		struct top_ask ask = { .socket = socket,
				       .window = { .length_ns = o->window_ns, .ago_ns = ago_ns },
				       .view = o->view };

		if (i && !o->replay_ns)
			pause_ns(interval_ns);
		top_ask(&ask);
		if (*ask.error) {
			log_printf(SEISMO_LOG_ERR, "%s", ask.error);
			status = ask.refused ? EXIT_USAGE : EXIT_UNSUPPORTED;
		} else {
			status = lines_print(&ask.table, &o->view, o->replay_ns);
		}
		top_ask_release(&ask);
		if (o->replay_ns && ago_ns < o->window_ns)
			break;
		ago_ns -= o->replay_ns ? o->window_ns : 0;
	}
	return status;
}

/* --- the screen */

static void draw(struct top *t)
{
	t->state.now_ns = clock_now_ns();
	top_screen_draw(&t->state);
}

static void ask_done(struct job *job);

static void ask_work(struct job *job)
{
	top_ask((struct top_ask *)job);
}

/* One question at a time; what is wanted meanwhile is asked for afterwards. */
static void refresh(struct top *t)
{
	struct top_state *s = &t->state;

	s->now_ns = clock_now_ns();
	if (t->asking) {
		t->again = true;
		return;
	}
	t->again = false;
	t->ask = (struct top_ask){
		.job = { .work = ask_work, .done = ask_done },
		.socket = t->socket,
		.window = { .length_ns = s->window_ns, .ago_ns = top_state_ago(s) },
		.view = s->view,
		.limit = s->mode == TOP_MODE_DETAIL ? 0 : s->limit,
		.ctx = t,
	};
	if (s->mode == TOP_MODE_DETAIL)
		snprintf(t->ask.service, sizeof(t->ask.service), "%s", s->selected);
	t->asking = !worker_add(t->worker, &t->ask.job);
	t->asked_ns = s->now_ns;
	s->asked_at_ns = s->at_ns;
}

static void ask_done(struct job *job)
{
	struct top_ask *ask = (struct top_ask *)job;
	struct top *t = ask->ctx;
	struct top_state *s = &t->state;

	t->asking = false;
	if (job->dropped || t->ended) {
		top_ask_release(ask);
		return;
	}
	if (*ask->error) {
		top_state_fail(s, ask->error, ask->refused);
	} else {
		top_state_take(s, &ask->table);
		if (*ask->service && !strcmp(ask->service, s->selected)) {
			top_state_take_detail(s, ask->detail);
			ask->detail = NULL;
		}
	}
	top_ask_release(ask);
	if (t->again)
		refresh(t);
	draw(t);
}

/* The past stays what it is. */
static void expired(void *ctx, uint64_t now_ns)
{
	struct top *t = ctx;

	if (t->asking && now_ns - t->asked_ns > LATE_NS) {
		t->state.error = "the daemon does not answer";
		draw(t);
	}
	if (!t->asking && (!t->state.at_ns || t->state.error))
		refresh(t);
}

static void keys_ready(void *ctx, unsigned events)
{
	struct top *t = ctx;
	unsigned cnt = 0;
	int key;

	(void)events;
	t->state.now_ns = clock_now_ns();
	for (; (key = top_screen_key()) >= 0; cnt++)
		switch (top_state_key(&t->state, key)) {
		case TOP_WISH_END:
			loop_end(t->loop, 0);
			return;
		case TOP_WISH_DATA:
			refresh(t);
			break;
		case TOP_WISH_REDRAW:
			top_screen_restore();
			break;
		case TOP_WISH_NOTHING:
			break;
		}
	t->empty_reads = cnt ? 0 : t->empty_reads + 1;
	if (t->empty_reads > EMPTY_READS)
		loop_end(t->loop, 0);
	else
		draw(t);
}

static void size_take(struct top *t)
{
	unsigned width, height;

	top_screen_size(&width, &height);
	top_state_resize(&t->state, width, height);
}

static void resized(void *ctx, int signal)
{
	(void)signal;
	size_take(ctx);
	draw(ctx);
}

/* After a stop the terminal is the shell's until we are continued, and may have another size. */
static void continued(void *ctx, int signal)
{
	top_screen_restore();
	resized(ctx, signal);
}

static void stop_raised(void *ctx, int number)
{
	sigset_t stop;

	top_screen_close();
	signal(SIGTSTP, SIG_DFL);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &stop, NULL); /* here it stops */
	sigprocmask(SIG_BLOCK, &stop, NULL);
	continued(ctx, number);
}

static void end_raised(void *ctx, int signal)
{
	struct top *t = ctx;

	(void)signal;
	loop_end(t->loop, 0);
}

static bool parts_make(struct top *t)
{
	t->loop = loop_new();
	t->worker = t->loop ? worker_new(t->loop, 1) : NULL;
	t->timer = t->loop ? loop_timer(t->loop, expired, t) : NULL;
	return t->socket && t->worker && t->timer && !loop_signal(t->loop, SIGWINCH, resized, t) &&
	       !loop_signal(t->loop, SIGTSTP, stop_raised, t) &&
	       !loop_signal(t->loop, SIGCONT, continued, t) &&
	       !loop_signal(t->loop, SIGQUIT, end_raised, t) &&
	       !loop_signal(t->loop, SIGHUP, end_raised, t);
}

/* The daemon may hang, and the worker with it: then the end of the process has to do, and what the worker uses stays. */
static void parts_free(struct top *t)
{
	if (t->worker && !worker_end(t->worker, END_WAIT_NS))
		return;
	free(t->socket);
	worker_free(t->worker);
	loop_free(t->loop);
	top_state_release(&t->state);
}

static int live(struct top *t)
{
	const struct options *o = t->options;
	int status = EXIT_UNSUPPORTED;

	t->state.view = o->view;
	t->state.window_ns = o->window_ns;
	t->state.limit = TOP_LIMIT;
	if (o->replay_ns)
		t->state.at_ns = clock_now_ns() - o->replay_ns;
	if (!parts_make(t)) {
		log_err(-errno,
			"cannot start; raise the limits of open files and memory (LimitNOFILE=, MemoryMax=)");
	} else if (!top_screen_open()) {
		log_printf(SEISMO_LOG_ERR,
			   "the terminal '%s' is unknown; --batch 1 prints a table as lines",
			   getenv("TERM") ?: "");
	} else {
		size_take(t);
		t->keys = loop_watch(t->loop, STDIN_FILENO, LOOP_READ, keys_ready, t);
		timer_set_every(t->timer, o->agent.interval_ns ?: INTERVAL_NS);
		refresh(t);
		draw(t);
		status = t->keys && loop_run(t->loop) >= 0 ? EXIT_OK : EXIT_UNSUPPORTED;
		t->ended = true;
		top_screen_close();
	}
	parts_free(t);
	return status;
}

static int with_daemon(const struct options *o, const char *socket, bool own)
{
	static struct top t; /* the worker may outlive the call */

	if (o->tables || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return batch(o, socket, own);
	t = (struct top){ .options = o, .socket = strdup(socket) };
	return live(&t);
}

static int without_daemon(const struct options *o)
{
	struct own_daemon own = { 0 };
	int status;

	if (o->replay_ns) {
		log_printf(
			SEISMO_LOG_ERR,
			"no daemon is running, so nothing is known of the past; start it (systemctl start seismo)");
		return EXIT_UNSUPPORTED;
	}
	if (isatty(STDERR_FILENO))
		fputs("No daemon is running: collecting for as long as this runs ...\n", stderr);
	status = own_daemon_start(&own, &o->agent);
	status = status ?: with_daemon(o, own.socket, true);
	own_daemon_stop(&own);
	return status;
}

int cmd_top(int argc, char **argv)
{
	static struct options options = { .window_ns = WINDOW_NS, .view.by = TOP_BY_HURT };
	struct agent agent = { 0 };
	struct buf answer = { 0 };
	bool answered = false;
	int status;

	setlocale(LC_CTYPE, "");
	usage_parse(&top_usage, "top", argc, argv, &options);
	status = agent_configure(&agent, &options.agent);
	status = status ?: ask_text(agent.socket, "/-/healthy", &answer, &answered);
	if (!status)
		status = answered ? with_daemon(&options, agent.socket, false)
				  : without_daemon(&options);
	buf_release(&answer);
	agent_stop(&agent);
	return status;
}
