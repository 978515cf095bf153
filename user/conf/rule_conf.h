/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A rule as it is written: what is looked at, when that is wrong, and what people are told. Those that are built in are a
 * file of the same form (rule/builtin.yaml).
 */
#ifndef CONF_RULE_CONF_H
#define CONF_RULE_CONF_H

#include <stdbool.h>

#include "conf/field.h"
#include "conf/number.h"
#include "types.h"

#define RULE_BY_MAX 4

/* Series of a metric: all that fulfil every condition. */
struct rule_term {
	char *metric; /* NULL: none */
	struct rule_pair *where;
	unsigned where_cnt;
	unsigned line; /* of `metric` */
};

/* What is made of the series of a group in the window. */
enum rule_value {
	RULE_RATE,     /* increase per second */
	RULE_COUNT,    /* increase */
	RULE_RATIO,    /* increase of `metric` by that of `of`; of gauges: last by last */
	RULE_MEAN,     /* of a histogram or a gauge */
	RULE_QUANTILE, /* p50, p99, p99.9: of a histogram */
	RULE_LAST,     /* gauge */
	RULE_MAX, /* gauge: the largest in the window, such as the age of the oldest request under way */
};

enum rule_condition {
	RULE_ABOVE,    /* above: 50ms */
	RULE_BELOW,    /* below: 10 */
	RULE_BASELINE, /* above: 3x baseline */
	RULE_BURN_RATE, /* burn_rate: { objective: 99.9%, factor: 14.4, long: 1h, short: 5m }, of a ratio */
};

/* PAGE: somebody has to get up. INFO: evidence; see `cause`. */
enum rule_severity { RULE_PAGE, RULE_WARNING, RULE_INFO, RULE_SEVERITIES };

/*
 * `while`: what has to hold as well, of another metric in the same window: of its series whose labels have the values that the
 * alert's labels of the same names have. Without any such series the value is 0.
 */
struct rule_guard {
	struct rule_term term;
	enum rule_value value; /* RULE_RATE, RULE_COUNT; of gauges RULE_LAST, RULE_MAX, RULE_MEAN */
	bool below;	       /* else above */
	double threshold;
	enum rule_unit threshold_unit;
	unsigned threshold_line;
};
#define RULE_GUARD_MAX 3

struct rule_conf {
	char *alert; /* its name, unique; CamelCase as Prometheus has it */
	bool off;    /* `enabled: off`: known, but not to be evaluated */
	bool builtin;
	char *file; /* where it is written, for messages */
	unsigned line;
	unsigned key_line
		[CONF_ROWS_MAX]; /* of the keys, by the rows of rule_fields; 0: it is not there */
	/* Where it is switched off, if that is elsewhere; NULL: it is not. */
	char *switch_file;
	unsigned switch_line;
	struct rule_term term; /* metric, where */
	struct rule_term of;   /* RULE_RATIO: the denominator */
	char *by[RULE_BY_MAX]; /* labels; an alert for each group of series. Both terms have them */
	unsigned by_line[RULE_BY_MAX], by_cnt;
	enum rule_value value;
	double quantile; /* 0.99 */
	enum rule_condition condition;
	double threshold; /* in the metric's base unit: seconds, bytes, per second, a ratio */
	double factor;	  /* baseline: times; burn rate: times the error budget */
	double at_least;  /* baseline: the value must be above this as well */
	enum rule_unit threshold_unit, at_least_unit;
	unsigned threshold_line, at_least_line;
	double objective; /* burn rate: 0.999 */
	u64 long_ns, short_ns;
	/* Baseline: what the load is, besides the rate of `metric` itself: e.g. bytes, whose rate by the former is their size. */
	struct rule_term load;
	bool unseen_load; /* baseline: only at loads above all that were seen, against the highest of these */
	struct rule_guard *guards; /* all must hold */
	unsigned guard_cnt;
	u64 window_ns, for_ns, keep_firing_for_ns;
	/* In the window, of `metric` (of `of`, for ratios); fewer: no verdict. Default 1; of rates and counts 0; not of gauges. */
	u64 min_events;
	/*
	 * A symptom pages by itself. A cause (`cause: true`) is evidence: its alert is `info` until a symptom fires on the same
	 * service or device, or on a service that uses that device; then it has the severity that is written here.
	 */
	bool cause;
	enum rule_severity severity;
	struct rule_pair *labels, *annotations;
	unsigned label_cnt, annotation_cnt;
	/* With {{label}} of `by`, {{value}}, {{baseline}} (conf/template.h), as in annotations; NULL: made from the rest. */
	char *summary, *description, *runbook_url;
	char *reason, *runbook; /* why the rule is as it is, and what to do: for the reference */
};

#endif
