// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "rule/alerts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "rule/baseline_keys.h"

struct alert_entry *alerts_find(const struct alerts *t, u64 fingerprint)
{
	struct alert_entry *e;

	HASH_FIND(hh, t->table, &fingerprint, sizeof(fingerprint), e);
	return e;
}

static struct alert_entry *entry_new(const struct rule_conf *r, const char *const label[])
{
	struct alert_entry *e;
	size_t size = 0;
	char *text;

	for (unsigned i = 0; i < r->by_cnt; i++)
		size += strlen(label[i] ?: "") + 1;
	e = calloc(1, sizeof(*e) + size);
	if (!e)
		return NULL;
	text = e->text;
	for (unsigned i = 0; i < r->by_cnt; i++) {
		e->alert.label[i] = text;
		text = stpcpy(text, label[i] ?: "") + 1;
	}
	return e;
}

struct alert_entry *alerts_add(struct alerts *t, struct alert_rule *rule, const char *const label[],
			       u64 fingerprint)
{
	struct alert_entry *e =
		HASH_COUNT(t->table) < ALERTS_MAX ? entry_new(rule->conf, label) : NULL;

	if (!e)
		return NULL;
	e->alert.rule = rule->conf;
	e->alert.fingerprint = fingerprint;
	e->alert.severity = rule->conf->cause ? RULE_INFO : rule->conf->severity;
	e->alert.value = e->alert.baseline = NAN;
	e->told.severity = e->alert.severity;
	HASH_ADD(hh, t->table, alert.fingerprint, sizeof(fingerprint), e);
	if (!e->hh.tbl) {
		free(e);
		return NULL;
	}
	DL_APPEND(rule->entries, e);
	return e;
}

void alerts_remove(struct alerts *t, struct alert_rule *rule, struct alert_entry *e)
{
	DL_DELETE(rule->entries, e);
	HASH_DEL(t->table, e);
	json_decref(e->alert.evidence);
	free(e);
}

struct alert_rule *alerts_rule(const struct alerts *t, const char *name)
{
	for (size_t i = 0; i < t->rule_cnt; i++)
		if (!strcmp(t->rules[i].conf->alert, name))
			return &t->rules[i];
	return NULL;
}

void alerts_release(struct alerts *t)
{
	for (size_t i = 0; i < t->rule_cnt; i++) {
		while (t->rules[i].entries)
			alerts_remove(t, &t->rules[i], t->rules[i].entries);
		baseline_keys_free(t->rules[i].keys);
	}
	free(t->rules);
	*t = (struct alerts){ 0 };
}
