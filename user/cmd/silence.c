// SPDX-License-Identifier: BSD-3-Clause
/* Silences of the daemon that runs. */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/agent.h"
#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "lib/parse.h"

#define ROUTE	  "/api/v1/silences"
#define WORDS_MAX 32
#define NO_DAEMON \
	"no daemon is running; silences are the daemon's, start it (systemctl start seismo)"

struct options {
	struct agent_options agent;
	const char *duration, *reason;
	bool json;
	const char *words[WORDS_MAX]; /* what to do, and with what */
	unsigned word_cnt;
};

struct action {
	const char *name;
	int (*run)(const struct options *o, const char *socket);
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	u64 ns;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->agent;
		return 0;
	case 'd':
		if (parse_duration(arg, &ns) || !ns)
			argp_error(state, "--duration is '%s', must be such as 30m or 2h", arg);
		o->duration = arg;
		return 0;
	case 'r':
		o->reason = arg;
		return 0;
	case 'f':
		o->json = usage_is_json(arg, state);
		return 0;
	case ARGP_KEY_ARG:
		if (o->word_cnt == WORDS_MAX)
			argp_error(state, "more than %d matchers", WORDS_MAX - 1);
		o->words[o->word_cnt++] = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "duration", 'd', "DURATION", 0, "of a new silence: 30m, 2h", 0 },
			{ "reason", 'r', "TEXT", 0, "of a new silence, for those who see it", 0 },
			{ "format", 'f', "text|json", 0, "output format (default: text)", 0 },
			{ 0 },
		},
	.parser = parse,
	.args_doc = "add MATCHER... --duration DURATION --reason TEXT\nlist\nend ID...",
	.children = (const struct argp_child[]){ { &agent_argp, 0, NULL, 0 }, { 0 } },
	.doc = "Alerts that fulfil all matchers of a silence are not told to Alertmanagers, webhooks and commands, until its time has passed; what was told before is told as resolved. They are still in the log, the journal and the API, marked.\v"
	       "Matchers are those of Alertmanager: alertname=SlowDisk, device=~\"sd.*\", service!=backup.service; a word alone is the name of the alert.",
};

const struct usage silence_usage = {
	.argp = &argp,
	.words = "echo add list end",
	.examples =
		(const struct usage_example[]){
			{ "silence add SlowDisk 'device=~\"sd.*\"' --duration 2h --reason 'moving data off sdb'",
			  "alerts of this rule about these disks; prints the id of the silence" },
			{ "silence list", "those in effect, and how long they last" },
			{ "silence end 5c0f2a91", "ends one before its time" },
			{ .command = NULL } },
	.status = { [EXIT_OK] = "success",
		    [EXIT_USAGE] = "bad options",
		    [EXIT_UNSUPPORTED] = "there is no daemon, or it may not be asked" },
};

static int no_daemon(void)
{
	log_printf(SEISMO_LOG_ERR, NO_DAEMON);
	return EXIT_UNSUPPORTED;
}

static int usage(const char *text)
{
	log_printf(SEISMO_LOG_ERR, "%s; see `seismo help silence`", text);
	return EXIT_USAGE;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

static void document_write(const json_t *doc)
{
	if (!json_dumpf(doc, stdout, JSON_INDENT(2)))
		putchar('\n');
}

/* The shell has taken the quotes of what has spaces in it. */
static void matcher_add(struct buf *to, const char *word)
{
	size_t len = strcspn(word, "=!~\"");
	const char *value;

	len += strspn(word + len, "=!~");
	value = word + len;
	buf_str(to, to->len ? " " : "");
	if (*value == '"' || !strpbrk(value, " \t,{}")) {
		buf_str(to, word);
		return;
	}
	buf_add(to, word, len);
	buf_char(to, '"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_char(to, '\\');
		buf_char(to, *value);
	}
	buf_char(to, '"');
}

static int add(const struct options *o, const char *socket)
{
	struct buf path = { 0 }, matchers = { 0 };
	json_t *answer = NULL;
	int status;

	if (o->word_cnt < 2 || !o->duration || !o->reason)
		return usage("'add' needs matchers, --duration and --reason");
	for (unsigned i = 1; i < o->word_cnt; i++)
		matcher_add(&matchers, o->words[i]);
	buf_str(&path, ROUTE "?");
	query_add(&path, "matchers", buf_cstr(&matchers));
	query_add(&path, "duration", o->duration);
	query_add(&path, "reason", o->reason);
	status = tell_daemon(socket, buf_cstr(&path), &answer);
	if (!status && !answer)
		status = no_daemon();
	else if (!status && o->json)
		document_write(answer);
	else if (!status)
		puts(text_of(answer, "id"));
	json_decref(answer);
	buf_release(&path);
	buf_release(&matchers);
	return status;
}

static int end(const struct options *o, const char *socket)
{
	int status = EXIT_OK;

	if (o->word_cnt < 2)
		return usage("'end' needs the ids of silences");
	for (unsigned i = 1; i < o->word_cnt && !status; i++) {
		struct buf path = { 0 };
		json_t *answer = NULL;

		buf_str(&path, ROUTE "/end?");
		query_add(&path, "id", o->words[i]);
		status = tell_daemon(socket, buf_cstr(&path), &answer);
		if (!status && !answer)
			status = no_daemon();
		json_decref(answer);
		buf_release(&path);
	}
	return status;
}

static void list_write(const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)list, i, one)
	{
		u64 s = (u64)json_number_value(json_object_get(one, "remaining_seconds"));

		printf("%s  %3llu:%02llu:%02llu  %s  %s\n", text_of(one, "id"),
		       (unsigned long long)s / 3600, (unsigned long long)s / 60 % 60,
		       (unsigned long long)s % 60, text_of(one, "matchers"),
		       text_of(one, "reason"));
	}
}

static int list(const struct options *o, const char *socket)
{
	json_t *answer = NULL;
	int status = ask_daemon(socket, ROUTE, &answer);

	if (!status && !answer)
		status = no_daemon();
	else if (!status && o->json)
		document_write(answer);
	else if (!status)
		list_write(json_object_get(answer, "silences"));
	json_decref(answer);
	return status;
}

static const struct action actions[] = { { "add", add }, { "list", list }, { "end", end } };

int cmd_silence(int argc, char **argv)
{
	struct options options = { 0 };
	struct agent agent = { 0 };
	int status;

	usage_parse(&silence_usage, "silence", argc, argv, &options);
	status = agent_configure(&agent, &options.agent);
	for (size_t i = 0; !status && i < sizeof(actions) / sizeof(*actions); i++)
		if (!strcmp(options.words[0] ?: "list", actions[i].name)) {
			status = actions[i].run(&options, agent.socket);
			goto out;
		}
	status = status ?: usage("what to do is 'add', 'list' or 'end'");
out:
	agent_stop(&agent);
	return status;
}
