// SPDX-License-Identifier: BSD-3-Clause
#include "event/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "event/writer.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/utc.h"
#include "lib/utf8.h"

#define NS_PER_SEC 1000000000ULL
#define TELL_NS	   (10 * NS_PER_SEC) /* between lines about what was suppressed */
#define HANG_NS	   (5 * NS_PER_SEC)  /* so long no disk takes that works */
#define LIMITS_MAX 1024		     /* services with a limit, of a kind */

/*
 * A limit of a kind and service, as a bucket that leaks: each line fills it by the time in which one line is allowed, and it is
 * empty at `empty_ns`.
 */
struct limit {
	char *service;
	u64 empty_ns;
	u64 suppressed;
	s64 since_wall_ns;
	UT_hash_handle hh;
};

struct event_log {
	struct writer *writer;
	struct buf line;
	enum event_kind kind;
	bool skip; /* the line is suppressed, or there is no log */
	struct limit *limits[EVENT_KINDS];
	bool suppressed;	  /* some limit has something to tell */
	u64 told_ns;		  /* when that was told last */
	u64 dropped[EVENT_KINDS]; /* for want of room, in all */
	u64 untold[EVENT_KINDS];  /* the same, since it was told */
	u64 untold_cnt;
	s64 untold_wall_ns; /* when the first of them was */
	struct utc_cache utc;
	int err; /* of the writer, as told on stderr; -ETIME: it hangs */
	u64 journal_dropped;
	bool journal_lost; /* that the journal misses lines has been told */
};

/* --- a line */

static void key_add(struct buf *b, const char *key)
{
	buf_add(b, ",\"", 2);
	buf_str(b, key);
	buf_add(b, "\":", 2);
}

static void text_add(struct buf *b, const char *key, const char *value)
{
	key_add(b, key);
	utf8_json(b, value);
}

static void time_add(struct event_log *l, s64 wall_ns)
{
	buf_char(&l->line, '"');
	utc_add(&l->line, &l->utc, wall_ns);
	buf_char(&l->line, '"');
}

static void line_begin(struct event_log *l, enum event_kind kind, const char *service, s64 wall_ns)
{
	l->kind = kind;
	buf_reset(&l->line);
	buf_str(&l->line, "\"time\":");
	time_add(l, wall_ns);
	text_add(&l->line, "kind", event_rows[kind].name);
	if (service)
		text_add(&l->line, "service", service);
}

static bool line_put(struct event_log *l)
{
	buf_str(&l->line, "}\n");
	return !l->line.failed &&
	       writer_put(l->writer, l->line.data, l->line.len, event_rows[l->kind].journald);
}

/* --- limits */

static struct limit *limit_new(struct limit **limits, const char *service)
{
	struct limit *limit = calloc(1, sizeof(*limit));

	if (limit)
		limit->service = strdup(service);
	if (!limit || !limit->service) {
		free(limit);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, *limits, limit->service, strlen(limit->service), limit);
	return limit;
}

static void limit_free(struct limit **limits, struct limit *limit)
{
	HASH_DEL(*limits, limit);
	free(limit->service);
	free(limit);
}

/* Those that limit nothing at present. */
static void limits_tidy(struct limit **limits, u64 now_ns)
{
	struct limit *limit, *next;

	HASH_ITER(hh, *limits, limit, next)
		if (limit->empty_ns <= now_ns && !limit->suppressed)
			limit_free(limits, limit);
}

/* Services that there is no room for have one limit together. */
static struct limit *limit_get(struct event_log *l, enum event_kind kind, const char *service,
			       u64 now_ns)
{
	struct limit **limits = &l->limits[kind], *limit;

	HASH_FIND_STR(*limits, service, limit);
	if (limit)
		return limit;
	if (HASH_COUNT(*limits) >= LIMITS_MAX)
		limits_tidy(limits, now_ns);
	if (HASH_COUNT(*limits) >= LIMITS_MAX && strcmp(service, "other") != 0)
		return limit_get(l, kind, "other", now_ns);
	return limit_new(limits, service);
}

static bool allowed(struct event_log *l, enum event_kind kind, const char *service, s64 wall_ns)
{
	const struct event_row *row = &event_rows[kind];
	u64 now_ns, line_ns;
	struct limit *limit;

	if (!row->burst)
		return true;
	now_ns = clock_now_ns();
	line_ns = (u64)((double)NS_PER_SEC / row->per_second);
	limit = limit_get(l, kind, service ?: "", now_ns);
	if (!limit) /* no memory */
		return true;
	if (limit->empty_ns < now_ns)
		limit->empty_ns = now_ns;
	if (limit->empty_ns - now_ns < row->burst * line_ns) {
		limit->empty_ns += line_ns;
		return true;
	}
	if (!limit->suppressed++)
		limit->since_wall_ns = wall_ns;
	l->suppressed = true;
	return false;
}

static void suppressed_tell(struct event_log *l, enum event_kind kind, struct limit *limit)
{
	line_begin(l, EVENT_SUPPRESSED, *limit->service ? limit->service : NULL, utc_now_ns());
	text_add(&l->line, "of", event_rows[kind].name);
	key_add(&l->line, "count");
	buf_u64(&l->line, limit->suppressed);
	key_add(&l->line, "since");
	time_add(l, limit->since_wall_ns);
	if (line_put(l))
		limit->suppressed = 0;
	else
		l->suppressed = true;
}

static void suppressed_tell_all(struct event_log *l)
{
	struct limit *limit, *next;

	l->suppressed = false;
	l->told_ns = clock_now_ns();
	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++) {
		HASH_ITER(hh, l->limits[kind], limit, next)
			if (limit->suppressed)
				suppressed_tell(l, kind, limit);
	}
}

/* --- what is lost */

static void lost_begin(struct event_log *l, const char *where, const char *what, u64 count,
		       s64 wall_ns)
{
	line_begin(l, EVENT_LOST, NULL, wall_ns);
	text_add(&l->line, "where", where);
	if (what)
		text_add(&l->line, "what", what);
	key_add(&l->line, "count");
	buf_u64(&l->line, count);
}

static void dropped(struct event_log *l)
{
	l->dropped[l->kind]++;
	l->untold[l->kind]++;
	if (!l->untold_cnt++)
		l->untold_wall_ns = utc_now_ns();
}

/* Before any other line, as soon as there is room. False: there is none. */
static bool dropped_tell(struct event_log *l)
{
	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++) {
		if (!l->untold[kind])
			continue;
		lost_begin(l, "queue", event_rows[kind].name, l->untold[kind], utc_now_ns());
		key_add(&l->line, "since");
		time_add(l, l->untold_wall_ns);
		if (!line_put(l))
			return false;
		l->untold_cnt -= l->untold[kind];
		l->untold[kind] = 0;
	}
	return true;
}

void event_lost(struct event_log *l, const char *where, const char *what, u64 count)
{
	if (!l)
		return;
	event_begin(l, EVENT_LOST, NULL, utc_now_ns());
	if (l->skip)
		return;
	lost_begin(l, where, what, count, utc_now_ns());
	event_end(l);
}

/* --- what others call */

void event_begin(struct event_log *l, enum event_kind kind, const char *service, s64 wall_ns)
{
	if (!l)
		return;
	l->skip = !allowed(l, kind, service, wall_ns);
	if (l->skip)
		return;
	if (l->untold_cnt && !dropped_tell(l)) {
		l->kind = kind;
		l->skip = true;
		dropped(l);
		return;
	}
	line_begin(l, kind, service, wall_ns);
}

void event_text(struct event_log *l, const char *key, const char *value)
{
	if (l && !l->skip && value)
		text_add(&l->line, key, value);
}

void event_integer(struct event_log *l, const char *key, s64 value)
{
	if (!l || l->skip)
		return;
	key_add(&l->line, key);
	buf_i64(&l->line, value);
}

void event_bool(struct event_log *l, const char *key, bool value)
{
	if (!l || l->skip)
		return;
	key_add(&l->line, key);
	buf_str(&l->line, value ? "true" : "false");
}

void event_seconds(struct event_log *l, const char *key, u64 ns)
{
	if (!l || l->skip)
		return;
	key_add(&l->line, key);
	buf_seconds(&l->line, ns);
}

static int json_add(const char *data, size_t len, void *out)
{
	buf_add(out, data, len);
	return 0;
}

void event_json(struct event_log *l, const char *key, const json_t *value)
{
	if (!l || l->skip || !value)
		return;
	key_add(&l->line, key);
	if (json_dump_callback(value, json_add, &l->line, JSON_COMPACT | JSON_ENCODE_ANY))
		l->line.failed = true;
}

void event_time(struct event_log *l, const char *key, s64 wall_ns)
{
	if (!l || l->skip)
		return;
	key_add(&l->line, key);
	time_add(l, wall_ns);
}

void event_end(struct event_log *l)
{
	if (l && !l->skip && !line_put(l))
		dropped(l);
}

/* --- life */

struct event_log *event_log_new(const struct writer_options *o)
{
	struct event_log *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->writer = writer_new(o);
	if (l->writer)
		return l;
	free(l);
	return NULL;
}

int event_log_configure(struct event_log *l, const struct writer_options *o)
{
	return l ? writer_configure(l->writer, o) : 0;
}

void event_log_flush(struct event_log *l)
{
	if (l)
		writer_wake(l->writer);
}

static void file_tell(struct event_log *l, const struct writer_state *state)
{
	bool hangs = state->busy_ns && clock_now_ns() - state->busy_ns > HANG_NS;
	int err = state->err ?: hangs ? -ETIME : 0;

	if (err == l->err)
		return;
	if (err == -ETIME)
		log_warn(
			"the disk of the event log has not answered for %llu s; keeping %u MiB of events until it does",
			HANG_NS / NS_PER_SEC, WRITER_QUEUE_MAX >> 20);
	else if (err)
		log_err(err,
			"cannot write the event log; trying again, and keeping %u MiB of events until then; make room there, or move it (events.file)",
			WRITER_QUEUE_MAX >> 20);
	else
		log_info("the event log can be written again");
	l->err = err;
}

static void journal_tell(struct event_log *l, const struct writer_state *state)
{
	u64 missed = state->journal_dropped - l->journal_dropped;

	if (missed && !l->journal_lost && !state->journal_err) {
		log_warn("the journal has missed %llu events, and is told so",
			 (unsigned long long)missed);
	} else if (missed && !l->journal_lost) {
		log_err(state->journal_err,
			"the journal takes no events; it will be told how many it misses");
		l->journal_lost = true;
	} else if (l->journal_lost && !state->journal_err) {
		log_info("the journal takes events again");
		l->journal_lost = false;
	}
	l->journal_dropped = state->journal_dropped;
}

static void error_tell(struct event_log *l)
{
	struct writer_state state;

	writer_state(l->writer, &state);
	file_tell(l, &state);
	journal_tell(l, &state);
}

void event_log_tick(struct event_log *l)
{
	if (!l)
		return;
	if (l->untold_cnt)
		dropped_tell(l);
	if (l->suppressed && clock_now_ns() - l->told_ns >= TELL_NS)
		suppressed_tell_all(l);
	writer_wake(l->writer);
	error_tell(l);
}

bool event_log_end(struct event_log *l, u64 wait_ns)
{
	bool ended;

	if (!l)
		return true;
	if (l->untold_cnt)
		dropped_tell(l);
	if (l->suppressed)
		suppressed_tell_all(l);
	ended = writer_end(l->writer, wait_ns);
	error_tell(l);
	return ended;
}

void event_log_free(struct event_log *l)
{
	struct limit *limit, *next;

	if (!l)
		return;
	writer_free(l->writer);
	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++) {
		HASH_ITER(hh, l->limits[kind], limit, next)
			limit_free(&l->limits[kind], limit);
	}
	buf_release(&l->line);
	free(l);
}

u64 event_log_dropped(const struct event_log *l, enum event_kind kind)
{
	return l ? l->dropped[kind] : 0;
}

u64 event_log_missed(const struct event_log *l)
{
	return l ? l->journal_dropped : 0;
}

struct writer *event_log_writer(const struct event_log *l)
{
	return l->writer;
}
