// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/top_ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/values.h"
#include "cmd/ask.h"
#include "http/control.h"
#include "lib/proc_stat.h"

/* What the daemon says is wrong, in its JSON or in its first line. */
static void refusal_take(struct buf *body, char *ret, size_t size)
{
	json_t *doc = json_loadb(body->data ?: "", body->len, 0, NULL);
	const char *error = json_string_value(json_object_get(doc, "error")),
		   *text = error ?: buf_cstr(body);

	snprintf(ret, size, "%.*s", (int)strcspn(text, "\n"), text);
	json_decref(doc);
}

/* NULL, and why. */
static json_t *ask_json(const char *socket, const char *path, char *why, size_t size, bool *refused)
{
	struct buf body = { 0 };
	unsigned status = 0;
	int err = control_get(socket, path, &status, &body);
	json_t *doc = NULL;

	*refused = false;
	if (err == -ENOENT)
		snprintf(why, size, "no daemon is running at %s", socket);
	else if (err)
		snprintf(why, size, "cannot ask the daemon at %s: %s", socket, strerror(-err));
	else if (status != 200)
		refusal_take(&body, why, size);
	else
		doc = json_loadb(body.data ?: "", body.len, 0, NULL);
	if (!err && status == 200 && !doc)
		snprintf(why, size, "the daemon at %s does not answer in JSON", socket);
	*refused = !err && (status == 400 || status == 404);
	buf_release(&body);
	return doc;
}

static bool table_ask(struct top_ask *a)
{
	struct buf path = { 0 };
	json_t *doc;

	buf_printf(&path, "/api/v1/top?window=%llums&ago=%llums",
		   (unsigned long long)(a->window.length_ns / 1000000),
		   (unsigned long long)(a->window.ago_ns / 1000000));
	query_add(&path, "sort", top_by_key(a->view.by));
	query_add(&path, "filter", a->view.filter);
	if (a->view.reverse)
		query_add(&path, "reverse", "1");
	if (a->limit && !a->view.grouped)
		buf_printf(&path, "&limit=%zu", a->limit);
	doc = ask_json(a->socket, buf_cstr(&path), a->error, sizeof(a->error), &a->refused);
	buf_release(&path);
	if (doc && top_table_read(&a->table, doc))
		snprintf(a->error, sizeof(a->error), "the daemon's answer cannot be read");
	return !*a->error;
}

/* What the kernel says of a process, which may have ended. */
static void process_describe(json_t *process)
{
	pid_t pid = (pid_t)json_integer_value(json_object_get(process, "pid"));
	char text[PROC_STAT_SIZE], *fields = proc_stat_read(pid, text), *name, state = 0;
	long long threads = 0;

	name = fields ? strchr(text, '(') : NULL;
	if (!name ||
	    sscanf(fields,
		   "%c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %lld",
		   &state, &threads) != 2)
		return;
	fields[-2] = '\0';
	json_object_set_new(process, "command",
			    values_text(name + 1)); /* may be cut within a character */
	json_object_set_new(process, "state", json_stringn(&state, 1));
	json_object_set_new(process, "threads_total", json_integer(threads));
}

static void processes_describe(json_t *list)
{
	json_t *process;
	size_t i;

	json_array_foreach(list, i, process) process_describe(process);
}

static void part_ask(const struct top_ask *a, const struct top_part *p, struct buf *lines)
{
	struct top_window window = a->window;
	char error[sizeof(a->error)] = "";
	struct buf path = { 0 };
	const char *why;
	json_t *doc = NULL;
	bool refused;

	window.end_ns = a->table.end_ns;
	why = top_part_path(&path, p, a->service, &window, query_add);
	if (!why)
		doc = ask_json(a->socket, buf_cstr(&path), error, sizeof(error), &refused);
	processes_describe(json_object_get(doc, "processes"));
	top_part_write(lines, p, a->service, &window, doc, why ?: error);
	json_decref(doc);
	buf_release(&path);
}

void top_ask(struct top_ask *a)
{
	struct buf lines = { 0 };

	if (!table_ask(a) || !*a->service)
		return;
	for (const struct top_part *p = top_parts; p->title; p++)
		part_ask(a, p, &lines);
	a->detail = strdup(lines.len ? buf_cstr(&lines) : "  nothing is known of it\n");
	buf_release(&lines);
}

void top_ask_release(struct top_ask *a)
{
	top_table_release(&a->table);
	free(a->detail);
	a->detail = NULL;
}
