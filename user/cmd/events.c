// SPDX-License-Identifier: BSD-3-Clause
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cmd/agent.h"
#include "cmd/cmd.h"
#include "cmd/configure.h"
#include "event/event.h"
#include "event/filter.h"
#include "event/reader.h"
#include "lib/log.h"
#include "lib/utc.h"
#include "lib/utf8.h"

#define LOOK_AGAIN_MS 1000 /* where nobody tells of changes */

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_MARKDOWN };
static const char *const output_names[] = { "text", "json", "markdown", NULL };

struct options {
	const char *config, *file;
	bool follow, kinds;
	enum output output;
	struct event_filter filter;
	s64 now_ns;
};

/* --- the reference */

static void fields_print(enum output output, const struct event_field *field)
{
	for (; field->name; field++)
		if (output == OUTPUT_MARKDOWN)
			printf("| | `%s` | %s |\n", field->name, field->help);
		else
			printf("    %-18s %s\n", field->name, field->help);
}

static void kind_print(enum output output, const char *name, const char *summary,
		       const struct event_field *fields)
{
	printf(output == OUTPUT_MARKDOWN ? "| `%s` | | %s |\n" : "%-21s %s\n", name, summary);
	fields_print(output, fields);
}

static json_t *fields_json(const struct event_field *field)
{
	json_t *fields = json_object();

	for (; field->name; field++)
		json_object_set_new(fields, field->name, json_string(field->help));
	return fields;
}

static void kinds_json(void)
{
	json_t *kinds = json_object(), *doc;

	for (const struct event_row *row = event_rows; row < event_rows + EVENT_KINDS; row++)
		json_object_set_new(kinds, row->name,
				    json_pack("{s:s, s:o}", "summary", row->summary, "fields",
					      fields_json(row->fields)));
	doc = json_pack("{s:o, s:o}", "fields", fields_json(event_common), "kinds", kinds);
	json_dumpf(doc, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(doc);
}

static int kinds_print(enum output output)
{
	if (output == OUTPUT_JSON) {
		kinds_json();
		return EXIT_OK;
	}
	if (output == OUTPUT_MARKDOWN)
		puts("| kind | key | |\n|---|---|---|");
	kind_print(output, output == OUTPUT_MARKDOWN ? "any" : "(any kind)", "what each line has",
		   event_common);
	for (const struct event_row *row = event_rows; row < event_rows + EVENT_KINDS; row++)
		kind_print(output, row->name, row->summary, row->fields);
	return EXIT_OK;
}

/* --- a line for people */

static void text_print(const char *text)
{
	struct buf clean = { 0 };

	utf8_printable(&clean, text);
	fputs(buf_cstr(&clean), stdout);
	buf_release(&clean);
}

static void value_print(const json_t *value)
{
	char *text;

	if (json_is_string(value)) {
		text_print(json_string_value(value));
		return;
	}
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
	text_print(text ?: "");
	free(text);
}

static const char *text_of(const json_t *event, const char *key)
{
	return json_string_value(json_object_get(event, key)) ?: "-";
}

/* Time, kind, service; then all else, as key=value. */
static void event_print(json_t *event)
{
	static const char *const shown[] = { "seq", "time", "kind", "service", NULL };
	const json_t *value;
	const char *key;

	text_print(text_of(event, "time"));
	printf(" %-13s ", text_of(event, "kind"));
	text_print(text_of(event, "service"));
	json_object_foreach(event, key, value)
	{
		unsigned i = 0;

		while (shown[i] && strcmp(shown[i], key) != 0)
			i++;
		if (shown[i])
			continue;
		putchar(' ');
		text_print(key);
		putchar('=');
		value_print(value);
	}
	putchar('\n');
}

/* --- reading */

static void line_take(const struct options *o, const char *line, size_t len, u64 *bad_cnt)
{
	bool bad;
	json_t *event = event_filter_line(&o->filter, line, len, &bad);

	*bad_cnt += bad;
	if (!event)
		return;
	if (o->output == OUTPUT_JSON)
		printf("%.*s\n", (int)len, line);
	else
		event_print(event);
	json_decref(event);
}

/* All that there is at present. 0 or negative errno. */
static int lines_take(const struct options *o, struct event_reader *r, u64 *bad_cnt)
{
	const char *line;
	size_t len;
	int err;

	while ((err = event_reader_next(r, &line, &len)) > 0 && !ferror(stdout))
		line_take(o, line, len, bad_cnt);
	fflush(stdout);
	return err < 0 ? err : 0;
}

static volatile sig_atomic_t ended;

static void end_raised(int signal)
{
	(void)signal;
	ended = 1;
}

/* Changes of the folder, since the file itself is renamed. -1: they cannot be watched. */
static int changes_watch(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *folder = slash ? strndup(file, (size_t)(slash - file) + 1) : strdup("./");
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd >= 0 &&
	    (!folder || inotify_add_watch(fd, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)) {
		close(fd);
		fd = -1;
	}
	free(folder);
	return fd;
}

/* Waits until there may be more. False: nobody wants it any more. */
static bool changes_wait(int changes, const sigset_t *mask)
{
	static const struct timespec look_again = { LOOK_AGAIN_MS / 1000, 0 };
	struct pollfd fds[] = { { .fd = STDOUT_FILENO }, { .fd = changes, .events = POLLIN } };
	char drain[4096];

	ppoll(fds, 2, &look_again, mask);
	while (changes >= 0 && read(changes, drain, sizeof(drain)) > 0)
		;
	return !ended && !(fds[0].revents & (POLLERR | POLLNVAL)) && !ferror(stdout);
}

/* A file that is not there yet is waited for. */
static int events_follow(const struct options *o, struct event_reader **r, u64 *bad_cnt)
{
	const struct sigaction end = { .sa_handler = end_raised };
	int changes = changes_watch(o->file), err = 0;
	sigset_t blocked, before;

	/* a signal is noticed while it waits, and no line is cut off */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	do {
		*r = *r ?: event_reader_open(o->file);
		if (*r)
			err = lines_take(o, *r, bad_cnt);
	} while (!err && changes_wait(changes, &before));
	if (changes >= 0)
		close(changes);
	return err;
}

static int events_read(const struct options *o)
{
	struct event_reader *r = event_reader_open(o->file);
	u64 bad_cnt = 0;
	int err;

	if (!r && !(o->follow && errno == ENOENT)) {
		log_err(-errno, "cannot read the event log %s%s", o->file,
			errno == EACCES ? " (only root may)" : "");
		return errno == EACCES ? EXIT_UNSUPPORTED : EXIT_PROBLEM;
	}
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	err = o->follow ? events_follow(o, &r, &bad_cnt) : lines_take(o, r, &bad_cnt);
	bad_cnt += r ? event_reader_skipped(r) : 0;
	event_reader_free(r);
	if (bad_cnt)
		log_warn("%llu lines of %s are no events", (unsigned long long)bad_cnt, o->file);
	if (err)
		log_err(err, "cannot read the event log %s", o->file);
	return err ? EXIT_PROBLEM : EXIT_OK;
}

/* --- options */

#define KEY_FILTER 0x200 /* and the number of the row */
enum { KEY_KINDS = 0x100, KEY_FILE };

static void filter_parse(struct options *o, unsigned row, char *arg, struct argp_state *state)
{
	struct buf error = { 0 };

	if (event_filter_set(&o->filter, event_filter_rows[row].name, arg, o->now_ns, &error))
		argp_error(state, "%s", buf_cstr(&error));
	buf_release(&error);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	if (key >= KEY_FILTER && key < KEY_FILTER + 16) {
		filter_parse(o, (unsigned)key - KEY_FILTER, arg, state);
		return 0;
	}
	switch (key) {
	case 'c':
		o->config = arg;
		return 0;
	case 'f':
		o->follow = true;
		return 0;
	case KEY_FILE:
		o->file = arg;
		return 0;
	case KEY_KINDS:
		o->kinds = true;
		return 0;
	case 'o':
		for (o->output = 0; output_names[o->output]; o->output++)
			if (!strcmp(output_names[o->output], arg))
				return 0;
		argp_error(state,
			   "--format must be text, json or, with --kinds, markdown, not '%s'", arg);
		return EINVAL;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

#define OPTIONS 16

static struct argp_option options[OPTIONS] = {
	{ "follow", 'f', NULL, 0, "wait for more, until Ctrl-C", 0 },
	{ "format", 'o', "text|json", 0, "output format (default: text)", 0 },
	{ "file", KEY_FILE, "FILE", 0, "the event log (default: as configured); -: standard input",
	  0 },
	{ "config", 'c', "FILE", 0,
	  "configuration file that names it (default: " DEFAULT_CONFIG ", if it exists)", 0 },
	{ "kinds", KEY_KINDS, NULL, 0, "print what kinds there are, and what their lines have", 0 },
};

/* Those of the filter's rows as well. */
static void options_complete(void)
{
	unsigned cnt = 5;

	for (unsigned i = 0; event_filter_rows[i].name && cnt < OPTIONS - 1; i++)
		options[cnt++] =
			(struct argp_option){ event_filter_rows[i].name,     (int)(KEY_FILTER + i),
					      event_filter_rows[i].argument, 0,
					      event_filter_rows[i].help,     0 };
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Prints the event log of this machine: which processes started, ended and were replaced, who was killed for want of memory, which disks failed, what was slow, which alerts changed.\vReads the files themselves, also those that were rotated, and needs no daemon.",
};

const struct usage events_usage = {
	.argp = &argp,
	.prepare = options_complete,
	.examples =
		(const struct usage_example[]){
			{ "events --since 15m --service 'nginx*'",
			  "what happened to this service lately" },
			{ "events --kind oom,block_error --since 24h",
			  "who was killed for memory, which disks failed" },
			{ "events --follow --format json", "everything from now on, for programs" },
			{ "events --kinds", "the reference of all lines" },
			{ .command = NULL } },
	.status = { "success", "the log cannot be read", "bad options or configuration",
		    "only root may read the log" },
};

/* The configuration's file stays allocated: the command ends with it. */
static int file_find(struct options *o)
{
	const struct agent_options options = { .config = o->config };
	struct buf error = { 0 };
	struct conf *c = NULL;

	if (o->file)
		return EXIT_OK;
	if (configure(&c, NULL, &options, &error)) {
		log_printf(SEISMO_LOG_ERR, "%s", buf_cstr(&error));
		buf_release(&error);
		return EXIT_USAGE;
	}
	if (c->events.file)
		o->file = strdup(c->events.file);
	conf_free(c);
	if (o->file)
		return EXIT_OK;
	log_printf(SEISMO_LOG_ERR, "the configuration has no event log; --file reads another one");
	return EXIT_USAGE;
}

int cmd_events(int argc, char **argv)
{
	struct options o = { .now_ns = utc_now_ns() };
	int status;

	usage_parse(&events_usage, "events", argc, argv, &o);
	if (o.output == OUTPUT_MARKDOWN && !o.kinds) {
		log_printf(SEISMO_LOG_ERR, "--format markdown is for --kinds only");
		return EXIT_USAGE;
	}
	if (o.kinds)
		return kinds_print(o.output);
	status = file_find(&o);
	return status ?: events_read(&o);
}
