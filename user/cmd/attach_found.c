// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/attach_found.h"

#include <stdio.h>
#include <string.h>

#include "cmd/attach_words.h"
#include "lib/utf8.h"

#define CONNECTIONS_SHOWN 6

/* --- what the families have counted: disks, connections, requests */

/* The row of a metric whose labels are those given, as far as they are given (NULL: any); NULL: there is none. */
static const json_t *metric_find(const json_t *doc, const char *metric, const json_t *labels)
{
	const json_t *rows = json_object_get(doc, "metrics"), *row, *value;
	const char *key;
	size_t i = 0;

	json_array_foreach((json_t *)rows, i, row)
	{
		bool same = !strcmp(words_text(row, "metric"), metric);

		json_object_foreach((json_t *)labels, key, value) same =
			same && !strcmp(words_text(json_object_get(row, "labels"), key),
					json_string_value(value));
		if (same)
			return row;
	}
	return NULL;
}

static void latency_add(struct buf *out, const json_t *row)
{
	buf_str(out, " p50 ");
	words_duration(out, words_real(row, "p50_seconds"));
	buf_str(out, ", p99 ");
	words_duration(out, words_real(row, "p99_seconds"));
}

static void disk_add(struct buf *out, const json_t *doc, const json_t *row)
{
	const json_t *labels = json_object_get(row, "labels"),
		     *bytes = metric_find(doc, "seismo_service_block_io_bytes_total", labels);

	buf_str(out, "disk   ");
	utf8_printable(out, words_text(labels, "device"));
	buf_printf(out, "  %s ", words_text(labels, "operation"));
	words_count(out, words_integer(row, "count_total"));
	buf_str(out, " at");
	latency_add(out, row);
	if (bytes) {
		buf_str(out, ", ");
		words_bytes(out, words_real(bytes, "value_bytes"));
	}
	buf_char(out, '\n');
}

/* Requests that did not succeed, as far as their protocol has a status: all of these labels but that of success. */
static unsigned long long failed(const json_t *doc, const json_t *labels)
{
	const json_t *rows = json_object_get(doc, "metrics"), *row;
	unsigned long long sum = 0;
	size_t i = 0;

	json_array_foreach((json_t *)rows, i, row)
	{
		const json_t *of = json_object_get(row, "labels");
		const char *status = words_text(of, "status");

		if (!strcmp(words_text(row, "metric"), "seismo_requests_total") &&
		    !strcmp(words_text(of, "direction"), words_text(labels, "direction")) &&
		    !strcmp(words_text(of, "protocol"), words_text(labels, "protocol")) &&
		    (*status == '5' || strstr(status, "error")))
			sum += words_integer(row, "value_total");
	}
	return sum;
}

static void request_add(struct buf *out, const json_t *doc, const json_t *row)
{
	const json_t *labels = json_object_get(row, "labels");

	buf_printf(out, "requests  %s ", words_text(labels, "direction"));
	utf8_printable(out, words_text(labels, "protocol"));
	if (*words_text(labels, "peer")) {
		buf_str(out, " to ");
		utf8_printable(out, words_text(labels, "peer"));
	}
	buf_str(out, ": ");
	words_count(out, words_integer(row, "count_total"));
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
	return row ? words_integer(row, unit) : 0;
}

/* Connections at a listener that was there before the attachment are still counted with that: the calls that took them tell. */
static unsigned long long accepted(const json_t *doc)
{
	const json_t *call;
	unsigned long long sum = 0;
	size_t i = 0;

	json_array_foreach(json_object_get(doc, "calls"), i,
			   call) if (!strncmp(words_text(call, "call"), "accept", 6)) sum +=
		words_integer(call, "calls_total") - words_integer(call, "errors_total");
	return sum;
}

static void sockets_add(struct buf *out, const json_t *doc)
{
	static const char connections[] = "seismo_tcp_connections_total",
			  bytes[] = "seismo_tcp_bytes_total";
	unsigned long long in = accepted(doc),
			   to = value_of(doc, connections, "direction", "outbound", "value_total"),
			   received = value_of(doc, bytes, "direction", "received", "value_bytes"),
			   sent = value_of(doc, bytes, "direction", "sent", "value_bytes");
	const json_t *rtt = metric_find(doc, "seismo_tcp_rtt_seconds", NULL),
		     *connect = metric_find(doc, "seismo_tcp_connect_duration_seconds", NULL);

	if (!in && !to && !received && !sent)
		return;
	buf_printf(out, "sockets  %llu connections accepted, %llu made by TCP; ", in, to);
	words_bytes(out, (double)received);
	buf_str(out, " received, ");
	words_bytes(out, (double)sent);
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

static void connection_add(struct buf *out, const json_t *c)
{
	bool out_bound = !strcmp(words_text(c, "direction"), "outbound");

	buf_printf(out, "connection  %s %s", out_bound ? "to" : "from", words_text(c, "peer"));
	if (!out_bound)
		buf_printf(out, " at port %llu", words_integer(c, "local_port"));
	if (strcmp(words_text(c, "state"), "failed") == 0)
		buf_printf(out, " failed (%s)",
			   *words_text(c, "errno") ? words_text(c, "errno") : "given up");
	buf_str(out, ": ");
	words_bytes(out, words_real(c, "received_bytes"));
	buf_str(out, " received, ");
	words_bytes(out, words_real(c, "sent_bytes"));
	buf_str(out, " sent");
	if (json_object_get(c, "rtt_seconds")) {
		buf_str(out, ", RTT ");
		words_duration(out, words_real(c, "rtt_seconds"));
	}
	if (json_object_get(c, "connect_seconds")) {
		buf_str(out, ", connect ");
		words_duration(out, words_real(c, "connect_seconds"));
	}
	buf_printf(out, ", %llu retransmits, ", words_integer(c, "retransmits_total"));
	if (json_object_get(c, "duration_seconds"))
		words_duration(out, words_real(c, "duration_seconds"));
	else
		buf_str(out, "since before");
	buf_str(out, !strcmp(words_text(c, "state"), "open") ? ", open\n" : "\n");
}

static void connections_text(struct buf *out, const json_t *doc, unsigned most)
{
	unsigned shown = attach_rows(CONNECTIONS_SHOWN, most);
	const json_t *list = json_object_get(doc, "connections"), *c;
	unsigned long long all = words_integer(doc, "connections_total");
	size_t i = 0;

	json_array_foreach((json_t *)list, i, c)
	{
		if (i == shown)
			break;
		connection_add(out, c);
	}
	if (all > shown)
		buf_printf(out, "... and %llu more connections\n", all - shown);
}

void attach_counted_text(struct buf *out, const json_t *doc, unsigned most)
{
	static const struct {
		const char *metric;
		void (*add)(struct buf *out, const json_t *doc, const json_t *row);
	} shown[] = { { "seismo_service_block_io_duration_seconds", disk_add },
		      { "seismo_request_duration_seconds", request_add } };
	const json_t *rows = json_object_get(doc, "metrics"), *row;
	size_t i = 0;

	for (size_t kind = 0; kind < sizeof(shown) / sizeof(*shown); kind++)
		json_array_foreach((json_t *)rows, i,
				   row) if (!strcmp(words_text(row, "metric"), shown[kind].metric))
			shown[kind]
				.add(out, doc, row);
	sockets_add(out, doc);
	connections_text(out, doc, most);
}

/* --- where it waits, and who wakes it */

#define STACKS_SHOWN 4
#define FRAMES_SHOWN 6 /* of the kernel, and as many of the program */
#define WAKERS_SHOWN 4

static bool is_idle(const json_t *row)
{
	return !strcmp(words_text(row, "waits_for"), "idle") ||
	       words_real(row, "blocked_seconds") < 0.001;
}

/* The way into the kernel is the same for all calls. */
static bool is_entry(const char *function)
{
	static const char *const entries[] = { "do_syscall_64", "entry_SYSCALL_64",
					       "x64_sys_",	"__x64_sys_",
					       "__arm64_sys_",	"invoke_syscall",
					       "el0_",		"do_el0_" };

	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		if (!strncmp(function, entries[i], strlen(entries[i])))
			return true;
	return false;
}

/* What a frame is called; one without a name after its file. Several of those in a row are one. */
static void frame_name(const json_t *frame, char *ret, size_t size)
{
	const char *function = words_text(frame, "function"), *file = words_text(frame, "file"),
		   *name = strrchr(file, '/');

	if (*function)
		snprintf(ret, size, "%s", function);
	else if (*file)
		snprintf(ret, size, "? in %s", name ? name + 1 : file);
	else
		snprintf(ret, size, "?");
}

static void frames_add(struct buf *out, const json_t *frames)
{
	unsigned shown[2] = { 0 }; /* of the program, of the kernel */
	char name[128], before[128] = "";
	const char *between = "";
	const json_t *frame;
	size_t i = 0;

	json_array_foreach((json_t *)frames, i, frame)
	{
		bool kernel = json_is_true(json_object_get(frame, "kernel"));

		frame_name(frame, name, sizeof(name));
		if ((kernel && is_entry(name)) || shown[kernel] == FRAMES_SHOWN ||
		    (*name == '?' && !strcmp(name, before)))
			continue;
		shown[kernel]++;
		snprintf(before, sizeof(before), "%s", name);
		buf_str(out, between);
		utf8_printable(out, name);
		between = " < ";
	}
}

static void stack_add(struct buf *out, const json_t *row)
{
	buf_str(out, "blocked in  ");
	if (*words_text(row, "call"))
		buf_printf(out, "%s ", words_text(row, "call"));
	words_duration(out, words_real(row, "blocked_seconds"));
	buf_printf(out, " (%s, longest ", words_text(row, "waits_for"));
	words_duration(out, words_real(row, "longest_seconds"));
	buf_str(out, ") ");
	frames_add(out, json_object_get(row, "frames"));
	buf_char(out, '\n');
}

struct waker {
	const json_t *who;
	double seconds;
};

static bool same_waker(const json_t *a, const json_t *b)
{
	return !strcmp(words_text(a, "kind"), words_text(b, "kind")) &&
	       words_integer(a, "tid") == words_integer(b, "tid");
}

void attach_waker_text(struct buf *out, const json_t *waker)
{
	const char *kind = words_text(waker, "kind");

	if (*words_text(waker, "command")) {
		utf8_printable(out, words_text(waker, "command"));
		if (json_object_get(waker, "tid"))
			buf_printf(out, "[%llu]", words_integer(waker, "tid"));
	} else {
		buf_str(out, !strcmp(kind, "interrupt")
				     ? "an interrupt (a device, a timer, a packet)"
				     : "nobody that was seen");
	}
}

static void wakers_add(struct buf *out, const json_t *rows)
{
	struct waker wakers[WAKERS_SHOWN] = { 0 };
	const json_t *row;
	unsigned cnt = 0;
	size_t i = 0;

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
		wakers[at].seconds += words_real(row, "blocked_seconds");
	}
	for (unsigned at = 0; at < cnt; at++) {
		buf_str(out, at ? "; " : "woken by    ");
		attach_waker_text(out, wakers[at].who);
		buf_char(out, ' ');
		words_duration(out, wakers[at].seconds);
	}
	if (cnt)
		buf_char(out, '\n');
}

/* Waits for other threads to have work come last. */
void attach_blocked_text(struct buf *out, const json_t *doc, unsigned most)
{
	const json_t *rows = json_object_get(doc, "blocked_in"), *row;
	size_t i = 0, shown = 0;

	for (int last = 0; last < 2; last++)
		json_array_foreach((json_t *)rows, i, row)
		{
			bool condition = !strcmp(words_text(row, "waits_for"), "condition");

			if (shown >= attach_rows(STACKS_SHOWN, most) || is_idle(row) ||
			    condition != last)
				continue;
			stack_add(out, row);
			shown++;
		}
	wakers_add(out, rows);
	if (*words_text(doc, "blocked_in_error"))
		buf_printf(out, "blocked in  not known: %s\n", words_text(doc, "blocked_in_error"));
}
