/* SPDX-License-Identifier: BSD-3-Clause */
/* An alert: a rule, for one group of series, in a state. */
#ifndef RULE_ALERT_H
#define RULE_ALERT_H

#include <jansson.h>

#include "conf/rule.h"

enum alert_state { ALERT_INACTIVE, ALERT_PENDING, ALERT_FIRING, ALERT_RESOLVED, ALERT_STATES };
extern const char *const alert_states[ALERT_STATES]; /* "inactive", ... */

struct alert {
	const struct rule_conf *rule;	/* valid as long as the alert */
	const char *label[RULE_BY_MAX]; /* values of rule->by; "" where absent */
	u64 fingerprint; /* of the rule's name and the labels: the same after a restart */
	enum alert_state state;
	bool unknown; /* the data do not tell at present: it neither starts nor resolves */
	const char *unknown_why;     /* "events were lost", ... */
	enum rule_severity severity; /* now: of causes without a symptom RULE_INFO */
	/*
	 * CLOCK_REALTIME in ns: since when the condition was true, the alert fires, and does not any more; 0: not yet. They are what
	 * the clock said then, and survive a restart. An alert that is pending again after it was resolved has begun anew.
	 */
	s64 active_at_ns, starts_at_ns, ends_at_ns;
	u64 since_ns; /* CLOCK_MONOTONIC of the last change of state; of the start, if that was before it */
	/* What the rule found last while its condition was true, in base units; baseline NAN: none. */
	double value, baseline;
	u64 events; /* in the window; 0 where the rule does not count any */
	double coverage;
	json_t *evidence; /* made when it began to fire, and renewed; NULL: none. Owned by the engine */
	/* Set by what knows of silences; told, not paged. */
	bool silenced, expected;
};

/* The fingerprint of an alert of this rule with these values of its `by`, NULL as "". */
u64 alert_fingerprint(const struct rule_conf *r, const char *const label[]);

/* What values of the rule are in, as keys of JSON end: "seconds", "bytes_per_second", "ratio", "total". */
const char *alert_unit(const struct rule_conf *r);

#endif
