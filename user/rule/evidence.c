// SPDX-License-Identifier: BSD-3-Clause
#include "rule/evidence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rule/reason.h"
#include "rule/words.h"

#define NS_PER_SEC 1000000000LL
#define LINE_BYTES 400

/* --- values */

/* To four digits, so that it is short when it is written. Not known: left out. */
void evidence_number(json_t *o, const char *what, const char *unit, double value)
{
	char key[64], text[32];

	if (!isfinite(value))
		return;
	snprintf(key, sizeof(key), "%s%s%s", what, *unit ? "_" : "", unit);
	snprintf(text, sizeof(text), "%.4g", value);
	value = strtod(text, NULL);
	if (value == floor(value) && fabs(value) < 1e15)
		json_object_set_new(o, key, json_integer((json_int_t)value));
	else
		json_object_set_new(o, key, json_real(value));
}

static void text_set(json_t *o, const char *key, const char *value)
{
	if (value && *value)
		json_object_set_new(o, key, json_string(value));
}

/* UTC, as RFC 3339 has it, of a time of CLOCK_MONOTONIC. */
static void time_set(json_t *o, const char *key, const struct scene *s, u64 ns)
{
	time_t seconds = (time_t)(((s64)ns + s->src->wall_offset_ns) / NS_PER_SEC);
	struct tm tm;
	char text[32];

	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%FT%TZ", &tm))
		json_object_set_new(o, key, json_string(text));
}

static json_t *unknown(const char *why)
{
	return json_pack("{s:s}", "unknown", why);
}

/* Where /api/v1/query finds it again. */
static json_t *reference(const struct scene *s, const char *metric, const struct condition *where)
{
	json_t *labels = json_object(), *o = json_pack("{s:s}", "metric", metric);

	for (; where->label; where++)
		text_set(labels, where->label, where->value);
	json_object_set_new(o, "labels", labels);
	evidence_number(o, "window", "seconds",
			(double)(s->now_window.end_ns - s->now_window.begin_ns) / NS_PER_SEC);
	return o;
}

/*
 * What a group of this kind of metric has, as /api/v1/query names it; `prefix` before each key. `brief`: times, but not how
 * many.
 */
static void measure_set(json_t *o, const char *prefix, const struct metric *row, bool brief,
			const struct measure *m)
{
	const char *unit = metric_units[row->unit], *of = *unit ? unit : "value";
	bool gauge = row->kind == METRIC_GAUGE, hist = row->kind == METRIC_HISTOGRAM;
	char per[32];
	const struct {
		const char *what, *unit;
		double value;
		bool wanted;
	} numbers[] = {
		{ "count", hist || !*unit ? "total" : unit, m->cnt, !gauge && !brief },
		{ "rate", hist ? "per_second" : per, measure_rate(m), !gauge && !brief },
		{ "mean", "seconds", measure_mean(m), hist },
		{ "p50", "seconds", m->p50, hist },
		{ "p99", "seconds", m->p99, hist },
		{ "last", of, m->last, gauge },
		{ "max", of, m->max, gauge },
	};

	snprintf(per, sizeof(per), "%s%sper_second", unit, *unit ? "_" : "");
	for (size_t i = 0; !m->unknown && i < sizeof(numbers) / sizeof(*numbers); i++) {
		char what[64];

		snprintf(what, sizeof(what), "%s%s", prefix, numbers[i].what);
		if (numbers[i].wanted)
			evidence_number(o, what, numbers[i].unit, numbers[i].value);
	}
}

static double ratio(const struct measure *value, const struct measure *of)
{
	return value->unknown || of->unknown ? NAN : value->sum / of->sum;
}

/* --- sections */

/* The rule's conditions as they are written, and the labels of the alert. */
static unsigned alert_labels(const struct alert *a, struct condition where[2 * RULE_BY_MAX])
{
	const struct rule_conf *r = a->rule;
	unsigned cnt = 0;

	for (unsigned i = 0; i < r->term.where_cnt && i < RULE_BY_MAX; i++)
		where[cnt++] = (struct condition){ r->term.where[i].key, r->term.where[i].value };
	for (unsigned i = 0; i < r->by_cnt; i++)
		where[cnt++] = (struct condition){ r->by[i], a->label[i] };
	return cnt;
}

static json_t *now_section(const struct scene *s)
{
	const struct alert *a = s->subject.alert;
	struct condition where[2 * RULE_BY_MAX + 1] = { 0 };
	json_t *o;

	if (s->value.now.unknown)
		return unknown(s->value.now.unknown);
	if (a)
		alert_labels(a, where);
	else
		scene_subject_labels(s, where);
	o = reference(s, s->subject.metric, where);
	measure_set(o, "", s->value.group.family->metric, false, &s->value.now);
	if (a && s->of.group.family) {
		text_set(o, "of", a->rule->of.metric);
		measure_set(o, "of_", s->of.group.family->metric, false, &s->of.now);
		evidence_number(o, "ratio", "", ratio(&s->value.now, &s->of.now));
	}
	return o;
}

static json_t *usual_section(const struct scene *s)
{
	json_t *o;

	if (s->value.usual.unknown)
		return unknown(s->value.usual.unknown);
	o = json_pack("{s:s}", "from", s->usual_is_baseline ? "baseline" : "history");
	evidence_number(o, "window", "seconds", s->value.usual.seconds);
	if (!s->usual_is_baseline)
		evidence_number(o, "ended", "seconds_ago",
				(double)(s->now_window.end_ns - s->usual->end_ns) / NS_PER_SEC);
	measure_set(o, "", s->value.group.family->metric, false, &s->value.usual);
	if (s->of.group.family)
		evidence_number(o, "ratio", "", ratio(&s->value.usual, &s->of.usual));
	return o;
}

static json_t *cause_section(const struct scene *s)
{
	json_t *o = json_pack("{s:s}", "row", s->reason->name);

	text_set(o, "unknown", s->reason_unknown);
	return o;
}

static json_t *device_section(const struct scene *s)
{
	const struct condition where[] = { { "device", s->device },
					   { "operation", s->operation },
					   { NULL } };
	json_t *o = reference(s, "seismo_block_io_duration_seconds", where);
	const struct metric *row =
		s->in_device.group.family ? s->in_device.group.family->metric : NULL;

	if (s->disk) {
		text_set(o, "model", s->disk->model);
		text_set(o, "serial", s->disk->serial);
	}
	if (row) {
		const char *phase = s->is_volume ? "total_" : "device_";
		char usual[32];

		snprintf(usual, sizeof(usual), "usual_%s", phase);
		measure_set(o, phase, row, true, &s->in_device.now);
		measure_set(o, usual, row, true, &s->in_device.usual);
		measure_set(o, "queue_", row, true, &s->in_queue.now);
		measure_set(o, "usual_queue_", row, true, &s->in_queue.usual);
	}
	text_set(o, "unknown", s->in_device.now.unknown ?: s->in_device.usual.unknown);
	evidence_number(o, "in_flight", "total", s->in_flight);
	evidence_number(o, "oldest", "seconds", s->device_oldest);
	return o;
}

/* Nothing is known of services: why. */
static const char *services_unknown(const struct scene *s)
{
	return registry_find(s->src->registry, "seismo_service_block_io_duration_seconds")
		       ? NULL
		       : "the probe block does not run";
}

static json_t *victim_json(const struct scene *s, size_t i)
{
	const struct waiter *w = &s->waiters[i];
	json_t *o = json_pack("{s:s}", "service", w->service);
	bool known = !w->now.unknown;

	evidence_number(o, "share", "ratio", waiter_share(s, w));
	text_set(o, "serves", w->protocol);
	evidence_number(o, "count", "total", known ? w->now.cnt : NAN);
	evidence_number(o, "mean", "seconds", known ? measure_mean(&w->now) : NAN);
	evidence_number(o, "usual_mean", "seconds",
			w->usual.unknown ? NAN : measure_mean(&w->usual));
	evidence_number(o, "oldest", "seconds", w->oldest > 0 ? w->oldest : NAN);
	return o;
}

/* Services of the device, by a metric of theirs. */
static json_t *services_section(const struct scene *s, const char *metric, size_t cnt,
				json_t *(*service_json)(const struct scene *s, size_t i))
{
	const struct condition where[] = { { "device", s->device }, { NULL } };
	json_t *o, *list;

	if (services_unknown(s))
		return unknown(services_unknown(s));
	o = reference(s, metric, where);
	list = json_array();
	for (size_t i = 0; i < cnt; i++)
		json_array_append_new(list, service_json(s, i));
	json_object_set_new(o, "list", list);
	return o;
}

static json_t *victims_section(const struct scene *s)
{
	return services_section(s,
				s->is_volume ? "seismo_service_volume_io_duration_seconds"
					     : "seismo_service_block_io_duration_seconds",
				s->waiter_cnt, victim_json);
}

static json_t *user_json(const struct scene *s, size_t i)
{
	const struct user *u = &s->users[i];
	json_t *o = json_pack("{s:s}", "service", u->service);

	evidence_number(o, "rate", "bytes_per_second", u->bytes);
	evidence_number(o, "usual_rate", "bytes_per_second", u->usual_bytes);
	evidence_number(o, "rate", "per_second", u->ops);
	evidence_number(o, "usual_rate", "per_second", u->usual_ops);
	return o;
}

static json_t *users_section(const struct scene *s)
{
	return services_section(s,
				s->is_volume ? "seismo_service_volume_io_bytes_total"
					     : "seismo_service_block_io_bytes_total",
				s->user_cnt, user_json);
}

static json_t *others_section(const struct scene *s)
{
	json_t *o = json_object();

	evidence_number(o, "services_waiting", "total", s->waiting_total);
	evidence_number(o, "services_slower", "total", s->slower_total);
	evidence_number(o, "services_as_usual", "total", s->as_usual_total);
	evidence_number(o, "other_devices_slower", "total", s->slower_devices);
	return o;
}

static json_t *part_json(const struct scene *s, const struct part *p)
{
	json_t *o = json_pack("{s:s}", "part", p->row->name);

	text_set(o, p->protocol ? "peer" : "device", p->of);
	text_set(o, "protocol", p->protocol);
	evidence_number(o, "share", "ratio", scene_share(s, p));
	text_set(o, "metric", p->row->metric);
	return o;
}

static json_t *time_section(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service }, { NULL } };
	json_t *o = reference(s, "seismo_request_duration_seconds", where), *list = json_array();

	if (!s->budget.by_requests)
		json_object_del(o, "metric");
	text_set(o, "of", s->budget.by_requests ? "requests" : "window");
	evidence_number(o, "time", "seconds", s->budget.time);
	for (size_t i = 0; i < s->budget.part_cnt; i++) {
		if (scene_share(s, &s->budget.parts[i]) >= 0.005)
			json_array_append_new(list, part_json(s, &s->budget.parts[i]));
	}
	json_object_set_new(o, "list", list);
	evidence_number(o, s->budget.by_requests ? "unattributed" : "idle", "ratio",
			s->budget.rest / s->budget.time);
	return o;
}

static json_t *call_json(const struct scene *s, const struct call *c, const char *caller,
			 const char *callee)
{
	const struct condition where[] = { { "service", caller },
					   { "direction", "outbound" },
					   { "protocol", c->protocol },
					   { "peer", callee },
					   { NULL } };
	const char *metric = "seismo_request_duration_seconds";
	json_t *o = reference(s, metric, where);

	if (c->duration.group.family) {
		measure_set(o, "", c->duration.group.family->metric, false, &c->duration.now);
		measure_set(o, "usual_", c->duration.group.family->metric, false,
			    &c->duration.usual);
	}
	evidence_number(o, "oldest", "seconds", c->oldest > 0 ? c->oldest : NAN);
	return o;
}

static json_t *calls_section(const struct scene *s)
{
	json_t *o = json_object();

	if (s->caller.service)
		json_object_set_new(o, "caller",
				    call_json(s, &s->caller, s->caller.service, s->service));
	if (s->callee.service)
		json_object_set_new(o, "callee",
				    call_json(s, &s->callee, s->service, s->callee.service));
	evidence_number(o, "callers", "total", s->callers_total);
	return o;
}

static json_t *change_json(const struct scene *s, const struct change *c)
{
	json_t *o = json_pack("{s:s, s:s}", "change", change_kinds[c->kind], "service", c->service);

	text_set(o, "detail", c->detail);
	evidence_number(o, "count", "total", (double)c->cnt);
	time_set(o, "first", s, c->first_ns);
	if (c->cnt > 1)
		time_set(o, "last", s, c->last_ns);
	return o;
}

static json_t *changed_section(const struct scene *s)
{
	json_t *o, *list;

	if (!s->changed_since_ns)
		return unknown(
			"processes are not watched, or not yet, or no more is known of that time");
	o = json_object();
	time_set(o, s->changed_total ? "since" : "nothing_since", s, s->changed_since_ns);
	time_set(o, "until", s, s->changed_until_ns);
	if (!changes_watched(s->src->changes, CHANGE_REPLACED))
		text_set(o, "unknown", "replaced executables are not watched");
	if (!s->changed_total)
		return o;
	list = json_array();
	for (size_t i = 0; i < s->changed_cnt; i++)
		json_array_append_new(list, change_json(s, &s->changed[i]));
	json_object_set_new(o, "list", list);
	evidence_number(o, "changes", "total", (double)s->changed_total);
	evidence_number(o, "concerned", "total", (double)s->concerned_total);
	return o;
}

static json_t *oldest_section(const struct scene *s)
{
	json_t *o = json_object(), *list = json_array();

	for (size_t i = 0; i < s->oldest_cnt; i++) {
		const struct oldest *old = &s->oldest[i];
		const struct condition where[] = { { old->row->label, old->of }, { NULL } };
		json_t *one = reference(s, old->row->metric, where);

		json_object_del(one, "window_seconds");
		evidence_number(one, "oldest", "seconds", old->seconds);
		evidence_number(one, "under_way", "total", old->cnt);
		json_array_append_new(list, one);
	}
	json_object_set_new(o, "list", list);
	return o;
}

static json_t *coverage_section(const struct scene *s)
{
	const struct history_coverage *c = &s->value.now.coverage;
	json_t *o = json_object(), *missing;

	if (s->value.now.unknown || !s->value.group.cnt)
		return o;
	evidence_number(o, "ratio", "", c->ratio);
	missing = json_array();
	for (unsigned bit = 0; history_missing_words[bit]; bit++)
		if (c->missing & 1U << bit)
			json_array_append_new(missing, json_string(history_missing_words[bit]));
	json_object_set_new(o, "missing", missing);
	return o;
}

/* Lines without end are cut between characters. */
static void lines_set(json_t *o, const struct scene *s)
{
	for (const struct words_row *row = words_rows; row->name; row++) {
		struct buf line = { 0 };

		row->write(&line, s);
		if (line.len > LINE_BYTES) {
			line.len = LINE_BYTES;
			while (line.len > 0 && (line.data[line.len] & 0xc0) == 0x80)
				line.len--;
		}
		if (line.len && !line.failed)
			json_object_set_new(o, row->name, json_stringn(line.data, line.len));
		buf_release(&line);
	}
}

/* What a section is about: without that it is left out. */
enum needs { ANYTHING, A_DEVICE, A_SERVICE };

static const struct section {
	const char *name;
	enum needs needs;
	json_t *(*make)(const struct scene *s);
	unsigned keep; /* of its list, when room is short */
	unsigned rank; /* those of the highest rank are left out first, when room is still short */
} sections[] = {
	{ "now", ANYTHING, now_section, 0, 0 },
	{ "usual", ANYTHING, usual_section, 0, 0 },
	{ "cause", ANYTHING, cause_section, 0, 0 },
	{ "device", A_DEVICE, device_section, 0, 2 },
	{ "victims", A_DEVICE, victims_section, 2, 3 },
	{ "users", A_DEVICE, users_section, 2, 5 },
	{ "others", A_DEVICE, others_section, 0, 1 },
	{ "time", A_SERVICE, time_section, 4, 6 },
	{ "calls", A_SERVICE, calls_section, 0, 7 },
	{ "changed", ANYTHING, changed_section, 2, 4 },
	{ "oldest", ANYTHING, oldest_section, 2, 3 },
	{ "coverage", ANYTHING, coverage_section, 0, 1 },
};
#define SECTIONS (sizeof(sections) / sizeof(*sections))

/* --- the document */

static size_t size_of(const json_t *value)
{
	return json_dumpb(value, NULL, 0, EVIDENCE_JSON);
}

/* Takes the last item off a list that has more than it has to keep; returns how much smaller the document is, 0: there is none. */
static size_t list_shorten(json_t *figures)
{
	for (size_t i = SECTIONS; i-- > 0;) {
		json_t *list = json_object_get(json_object_get(figures, sections[i].name), "list");
		size_t cnt = json_array_size(list), size;

		if (cnt <= sections[i].keep)
			continue;
		size = size_of(json_array_get(list, cnt - 1));
		json_array_remove(list, cnt - 1);
		return size;
	}
	return 0;
}

static size_t section_drop(json_t *figures)
{
	const struct section *drop = NULL;
	size_t size;

	for (size_t i = 0; i < SECTIONS; i++)
		if (json_object_get(figures, sections[i].name) &&
		    (!drop || sections[i].rank > drop->rank))
			drop = &sections[i];
	if (!drop)
		return 0;
	size = size_of(json_object_get(figures, drop->name));
	json_object_del(figures, drop->name);
	return size;
}

static void fit(const json_t *doc, json_t *figures)
{
	size_t size = size_of(doc), less;

	while (size > EVIDENCE_BYTES) {
		less = list_shorten(figures) ?: section_drop(figures);
		if (!less)
			break;
		size -= less;
	}
}

json_t *evidence_figures(const struct scene *s)
{
	json_t *figures = json_object();

	for (size_t i = 0; i < SECTIONS; i++)
		if ((sections[i].needs != A_DEVICE || s->device) &&
		    (sections[i].needs != A_SERVICE || s->service))
			json_object_set_new(figures, sections[i].name, sections[i].make(s));
	return figures;
}

json_t *evidence_make(const struct evidence_sources *src, const struct alert *a)
{
	const struct subject about = subject_of_alert(src, a);
	json_t *doc = json_object(), *figures;
	struct scene scene;

	if (scene_make(&scene, src, &about)) {
		scene_release(&scene);
		json_decref(doc);
		return unknown("nothing has been read yet");
	}
	reason_find(&scene);
	text_set(doc, "kind", reason_kinds[scene.reason->kind]);
	lines_set(doc, &scene);
	figures = evidence_figures(&scene);
	json_object_set_new(doc, "figures", figures);
	scene_release(&scene);
	fit(doc, figures);
	return doc;
}
