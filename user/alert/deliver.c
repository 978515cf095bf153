// SPDX-License-Identifier: BSD-3-Clause
#include "alert/deliver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uthash.h>

#include "alert/mute.h"
#include "lib/log.h"
#include "lib/store.h"
#include "lib/utc.h"

#define NS_PER_SEC	 1000000000ULL
#define FILE_NAME	 "notifications"
#define FILE_VERSION	 1
#define FILE_MAX_BYTES	 ((size_t)64 << 20)
#define TARGET_KEY_SIZE	 512
#define RECORDS_MAX	 2048
#define RESOLVED_NS	 (15 * 60 * NS_PER_SEC) /* resolved alerts are told again for so long */
#define FILE_WAIT_NS	 (10 * NS_PER_SEC) /* for the file of the last run; a slow boot takes long */
#define RESTORED_WAIT_NS (120 * NS_PER_SEC) /* for the engine to know what fired in the last run */
#define SAVE_PART	 20 /* at most one part of so many of the time goes into the file */
#define NOTICES_MAX	 64 /* made in one call; others wait for the next one */
#define REPEATS_MAX	 32 /* of these: what is told again does not keep waiting what is new */

/* What was handed to the targets of an alert with a severity. */
struct record {
	UT_hash_handle hh;
	u64 key;
	struct notice *notice;
	u64 resend_ns, resolved_ns; /* CLOCK_MONOTONIC; resolved_ns: 0 while it fires */
	u64 run;		    /* in which the engine had it last */
	u64 mute_version;
	bool restored; /* from the file, and not seen in the engine yet */
};

struct deliver {
	const struct conf *conf;
	char host[256];
	u64 resend_ns;
	struct targets *targets;
	struct mutes mutes;
	struct family *silence_family;
	struct store *store;
	struct record *records;
	u64 dropped;

	u64 started_ns; /* the first call of deliver_run() */
	bool ready;	/* the file was read, or there is no time left for it */
	u64 save_ns;	/* not before */
	bool dirty;	/* the file is to be written */
	int progress;	/* eventfd: something was told */
	struct watch *watch;

	/* Of the call that is under way. */
	u64 run, now_ns;
	s64 wall_ns;
	unsigned notices;
	unsigned refused; /* bits of severities for which there was no room */
};

const struct metric silence_metrics[] = {
	{ "seismo_silences", METRIC_GAUGE, UNIT_NONE, "Silences in effect." },
	{ .name = NULL },
};

static json_t *labels_make(const struct deliver *d, const struct alert *a)
{
	const struct notice_labels common = { d->host, d->conf->alert_labels,
					      d->conf->alert_label_cnt };

	return notice_labels(a, &common);
}

/* --- records */

static struct record *record_find(const struct deliver *d, u64 key)
{
	struct record *r;

	HASH_FIND(hh, d->records, &key, sizeof(key), r);
	return r;
}

static void record_remove(struct deliver *d, struct record *r)
{
	HASH_DEL(d->records, r);
	notice_unref(r->notice);
	free(r);
}

/* Takes the notice; NULL: there is no memory, and the next call tries again. */
static void record_set(struct deliver *d, struct record *r, struct notice *n)
{
	if (!n)
		return;
	d->dirty |= !r->notice || r->notice->firing != n->firing || r->notice->mute != n->mute;
	notice_unref(r->notice);
	r->notice = n;
	r->resend_ns = d->now_ns + d->resend_ns;
	r->resolved_ns = n->firing ? 0 : r->resolved_ns ?: d->now_ns;
	targets_put(d->targets, n);
}

/* Does it rather give way than the other one? What ended longest ago goes first, then what is least grave, the oldest of that. */
static bool goes_before(const struct record *r, const struct record *other)
{
	if (r->resolved_ns || other->resolved_ns)
		return r->resolved_ns &&
		       (!other->resolved_ns || r->resolved_ns < other->resolved_ns);
	return r->notice->severity > other->notice->severity;
}

/* What gives way to a graver one has ended for those who were told of it, until there is room to tell it anew. */
static bool room_make(struct deliver *d, enum rule_severity severity)
{
	struct record *first = NULL;

	if (HASH_COUNT(d->records) < RECORDS_MAX)
		return true;
	/* to look once is enough where thousands find no room */
	if (d->refused & ((2U << severity) - 1))
		return false;
	for (struct record *r = d->records; r; r = r->hh.next)
		if (r->notice && (!first || goes_before(r, first)))
			first = r;
	if (!first || (!first->resolved_ns && first->notice->severity <= severity)) {
		d->refused |= 1U << severity;
		return false;
	}
	if (!first->resolved_ns)
		record_set(d, first, notice_resolve(first->notice, d->wall_ns));
	targets_forget(d->targets, first->key);
	record_remove(d, first);
	d->dirty = true;
	return true;
}

static struct record *record_add(struct deliver *d, u64 key, enum rule_severity severity)
{
	struct record *r;

	if (HASH_COUNT(d->records) >= RECORDS_MAX && !d->dropped++)
		log_warn(
			"more than %d alerts at a time: others are not told of them all; `seismo rules` shows which fire, make those that fire for everything stricter",
			RECORDS_MAX);
	if (!room_make(d, severity))
		return NULL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->key = key;
	HASH_ADD(hh, d->records, key, sizeof(r->key), r);
	return r;
}

static struct notice *notice_make(struct deliver *d, const struct alert *a, const struct record *r)
{
	json_t *labels = labels_make(d, a);
	struct buf why = { 0 };
	enum notice_mute mute = mutes_find(&d->mutes, labels, d->wall_ns, &why);
	struct notice *n = notice_new(a, labels, mute, buf_cstr(&why));

	/* The engine's own file may be older than what was told. */
	if (n && r->restored && r->notice->firing && r->notice->starts_at_ns < n->starts_at_ns)
		n->starts_at_ns = r->notice->starts_at_ns;
	json_decref(labels);
	buf_release(&why);
	d->notices++;
	return n;
}

static void firing_update(struct deliver *d, const struct alert *a)
{
	u64 key = notice_key(a->fingerprint, a->severity);
	struct record *r = record_find(d, key);

	if (!r && d->notices < NOTICES_MAX)
		r = record_add(d, key, a->severity);
	if (!r)
		return;
	r->run = d->run;
	if (r->notice && r->notice->firing && d->now_ns < r->resend_ns &&
	    r->mute_version == d->mutes.version)
		return;
	if (d->notices >= (r->notice ? REPEATS_MAX : NOTICES_MAX))
		return;
	record_set(d, r, notice_make(d, a, r));
	r->restored = false;
	r->mute_version = d->mutes.version;
}

static void record_resolve(struct deliver *d, struct record *r, s64 ends_at_ns)
{
	if (r->notice)
		record_set(d, r, notice_resolve(r->notice, ends_at_ns));
	else
		record_remove(d, r); /* nobody has heard of it */
}

static void alert_look(void *ctx, const struct alert *a)
{
	struct deliver *d = ctx;
	struct record *r = NULL;

	if (a->state == ALERT_FIRING) {
		firing_update(d, a);
		return;
	}
	if (a->state == ALERT_RESOLVED)
		r = record_find(d, notice_key(a->fingerprint, a->severity));
	if (r && !r->resolved_ns)
		record_resolve(d, r, a->ends_at_ns ?: d->wall_ns);
}

static void record_repeat(struct deliver *d, struct record *r)
{
	if (d->now_ns < r->resend_ns)
		return;
	r->resend_ns = d->now_ns + d->resend_ns;
	targets_put(d->targets, r->notice);
}

/*
 * One that fires by what was told and not by what the engine says has ended, or has another severity now. After a start the engine
 * has some time to find it again.
 */
static void record_age(struct deliver *d, struct record *r)
{
	bool listed =
		r->run == d->run || (r->restored && d->now_ns - d->started_ns < RESTORED_WAIT_NS);

	if (!r->resolved_ns && !listed) {
		record_resolve(d, r, d->wall_ns);
	} else if (r->resolved_ns && d->now_ns - r->resolved_ns >= RESOLVED_NS) {
		targets_forget(d->targets, r->key);
		record_remove(d, r);
		d->dirty = true;
	} else if (r->resolved_ns || r->restored) {
		record_repeat(d, r);
	}
}

/* --- the file */

static void key_write(u64 key, char text[17])
{
	snprintf(text, 17, "%016llx", (unsigned long long)key);
}

/* Of two kinds targets may have the same name. */
static void target_key(const struct target *t, char key[TARGET_KEY_SIZE])
{
	snprintf(key, TARGET_KEY_SIZE, "%s %s", target_kind(t)->name, target_name(t));
}

struct saving {
	json_t *alerts, *targets; /* by key; keys */
	char target[TARGET_KEY_SIZE];
};

static json_t *alert_save(struct saving *s, const struct notice *n)
{
	char key[17];
	json_t *saved;

	key_write(n->key, key);
	saved = json_object_get(s->alerts, key);
	if (!saved) {
		json_object_set_new(s->alerts, key, notice_save(n));
		saved = json_object_get(s->alerts, key);
		json_object_set_new(saved, "waiting", json_object());
	}
	return saved;
}

static void waiting_save(void *ctx, struct notice *n, enum told told, bool waiting)
{
	struct saving *s = ctx;

	if (waiting)
		json_object_set_new(json_object_get(alert_save(s, n), "waiting"), s->target,
				    json_integer(told));
}

static void target_save(void *ctx, struct target *t)
{
	struct saving *s = ctx;

	target_key(t, s->target);
	json_array_append_new(s->targets, json_string(s->target));
	target_each(t, waiting_save, s);
}

static void file_save(struct deliver *d)
{
	struct saving s = { json_object(), json_array(), "" };
	struct buf text = { 0 };
	u64 start_ns = clock_now_ns();
	json_t *doc;
	char *dump;

	for (const struct record *r = d->records; r; r = r->hh.next)
		if (r->notice)
			alert_save(&s, r->notice);
	targets_each(d->targets, target_save, &s);
	doc = json_pack("{s:i, s:o, s:o, s:o}", "version", FILE_VERSION, "targets", s.targets,
			"alerts", s.alerts, "silences", silences_save(d->mutes.silences));
	dump = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	if (dump) {
		buf_str(&text, dump);
		store_put(d->store, &text);
		d->dirty = false;
	}
	free(dump);
	json_decref(doc);
	d->save_ns = clock_now_ns() + SAVE_PART * (clock_now_ns() - start_ns);
}

struct restoring {
	struct notice *notice;
	const json_t *waiting, *targets;
};

static bool is_listed(const json_t *names, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)names, i, one)
	{
		if (json_is_string(one) && !strcmp(json_string_value(one), name))
			return true;
	}
	return false;
}

/* A target that is new hears of what fires. */
static void target_restore(void *ctx, struct target *t)
{
	struct restoring *r = ctx;
	char key[TARGET_KEY_SIZE];
	enum told told = TOLD_ALL;
	const json_t *waiting;

	target_key(t, key);
	waiting = json_object_get(r->waiting, key);
	if (waiting)
		told = json_integer_value(waiting) == TOLD_FIRING     ? TOLD_FIRING
		       : json_integer_value(waiting) == TOLD_RESOLVED ? TOLD_RESOLVED
								      : TOLD_NOTHING;
	else if (r->notice->firing && !is_listed(r->targets, key))
		told = TOLD_NOTHING;
	target_put(t, r->notice, told);
}

static void alert_restore(struct deliver *d, const json_t *saved, const json_t *targets)
{
	struct restoring r = { notice_load(saved), json_object_get(saved, "waiting"), targets };
	s64 ago_ns = r.notice ? d->wall_ns - r.notice->ends_at_ns : 0;
	struct record *record;

	if (!r.notice)
		return;
	targets_each(d->targets, target_restore, &r);
	record = r.notice->firing || ago_ns < (s64)RESOLVED_NS
			 ? record_add(d, r.notice->key, r.notice->severity)
			 : NULL;
	if (!record) {
		targets_forget(d->targets, r.notice->key);
		notice_unref(r.notice);
		return;
	}
	record->notice = r.notice;
	record->restored = true;
	record->resend_ns = d->now_ns + d->resend_ns;
	/* The clock may have been set back since. */
	if (!r.notice->firing)
		record->resolved_ns = d->now_ns - (ago_ns > 0 ? (u64)ago_ns : 0);
}

/* Of what has come too late only silences are of use. */
static void file_loaded(void *ctx, const char *data, size_t len, int err)
{
	json_t *doc = data ? json_loadb(data, len, 0, NULL) : NULL, *saved;
	struct deliver *d = ctx;
	const char *key;

	d->now_ns = clock_now_ns();
	d->wall_ns = utc_now_ns();
	if (err || (data && json_integer_value(json_object_get(doc, "version")) != FILE_VERSION))
		log_warn(
			"what was told of alerts before the start is not known (%s/%s: %s): what fires is told anew, as if it began now",
			d->conf->data_dir, FILE_NAME,
			err && err != -EBADMSG ? strerror(-err) : "the file is not whole");
	else if (data)
		silences_load(d->mutes.silences, json_object_get(doc, "silences"), d->now_ns,
			      d->wall_ns);
	if (!err && doc && !d->ready)
		json_object_foreach(json_object_get(doc, "alerts"), key, saved)
			alert_restore(d, saved, json_object_get(doc, "targets"));
	d->ready = true;
	json_decref(doc);
}

static void file_written(void *ctx, int err)
{
	struct deliver *d = ctx;

	if (err)
		log_err(err,
			"cannot write %s/%s; alerts that are not told yet would be lost with the daemon; make room there, or move it (data_dir)",
			d->conf->data_dir, FILE_NAME);
	else
		log_info("%s/%s can be written again", d->conf->data_dir, FILE_NAME);
}

/* --- the whole */

void deliver_run(struct deliver *d, const struct engine *e, u64 now_ns, s64 wall_ns)
{
	struct record *r, *next;

	d->now_ns = now_ns;
	d->wall_ns = wall_ns;
	d->notices = 0;
	d->refused = 0;
	d->started_ns = d->started_ns ?: now_ns;
	d->ready |= now_ns - d->started_ns > FILE_WAIT_NS;
	if (!d->ready)
		return;
	d->run++;
	d->dirty |= mutes_update(&d->mutes, now_ns, wall_ns);
	engine_each(e, alert_look, d);
	HASH_ITER(hh, d->records, r, next)
		record_age(d, r);
	if (d->dirty && now_ns >= d->save_ns)
		file_save(d);
}

void deliver_read(struct deliver *d)
{
	struct series *s = family_series(d->silence_family, (const char *[SERIES_LABELS]){ NULL });

	targets_read(d->targets);
	if (s)
		*s->value = silences_cnt(d->mutes.silences);
}

enum notice_mute deliver_mute(const struct deliver *d, const struct alert *a, s64 wall_ns,
			      struct buf *why)
{
	json_t *labels = labels_make(d, a);
	enum notice_mute mute = mutes_find(&d->mutes, labels, wall_ns, why);

	json_decref(labels);
	return mute;
}

struct silences *deliver_silences(struct deliver *d)
{
	return d->mutes.silences;
}

/* From a target's thread: what is still to be told has changed. */
static void progress_made(void *ctx)
{
	struct deliver *d = ctx;

	eventfd_write(d->progress, 1);
}

static void progress_ready(void *ctx, unsigned events)
{
	struct deliver *d = ctx;
	eventfd_t cnt;

	(void)events;
	eventfd_read(d->progress, &cnt);
	d->dirty = true;
}

static void firing_tell(void *ctx, struct target *t)
{
	struct deliver *d = ctx;

	for (const struct record *r = d->records; r; r = r->hh.next)
		if (r->notice && r->notice->firing)
			target_put(t, r->notice, TOLD_NOTHING);
}

/* The port of the first address that has one, with its colon. */
static const char *port_of(const struct conf *c)
{
	for (char *const *listen = c->listen; *listen; listen++)
		if (strncmp(*listen, CONF_UNIX_LISTEN, strlen(CONF_UNIX_LISTEN)) != 0 &&
		    strrchr(*listen, ':'))
			return strrchr(*listen, ':');
	return "";
}

/* Where others find this daemon, without a slash at the end. */
static void url_write(const struct deliver *d, const struct conf *c, struct buf *url)
{
	size_t len = c->external_url ? strlen(c->external_url) : 0;

	while (len && c->external_url[len - 1] == '/')
		len--;
	if (len)
		buf_add(url, c->external_url, len);
	else
		buf_printf(url, "http%s://%s%s", c->web_tls ? "s" : "", d->host, port_of(c));
}

int deliver_configure(struct deliver *d, const struct conf *c)
{
	struct buf url = { 0 };
	int err;

	d->conf = d->mutes.conf = c;
	d->mutes.version++; /* also the labels may be others */
	d->resend_ns = targets_resend_ns(c);
	url_write(d, c, &url);
	err = url.failed ? -ENOMEM
			 : targets_configure(d->targets, c, buf_cstr(&url), firing_tell, d);
	buf_release(&url);
	return err;
}

static struct store *file_open(struct deliver *d, struct loop *l, const char *folder)
{
	const struct store_hooks hooks = { file_loaded, file_written, d };
	struct buf path = { 0 };
	struct store *s;

	buf_printf(&path, "%s/%s", folder, FILE_NAME);
	s = path.failed ? NULL : store_new(l, buf_cstr(&path), FILE_MAX_BYTES, &hooks);
	buf_release(&path);
	return s;
}

struct deliver *deliver_new(struct loop *l, struct registry *r, const struct conf *c)
{
	struct deliver *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->conf = c;
	if (gethostname(d->host, sizeof(d->host) - 1))
		d->host[0] = '\0';
	d->progress = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->progress >= 0)
		d->watch = loop_watch(l, d->progress, LOOP_READ, progress_ready, d);
	d->targets = targets_new(r, progress_made, d);
	d->silence_family = registry_add(r, &silence_metrics[0]);
	if (mutes_init(&d->mutes, c) && d->watch && d->targets && d->silence_family &&
	    (d->store = file_open(d, l, c->data_dir)))
		return d;
	deliver_free(d);
	return NULL;
}

bool deliver_end(struct deliver *d, u64 wait_ns)
{
	bool ended;

	if (!d)
		return true;
	ended = targets_end(d->targets, wait_ns);
	if (d->ready)
		file_save(d);
	ended &= store_end(d->store, wait_ns);
	return ended;
}

void deliver_free(struct deliver *d)
{
	struct record *r, *next;

	if (!d)
		return;
	targets_free(d->targets);
	store_free(d->store);
	HASH_ITER(hh, d->records, r, next)
		record_remove(d, r);
	mutes_release(&d->mutes);
	watch_remove(d->watch);
	if (d->progress >= 0)
		close(d->progress);
	free(d);
}
