// SPDX-License-Identifier: BSD-3-Clause
/* Checks a configuration file, and says what a running daemon would make of it. */
#include "cmd/check_config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "lib/buf.h"
#include "metric/label.h"

static void changes_write(const json_t *list, bool live, const char *title)
{
	const json_t *change;
	size_t i;
	bool any = false;

	json_array_foreach(list, i, change)
	{
		if (json_is_true(json_object_get(change, "live")) != live)
			continue;
		if (!any)
			puts(title);
		any = true;
		printf("  %s: %s -> %s\n", json_string_value(json_object_get(change, "setting")),
		       json_string_value(json_object_get(change, "from")),
		       json_string_value(json_object_get(change, "to")));
	}
}

/* Why there is nothing to compare with; NULL: there is. */
static const char *incomparable(const char *socket, const json_t *answer)
{
	if (!access(socket, F_OK) && access(socket, W_OK))
		return "what a reload would change is known to root only";
	return answer ? json_string_value(json_object_get(answer, "not_compared"))
		      : "no daemon is running to compare it with";
}

static void text_write(const char *path, const json_t *list, const char *reason)
{
	printf("%s is valid", path);
	if (reason)
		printf("; %s\n", reason);
	else
		puts(json_array_size(list) ? "." : "; a reload would change nothing.");
	changes_write(list, true, "A reload would change:");
	changes_write(list, false, "These take a restart:");
}

/* A path may be any bytes, a string in JSON may not. */
static json_t *path_json(const char *path)
{
	char clean[LABEL_VALUE_SIZE];

	label_clean(clean, path);
	return json_string(path) ?: json_string(clean);
}

static void json_write(const char *path, json_t *list, const char *reason)
{
	json_t *doc = json_pack("{s:o, s:b, s:s?, s:O}", "file", path_json(path), "valid", true,
				"not_compared", reason, "changes", list);

	if (!json_dumpf(doc, stdout, JSON_INDENT(2)))
		putchar('\n');
	json_decref(doc);
}

/* The daemon knows what else counts for it: its command line. */
static int changes_ask(const struct agent *a, json_t **answer)
{
	char *path = realpath(a->options->config, NULL);
	struct buf request = { 0 };
	int status;

	buf_str(&request, "/api/v1/config?");
	query_add(&request, "file", path ?: "");
	status = ask_daemon(a->socket, buf_cstr(&request), answer);
	buf_release(&request);
	free(path);
	return status;
}

int check_config(const struct agent *a, bool json)
{
	json_t *answer = NULL, *none = json_array(), *changes;
	int status = access(a->socket, W_OK) ? EXIT_OK : changes_ask(a, &answer);
	const char *reason = incomparable(a->socket, answer);

	changes = answer ? json_object_get(answer, "changes") : none;
	if (!status && json)
		json_write(a->options->config, changes, reason);
	else if (!status)
		text_write(a->options->config, changes, reason);
	json_decref(none);
	json_decref(answer);
	return status;
}
