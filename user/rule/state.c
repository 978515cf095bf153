// SPDX-License-Identifier: BSD-3-Clause
#include "rule/state.h"

#include <math.h>
#include <string.h>
#include <utlist.h>

#include "rule/alert_json.h"

#define VERSION_NOW 1
#define LABEL_MAX   256 /* of a series */
/* Of so many alerts the evidence is kept: it is large, and made again when their rules are evaluated. */
#define EVIDENCE_MAX 100

static json_t *entry_save(const struct alert_entry *e, bool evidence)
{
	const struct alert *a = &e->alert;
	json_t *labels = json_object();

	for (unsigned i = 0; i < a->rule->by_cnt; i++)
		json_object_set_new(labels, a->rule->by[i], json_string(a->label[i]));
	return json_pack(
		"{s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:o, s:O?}",
		"rule", a->rule->alert, "labels", labels, "state", alert_states[a->state],
		"severity", rule_severities[a->severity], "true_ns", (json_int_t)e->step.true_ns,
		"false_ns", (json_int_t)e->step.false_ns, "resolved_ns",
		(json_int_t)e->step.resolved_ns, "active_at_ns", (json_int_t)a->active_at_ns,
		"starts_at_ns", (json_int_t)a->starts_at_ns, "ends_at_ns",
		(json_int_t)a->ends_at_ns, "value", alert_number(a->value), "baseline",
		alert_number(a->baseline), "events", (json_int_t)a->events, "coverage",
		alert_number(a->coverage), "evidence", evidence ? a->evidence : NULL);
}

json_t *state_save(const struct alerts *t)
{
	json_t *list = json_array();
	unsigned evidence = 0;

	for (size_t i = 0; i < t->rule_cnt; i++) {
		const struct alert_entry *e;

		DL_FOREACH(t->rules[i].entries, e)
		if (e->alert.state != ALERT_INACTIVE)
			json_array_append_new(list, entry_save(e, evidence++ < EVIDENCE_MAX));
	}
	return json_pack("{s:i, s:o}", "version", VERSION_NOW, "alerts", list);
}

/* The place of a text in a list, `cnt`: it is not there. */
static unsigned word_find(const json_t *word, const char *const words[], unsigned cnt)
{
	const char *text = json_string_value(word);
	unsigned i = 0;

	while (i < cnt && (!text || strcmp(text, words[i])))
		i++;
	return i;
}

static s64 integer_get(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static u64 duration_get(const json_t *o, const char *key)
{
	s64 ns = integer_get(o, key);

	return ns > 0 ? (u64)ns : 0;
}

static double number_get(const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool labels_get(const json_t *o, const struct rule_conf *r, const char *ret[])
{
	const json_t *labels = json_object_get(o, "labels");

	if (json_object_size(labels) != r->by_cnt)
		return false;
	for (unsigned i = 0; i < r->by_cnt; i++) {
		ret[i] = json_string_value(json_object_get(labels, r->by[i]));
		if (!ret[i] || strlen(ret[i]) >= LABEL_MAX)
			return false;
	}
	return true;
}

static void entry_fill(struct alert_entry *e, const json_t *o, enum alert_state state,
		       enum rule_severity severity, u64 now_ns)
{
	struct alert *a = &e->alert;

	e->step = (struct step){
		.state = state,
		.last = VERDICT_UNKNOWN,
		.true_ns = duration_get(o, "true_ns"),
		.false_ns = duration_get(o, "false_ns"),
		.resolved_ns = duration_get(o, "resolved_ns"),
	};
	e->told.state = a->state = state;
	e->told.severity = a->severity = a->rule->cause ? severity : a->rule->severity;
	e->told.unknown = a->unknown = state != ALERT_RESOLVED;
	a->unknown_why = a->unknown ? "Seismo has just started" : NULL;
	a->since_ns = e->evidence_ns = now_ns;
	a->active_at_ns = integer_get(o, "active_at_ns");
	a->starts_at_ns = integer_get(o, "starts_at_ns");
	a->ends_at_ns = integer_get(o, "ends_at_ns");
	a->value = number_get(o, "value");
	a->baseline = number_get(o, "baseline");
	a->events = duration_get(o, "events");
	a->coverage = number_get(o, "coverage");
	json_decref(a->evidence);
	a->evidence = json_is_object(json_object_get(o, "evidence"))
			      ? json_incref(json_object_get(o, "evidence"))
			      : NULL;
}

static void entry_restore(struct alerts *t, const json_t *o, u64 now_ns)
{
	const char *name = json_string_value(json_object_get(o, "rule"));
	struct alert_rule *rule = name ? alerts_rule(t, name) : NULL;
	unsigned state = word_find(json_object_get(o, "state"), alert_states, ALERT_STATES),
		 severity = word_find(json_object_get(o, "severity"), rule_severities,
				      RULE_SEVERITIES);
	const char *label[RULE_BY_MAX] = { NULL };
	struct alert_entry *e;
	u64 fingerprint;

	if (!rule || !labels_get(o, rule->conf, label) || state == ALERT_INACTIVE ||
	    state == ALERT_STATES || severity == RULE_SEVERITIES)
		return;
	fingerprint = alert_fingerprint(rule->conf, label);
	e = alerts_find(t, fingerprint) ?: alerts_add(t, rule, label, fingerprint);
	if (e && e->alert.state != ALERT_FIRING)
		entry_fill(e, o, (enum alert_state)state, (enum rule_severity)severity, now_ns);
}

void state_restore(struct alerts *t, const json_t *state, u64 now_ns)
{
	const json_t *list = json_object_get(state, "alerts");

	if (integer_get(state, "version") != VERSION_NOW)
		return;
	for (size_t i = 0; i < json_array_size(list); i++)
		entry_restore(t, json_array_get(list, i), now_ns);
}
