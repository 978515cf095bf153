// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/symptom_text.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "rule/text.h"

#define NS_PER_SEC 1000000000LL

/* What it is (while it lasts, and when it is over), and what the figures are of. */
struct wording {
	const char *is, *was, *figure;
	enum quantity unit;
	const char *after; /* the figure */
};

static const struct wording wordings[SYMPTOM_KINDS] = {
	[SYMPTOM_SLOW] = { "has been slow", "was slow", "a quarter of its %s requests take ",
			   QUANTITY_SECONDS, "" },
	[SYMPTOM_FAILING] = { "has been failing", "failed", "", QUANTITY_PERCENT,
			      " of its %s requests get an error or no answer" },
	[SYMPTOM_STALLED] = { "has not been answering", "did not answer",
			      "the oldest of its %s requests has waited ", QUANTITY_SECONDS, "" },
	[SYMPTOM_DISK_HUNG] = { "has not answered", "did not answer",
				"a request has been under way for ", QUANTITY_SECONDS, "" },
	[SYMPTOM_DISK_FAILS] = { "has been failing", "failed", "", QUANTITY_PLAIN,
				 " requests failed" },
	[SYMPTOM_DISK_SLOW] = { "has been slow", "was slow", "a quarter of its %ss take ",
				QUANTITY_SECONDS, "" },
	[SYMPTOM_LIMIT] = { "has been running into a limit", "ran into a limit", "", QUANTITY_PLAIN,
			    " times a minute" },
	[SYMPTOM_DEATHS] = { "has been losing processes", "lost processes", "", QUANTITY_PLAIN,
			     " were killed or failed in a minute" },
	[SYMPTOM_BLOCKED] = { "has been blocked in the kernel", "was blocked in the kernel",
			      "a thread for ", QUANTITY_SECONDS, "" },
	[SYMPTOM_ALERT] = { "has had an alert", "had an alert", "", QUANTITY_PLAIN, "" },
};

static const struct wording tail_wording = { "has been slow", "was slow",
					     "one in twenty of its %s requests takes more than ",
					     QUANTITY_SECONDS, "" };

/* Symptoms of one kind that differ in their metric. */
static const struct {
	const char *metric;
	struct wording wording;
} others[] = {
	{ "seismo_tcp_listen_overflows_total",
	  { "has been dropping connections", "dropped connections", "its accept queue is full, ",
	    QUANTITY_PLAIN, " times a minute" } },
	{ "seismo_tcp_connect_failures_total",
	  { "has been failing to connect", "failed to connect", "", QUANTITY_PLAIN,
	    " times a minute" } },
};

static const struct wording *wording_of(const struct symptom *s)
{
	if (s->tail)
		return &tail_wording;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(others[i].metric, s->metric))
			return &others[i].wording;
	return &wordings[s->kind];
}

static void time_write(struct buf *b, u64 ns, s64 wall_offset_ns)
{
	time_t seconds = (time_t)(((s64)ns + wall_offset_ns) / NS_PER_SEC);
	struct tm tm;
	char text[16];

	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%H:%M:%S", &tm))
		buf_str(b, text);
}

static void when_write(struct buf *b, const struct symptom *s, u64 now_ns, s64 wall_offset_ns)
{
	if (!s->begin_ns) {
		buf_str(b, s->ongoing ? " for as long as it is known" : "");
		return;
	}
	buf_str(b, s->ongoing ? " since " : " from ");
	time_write(b, s->begin_ns, wall_offset_ns);
	if (!s->ongoing) {
		buf_str(b, " to ");
		time_write(b, s->end_ns, wall_offset_ns);
	}
	buf_str(b, " UTC (");
	quantity_write(b, QUANTITY_SECONDS,
		       (double)((s->ongoing ? now_ns : s->end_ns) - s->begin_ns) / NS_PER_SEC);
	buf_char(b, ')');
}

/* With what the requests are in the place of %s. */
static void filled_write(struct buf *b, const char *text, const struct symptom *s)
{
	const char *gap = strstr(text, "%s");

	buf_add(b, text, gap ? (size_t)(gap - text) : strlen(text));
	if (!gap)
		return;
	if (s->service && s->direction)
		buf_printf(b, "%s%s%s", s->direction, s->protocol ? " " : "", s->protocol ?: "");
	else
		buf_str(b, s->operation ?: "request");
	buf_str(b, gap + 2);
}

void symptom_write(struct buf *b, const struct symptom *s, u64 now_ns, s64 wall_offset_ns)
{
	const struct wording *w = wording_of(s);

	buf_printf(b, "%s %s", s->service ?: s->device ?: "this host", s->ongoing ? w->is : w->was);
	when_write(b, s, now_ns, wall_offset_ns);
	buf_str(b, ": ");
	if (s->alert) {
		summary_write(b, s->alert);
		return;
	}
	filled_write(b, w->figure, s);
	quantity_write(b, w->unit, s->now);
	filled_write(b, w->after, s);
	if (!isnan(s->usual)) {
		buf_str(b, ", usually ");
		quantity_write(b, w->unit, s->usual);
	}
	if (s->rate > 0) {
		buf_str(b, ", at ");
		quantity_write(b, QUANTITY_PLAIN, s->rate);
		buf_str(b, " requests/s");
	}
}
