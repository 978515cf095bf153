/* SPDX-License-Identifier: BSD-3-Clause */
/* The alerts of all rules: one for each group of series whose rule is not content, none for all others. */
#ifndef RULE_ALERTS_H
#define RULE_ALERTS_H

#include <uthash.h>

#include "rule/step.h"

/* What does not fit is counted. A storm of so many is no news any more. */
#define ALERTS_MAX 4096

struct alert_entry {
	struct alert alert; /* first */
	UT_hash_handle hh;  /* by fingerprint */
	struct alert_entry *prev, *next;
	struct step step;
	u64 pass;	 /* in which its group was there last */
	u64 evidence_ns; /* when it was made, or tried */
	struct {
		enum alert_state state;
		enum rule_severity severity;
		bool unknown;
	} told;
	char text[]; /* of its labels */
};

struct alert_rule {
	const struct rule_conf *conf;
	struct alert_entry *entries; /* in the order of their beginning */
	u64 evaluated_ns; /* the end of the tick that it was evaluated at last; 0: never */
	/* What came of that: groups of series, those that are unknown, and why (of one of them, or why it cannot be evaluated). */
	u32 group_cnt, unknown_cnt;
	const char *why;
	struct baseline_keys *keys; /* see baseline_keys.h */
};

struct alerts {
	struct alert_rule *rules;
	size_t rule_cnt;
	struct alert_entry *table;
	u32 omitted;	/* since there were too many, in this pass */
	u64 change_cnt; /* of states and severities */
};

struct alert_entry *alerts_find(const struct alerts *t, u64 fingerprint);
/* An inactive one. NULL: no memory, or there are too many. */
struct alert_entry *alerts_add(struct alerts *t, struct alert_rule *rule, const char *const label[],
			       u64 fingerprint);
void alerts_remove(struct alerts *t, struct alert_rule *rule, struct alert_entry *e);
/* NULL: there is none. */
struct alert_rule *alerts_rule(const struct alerts *t, const char *name);
void alerts_release(struct alerts *t);

#endif
