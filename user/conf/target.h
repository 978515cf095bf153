/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is told of alerts, when an alert is expected, and where events are written. */
#ifndef CONF_TARGET_H
#define CONF_TARGET_H

#include "conf/field.h"
#include "conf/rule.h"

/* An Alertmanager (its base URL) or a webhook. */
struct http_target {
	char *url; /* http:// or https://, without credentials in it */
	struct {
		char *username, *password_file;
	} basic_auth; /* both or none */
	struct {
		char *ca_file, *cert_file, *key_file; /* NULL: the system's; none */
		u64 insecure_skip_verify;
	} tls;	      /* of https:// */
	u64 severity; /* enum rule_severity: it is told of these alerts and graver ones */
};

/* A program that gets alerts as JSON on its standard input. */
struct command_target {
	char **command; /* its arguments, the first is an absolute path; ends with NULL */
	char *user;
	u64 timeout_ns, severity; /* severity: as above */
};

/* Alerts that are expected in some window: of tests, drills, maintenance. They are marked and not paged. */
struct expectation {
	struct rule_pair
		*match; /* labels of the alert, with alertname and severity; all must fit */
	unsigned match_cnt;
	s64 from_ns, to_ns;	      /* CLOCK_REALTIME; both 0: every day */
	u32 daily_from_s, daily_to_s; /* seconds since midnight UTC; to <= from: beyond midnight */
	char *reason;
};

/* Is it in its window at this time (CLOCK_REALTIME)? */
bool expectation_in_effect(const struct expectation *e, s64 wall_ns);

/* Rows by which they are loaded, written and freed; the numbers of elements belong to struct conf. */
extern const struct field http_target_fields[], command_target_fields[], expectation_fields[];
/* See struct field_list. */
int http_target_check(struct yaml_doc *d, yaml_node_t *node, const void *targets, unsigned i);
int command_target_check(struct yaml_doc *d, yaml_node_t *node, const void *targets, unsigned i);
int expectation_check(struct yaml_doc *d, yaml_node_t *node, const void *expected, unsigned i);

/* Scheme, host and port of a URL: what comes behind may be a secret. */
void url_origin_write(const char *url, struct buf *out);
/* For `check` of a field: http:// or https:// and a host, without credentials. */
int url_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
	      const char *text);

/* Words of `events.journald`: auto is on where a journal is there. */
enum journald_mode { JOURNALD_AUTO, JOURNALD_ON, JOURNALD_OFF };

struct conf_events {
	char *file;		  /* NULL: off */
	u64 max_size_bytes, keep; /* of a file, and how many rotated ones are kept beside it */
	u64 journald;		  /* enum journald_mode */
};

#endif
