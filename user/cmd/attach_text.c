// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/attach_text.h"

#include <stdio.h>
#include <string.h>

#define LAST_SHOWN     16
#define FILES_SHOWN    8
#define UNDERWAY_SHOWN 6
#define NAME_WIDTH     15

static double real(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static unsigned long long integer(const json_t *o, const char *key)
{
	return (unsigned long long)json_integer_value(json_object_get(o, key));
}

/* A terminal shall not obey what somebody has put into a name. */
static void clean_add(struct buf *out, const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			buf_printf(out, "\\x%02x", (unsigned char)*text);
		else
			buf_char(out, *text);
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

void attach_text_duration(struct buf *out, double s)
{
	static const struct {
		double below, unit;
		const char *name;
	} units[] = { { 1e-3, 1e-6, "us" }, { 1, 1e-3, "ms" }, { 60, 1, "s" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		double value = s / units[i].unit;

		if (s >= units[i].below)
			continue;
		buf_printf(out, value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[i].name);
		return;
	}
	buf_printf(out, "%.0f min %.0f s", (double)(long)(s / 60), s - 60 * (double)(long)(s / 60));
}

static void count_add(struct buf *out, unsigned long long n)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%llu", n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_char(out, ',');
		buf_char(out, digits[i]);
	}
}

static void bytes_add(struct buf *out, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned i = 0;

	for (; bytes >= 1024 && i < 4; i++)
		bytes /= 1024;
	buf_printf(out, i && bytes < 9.95 ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

/* Fills up with blanks, so that what came since `from` takes so many columns; on the left side for numbers. */
static void pad(struct buf *out, size_t from, size_t width, bool left)
{
	size_t len = out->len - from, more = len < width ? width - len : 0;

	for (size_t i = 0; i < more; i++)
		buf_char(out, ' ');
	if (left && more && !out->failed) {
		memmove(out->data + from + more, out->data + from, len);
		memset(out->data + from, ' ', more);
	}
}

/* Cuts what came since `from` to the width. */
static void cut(struct buf *out, size_t from, unsigned width)
{
	if (width && out->len > from + width)
		out->len = from + width;
}

/* --- the first line */

static const struct wait {
	const char *key, *name;
	bool on_purpose;
} waits[] = {
	{ "disk_seconds", "disk", false },	 { "lock_seconds", "locks", false },
	{ "network_seconds", "network", false }, { "pipe_seconds", "pipes", false },
	{ "other_seconds", "other", false },	 { "event_seconds", "for events", true },
	{ "sleep_seconds", "asleep", true },	 { "child_seconds", "for children", true },
};

static void waits_add(struct buf *out, const json_t *blocked, bool on_purpose, const char *what)
{
	const char *between = " (";
	double sum = 0;

	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++)
		if (waits[i].on_purpose == on_purpose)
			sum += real(blocked, waits[i].key);
	if (on_purpose && sum < 0.05)
		return;
	buf_printf(out, ", %.1f s %s", sum, what);
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		double s = real(blocked, waits[i].key);

		if (waits[i].on_purpose != on_purpose || s < 0.05)
			continue;
		buf_printf(out, "%s%s %.1f", between, waits[i].name, s);
		between = ", ";
	}
	if (*between == ',')
		buf_char(out, ')');
}

static void lost_add(struct buf *out, const json_t *doc)
{
	const json_t *lost = json_object_get(doc, "lost");
	unsigned long long tasks = integer(lost, "tasks_total"),
			   events = integer(lost, "events_total");

	if (tasks)
		buf_printf(out, "; LOST: %llu threads were not followed, for want of memory",
			   tasks);
	if (events)
		buf_printf(out, "; %llu calls were counted, but their files and peers lost",
			   events);
	if (!tasks && !events)
		buf_str(out, "; nothing lost");
}

static void head_add(struct buf *out, const json_t *doc)
{
	const json_t *process = json_object_get(doc, "process"),
		     *processes = json_object_get(doc, "processes");
	unsigned long long started = integer(processes, "started_total"),
			   running = integer(processes, "running"),
			   threads = integer(processes, "threads_running");

	clean_add(out, text(process, "command"));
	buf_printf(out, "[%llu]", integer(process, "pid"));
	if (json_is_integer(json_object_get(process, "pid_inside")))
		buf_printf(out, " (%llu inside its PID namespace)", integer(process, "pid_inside"));
	if (*text(process, "service")) {
		buf_str(out, " of ");
		clean_add(out, text(process, "service"));
	}
	if (started || running > 1)
		buf_printf(out, " and %llu %s",
			   started > running - 1 || !running ? started : running - 1,
			   started + running == 2 || (started == 1 && !running) ? "child"
										: "children");
	if (threads > running)
		buf_printf(out, " (%llu threads)", threads);
	buf_printf(out, ", %.1f s: %.1f s CPU", real(doc, "elapsed_seconds"),
		   real(doc, "cpu_seconds"));
	waits_add(out, json_object_get(doc, "blocked"), false, "blocked");
	waits_add(out, json_object_get(doc, "blocked"), true, "waiting on purpose");
	buf_printf(out, ", %.1f s waiting for a CPU", real(doc, "run_queue_wait_seconds"));
	lost_add(out, doc);
	buf_char(out, '\n');
}

/* --- the table of calls */

static void errors_add(struct buf *out, const json_t *call)
{
	const json_t *count;
	const char *name, *between = "";
	unsigned cnt = 0;

	json_object_foreach(json_object_get(call, "errors"), name, count)
	{
		if (cnt++ < 2)
			buf_printf(out, "%s%lld %s", between, (long long)json_integer_value(count),
				   name);
		between = ", ";
	}
	if (cnt > 2)
		buf_printf(out, " +%u", cnt - 2);
	if (!cnt)
		buf_char(out, '0');
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
	const char *file = text(o, "file"), *peer = text(o, "peer");

	if (*file)
		clean_add(out, whole ? file : path_end(file));
	if (json_is_integer(json_object_get(o, "offset_bytes"))) {
		buf_str(out, " at ");
		bytes_add(out, real(o, "offset_bytes"));
	}
	clean_add(out, peer);
	if (!*file && !*peer && json_is_integer(json_object_get(o, "local_port")))
		buf_printf(out, "port %llu", integer(o, "local_port"));
}

static void duration_column(struct buf *out, const json_t *call, const char *key, size_t width)
{
	size_t from = out->len;

	if (json_is_number(json_object_get(call, key)))
		attach_text_duration(out, real(call, key));
	else
		buf_char(out, '-');
	pad(out, from, width, true);
}

static void call_add(struct buf *out, const json_t *call, unsigned width)
{
	size_t line = out->len, from = line;

	clean_add(out, text(call, "call"));
	pad(out, from, NAME_WIDTH, false);
	buf_char(out, ' ');
	from = out->len;
	count_add(out, integer(call, "calls_total"));
	pad(out, from, 11, true);
	buf_str(out, "  ");
	from = out->len;
	errors_add(out, call);
	pad(out, from, 16, false);
	buf_printf(out, " %9.2f %7.2f", real(call, "wall_seconds"), real(call, "cpu_seconds"));
	duration_column(out, call, "p50_seconds", 9);
	duration_column(out, call, "p99_seconds", 9);
	duration_column(out, call, "max_seconds", 9);
	buf_str(out, "  ");
	object_add(out, json_object_get(call, "slowest"), false);
	while (out->len > line && out->data[out->len - 1] == ' ')
		out->len--;
	cut(out, line, width);
	buf_char(out, '\n');
}

static void calls_add(struct buf *out, const json_t *doc, const struct attach_view *view)
{
	const json_t *calls = json_object_get(doc, "calls"), *call;
	size_t i, from = out->len;

	if (!json_array_size(calls))
		return;
	buf_printf(out, "%-*s %11s  %-16s %9s %7s%9s%9s%9s  %s", NAME_WIDTH, "call", "count",
		   "errors", "wall s", "cpu s", "p50", "p99", "max", "slowest");
	cut(out, from, view->width);
	buf_char(out, '\n');
	json_array_foreach((json_t *)calls, i, call)
	{
		if (view->calls && i == view->calls) {
			buf_printf(out, "... and %zu more\n", json_array_size(calls) - i);
			break;
		}
		call_add(out, call, view->width);
	}
}

/* --- what else there is */

static void files_add(struct buf *out, const json_t *doc, unsigned width)
{
	const json_t *files = json_object_get(doc, "files"), *file;
	size_t i;

	json_array_foreach((json_t *)files, i, file)
	{
		size_t from = out->len;

		if (i == FILES_SHOWN)
			break;
		buf_printf(out, "file   %-5s ", text(file, "operation"));
		clean_add(out, text(file, "file"));
		buf_str(out, "  ");
		count_add(out, integer(file, "calls_total"));
		buf_str(out, " calls above ");
		attach_text_duration(out, real(doc, "files_above_seconds"));
		buf_printf(out, ", %.2f s, longest ", real(file, "wall_seconds"));
		attach_text_duration(out, real(file, "max_seconds"));
		cut(out, from, width);
		buf_char(out, '\n');
	}
}

static void underway_line(struct buf *out, const json_t *one, unsigned width)
{
	size_t from = out->len;

	buf_str(out, "under way  ");
	clean_add(out, text(one, "command"));
	buf_printf(out, "[%llu] ", integer(one, "tid"));
	clean_add(out, text(one, "call"));
	buf_char(out, ' ');
	clean_add(out, text(one, "file"));
	buf_str(out, *text(one, "file") ? " for " : "for ");
	attach_text_duration(out, real(one, "duration_seconds"));
	if (json_is_true(json_object_get(one, "since_before")))
		buf_str(out, " and since before");
	buf_printf(out, ", waits for: %s", text(one, "waits_for"));
	cut(out, from, width);
	buf_char(out, '\n');
}

/* Locks last: threads without work wait for one. */
static void underway_add(struct buf *out, const json_t *doc, unsigned width)
{
	const json_t *list = json_object_get(doc, "under_way"), *one;
	size_t i, shown = 0;

	for (int locks = 0; locks < 2; locks++)
		json_array_foreach((json_t *)list, i, one)
		{
			if (shown == UNDERWAY_SHOWN || real(one, "duration_seconds") < 0.1 ||
			    (strcmp(text(one, "waits_for"), "lock") == 0) != locks)
				continue;
			underway_line(out, one, width);
			shown++;
		}
}

/* --- what the families have counted: disks, connections, requests */

/* The row of a metric whose labels are those given, as far as they are given (NULL: any); NULL: there is none. */
static const json_t *metric_find(const json_t *doc, const char *metric, const json_t *labels)
{
	const json_t *rows = json_object_get(doc, "metrics"), *row, *value;
	const char *key;
	size_t i;

	json_array_foreach((json_t *)rows, i, row)
	{
		bool same = !strcmp(text(row, "metric"), metric);

		json_object_foreach((json_t *)labels, key, value) same =
			same && !strcmp(text(json_object_get(row, "labels"), key),
					json_string_value(value));
		if (same)
			return row;
	}
	return NULL;
}

static void latency_add(struct buf *out, const json_t *row)
{
	buf_str(out, " p50 ");
	attach_text_duration(out, real(row, "p50_seconds"));
	buf_str(out, ", p99 ");
	attach_text_duration(out, real(row, "p99_seconds"));
}

static void disk_add(struct buf *out, const json_t *doc, const json_t *row)
{
	const json_t *labels = json_object_get(row, "labels"),
		     *bytes = metric_find(doc, "seismo_service_block_io_bytes_total", labels);

	buf_str(out, "disk   ");
	clean_add(out, text(labels, "device"));
	buf_printf(out, "  %s ", text(labels, "operation"));
	count_add(out, integer(row, "count_total"));
	buf_str(out, " at");
	latency_add(out, row);
	if (bytes) {
		buf_str(out, ", ");
		bytes_add(out, real(bytes, "value_bytes"));
	}
	buf_char(out, '\n');
}

/* Requests that did not succeed, as far as their protocol has a status: all of these labels but that of success. */
static unsigned long long failed(const json_t *doc, const json_t *labels)
{
	const json_t *rows = json_object_get(doc, "metrics"), *row;
	unsigned long long sum = 0;
	size_t i;

	json_array_foreach((json_t *)rows, i, row)
	{
		const json_t *of = json_object_get(row, "labels");
		const char *status = text(of, "status");

		if (!strcmp(text(row, "metric"), "seismo_requests_total") &&
		    !strcmp(text(of, "direction"), text(labels, "direction")) &&
		    !strcmp(text(of, "protocol"), text(labels, "protocol")) &&
		    (*status == '5' || strstr(status, "error")))
			sum += integer(row, "value_total");
	}
	return sum;
}

static void request_add(struct buf *out, const json_t *doc, const json_t *row)
{
	const json_t *labels = json_object_get(row, "labels");

	buf_printf(out, "requests  %s ", text(labels, "direction"));
	clean_add(out, text(labels, "protocol"));
	if (*text(labels, "peer")) {
		buf_str(out, " to ");
		clean_add(out, text(labels, "peer"));
	}
	buf_str(out, ": ");
	count_add(out, integer(row, "count_total"));
	buf_char(out, ',');
	latency_add(out, row);
	buf_printf(out, ", %llu failed\n", failed(doc, labels));
}

static unsigned long long value_of(const json_t *doc, const char *metric, const char *key,
				   const char *value, const char *unit)
{
	json_t *labels = json_pack("{s:s}", key, value);
	const json_t *row = metric_find(doc, metric, labels);

	json_decref(labels);
	return row ? integer(row, unit) : 0;
}

static void sockets_add(struct buf *out, const json_t *doc)
{
	static const char connections[] = "seismo_tcp_connections_total",
			  bytes[] = "seismo_tcp_bytes_total";
	unsigned long long in = value_of(doc, connections, "direction", "inbound", "value_total"),
			   to = value_of(doc, connections, "direction", "outbound", "value_total"),
			   received = value_of(doc, bytes, "direction", "received", "value_bytes"),
			   sent = value_of(doc, bytes, "direction", "sent", "value_bytes");
	const json_t *rtt = metric_find(doc, "seismo_tcp_rtt_seconds", NULL),
		     *connect = metric_find(doc, "seismo_tcp_connect_duration_seconds", NULL);

	if (!in && !to && !received && !sent)
		return;
	buf_printf(out, "sockets  %llu TCP connections accepted, %llu made; ", in, to);
	bytes_add(out, (double)received);
	buf_str(out, " received, ");
	bytes_add(out, (double)sent);
	buf_str(out, " sent");
	if (rtt) {
		buf_str(out, "; RTT");
		latency_add(out, rtt);
	}
	if (connect) {
		buf_str(out, "; connects take");
		latency_add(out, connect);
	}
	buf_char(out, '\n');
}

static void counted_add(struct buf *out, const json_t *doc)
{
	static const struct {
		const char *metric;
		void (*add)(struct buf *out, const json_t *doc, const json_t *row);
	} shown[] = { { "seismo_service_block_io_duration_seconds", disk_add },
		      { "seismo_request_duration_seconds", request_add } };
	const json_t *rows = json_object_get(doc, "metrics"), *row;
	size_t i;

	for (size_t kind = 0; kind < sizeof(shown) / sizeof(*shown); kind++)
		json_array_foreach((json_t *)rows, i,
				   row) if (!strcmp(text(row, "metric"), shown[kind].metric))
			shown[kind]
				.add(out, doc, row);
	sockets_add(out, doc);
}

/* --- where it waits, and who wakes it */

#define STACKS_SHOWN 4
#define FRAMES_SHOWN 10
#define WAKERS_SHOWN 4

static bool is_idle(const json_t *row)
{
	return !strcmp(text(row, "waits_for"), "idle") || real(row, "blocked_seconds") < 0.001;
}

static void stack_add(struct buf *out, const json_t *row, unsigned width)
{
	const json_t *frames = json_object_get(row, "frames"), *frame;
	size_t i, from = out->len, shown = 0;

	buf_printf(out, "blocked in  %.2f s (%s, longest ", real(row, "blocked_seconds"),
		   text(row, "waits_for"));
	attach_text_duration(out, real(row, "longest_seconds"));
	buf_str(out, ") ");
	json_array_foreach((json_t *)frames, i, frame)
	{
		const char *function = text(frame, "function");

		if (!*function || shown == FRAMES_SHOWN)
			continue;
		buf_str(out, shown++ ? " < " : "");
		clean_add(out, function);
	}
	cut(out, from, width);
	buf_char(out, '\n');
}

struct waker {
	const json_t *who;
	double seconds;
};

static bool same_waker(const json_t *a, const json_t *b)
{
	return !strcmp(text(a, "kind"), text(b, "kind")) && integer(a, "tid") == integer(b, "tid");
}

static void waker_add(struct buf *out, const struct waker *w)
{
	const char *kind = text(w->who, "kind");

	if (*text(w->who, "command")) {
		clean_add(out, text(w->who, "command"));
		buf_printf(out, "[%llu]", integer(w->who, "tid"));
	} else {
		buf_str(out, !strcmp(kind, "interrupt")
				     ? "an interrupt (a device, a timer, a packet)"
				     : "nobody that was seen");
	}
	buf_printf(out, " %.2f s", w->seconds);
}

static void wakers_add(struct buf *out, const json_t *rows)
{
	struct waker wakers[WAKERS_SHOWN] = { 0 };
	const json_t *row;
	unsigned cnt = 0;
	size_t i;

	json_array_foreach((json_t *)rows, i, row)
	{
		const json_t *who = json_object_get(row, "waker");
		unsigned at = 0;

		if (is_idle(row))
			continue;
		while (at < cnt && !same_waker(wakers[at].who, who))
			at++;
		if (at == WAKERS_SHOWN)
			continue;
		cnt += at == cnt;
		wakers[at].who = who;
		wakers[at].seconds += real(row, "blocked_seconds");
	}
	for (unsigned at = 0; at < cnt; at++) {
		buf_str(out, at ? "; " : "woken by    ");
		waker_add(out, &wakers[at]);
	}
	if (cnt)
		buf_char(out, '\n');
}

/* Waits for other threads to have work come last. */
static void blocked_add(struct buf *out, const json_t *doc, unsigned width)
{
	const json_t *rows = json_object_get(doc, "blocked_in"), *row;
	size_t i, shown = 0;

	for (int last = 0; last < 2; last++)
		json_array_foreach((json_t *)rows, i, row)
		{
			bool condition = !strcmp(text(row, "waits_for"), "condition");

			if (shown >= STACKS_SHOWN || is_idle(row) || condition != last)
				continue;
			stack_add(out, row, width);
			shown++;
		}
	wakers_add(out, rows);
	if (*text(doc, "blocked_in_error"))
		buf_printf(out, "blocked in  not known: %s\n", text(doc, "blocked_in_error"));
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
	double now = real(memory, "resident_bytes"), before = real(memory, "resident_before_bytes");

	buf_str(out, "memory ");
	if (now > 0) {
		bytes_add(out, now);
		buf_str(out, now < before ? " (-" : " (+");
		bytes_add(out, now < before ? before - now : now - before);
		buf_char(out, ')');
	} else {
		bytes_add(out, real(memory, "resident_max_bytes"));
		buf_str(out, " at most");
	}
	buf_printf(out, ", %llu major faults, %llu minor", integer(memory, "major_faults_total"),
		   integer(memory, "minor_faults_total"));
	buf_printf(out, "   children: %llu started, %llu threads; %llu processes ended",
		   integer(processes, "started_total"), integer(processes, "threads_started_total"),
		   integer(processes, "ended_total"));
	ends_add(out, json_object_get(processes, "exit_status"), "with");
	ends_add(out, json_object_get(processes, "killed_by"), "killed by");
	buf_char(out, '\n');
}

static bool has_died_badly(const json_t *process)
{
	return json_is_integer(json_object_get(process, "signal")) ||
	       integer(process, "exit_status");
}

static void lasts_add(struct buf *out, const json_t *doc, unsigned width)
{
	const json_t *list = json_object_get(doc, "last_calls"), *one;
	size_t i, cnt = json_array_size(list), skip = cnt > LAST_SHOWN ? cnt - LAST_SHOWN : 0;

	if (!cnt || !has_died_badly(json_object_get(doc, "process")))
		return;
	buf_printf(out, "the last calls before the end (%zu more with --format json):\n", skip);
	json_array_foreach((json_t *)list, i, one)
	{
		const json_t *args = json_object_get(one, "arguments");
		size_t from = out->len;

		if (i < skip || json_is_null(json_object_get(one, "call")))
			continue;
		buf_printf(out, "  -%.6f s [%llu] %s(", real(one, "before_end_seconds"),
			   integer(one, "tid"), text(one, "call"));
		for (size_t a = 0; a < json_array_size(args); a++)
			buf_printf(out, "%s%#llx", a ? ", " : "",
				   (unsigned long long)json_integer_value(json_array_get(args, a)));
		if (*text(one, "errno"))
			buf_printf(out, ") = %s in ", text(one, "errno"));
		else if (json_is_true(json_object_get(one, "returned")))
			buf_printf(out, ") = %lld in ",
				   (long long)json_integer_value(json_object_get(one, "result")));
		else
			buf_str(out, ") did not return, after ");
		attach_text_duration(out, real(one, "duration_seconds"));
		cut(out, from, width);
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
		name = sigabbrev_np((int)integer(process, "signal"));
		buf_printf(out, "it was killed by SIG%s (%llu)\n", name ?: "?",
			   integer(process, "signal"));
	} else {
		buf_printf(out, "it ended with status %llu\n", integer(process, "exit_status"));
	}
}

void attach_text_summary(const json_t *doc, const struct attach_view *view, struct buf *out)
{
	head_add(out, doc);
	buf_char(out, '\n');
	calls_add(out, doc, view);
	if (integer(doc, "calls_since_before_total"))
		buf_printf(out, "%llu calls had begun before, and are counted without their time\n",
			   integer(doc, "calls_since_before_total"));
	counted_add(out, doc);
	files_add(out, doc, view->width);
	underway_add(out, doc, view->width);
	blocked_add(out, doc, view->width);
	memory_add(out, doc);
	if (!view->live) {
		lasts_add(out, doc, view->width);
		end_add(out, doc);
	}
}

void attach_text_slow(const json_t *e, struct buf *out)
{
	const char *time = strchr(text(e, "time"), 'T') ?: " ";

	buf_printf(out, "%.12s %s[%llu] %s ", time + 1, text(e, "command"), integer(e, "tid"),
		   text(e, "call"));
	object_add(out, e, true);
	if (out->len && out->data[out->len - 1] != ' ')
		buf_char(out, ' ');
	attach_text_duration(out, real(e, "duration_seconds"));
	if (*text(e, "errno"))
		buf_printf(out, " %s", text(e, "errno"));
	buf_char(out, '\n');
}

static unsigned long long all_calls(const json_t *doc, const char *key)
{
	const json_t *call;
	unsigned long long sum = 0;
	size_t i;

	json_array_foreach(json_object_get(doc, "calls"), i, call) sum += integer(call, key);
	return sum;
}

void attach_text_line(const json_t *doc, const json_t *before, struct buf *out)
{
	double s = real(doc, "elapsed_seconds") - real(before, "elapsed_seconds");
	const json_t *blocked = json_object_get(doc, "blocked"),
		     *blocked_before = json_object_get(before, "blocked");

	s = s > 0.001 ? s : 0.001;
	buf_printf(out, "%.0f s: %.0f calls/s, %.0f errors/s; CPU %.0f %%",
		   real(doc, "elapsed_seconds"),
		   (double)(all_calls(doc, "calls_total") - all_calls(before, "calls_total")) / s,
		   (double)(all_calls(doc, "errors_total") - all_calls(before, "errors_total")) / s,
		   100 * (real(doc, "cpu_seconds") - real(before, "cpu_seconds")) / s);
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		double part = 100 *
			      (real(blocked, waits[i].key) - real(blocked_before, waits[i].key)) /
			      s;

		if (part >= 0.5)
			buf_printf(out, ", %s %.0f %%", waits[i].name, part);
	}
	buf_char(out, '\n');
}
