// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/holder.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/ask.h"
#include "http/control.h"
#include "lib/loop.h"
#include "lib/proc_stat.h"
#include "lib/utf8.h"

#define WATCH_MS    600
#define LOOK_MS	    50
#define LOOKS_MS    2000
#define HOLDERS_MAX 64
#define STANDS_OUT  0.3 /* of the time of all waits */
#define LEAST_S	    0.05

static json_t *ask(const char *socket, const char *path, bool post)
{
	unsigned status = 0;
	struct buf body = { 0 };
	json_t *ret = NULL;
	int err = post ? control_post(socket, path, &status, &body)
		       : control_get(socket, path, &status, &body);

	if (!err && status == 200)
		ret = json_loadb(body.data, body.len, 0, NULL);
	buf_release(&body);
	return ret;
}

static void wait_ms(int ms)
{
	const struct timespec pause = { ms / 1000, (long)(ms % 1000) * (long)NS_PER_MS };

	nanosleep(&pause, NULL);
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

static json_int_t number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* --- its process */

static int parent_of(int pid)
{
	char text[PROC_STAT_SIZE];
	const char *fields = proc_stat_read(pid, text);
	int ret = 0;

	return fields && sscanf(fields, "%*c %d", &ret) == 1 ? ret : 0;
}

static bool has_pid(const json_t *processes, int pid)
{
	const json_t *p;
	size_t i = 0;

	json_array_foreach((json_t *)processes, i, p) if (number_of(p, "pid") == pid) return true;
	return false;
}

/* The largest of those that no other one of the service has started; what it has started is watched with it. 0: there is none. */
static int process_of(const char *socket, const char *service)
{
	struct buf path = { 0 };
	json_t *doc, *list, *p;
	json_int_t most = -1;
	int ret = 0;
	size_t i = 0;

	buf_str(&path, "/api/v1/processes?");
	query_add(&path, "service", service);
	doc = ask(socket, buf_cstr(&path), false);
	buf_release(&path);
	list = json_object_get(doc, "processes");
	json_array_foreach(list, i, p)
	{
		int pid = (int)number_of(p, "pid");

		if (number_of(p, "proportional_bytes") <= most || has_pid(list, parent_of(pid)))
			continue;
		most = number_of(p, "proportional_bytes");
		ret = pid;
	}
	json_decref(doc);
	return ret;
}

/* --- watching it */

static bool is_begun(const json_t *doc)
{
	return strcmp(text_of(doc, "state"), "starting") != 0;
}

/* Which kind of wait it is, the names of the functions say. */
static bool is_named(const json_t *doc)
{
	return !number_of(doc, "blocked_in_pending_total");
}

static void look_until(const char *socket, const char *path, bool (*is_so)(const json_t *doc))
{
	bool so = false;

	for (int ms = 0; !so && ms < LOOKS_MS; ms += LOOK_MS) {
		json_t *doc = ask(socket, path, false);

		so = !doc || is_so(doc);
		json_decref(doc);
		if (!so)
			wait_ms(LOOK_MS);
	}
}

/* What was found; NULL: nothing. */
static json_t *watch(const char *socket, int pid)
{
	char path[128];
	json_t *doc;
	json_int_t id;

	snprintf(path, sizeof(path), "/api/v1/attach?pid=%d&client=%d", pid, (int)getpid());
	doc = ask(socket, path, true);
	if (!doc)
		return NULL;
	id = number_of(doc, "id");
	json_decref(doc);
	snprintf(path, sizeof(path), "/api/v1/attach?id=%lld", (long long)id);
	look_until(socket, path, is_begun);
	wait_ms(WATCH_MS);
	look_until(socket, path, is_named);
	snprintf(path, sizeof(path), "/api/v1/attach/end?id=%lld", (long long)id);
	return ask(socket, path, true);
}

/* --- who it is */

struct holder {
	const json_t *waker, *row; /* row: of its longest waits */
	double seconds, longest;
};

struct holders {
	struct holder at[HOLDERS_MAX];
	unsigned cnt;
	double seconds; /* of all waits for locks */
};

static void holders_take(struct holders *h, const json_t *row, const char *class)
{
	const json_t *waker = json_object_get(row, "waker");
	double seconds = json_number_value(json_object_get(row, "blocked_seconds"));
	struct holder *at = h->at;

	if (strcmp(text_of(row, "waits_for"), class) != 0)
		return;
	h->seconds += seconds;
	if (strcmp(text_of(waker, "kind"), "thread") != 0)
		return;
	while (at < h->at + h->cnt && number_of(at->waker, "tid") != number_of(waker, "tid"))
		at++;
	if (at == h->at + HOLDERS_MAX)
		return;
	h->cnt += at == h->at + h->cnt;
	at->waker = waker;
	at->seconds += seconds;
	if (seconds < at->longest)
		return;
	at->longest = seconds;
	at->row = row;
}

/* NULL: nobody stands out. */
static const struct holder *holder_of(struct holders *h, const json_t *doc, const char *class)
{
	const struct holder *most = NULL;
	const json_t *row;
	size_t i = 0;

	*h = (struct holders){ .cnt = 0 };
	json_array_foreach(json_object_get(doc, "blocked_in"), i, row) holders_take(h, row, class);
	for (const struct holder *at = h->at; at < h->at + h->cnt; at++)
		if (!most || at->seconds > most->seconds)
			most = at;
	return most && most->seconds >= LEAST_S && most->seconds >= STANDS_OUT * h->seconds ? most
											    : NULL;
}

/* Locks of interpreters are made of semaphores or conditions, which look alike where the library has no names. */
static const struct holder *holder_find(struct holders *h, const json_t *doc)
{
	return holder_of(h, doc, "lock") ?: holder_of(h, doc, "condition");
}

static void holder_say(json_t *cause, const struct holder *h, double ratio)
{
	const char *call = text_of(h->row, "call");
	json_int_t pid = number_of(h->waker, "pid"), tid = number_of(h->waker, "tid");
	struct buf text = { 0 };

	json_object_set_new(cause, "holder",
			    json_pack("{s:s, s:I, s:I, s:f, s:s}", "command",
				      text_of(h->waker, "command"), "pid", pid, "tid", tid, "ratio",
				      ratio, "wait", call));
	buf_str(&text, "see what thread ");
	utf8_printable(&text, text_of(h->waker, "command"));
	buf_printf(&text, "[%lld] does: it ended %.0f %% of the waits of threads for each other (",
		   (long long)tid, ratio * 100);
	utf8_printable(&text, *call ? call : "in the kernel");
	buf_printf(&text, "); stacks: sudo seismo attach %lld", (long long)pid);
	json_array_insert_new(json_object_get(cause, "do"), 0,
			      json_stringn(text.data ?: "", text.len));
	buf_release(&text);
}

static bool waits_for_locks(const json_t *cause)
{
	return !strcmp(text_of(cause, "cause"), "locks") &&
	       json_is_null(json_object_get(cause, "until")) && *text_of(cause, "time_of");
}

/* The first cause that is one of locks; NULL: there is none. */
static json_t *locks_find(const json_t *doc)
{
	json_t *causes = json_object_get(doc, "causes");

	for (size_t i = 0; i < json_array_size(causes); i++)
		if (waits_for_locks(json_array_get(causes, i)))
			return json_array_get(causes, i);
	return NULL;
}

void holder_add(const char *socket, json_t *doc)
{
	struct holders holders;
	json_t *cause = locks_find(doc), *found;
	const struct holder *holder;
	int pid;

	if (!cause)
		return;
	pid = process_of(socket, text_of(cause, "time_of"));
	found = pid ? watch(socket, pid) : NULL;
	holder = holder_find(&holders, found);
	if (holder)
		holder_say(cause, holder, holder->seconds / holders.seconds);
	json_decref(found);
}
