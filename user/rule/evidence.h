/* SPDX-License-Identifier: BSD-3-Clause */
/* Why an alert fires: what is measured now and usually, who suffers, who causes it, what changed (shared verdict). */
#ifndef RULE_EVIDENCE_H
#define RULE_EVIDENCE_H
#include "rule/alert.h"
struct evidence_sources {
	const struct registry *registry;
	const struct history *history;
	const struct baselines *baselines;
	const struct changes *changes;
};
json_t *evidence_make(const struct evidence_sources *s, const struct alert *a);
#endif
