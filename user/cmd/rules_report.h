/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules: a list with their state, their reference, and other forms of them. */
#ifndef CMD_RULES_REPORT_H
#define CMD_RULES_REPORT_H

#include "conf/rule.h"
#include "conf/setting.h"
#include "lib/buf.h"
#include "rule/engine.h"

/* How often Prometheus scrapes and evaluates; its default is in `initial`. */
extern const struct setting rules_every;

struct rules_report {
	const struct rule_conf *const *rules;
	unsigned rule_cnt;
	const struct engine *engine; /* NULL: nobody evaluates them */
	const char *only;	     /* the name of one of them; NULL: all */
	u64 every_ns;		     /* see rules_every */
};

/* The names of the formats, "text, markdown, json, ..."; the first is the default. */
void rules_formats(struct buf *out);
/* The content type of a format; NULL: there is no such format. */
const char *rules_format_type(const char *format);
/* 0; -ENOENT: there is no rule of the name; -EINVAL: no such format. */
int rules_report(const struct rules_report *r, const char *format, struct buf *out);

#endif
