/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules as a rule file of Prometheus. */
#ifndef RULE_RULE_FILE_H
#define RULE_RULE_FILE_H

#include "rule/promql.h"

struct rule_file {
	const struct rule_conf *const *rules;
	unsigned rule_cnt;
	/* How often Prometheus evaluates the rules and scrapes. Windows of less than two scrapes are widened. */
	u64 interval_ns;
	promql_find find;
};

/* Those that are off are left out; those that Prometheus cannot evaluate become comments. */
void rule_file_write(const struct rule_file *f, struct buf *out);

#endif
