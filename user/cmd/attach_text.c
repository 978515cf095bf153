// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/attach_text.h"

#include <stdio.h>
#include <string.h>

#include "cmd/attach_found.h"
#include "cmd/attach_words.h"
#include "lib/utf8.h"

#define LAST_SHOWN     16
#define FILES_SHOWN    8
#define UNDERWAY_SHOWN 6
#define ERRORS_WIDTH   16

/* --- the first line */

static const struct wait {
	const char *key, *name;
	bool on_purpose;
} waits[] = {
	{ "disk_seconds", "disk", false },
	{ "lock_seconds", "locks", false },
	{ "network_seconds", "network", false },
	{ "pipe_seconds", "pipes", false },
	{ "other_seconds", "other", false },
	{ "event_seconds", "for events", true },
	{ "sleep_seconds", "asleep", true },
	{ "child_seconds", "for children", true },
	{ "condition_seconds", "for other threads", true },
};

/* Digits behind the point: hundredths of a second tell something of a short life only. */
static int digits(const json_t *doc)
{
	return words_real(doc, "elapsed_seconds") < 10 ? 2 : 1;
}

static void waits_add(struct buf *out, const json_t *doc, bool on_purpose, const char *what)
{
	const json_t *blocked = json_object_get(doc, "blocked");
	double shown = digits(doc) == 2 ? 0.005 : 0.05;
	const char *between = " (";
	double sum = 0;

	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++)
		if (waits[i].on_purpose == on_purpose)
			sum += words_real(blocked, waits[i].key);
	if (on_purpose && sum < shown)
		return;
	buf_printf(out, ", %.*f s %s", digits(doc), sum, what);
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		double s = words_real(blocked, waits[i].key);

		if (waits[i].on_purpose != on_purpose || s < shown)
			continue;
		buf_printf(out, "%s%s %.*f", between, waits[i].name, digits(doc), s);
		between = ", ";
	}
	if (*between == ',')
		buf_char(out, ')');
}

static void lost_add(struct buf *out, const json_t *doc)
{
	static const struct {
		const char *key, *text;
	} losses[] = {
		{ "tasks_total", "threads were not followed, for want of memory" },
		{ "missed_total", "calls and switches the kernel did not tell of" },
		{ "events_total", "calls were counted, but not what they were about" },
	};
	const json_t *lost = json_object_get(doc, "lost");
	bool any = false;

	for (size_t i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
		unsigned long long n = words_integer(lost, losses[i].key);

		if (n)
			buf_printf(out, "; LOST: %llu %s", n, losses[i].text);
		any |= n;
	}
	if (!any)
		buf_str(out, "; nothing lost");
}

static void head_add(struct buf *out, const json_t *doc)
{
	const json_t *process = json_object_get(doc, "process"),
		     *processes = json_object_get(doc, "processes");
	unsigned long long started = words_integer(processes, "started_total"),
			   running = words_integer(processes, "running"),
			   threads = words_integer(processes, "threads_running"),
			   others = running ? running - 1 : 0,
			   children = started > others ? started : others;

	utf8_printable(out, words_text(process, "command"));
	buf_printf(out, "[%llu]", words_integer(process, "pid"));
	if (json_is_integer(json_object_get(process, "pid_inside")))
		buf_printf(out, " (%llu inside its PID namespace)",
			   words_integer(process, "pid_inside"));
	if (*words_text(process, "service")) {
		buf_str(out, " of ");
		utf8_printable(out, words_text(process, "service"));
	}
	if (children)
		buf_printf(out, " and %llu %s", children, children == 1 ? "child" : "children");
	if (threads > running)
		buf_printf(out, " (%llu threads)", threads);
	buf_printf(out, ", %.*f s: %.*f s CPU", digits(doc), words_real(doc, "elapsed_seconds"),
		   digits(doc), words_real(doc, "cpu_seconds"));
	waits_add(out, doc, false, "blocked");
	waits_add(out, doc, true, "waiting on purpose");
	buf_printf(out, ", %.*f s waiting for a CPU", digits(doc),
		   words_real(doc, "run_queue_wait_seconds"));
	lost_add(out, doc);
	buf_char(out, '\n');
}

/* --- the table of calls */

/* Those that came most often, as many as find room, and how many kinds there are besides. */
static void errors_add(struct buf *out, const json_t *call)
{
	json_t *errors = json_object_get(call, "errors"), *count;
	size_t from = out->len, left = json_object_size(errors);
	const char *name;

	json_object_foreach(errors, name, count)
	{
		char text[64];
		size_t room = ERRORS_WIDTH - (left > 1 ? strlen(" +1") : 0);

		snprintf(text, sizeof(text), "%s%lld %s", out->len > from ? ", " : "",
			 (long long)json_integer_value(count), name);
		if (out->len > from && out->len - from + strlen(text) > room)
			break;
		buf_str(out, text);
		left--;
	}
	if (out->len == from)
		buf_char(out, '0');
	else if (left)
		buf_printf(out, " +%zu", left);
}

/* The last parts of a path, which tell more than the first. */
static const char *path_end(const char *path)
{
	size_t len = strlen(path), parts = 0;

	while (len && parts < 3)
		parts += path[--len] == '/';
	return parts == 3 ? path + len + 1 : path;
}

static void object_add(struct buf *out, const json_t *o, bool whole)
{
	const char *file = words_text(o, "file"), *peer = words_text(o, "peer");

	if (*file)
		utf8_printable(out, whole ? file : path_end(file));
	if (json_is_integer(json_object_get(o, "offset_bytes"))) {
		buf_str(out, " at ");
		words_bytes(out, words_real(o, "offset_bytes"));
	}
	utf8_printable(out, peer);
	if (!*file && !*peer && json_is_integer(json_object_get(o, "local_port")))
		buf_printf(out, "port %llu", words_integer(o, "local_port"));
}

static void duration_column(struct buf *out, const json_t *call, const char *key, size_t width)
{
	size_t from = out->len;

	if (json_is_number(json_object_get(call, key)))
		words_duration(out, words_real(call, key));
	else
		buf_char(out, '-');
	words_pad(out, from, width, true);
}

static void call_add(struct buf *out, const json_t *call, unsigned name_width)
{
	size_t line = out->len, from = line;

	utf8_printable(out, words_text(call, "call"));
	words_pad(out, from, name_width, false);
	buf_char(out, ' ');
	from = out->len;
	words_count(out, words_integer(call, "calls_total"));
	words_pad(out, from, 11, true);
	buf_str(out, "  ");
	from = out->len;
	errors_add(out, call);
	words_pad(out, from, ERRORS_WIDTH, false);
	buf_printf(out, " %9.2f %7.2f", words_real(call, "wall_seconds"),
		   words_real(call, "cpu_seconds"));
	duration_column(out, call, "p50_seconds", 9);
	duration_column(out, call, "p99_seconds", 9);
	duration_column(out, call, "max_seconds", 9);
	buf_str(out, "  ");
	object_add(out, json_object_get(call, "slowest"), false);
	while (out->len > line && out->data[out->len - 1] == ' ')
		out->len--;
	buf_char(out, '\n');
}

static unsigned longest_name(const json_t *calls)
{
	unsigned longest = 4;
	const json_t *call;
	size_t i = 0;

	json_array_foreach((json_t *)calls, i, call)
	{
		unsigned len = (unsigned)strlen(words_text(call, "call"));

		longest = len > longest ? len : longest;
	}
	return longest;
}

static void calls_add(struct buf *out, const json_t *doc, const struct attach_view *view)
{
	const json_t *calls = json_object_get(doc, "calls"), *call;
	unsigned name_width = longest_name(calls);
	size_t i = 0;

	if (!json_array_size(calls))
		return;
	buf_printf(out, "%-*s %11s  %-*s %9s %7s%9s%9s%9s  %s\n", (int)name_width, "call", "count",
		   ERRORS_WIDTH, "errors", "wall s", "cpu s", "p50", "p99", "max", "slowest");
	json_array_foreach((json_t *)calls, i, call)
	{
		if (view->calls && i == view->calls) {
			buf_printf(out, "... and %zu more\n", json_array_size(calls) - i);
			break;
		}
		call_add(out, call, name_width);
	}
}

/* --- what else there is */

static void files_add(struct buf *out, const json_t *doc, unsigned most)
{
	const json_t *files = json_object_get(doc, "files"), *file;
	size_t i = 0;

	json_array_foreach((json_t *)files, i, file)
	{
		if (i == attach_rows(FILES_SHOWN, most))
			break;
		buf_printf(out, "file   %-5s ", words_text(file, "operation"));
		utf8_printable(out, words_text(file, "file"));
		buf_str(out, "  ");
		words_count(out, words_integer(file, "calls_total"));
		buf_str(out,
			words_integer(file, "calls_total") == 1 ? " call above " : " calls above ");
		words_duration(out, words_real(doc, "files_above_seconds"));
		buf_printf(out, ", %.2f s, longest ", words_real(file, "wall_seconds"));
		words_duration(out, words_real(file, "max_seconds"));
		buf_char(out, '\n');
	}
}

static void underway_line(struct buf *out, const json_t *one)
{
	buf_str(out, "under way  ");
	utf8_printable(out, words_text(one, "command"));
	buf_printf(out, "[%llu] ", words_integer(one, "tid"));
	utf8_printable(out, words_text(one, "call"));
	buf_char(out, ' ');
	utf8_printable(out, words_text(one, "file"));
	buf_str(out, *words_text(one, "file") ? " for " : "for ");
	words_duration(out, words_real(one, "duration_seconds"));
	if (json_is_true(json_object_get(one, "since_before")))
		buf_str(out, " and since before");
	buf_printf(out, ", waits for: %s", words_text(one, "waits_for"));
	buf_char(out, '\n');
}

static bool is_long(const json_t *one, bool lock)
{
	return words_real(one, "duration_seconds") >= 0.1 &&
	       !strcmp(words_text(one, "waits_for"), "lock") == lock;
}

/* Most of many threads without work wait as one does for a lock: all of those in one line. */
static void underway_locks(struct buf *out, const json_t *list, size_t cnt)
{
	const json_t *one;
	size_t i = 0, shown = 0;

	buf_printf(out, "under way  %zu threads wait for a lock, or for others to have work:", cnt);
	json_array_foreach((json_t *)list, i, one)
	{
		if (!is_long(one, true))
			continue;
		if (shown++ == UNDERWAY_SHOWN) {
			buf_str(out, ", ...");
			break;
		}
		buf_str(out, shown > 1 ? ", " : " ");
		utf8_printable(out, words_text(one, "command"));
		buf_printf(out, "[%llu] for ", words_integer(one, "tid"));
		words_duration(out, words_real(one, "duration_seconds"));
	}
	buf_char(out, '\n');
}

static void underway_add(struct buf *out, const json_t *doc, unsigned most)
{
	const json_t *list = json_object_get(doc, "under_way"), *one, *lock = NULL;
	size_t i = 0, shown = 0, locks = 0;

	json_array_foreach((json_t *)list, i, one)
	{
		if (is_long(one, true)) {
			locks++;
			lock = one;
		} else if (is_long(one, false) && shown < attach_rows(UNDERWAY_SHOWN, most)) {
			underway_line(out, one);
			shown++;
		}
	}
	if (locks == 1)
		underway_line(out, lock);
	else if (locks)
		underway_locks(out, list, locks);
}

static void ends_add(struct buf *out, const json_t *ends, const char *how)
{
	const json_t *count;
	const char *key, *between = ": ";

	json_object_foreach((json_t *)ends, key, count)
	{
		buf_printf(out, "%s%lld %s %s", between, (long long)json_integer_value(count), how,
			   key);
		between = ", ";
	}
}

static void memory_add(struct buf *out, const json_t *doc)
{
	const json_t *memory = json_object_get(doc, "memory"),
		     *processes = json_object_get(doc, "processes");
	unsigned long long ended = words_integer(processes, "ended_total");
	double now = words_real(memory, "resident_bytes"),
	       before = words_real(memory, "resident_before_bytes");

	buf_str(out, "memory ");
	if (now > 0) {
		words_bytes(out, now);
		buf_str(out, now < before ? " (-" : " (+");
		words_bytes(out, now < before ? before - now : now - before);
		buf_char(out, ')');
	} else {
		words_bytes(out, words_real(memory, "resident_max_bytes"));
		buf_str(out, " at most");
	}
	buf_printf(out, ", %llu major faults, %llu minor",
		   words_integer(memory, "major_faults_total"),
		   words_integer(memory, "minor_faults_total"));
	buf_printf(out,
		   "   CPU: %.2f s user, %.2f s system; context switches: %llu voluntary, %llu not",
		   words_real(doc, "cpu_user_seconds"), words_real(doc, "cpu_system_seconds"),
		   words_integer(json_object_get(doc, "context_switches"), "voluntary_total"),
		   words_integer(json_object_get(doc, "context_switches"), "involuntary_total"));
	buf_printf(out, "\nchildren: %llu started, %llu threads; %llu %s ended",
		   words_integer(processes, "started_total"),
		   words_integer(processes, "threads_started_total"), ended,
		   ended == 1 ? "process" : "processes");
	ends_add(out, json_object_get(processes, "exit_status"), "with");
	ends_add(out, json_object_get(processes, "killed_by"), "killed by");
	buf_char(out, '\n');
}

static bool has_died_badly(const json_t *process)
{
	return json_is_integer(json_object_get(process, "signal")) ||
	       words_integer(process, "exit_status");
}

static void lasts_add(struct buf *out, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "last_calls"), *one;
	size_t i = 0, cnt = json_array_size(list), skip = cnt > LAST_SHOWN ? cnt - LAST_SHOWN : 0;

	if (!cnt || !has_died_badly(json_object_get(doc, "process")))
		return;
	buf_printf(out, "the last calls before the end (%zu more with --format json):\n", skip);
	json_array_foreach((json_t *)list, i, one)
	{
		const json_t *args = json_object_get(one, "arguments");

		if (i < skip || json_is_null(json_object_get(one, "call")))
			continue;
		buf_printf(out, "  -%.6f s [%llu] %s(", words_real(one, "before_end_seconds"),
			   words_integer(one, "tid"), words_text(one, "call"));
		for (size_t a = 0; a < json_array_size(args); a++)
			buf_printf(out, "%s%#llx", a ? ", " : "",
				   (unsigned long long)json_integer_value(json_array_get(args, a)));
		if (*words_text(one, "errno"))
			buf_printf(out, ") = %s in ", words_text(one, "errno"));
		else if (json_is_true(json_object_get(one, "returned")))
			buf_printf(out, ") = %lld in ",
				   (long long)json_integer_value(json_object_get(one, "result")));
		else
			buf_str(out, ") did not return, after ");
		words_duration(out, words_real(one, "duration_seconds"));
		buf_char(out, '\n');
	}
}

static void end_add(struct buf *out, const json_t *doc)
{
	const json_t *process = json_object_get(doc, "process");
	const char *name;

	if (!json_is_true(json_object_get(process, "ended")))
		return;
	if (json_is_integer(json_object_get(process, "signal"))) {
		name = sigabbrev_np((int)words_integer(process, "signal"));
		buf_printf(out, "it was killed by SIG%s (%llu)\n", name ?: "?",
			   words_integer(process, "signal"));
	} else {
		buf_printf(out, "it ended with status %llu\n",
			   words_integer(process, "exit_status"));
	}
}

void attach_text_summary(const json_t *doc, const struct attach_view *view, struct buf *out)
{
	unsigned long long before = words_integer(doc, "calls_since_before_total");
	size_t from = out->len;

	head_add(out, doc);
	buf_char(out, '\n');
	calls_add(out, doc, view);
	if (before)
		buf_printf(out, "%llu %s begun before, %s counted without %s time\n", before,
			   before > 1 ? "calls had" : "call had", before > 1 ? "and are" : "and is",
			   before > 1 ? "their" : "its");
	attach_counted_text(out, doc, view->rows);
	files_add(out, doc, view->rows);
	underway_add(out, doc, view->rows);
	attach_blocked_text(out, doc, view->rows);
	memory_add(out, doc);
	if (!view->live) {
		lasts_add(out, doc);
		end_add(out, doc);
	}
	words_cut(out, from, view->width);
}

/* "lock" is "a lock" to people. */
static const char *wait_text(const char *wait)
{
	static const char *const texts[][2] = {
		{ "disk", "a disk" },	      { "lock", "a lock" },
		{ "network", "the network" }, { "pipe", "a pipe" },
		{ "child", "a child" },	      { "other", "something else" },
		{ "event", "no event yet" },  { "sleep", "its sleep" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (!strcmp(texts[i][0], wait))
			return texts[i][1];
	return wait;
}

static void slow_call_add(struct buf *out, const json_t *e)
{
	buf_printf(out, "%s ", words_text(e, "call"));
	object_add(out, e, true);
	if (out->len && out->data[out->len - 1] != ' ')
		buf_char(out, ' ');
	words_duration(out, words_real(e, "duration_seconds"));
	if (*words_text(e, "errno"))
		buf_printf(out, " %s", words_text(e, "errno"));
	if (words_real(e, "wait_seconds") > words_real(e, "duration_seconds") / 10) {
		bool cpu = !strcmp(words_text(e, "waits_for"), "cpu");

		buf_str(out, ", of it ");
		words_duration(out, words_real(e, "wait_seconds"));
		buf_printf(out, cpu ? " waiting for a CPU" : " blocked by %s",
			   wait_text(words_text(e, "waits_for")));
	}
	if (json_object_get(e, "waker")) {
		buf_str(out, ", ended by ");
		attach_waker_text(out, json_object_get(e, "waker"));
	}
}

static void slow_io_add(struct buf *out, const json_t *e)
{
	buf_str(out, "I/O ");
	utf8_printable(out, words_text(e, "device"));
	buf_printf(out, " %s ", words_text(e, "operation"));
	words_bytes(out, words_real(e, "size_bytes"));
	if (json_object_get(e, "sector"))
		buf_printf(out, " at sector %llu", words_integer(e, "sector"));
	buf_char(out, ' ');
	words_duration(out, words_real(e, "duration_seconds"));
	if (json_object_get(e, "device_seconds")) {
		buf_str(out, ", of it ");
		words_duration(out, words_real(e, "device_seconds"));
		buf_str(out, " in the device");
	}
}

static void slow_request_add(struct buf *out, const json_t *e)
{
	bool out_bound = !strcmp(words_text(e, "direction"), "outbound");

	buf_printf(out, "request %s ", words_text(e, "direction"));
	utf8_printable(out, words_text(e, "protocol"));
	if (*words_text(e, "remote"))
		buf_printf(out, " %s %s", out_bound ? "to" : "from", words_text(e, "remote"));
	if (*words_text(e, "peer")) {
		buf_str(out, " (");
		utf8_printable(out, words_text(e, "peer"));
		buf_char(out, ')');
	}
	buf_char(out, ' ');
	words_duration(out, words_real(e, "duration_seconds"));
}

void attach_text_slow(const json_t *e, struct buf *out)
{
	const char *time = strchr(words_text(e, "time"), 'T') ?: " ", *what = words_text(e, "what");

	buf_printf(out, "%.12s ", time + 1);
	if (json_object_get(e, "tid")) {
		utf8_printable(out, words_text(e, "command"));
		buf_printf(out, "[%llu] ", words_integer(e, "tid"));
	}
	if (!strcmp(what, "io"))
		slow_io_add(out, e);
	else if (!strcmp(what, "request"))
		slow_request_add(out, e);
	else
		slow_call_add(out, e);
	buf_char(out, '\n');
}

static unsigned long long all_calls(const json_t *doc, const char *key)
{
	const json_t *call;
	unsigned long long sum = 0;
	size_t i = 0;

	json_array_foreach(json_object_get(doc, "calls"), i, call) sum += words_integer(call, key);
	return sum;
}

void attach_text_line(const json_t *doc, const json_t *before, struct buf *out)
{
	double s = words_real(doc, "elapsed_seconds") - words_real(before, "elapsed_seconds");
	const json_t *blocked = json_object_get(doc, "blocked"),
		     *blocked_before = json_object_get(before, "blocked");

	s = s > 0.001 ? s : 0.001;
	buf_printf(out, "%.0f s: %.0f calls/s, %.0f errors/s; CPU %.0f %%",
		   words_real(doc, "elapsed_seconds"),
		   (double)(all_calls(doc, "calls_total") - all_calls(before, "calls_total")) / s,
		   (double)(all_calls(doc, "errors_total") - all_calls(before, "errors_total")) / s,
		   100 * (words_real(doc, "cpu_seconds") - words_real(before, "cpu_seconds")) / s);
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		double part = 100 *
			      (words_real(blocked, waits[i].key) -
			       words_real(blocked_before, waits[i].key)) /
			      s;

		if (part >= 0.5)
			buf_printf(out, ", %s %.0f %%", waits[i].name, part);
	}
	buf_char(out, '\n');
}
