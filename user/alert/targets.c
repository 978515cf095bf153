// SPDX-License-Identifier: BSD-3-Clause
#include "alert/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "alert/kinds.h"
#include "lib/log.h"
#include "lib/loop.h"

enum target_metric {
	TARGET_SENT,
	TARGET_FAILED,
	TARGET_DROPPED,
	TARGET_WAITING,
	TARGET_SUCCESS,
	TARGET_METRICS
};

#define TARGET_LABELS .labels = { { "target" }, { "kind" } }

const struct metric target_metrics[] = {
	[TARGET_SENT] = { "seismo_notifications_total", METRIC_COUNTER, UNIT_NONE,
			  "Alerts that a target was told and accepted, repetitions among them.",
			  TARGET_LABELS },
	[TARGET_FAILED] = { "seismo_notifications_failed_total", METRIC_COUNTER, UNIT_NONE,
			    "Messages with alerts that a target did not get or did not accept.",
			    TARGET_LABELS },
	[TARGET_DROPPED] = { "seismo_notifications_dropped_total", METRIC_COUNTER, UNIT_NONE,
			     "Alerts that a target was not told because too many were waiting.",
			     TARGET_LABELS },
	[TARGET_WAITING] = { "seismo_notification_queue_length", METRIC_GAUGE, UNIT_NONE,
			     "Alerts whose change of state a target has yet to be told.",
			     TARGET_LABELS },
	[TARGET_SUCCESS] = { "seismo_notification_last_success_timestamp_seconds", METRIC_GAUGE,
			     UNIT_SECONDS,
			     "When a target accepted alerts the last time, since the epoch.",
			     TARGET_LABELS },
	[TARGET_METRICS] = { .name = NULL },
};

struct slot {
	struct slot *prev, *next;
	struct target *target;
	char *name, *spec; /* the configuration as text: another one is another target */
	bool wanted;	   /* by the configuration that is being taken over */
	bool leaving;
	struct target_stats seen;
};

struct targets {
	struct slot *slots;
	struct family *families[TARGET_METRICS];
	void (*progress)(void *ctx);
	void *ctx;
};

struct targets *targets_new(struct registry *r, void (*progress)(void *ctx), void *ctx)
{
	struct targets *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->progress = progress;
	all->ctx = ctx;
	for (int m = 0; m < TARGET_METRICS; m++) {
		all->families[m] = registry_add(r, &target_metrics[m]);
		if (!all->families[m]) {
			free(all);
			return NULL;
		}
	}
	return all;
}

/* --- the configuration */

static struct slot *slot_find(const struct targets *all, const struct target_kind *kind,
			      const char *name)
{
	struct slot *s;

	DL_FOREACH(all->slots, s)
	if (!s->leaving && target_kind(s->target) == kind && !strcmp(s->name, name))
		break;
	return s;
}

static void slot_free(struct targets *all, struct slot *s)
{
	DL_DELETE(all->slots, s);
	target_free(s->target);
	free(s->name);
	free(s->spec);
	free(s);
}

static void text_add(struct buf *spec, const char *text)
{
	buf_str(spec, text ?: "");
	buf_char(spec, '\n');
}

static void http_spec(struct buf *spec, const struct http_target *t)
{
	text_add(spec, t->url);
	text_add(spec, t->basic_auth.username);
	text_add(spec, t->basic_auth.password_file);
	text_add(spec, t->tls.ca_file);
	text_add(spec, t->tls.cert_file);
	text_add(spec, t->tls.key_file);
	buf_u64(spec, t->tls.insecure_skip_verify);
}

static void command_spec(struct buf *spec, const struct command_target *t)
{
	for (char **arg = t->command; *arg; arg++)
		text_add(spec, *arg);
	text_add(spec, t->user);
	buf_u64(spec, t->timeout_ns);
}

struct wanted {
	struct target_options options; /* but for its name */
	struct buf name, spec;
	int err; /* of any of them */
	void (*added)(void *ctx, struct target *t);
	void *ctx;
};

static void told_copy(void *ctx, struct notice *n, enum told told, bool waiting)
{
	(void)waiting;
	target_put(ctx, n, told);
}

/* Its place is taken by one that has another configuration and knows what this one was told. */
static void slot_leave(struct slot *s, struct target *successor)
{
	if (successor)
		target_each(s->target, told_copy, successor);
	target_end(s->target);
	s->leaving = true;
}

static int slot_add(struct targets *all, struct wanted *w, struct slot *before)
{
	struct slot *s = calloc(1, sizeof(*s));

	w->options.name = buf_cstr(&w->name);
	if (s && !w->name.failed && !w->spec.failed) {
		s->target = target_new(&w->options);
		s->name = strdup(w->options.name);
		s->spec = strdup(buf_cstr(&w->spec));
		s->wanted = true;
	}
	if (!s || !s->target || !s->name || !s->spec) {
		if (s)
			target_free(s->target);
		if (s) {
			free(s->name);
			free(s->spec);
		}
		free(s);
		return log_err(
			-ENOMEM,
			"%s '%s' cannot be told of alerts; reload when there is memory again",
			w->options.kind->name, w->options.name);
	}
	DL_APPEND(all->slots, s);
	if (before)
		slot_leave(before, s->target);
	else
		w->added(w->ctx, s->target);
	return 0;
}

/* Keeps the one that is there, or starts it. Of two that would have the same name the second has a number. */
static void target_want(struct targets *all, struct wanted *w)
{
	size_t len = w->name.len;
	struct slot *s;

	text_add(&w->spec, rule_severities[w->options.least]);
	text_add(&w->spec, w->options.external_url);
	buf_u64(&w->spec, w->options.resend_ns);
	for (unsigned i = 2; (s = slot_find(all, w->options.kind, buf_cstr(&w->name))) && s->wanted;
	     i++) {
		w->name.len = len;
		buf_printf(&w->name, "#%u", i);
	}
	if (s && !strcmp(s->spec, buf_cstr(&w->spec))) {
		s->wanted = true;
	} else if (slot_add(all, w, s)) {
		w->err = -ENOMEM;
		/* better told by the configuration of before than not at all */
		if (s)
			s->wanted = true;
	}
	buf_release(&w->name);
	buf_release(&w->spec);
}

static void http_want(struct targets *all, struct wanted *w, const struct target_kind *kind,
		      const struct http_target *list, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++) {
		w->options.kind = kind;
		w->options.conf = &list[i];
		w->options.least = (enum rule_severity)list[i].severity;
		url_origin_write(list[i].url, &w->name);
		http_spec(&w->spec, &list[i]);
		target_want(all, w);
	}
}

static void commands_want(struct targets *all, struct wanted *w, const struct conf *c)
{
	for (unsigned i = 0; i < c->command_cnt; i++) {
		w->options.kind = &target_command;
		w->options.conf = &c->commands[i];
		w->options.least = (enum rule_severity)c->commands[i].severity;
		buf_str(&w->name, strrchr(c->commands[i].command[0], '/') + 1);
		command_spec(&w->spec, &c->commands[i]);
		target_want(all, w);
	}
}

static void journal_want(struct targets *all, struct wanted *w)
{
	w->options.kind = &target_journal;
	w->options.conf = NULL;
	w->options.least = RULE_INFO;
	buf_str(&w->name, "journal");
	target_want(all, w);
}

u64 targets_resend_ns(const struct conf *c)
{
	return c->alert_resend_ns > c->interval_ns ? c->alert_resend_ns : c->interval_ns;
}

int targets_configure(struct targets *all, const struct conf *c, const char *external_url,
		      void (*added)(void *ctx, struct target *t), void *ctx)
{
	struct wanted w = { .options = { .resend_ns = targets_resend_ns(c),
					 .external_url = external_url,
					 .progress = all->progress,
					 .ctx = all->ctx },
			    .added = added,
			    .ctx = ctx };
	struct slot *s;

	DL_FOREACH(all->slots, s)
	s->wanted = false;
	journal_want(all, &w);
	http_want(all, &w, &target_alertmanager, c->alertmanagers, c->alertmanager_cnt);
	http_want(all, &w, &target_webhook, c->webhooks, c->webhook_cnt);
	commands_want(all, &w, c);
	DL_FOREACH(all->slots, s)
	if (!s->wanted && !s->leaving)
		slot_leave(s, NULL);
	return w.err;
}

bool targets_end(struct targets *all, u64 wait_ns)
{
	u64 until_ns = clock_now_ns() + wait_ns;
	bool ended = true;
	struct slot *s;

	if (!all)
		return true;
	DL_FOREACH(all->slots, s)
	target_end(s->target);
	DL_FOREACH(all->slots, s)
	ended &= target_ended(s->target, until_ns);
	return ended;
}

void targets_free(struct targets *all)
{
	struct slot *s, *next;

	if (!all)
		return;
	targets_end(all, 0);
	DL_FOREACH_SAFE(all->slots, s, next)
	slot_free(all, s);
	free(all);
}

/* --- notices */

void targets_put(struct targets *all, struct notice *n)
{
	struct slot *s;

	DL_FOREACH(all->slots, s)
	if (!s->leaving)
		target_put(s->target, n, TOLD_NOTHING);
}

void targets_forget(struct targets *all, u64 key)
{
	struct slot *s;

	DL_FOREACH(all->slots, s)
	target_forget(s->target, key);
}

void targets_each(struct targets *all, void (*each)(void *ctx, struct target *t), void *ctx)
{
	struct slot *s;

	DL_FOREACH(all->slots, s)
	if (!s->leaving)
		each(ctx, s->target);
}

/* --- metrics */

static struct series *series_of(const struct targets *all, enum target_metric m,
				const struct slot *s, bool add)
{
	const char *values[SERIES_LABELS] = { s->name, target_kind(s->target)->name };

	return add ? family_series(all->families[m], values)
		   : family_find(all->families[m], values);
}

static void set(const struct targets *all, enum target_metric m, const struct slot *s, s64 value)
{
	struct series *series = series_of(all, m, s, true);

	if (series)
		*series->value = value;
}

/* A counter goes on when its target is another one. */
static void grow(const struct targets *all, enum target_metric m, const struct slot *s, u64 now,
		 u64 before)
{
	struct series *series = series_of(all, m, s, true);

	if (series)
		*series->value += (s64)(now - before);
}

static void slot_read(const struct targets *all, struct slot *s)
{
	struct target_stats now;

	target_stats(s->target, &now);
	grow(all, TARGET_SENT, s, now.sent, s->seen.sent);
	grow(all, TARGET_FAILED, s, now.failed, s->seen.failed);
	grow(all, TARGET_DROPPED, s, now.dropped, s->seen.dropped);
	s->seen = now;
	if (s->leaving)
		return;
	set(all, TARGET_WAITING, s, now.waiting);
	if (now.last_success_ns)
		set(all, TARGET_SUCCESS, s, now.last_success_ns);
}

static void series_remove(const struct targets *all, const struct slot *s)
{
	struct series *series;

	if (slot_find(all, target_kind(s->target), s->name))
		return;
	for (int m = 0; m < TARGET_METRICS; m++) {
		series = series_of(all, m, s, false);
		if (series)
			family_remove(all->families[m], series);
	}
}

void targets_read(struct targets *all)
{
	struct slot *s, *next;

	DL_FOREACH_SAFE(all->slots, s, next)
	{
		slot_read(all, s);
		if (!s->leaving || !target_ended(s->target, 0))
			continue;
		series_remove(all, s);
		slot_free(all, s);
	}
}
