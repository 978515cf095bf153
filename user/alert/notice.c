// SPDX-License-Identifier: BSD-3-Clause
#include "alert/notice.h"

#include <stdlib.h>
#include <string.h>

#include "rule/evidence.h"
#include "rule/text.h"

const char *const notice_mutes[] = { "", "silenced", "expected" };

u64 notice_key(u64 fingerprint, enum rule_severity severity)
{
	return fingerprint * (RULE_SEVERITIES + 1) + (u64)severity;
}

/* --- labels and annotations */

/* Prometheus takes a label without value for one that is not there. */
static void text_set(json_t *to, const char *key, const char *value)
{
	if (value && *value)
		json_object_set_new(to, key, json_string(value));
}

json_t *notice_labels(const struct alert *a, const struct notice_labels *l)
{
	const struct rule_conf *r = a->rule;
	json_t *labels = json_object();

	text_set(labels, "instance", l->instance);
	for (unsigned i = 0; i < l->extra_cnt; i++)
		text_set(labels, l->extra[i].key, l->extra[i].value);
	for (unsigned i = 0; i < r->by_cnt; i++)
		text_set(labels, r->by[i], a->label[i]);
	for (unsigned i = 0; i < r->label_cnt; i++)
		text_set(labels, r->labels[i].key, r->labels[i].value);
	text_set(labels, "alertname", r->alert);
	text_set(labels, "severity", rule_severities[a->severity]);
	return labels;
}

static void template_set(json_t *to, const char *key, const char *template, const struct alert *a)
{
	struct buf text = { 0 };

	if (!template)
		return;
	text_write(&text, template, a);
	text_set(to, key, buf_cstr(&text));
	buf_release(&text);
}

/* What people read of the evidence; the whole of it is for programs. */
static void evidence_set(json_t *to, const json_t *evidence)
{
	static const char *const said[] = { "cause", "victims", "changed", "do", "time" };
	char *text;

	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++)
		text_set(to, said[i], json_string_value(json_object_get(evidence, said[i])));
	text = evidence ? json_dumps(evidence, EVIDENCE_JSON) : NULL;
	text_set(to, "evidence", text);
	free(text);
}

static json_t *annotations_make(const struct alert *a, enum notice_mute mute, const char *why)
{
	const struct rule_conf *r = a->rule;
	json_t *to = json_object();
	const char *said = json_string_value(json_object_get(a->evidence, "summary"));
	struct buf summary = { 0 };

	if (!r->summary && said)
		buf_str(&summary, said);
	else
		summary_write(&summary, a);
	text_set(to, "summary", buf_cstr(&summary));
	buf_release(&summary);
	template_set(to, "description", r->description, a);
	template_set(to, "runbook_url", r->runbook_url, a);
	evidence_set(to, a->evidence);
	for (unsigned i = 0; i < r->annotation_cnt; i++)
		template_set(to, r->annotations[i].key, r->annotations[i].value, a);
	if (a->unknown)
		text_set(to, "unknown", a->unknown_why ?: "the data are incomplete at present");
	if (mute)
		text_set(to, notice_mutes[mute], why);
	return to;
}

/* --- notices */

/* Takes the annotations. */
static struct notice *notice_make(const struct notice *like, const json_t *labels,
				  json_t *annotations)
{
	struct notice *n = calloc(1, sizeof(*n));
	const char *name = json_string_value(json_object_get(labels, "alertname"));
	const char *summary = json_string_value(json_object_get(annotations, "summary"));

	if (n) {
		*n = *like;
		n->refs = 1;
		n->name = strdup(name ?: "");
		n->summary = strdup(summary ?: "");
		n->labels = labels ? json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
		n->annotations = annotations ? json_dumps(annotations, JSON_COMPACT) : NULL;
	}
	json_decref(annotations);
	if (n && n->name && n->summary && n->labels && n->annotations)
		return n;
	notice_unref(n);
	return NULL;
}

struct notice *notice_new(const struct alert *a, const json_t *labels, enum notice_mute mute,
			  const char *why)
{
	const struct notice like = { .key = notice_key(a->fingerprint, a->severity),
				     .severity = a->severity,
				     .mute = mute,
				     .firing = true,
				     .starts_at_ns = a->starts_at_ns };

	return notice_make(&like, labels, annotations_make(a, mute, why));
}

struct notice *notice_resolve(const struct notice *n, s64 ends_at_ns)
{
	struct notice like = *n;
	json_t *labels = json_loads(n->labels, 0, NULL);

	like.firing = false;
	/* The clock may have been set back since. */
	like.ends_at_ns = ends_at_ns > n->starts_at_ns ? ends_at_ns : n->starts_at_ns;
	n = notice_make(&like, labels, json_loads(n->annotations, 0, NULL));
	json_decref(labels);
	return (struct notice *)n;
}

struct notice *notice_ref(struct notice *n)
{
	__atomic_add_fetch(&n->refs, 1, __ATOMIC_RELAXED);
	return n;
}

void notice_unref(struct notice *n)
{
	if (!n || __atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL))
		return;
	free(n->name);
	free(n->summary);
	free(n->labels);
	free(n->annotations);
	free(n);
}

/* --- files */

/* The objects as text: to parse them only to write them again would take the loop's time. */
json_t *notice_save(const struct notice *n)
{
	/* JSON's integers are signed; the key only has to be the same again */
	return json_pack("{s:I, s:i, s:i, s:b, s:I, s:I, s:s, s:s}", "key", (json_int_t)n->key,
			 "severity", (int)n->severity, "mute", (int)n->mute, "firing", n->firing,
			 "starts_at_ns", (json_int_t)n->starts_at_ns, "ends_at_ns",
			 (json_int_t)n->ends_at_ns, "labels", n->labels, "annotations",
			 n->annotations);
}

/* An object all of whose values are text; NULL: it is none. */
static json_t *texts_load(const char *text)
{
	json_t *object = json_loads(text, 0, NULL), *value;
	bool texts = json_is_object(object);
	const char *key;

	json_object_foreach(object, key, value) texts &= json_is_string(value);
	if (texts)
		return object;
	json_decref(object);
	return NULL;
}

struct notice *notice_load(const json_t *saved)
{
	json_int_t key, starts_at_ns, ends_at_ns;
	const char *label_text, *annotation_text;
	json_t *labels, *annotations;
	int severity, mute, firing;
	struct notice like, *n = NULL;

	if (json_unpack((json_t *)saved, "{s:I, s:i, s:i, s:b, s:I, s:I, s:s, s:s}", "key", &key,
			"severity", &severity, "mute", &mute, "firing", &firing, "starts_at_ns",
			&starts_at_ns, "ends_at_ns", &ends_at_ns, "labels", &label_text,
			"annotations", &annotation_text) ||
	    severity < 0 || severity >= RULE_SEVERITIES || mute < NOTICE_LOUD ||
	    mute > NOTICE_EXPECTED)
		return NULL;
	like = (struct notice){ .key = (u64)key,
				.severity = (enum rule_severity)severity,
				.mute = (enum notice_mute)mute,
				.firing = firing,
				.starts_at_ns = starts_at_ns,
				.ends_at_ns = ends_at_ns };
	labels = texts_load(label_text);
	annotations = texts_load(annotation_text);
	if (labels && annotations)
		n = notice_make(&like, labels, json_incref(annotations));
	json_decref(labels);
	json_decref(annotations);
	return n;
}
