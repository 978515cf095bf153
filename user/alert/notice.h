/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is told of an alert in a state: a copy that never changes, so that the threads that tell it and the event loop share it
 * without a lock.
 */
#ifndef ALERT_NOTICE_H
#define ALERT_NOTICE_H

#include <jansson.h>

#include "rule/alert.h"

/* Why an alert is not told to those who page people. */
enum notice_mute { NOTICE_LOUD, NOTICE_SILENCED, NOTICE_EXPECTED };
extern const char *const notice_mutes[]; /* "", "silenced", "expected" */

struct notice {
	u64 key; /* of the alert and its severity: with another one it is another alert to those who are told */
	enum rule_severity severity;
	enum notice_mute mute;
	bool firing;
	s64 starts_at_ns, ends_at_ns; /* CLOCK_REALTIME; ends_at_ns: 0 while it fires */
	char *name, *summary;
	char *labels, *annotations; /* JSON objects, all of whose values are text */
	unsigned refs;		    /* private */
};

struct notice_labels {
	const char *instance;
	const struct rule_pair *extra; /* which an alert gets unless it has them */
	unsigned extra_cnt;
};

u64 notice_key(u64 fingerprint, enum rule_severity severity);
/* The labels by which everybody knows the alert, also silences. NULL: no memory. */
json_t *notice_labels(const struct alert *a, const struct notice_labels *l);
/* One that fires; `why`: what the silence or the expectation says. NULL: no memory. */
struct notice *notice_new(const struct alert *a, const json_t *labels, enum notice_mute mute,
			  const char *why);
/* The same alert, resolved at this time. NULL: no memory. */
struct notice *notice_resolve(const struct notice *n, s64 ends_at_ns);
/* From any thread. */
struct notice *notice_ref(struct notice *n);
void notice_unref(struct notice *n);

/* To and from a file; notice_load() returns NULL for what is none. */
json_t *notice_save(const struct notice *n);
struct notice *notice_load(const json_t *saved);

#endif
