// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/diagnosis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "diagnose/acquit.h"
#include "diagnose/judge.h"
#include "diagnose/ruled_out.h"
#include "diagnose/symptom_text.h"
#include "diagnose/trace.h"
#include "diagnose/unknown.h"
#include "lib/utc.h"
#include "rule/engine.h"
#include "rule/evidence.h"
#include "rule/text.h"
#include "rule/words.h"

#define AS_USUAL 1.5 /* times the usual p95, at most */

/* What is made on the way to the document. */
struct making {
	const struct diagnosis_params *params;
	struct symptoms symptoms;
	struct trace trace;
	json_t *unknown;
	bool blind; /* so much is unknown that nothing wrong is no verdict */
	bool lossy; /* something is unknown that is no matter of time */
};

static json_t *text_take(struct buf *b)
{
	json_t *ret = json_stringn(b->data ?: "", b->len);

	buf_release(b);
	return ret;
}

/* Of CLOCK_MONOTONIC; null: not known, or not yet. */
static json_t *time_json(const struct making *m, u64 ns)
{
	struct utc_cache cache = { 0 };
	struct buf text = { 0 };

	if (!ns)
		return json_null();
	utc_add(&text, &cache, (s64)ns + m->params->src->wall_offset_ns);
	return text_take(&text);
}

/* --- symptoms */

static json_t *symptom_text(const struct making *m, const struct symptom *s)
{
	struct buf text = { 0 };

	symptom_write(&text, s, m->params->src->registry->now_ns, m->params->src->wall_offset_ns);
	return text_take(&text);
}

static void text_set(json_t *o, const char *key, const char *value)
{
	if (value && *value)
		json_object_set_new(o, key, json_string(value));
}

static json_t *symptom_json(const struct making *m, const struct symptom *s)
{
	json_t *o = json_pack("{s:s, s:s}", "symptom", symptom_names[s->kind], "metric", s->metric);
	bool seconds = s->kind != SYMPTOM_FAILING && s->kind != SYMPTOM_DISK_FAILS &&
		       s->kind != SYMPTOM_LIMIT && s->kind != SYMPTOM_DEATHS;
	const char *unit = s->alert			? "value"
			   : seconds			? "seconds"
			   : s->kind == SYMPTOM_FAILING ? "ratio"
							: "total";

	text_set(o, "service", s->service);
	text_set(o, "direction", s->direction);
	text_set(o, "protocol", s->protocol);
	text_set(o, "device", s->device);
	text_set(o, "operation", s->operation);
	text_set(o, "alert", s->alert ? s->alert->rule->alert : NULL);
	evidence_number(o, "now", unit, s->now);
	evidence_number(o, "usual", unit, s->usual);
	evidence_number(o, "rate", "per_second", s->rate);
	json_object_set_new(o, "weak", json_boolean(s->weak));
	json_object_set_new(o, "since", time_json(m, s->begin_ns));
	json_object_set_new(o, "until", time_json(m, s->ongoing ? 0 : s->end_ns));
	json_object_set_new(o, "text", symptom_text(m, s));
	return o;
}

/* --- a cause */

static json_t *words_json(const struct scene *s, const char *template)
{
	struct buf text = { 0 };

	words_write(&text, template, s);
	return text_take(&text);
}

/* Parts of a to-do are separated by semicolons. */
static json_t *todo_json(const struct scene *s)
{
	json_t *list = json_array();
	struct buf text = { 0 };
	const char *at, *end;

	words_write(&text, s->reason->todo, s);
	for (at = buf_cstr(&text); *at; at = end) {
		end = strstr(at, "; ") ?: at + strlen(at);
		json_array_append_new(list, json_stringn(at, (size_t)(end - at)));
		end += *end ? 2 : 0;
	}
	buf_release(&text);
	return list;
}

static json_t *subject_json(const struct cause *c)
{
	static const char *const keys[] = {
		[BLAMES_SERVICE] = "service",  [BLAMES_DEVICE] = "device",
		[BLAMES_CALLEE] = "service",   [BLAMES_LOADER] = "service",
		[BLAMES_CPU_USER] = "service", [BLAMES_CALLER] = "service",
		[BLAMES_PATH] = "peer",
	};
	const char *key = keys[c->scene->reason->blames];

	if (c->scene->reason->blames == BLAMES_SERVICE && !c->scene->service)
		key = "device";
	return json_pack("{s:s?}", key, c->subject);
}

static const struct symptom *symptom_of(const struct making *m, const char *service)
{
	for (u32 i = 0; i < m->symptoms.cnt; i++)
		if (m->symptoms.at[i].service && !strcmp(m->symptoms.at[i].service, service))
			return &m->symptoms.at[i];
	return NULL;
}

static json_t *victims_json(const struct making *m, const struct cause *c)
{
	json_t *list = json_array();

	for (u32 i = 0; i < c->victim_cnt; i++) {
		const struct symptom *s = symptom_of(m, c->victims[i]);
		json_t *o = json_pack("{s:s}", "service", c->victims[i]);

		if (!strcmp(c->victims[i], c->subject ?: "") && c->victim_cnt > 1) {
			json_decref(o);
			continue;
		}
		if (s)
			json_object_set_new(o, "symptom", symptom_json(m, s));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *chain_json(const struct cause *c)
{
	json_t *list = json_array();

	for (u32 i = 0; i < c->chain_cnt; i++)
		json_array_append_new(list, json_string(c->chain[i]));
	if (c->subject && (!c->chain_cnt || strcmp(c->chain[c->chain_cnt - 1], c->subject) != 0))
		json_array_append_new(list, json_string(c->subject));
	return list;
}

static void part_append(json_t *list, const char *part, const char *of, double ratio, double growth)
{
	json_t *o = json_pack("{s:s, s:s?}", "part", part, "of", of);

	evidence_number(o, "ratio", "", ratio);
	evidence_number(o, "growth", "ratio", growth);
	json_array_append_new(list, o);
}

/* Of the whole: what is small is with what is not attributed. */
static json_t *time_list(const struct scene *s)
{
	json_t *list = json_array();
	double rest = 1;

	for (size_t i = 0; s->service && i < s->budget.part_cnt; i++) {
		const struct part *p = &s->budget.parts[i];

		if (!(scene_share(s, p) >= 0.005))
			continue;
		rest -= scene_share(s, p);
		part_append(list, p->row->name, p->of ?: p->protocol, scene_share(s, p),
			    scene_growth(s, p));
	}
	if (s->service)
		part_append(list, s->budget.by_requests ? "unattributed" : "idle", NULL,
			    fmax(rest, 0), NAN);
	return list;
}

static json_t *figures_json(const struct scene *s)
{
	json_t *figures = evidence_figures(s), *list = json_array(), *section;
	const char *name;

	json_object_foreach(figures, name, section)
	{
		json_object_set_new(section, "section", json_string(name));
		json_array_append(list, section);
	}
	json_decref(figures);
	return list;
}

static const char *sure_of(const struct making *m, const struct cause *c)
{
	enum reason_kind kind = c->scene->reason->kind;

	if (kind == REASON_UNKNOWN || !c->strong)
		return "low";
	if (m->lossy || !c->scene->usual || c->scene->reason_unknown || c->share < 0.5)
		return "medium";
	return "high";
}

static json_t *line_json(const struct scene *s, const char *name)
{
	struct buf text = { 0 };

	words_line(&text, name, s);
	return text_take(&text);
}

static json_t *cause_json(const struct making *m, const struct cause *c)
{
	const struct scene *s = c->scene;
	json_t *o = json_object();
	struct buf text = { 0 };

	json_object_set_new(o, "cause", json_string(s->reason->name));
	json_object_set_new(o, "kind", json_string(reason_kinds[s->reason->kind]));
	json_object_set_new(o, "subject", subject_json(c));
	json_object_set_new(o, "text", words_json(s, s->reason->why));
	json_object_set_new(o, "symptom", symptom_json(m, c->symptom));
	json_object_set_new(o, "since", time_json(m, c->symptom->begin_ns));
	json_object_set_new(o, "until", time_json(m, c->symptom->ongoing ? 0 : c->symptom->end_ns));
	json_object_set_new(o, "victims", victims_json(m, c));
	json_object_set_new(o, "chain", chain_json(c));
	evidence_number(o, "share", "ratio", c->share);
	ruled_out_write(&text, s);
	json_object_set_new(o, "not", text_take(&text));
	text = (struct buf){ 0 };
	runner_up_write(&text, s);
	json_object_set_new(o, "runner_up", text_take(&text));
	json_object_set_new(o, "changed", line_json(s, "changed"));
	json_object_set_new(o, "time_of", s->service ? json_string(s->service) : json_null());
	json_object_set_new(o, "time", time_list(s));
	json_object_set_new(o, "do", todo_json(s));
	json_object_set_new(o, "sure", json_string(sure_of(m, c)));
	json_object_set_new(o, "figures", figures_json(s));
	return o;
}

/* --- alerts */

static const char *label_of(const struct alert *a, const char *name)
{
	for (unsigned i = 0; i < a->rule->by_cnt; i++)
		if (!strcmp(a->rule->by[i], name) && a->label[i] && *a->label[i])
			return a->label[i];
	return NULL;
}

static bool has_symptom(const struct symptoms *list, const char *service, const char *device)
{
	for (u32 i = 0; i < list->cnt; i++) {
		const struct symptom *s = &list->at[i];

		if (!s->weak && ((service && s->service && !strcmp(s->service, service)) ||
				 (device && s->device && !strcmp(s->device, device))))
			return true;
	}
	return false;
}

/* Of somebody who suffers: one that fires or has, lately; one that is pending counts with a clear cause. */
static void alert_take(void *ctx, const struct alert *a)
{
	struct making *m = ctx;
	u64 now_ns = m->params->src->registry->now_ns;
	s64 now_wall = (s64)now_ns + m->params->src->wall_offset_ns;
	s64 ended = a->state == ALERT_RESOLVED ? now_wall - a->ends_at_ns : 0;
	struct symptom s = { .kind = SYMPTOM_ALERT,
			     .metric = a->rule->term.metric,
			     .service = label_of(a, "service"),
			     .device = label_of(a, "device"),
			     .direction = "inbound",
			     .alert = a,
			     .ongoing = a->state != ALERT_RESOLVED,
			     .weak = a->state == ALERT_PENDING,
			     .now = a->value,
			     .usual = a->baseline,
			     .rate = NAN,
			     .weight = 0.8 };

	if (a->rule->cause || a->severity == RULE_INFO || ended < 0 ||
	    (u64)ended > m->params->since_ns || has_symptom(&m->symptoms, s.service, s.device))
		return;
	if (m->params->service && (!s.service || strcmp(s.service, m->params->service) != 0))
		return;
	s.end_ns = now_ns - (u64)ended;
	s.begin_ns = now_wall > a->active_at_ns && (u64)(now_wall - a->active_at_ns) < now_ns
			     ? now_ns - (u64)(now_wall - a->active_at_ns)
			     : 0;
	symptoms_add(&m->symptoms, &s);
}

/* --- the document */

/* Those that are told, or those that follow them in the list and are not. */
static json_t *causes_json(const struct making *m, bool told)
{
	u32 i = told ? 0 : m->trace.cause_cnt,
	    end = m->trace.cause_cnt + (told ? 0 : m->trace.ruled_out);
	json_t *list = json_array();

	for (; i < end; i++)
		if (m->trace.causes[i].concerns)
			json_array_append_new(list, cause_json(m, &m->trace.causes[i]));
	return list;
}

static json_t *symptoms_json(const struct making *m)
{
	json_t *list = json_array();

	for (u32 i = 0; i < m->symptoms.cnt; i++)
		json_array_append_new(list, symptom_json(m, &m->symptoms.at[i]));
	return list;
}

/* Where nothing tells what is usual: where the time of who takes longest goes. */
static void note_longest(const struct making *m, json_t *list)
{
	const struct cause *c = &m->trace.causes[m->trace.cause_cnt];
	struct buf text = { 0 };

	if (m->trace.cause_cnt || !m->trace.ruled_out || !c->symptom->absolute)
		return;
	symptom_write(&text, c->symptom, m->params->src->registry->now_ns,
		      m->params->src->wall_offset_ns);
	buf_str(&text, ", and nothing tells whether that is usual: ");
	words_write(&text, c->scene->reason->why, c->scene);
	json_array_append_new(list, text_take(&text));
}

static json_t *notes_json(const struct making *m)
{
	json_t *list = json_array();

	note_longest(m, list);
	for (u32 i = 0; i < m->trace.note_cnt; i++) {
		struct buf text = { 0 };

		symptom_write(&text, m->trace.notes[i], m->params->src->registry->now_ns,
			      m->params->src->wall_offset_ns);
		buf_str(&text, "; nobody suffers from it");
		json_array_append_new(list, text_take(&text));
	}
	return list;
}

static void summary_write_all(struct buf *b, const struct making *m, const json_t *causes)
{
	const struct symptoms *s = &m->symptoms;
	const json_t *first = json_array_get(causes, 0);

	if (first) {
		buf_str(b, json_string_value(
				   json_object_get(json_object_get(first, "symptom"), "text"))
				   ?: "");
		return;
	}
	buf_printf(b, "%u services, ", s->services);
	quantity_write(b, QUANTITY_PLAIN, s->rate);
	buf_printf(b, " requests/s, %u disks", s->devices);
	if (s->slowest) {
		buf_printf(b, "; the slowest is %s, p95 ", s->slowest);
		quantity_write(b, QUANTITY_SECONDS, s->slowest_seconds);
		if (s->slowest_usual > 0 && !m->lossy &&
		    s->slowest_seconds < AS_USUAL * s->slowest_usual) {
			buf_str(b, ", and that is usual for it");
		} else if (s->slowest_usual > 0) {
			buf_str(b, ", usually ");
			quantity_write(b, QUANTITY_SECONDS, s->slowest_usual);
		}
	}
}

static json_t *document(const struct making *m)
{
	json_t *causes = causes_json(m, true), *o = json_object();
	bool wrong = json_array_size(causes) > 0;
	struct buf text = { 0 };

	summary_write_all(&text, m, causes);
	json_object_set_new(o, "verdict",
			    json_string(wrong	   ? "wrong"
					: m->blind ? "unknown"
						   : "nothing wrong"));
	json_object_set_new(o, "summary", text_take(&text));
	json_object_set_new(o, "unknown", json_incref(m->unknown));
	json_object_set_new(o, "causes", causes);
	json_object_set_new(o, "ruled_out", causes_json(m, false));
	json_object_set_new(o, "notes", notes_json(m));
	json_object_set_new(o, "symptoms", symptoms_json(m));
	json_object_set_new(o, "seen",
			    json_pack("{s:i, s:i}", "services_total", (int)m->symptoms.services,
				      "devices_total", (int)m->symptoms.devices));
	evidence_number(json_object_get(o, "seen"), "requests", "per_second", m->symptoms.rate);
	evidence_number(o, "since", "seconds", (double)m->params->since_ns / 1e9);
	return o;
}

json_t *diagnosis_make(const struct diagnosis_params *p)
{
	const struct symptom_params params = { p->src, p->since_ns, p->service };
	struct making m = { .params = p };
	json_t *doc;

	m.unknown = unknown_list(p->src, p->since_ns, &m.blind);
	symptoms_find(&m.symptoms, &params);
	symptoms_acquit(&m.symptoms, &params);
	if (p->engine)
		engine_each(p->engine, alert_take, &m);
	trace_make(&m.trace, &params, &m.symptoms);
	judge_causes(&m.trace);
	if (p->service)
		m.blind |= unknown_service(m.unknown, p->src->registry, p->service);
	unknown_omitted(m.unknown, m.symptoms.omitted, m.trace.incomplete);
	m.blind |= m.trace.incomplete;
	m.lossy = json_array_size(m.unknown) > 0;
	unknown_young(m.unknown, p->src, p->since_ns);
	doc = document(&m);
	trace_release(&m.trace);
	json_decref(m.unknown);
	return doc;
}
