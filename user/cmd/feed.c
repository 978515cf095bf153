// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/feed.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/agent.h"
#include "cmd/cmd.h"
#include "event/journal.h"
#include "event/writer.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/utc.h"
#include "lib/utf8.h"
#include "lib/version.h"

#define WINDOW_INTERVALS 12 /* a minute, by default */
#define MISSED_TELL_NS	 (60000 * NS_PER_MS)
#define PROGRAMS_MAX	 64 /* new programs whose files wait to be looked at */

static struct writer_options options_of(const struct conf_events *c)
{
	return (struct writer_options){
		.file = c->file,
		.max_size = c->max_size_bytes,
		.keep = c->keep,
		.journald = c->journald == JOURNALD_ON ||
			    (c->journald == JOURNALD_AUTO && log_is_journal()),
	};
}

int feed_open(struct feed *f, struct agent *a)
{
	const struct writer_options o = options_of(&a->conf->events);

	f->agent = a;
	if (!o.file)
		return EXIT_OK;
	f->log = event_log_new(&o);
	if (f->log)
		return EXIT_OK;
	log_err(-errno, "cannot start the event log; `events: { file: off }` does without it");
	return EXIT_UNSUPPORTED;
}

static void seen(void *ctx, const struct process_event *e)
{
	const struct feed *f = ctx;

	alarm_seen(f->agent->alarm, e);
}

static void watched(void *ctx, const struct ring_watched *e)
{
	const struct feed *f = ctx;

	if (f->watched)
		f->watched(f->watched_ctx, e);
}

static const char *service(void *ctx, u32 identity, u32 gen)
{
	const struct feed *f = ctx;

	return collector_service(f->agent->collector, identity, gen);
}

/* It is filling up. The descriptor stays readable as long as anything comes, for which the next tick is soon enough. */
static void ring_ready(void *ctx, unsigned events)
{
	struct feed *f = ctx;

	(void)events;
	event_ring_read(f->ring, clock_now_ns());
	f->quiet = !watch_set(f->watch, 0);
}

static void start_tell(struct feed *f)
{
	struct utsname kernel;

	event_begin(f->log, EVENT_START, NULL, utc_now_ns());
	event_integer(f->log, "pid", getpid());
	event_text(f->log, "version", version);
	event_text(f->log, "kernel", uname(&kernel) ? NULL : kernel.release);
	event_end(f->log);
}

void feed_begin(struct feed *f, struct loop *loop)
{
	struct event_ring_hooks hooks = {
		.service = service, .seen = seen, .watched = watched, .ctx = f
	};

	start_tell(f);
	hooks.worker = f->worker = worker_new(loop, PROGRAMS_MAX); /* without, less is compared */
	alarm_record(f->agent->alarm, f->log);
	f->begun = true;
	f->ring = event_ring_new(&f->agent->probes.tables, f->log, &hooks);
	if (!f->ring && errno != ENOENT)
		log_err(-errno,
			"cannot read the kernel's events; the event log goes without them until a restart");
	if (!f->ring)
		return;
	event_ring_window(f->ring, WINDOW_INTERVALS * f->agent->conf->interval_ns);
	f->watch = loop_watch(loop, event_ring_fd(f->ring), LOOP_READ, ring_ready, f);
}

/* Events that the kernel did not tell a family's programs of may have been worth a line. */
static void missed_tell(struct feed *f, u64 now_ns)
{
	struct probe_run *const *run = f->agent->probes.list;

	if (now_ns < f->missed_tell_ns)
		return;
	f->missed_tell_ns = now_ns + MISSED_TELL_NS;
	for (unsigned i = 0; run[i]; i++) {
		u64 missed = self_lost(f->agent->self, run[i]);

		if (missed > f->missed_told[i])
			event_lost(f->log, "probe", run[i]->probe->name,
				   missed - f->missed_told[i]);
		f->missed_told[i] = missed;
	}
}

static void losses_count(struct feed *f)
{
	u64 journal = event_log_missed(f->log);

	if (journal)
		self_event_lost(f->agent->self, "journal", NULL, journal);
	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++) {
		u64 dropped = event_log_dropped(f->log, kind);

		if (kind <= EVENT_SLOW && kind != EVENT_ALERT)
			self_event_lost(f->agent->self, "ring", event_rows[kind].name,
					event_ring_lost(f->ring, kind));
		if (dropped)
			self_event_lost(f->agent->self, "log", event_rows[kind].name, dropped);
	}
}

void feed_tick(struct feed *f, u64 now_ns)
{
	if (f->ring) {
		event_ring_read(f->ring, now_ns);
		if (f->quiet)
			f->quiet = watch_set(f->watch, LOOP_READ);
		missed_tell(f, now_ns);
		losses_count(f);
	}
	event_log_tick(f->log);
}

void feed_reloaded(struct feed *f, bool successful)
{
	const struct writer_options o = options_of(&f->agent->conf->events);

	event_begin(f->log, EVENT_RELOAD, NULL, utc_now_ns());
	event_bool(f->log, "successful", successful);
	event_end(f->log);
	if (!successful)
		return;
	if (o.file && event_log_configure(f->log, &o))
		log_warn(
			"reload: no memory for the event log's options; they stay as they were, reload again");
	if (f->ring)
		event_ring_window(f->ring, WINDOW_INTERVALS * f->agent->conf->interval_ns);
}

bool feed_end(struct feed *f, int status, u64 wait_ns)
{
	bool ended = worker_end(f->worker, wait_ns);

	if (f->ring)
		event_ring_read(f->ring, clock_now_ns());
	if (f->begun) {
		event_begin(f->log, EVENT_STOP, NULL, utc_now_ns());
		event_integer(f->log, "pid", getpid());
		event_integer(f->log, "status", status);
		event_end(f->log);
	}
	return event_log_end(f->log, wait_ns) && ended;
}

void feed_free(struct feed *f)
{
	watch_remove(f->watch);
	worker_free(f->worker);
	event_ring_free(f->ring);
	event_log_free(f->log);
	*f = (struct feed){ 0 };
}

/* --- the last ones */

#define RECENT_MAX 1000

struct recent {
	const struct event_filter *filter;
	unsigned max, cnt; /* matched in all */
	struct buf member; /* what the line of an event that matches has; empty: anything */
	char from[40];	   /* time of the first line of all; "": there is none */
	struct buf line[RECENT_MAX];
};

static void from_take(struct recent *r, const char *line, size_t len)
{
	static const char key[] = "\"time\":\"";
	const char *time = memmem(line, len, key, sizeof(key) - 1), *end;

	time = time ? time + sizeof(key) - 1 : NULL;
	end = time ? memchr(time, '"', len - (size_t)(time - line)) : NULL;
	if (end)
		snprintf(r->from, sizeof(r->from), "%.*s", (int)(end - time), time);
}

static void recent_take(void *ctx, const char *line, size_t len)
{
	struct recent *r = ctx;
	struct buf *b = &r->line[r->cnt % r->max];
	json_t *event;
	bool bad;

	if (!*r->from)
		from_take(r, line, len);
	if (r->member.len && !memmem(line, len, r->member.data, r->member.len))
		return;
	event = event_filter_line(r->filter, line, len - 1, &bad);
	if (!event)
		return;
	json_decref(event);
	buf_reset(b);
	buf_add(b, line, len - 1);
	r->cnt++;
}

void feed_write(const struct feed *f, const struct event_filter *filter, unsigned max,
		struct buf *out)
{
	struct recent *r = calloc(1, sizeof(*r));
	const char *between = "";

	if (!r) {
		out->failed = true;
		return;
	}
	r->filter = filter;
	r->max = max < RECENT_MAX ? max : RECENT_MAX;
	/* to parse all lines takes long, and they are our own */
	if (filter->service && !strpbrk(filter->service, "*?[\\")) {
		buf_str(&r->member, "\"service\":");
		utf8_json(&r->member, filter->service);
	}
	if (f->log && r->max)
		writer_recent(event_log_writer(f->log), recent_take, r);
	buf_printf(out, "{\"recorded\":%s,\"from\":", f->log ? "true" : "false");
	buf_printf(out, *r->from ? "\"%s\"" : "null", r->from);
	buf_str(out, ",\"events\":[");
	for (unsigned i = r->cnt > r->max ? r->cnt - r->max : 0; i < r->cnt; i++) {
		buf_printf(out, "%s\n", between);
		buf_add(out, r->line[i % r->max].data, r->line[i % r->max].len);
		between = ",";
	}
	buf_str(out, "\n]}\n");
	for (unsigned i = 0; i < RECENT_MAX; i++)
		buf_release(&r->line[i]);
	buf_release(&r->member);
	free(r);
}
