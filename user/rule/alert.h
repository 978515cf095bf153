/* SPDX-License-Identifier: BSD-3-Clause */
/* An alert: a rule, for one group of series, in a state. */
#ifndef RULE_ALERT_H
#define RULE_ALERT_H

#include <jansson.h>

#include "conf/rule.h"

enum alert_state { ALERT_INACTIVE, ALERT_PENDING, ALERT_FIRING, ALERT_RESOLVED };
extern const char *const alert_states[];

struct alert {
	const struct rule_conf *rule;	/* valid as long as the alert */
	const char *label[RULE_BY_MAX]; /* values of rule->by; "" where absent */
	u64 fingerprint; /* of the rule's name and the labels: the same after a restart */
	enum alert_state state;
	bool unknown; /* the data do not tell at present: it neither starts nor resolves */
	const char *unknown_why;     /* "events were lost", ... */
	enum rule_severity severity; /* now: of causes without a symptom RULE_INFO */
	/* CLOCK_REALTIME in ns of what began when; 0: not yet. They survive a restart. */
	s64 active_at_ns, starts_at_ns, ends_at_ns;
	u64 since_ns;		/* CLOCK_MONOTONIC of the last change of state */
	double value, baseline; /* in base units; baseline NAN: none */
	u64 events;		/* in the window */
	double coverage;
	json_t *evidence; /* made when it began to fire, and renewed; NULL: none. Owned by the engine */
	/* Set by what knows of silences; told, not paged. */
	bool silenced, expected;
};

#endif
