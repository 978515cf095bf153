/* SPDX-License-Identifier: BSD-3-Clause */
/* An alert as `/api/v1/alerts` shows it. */
#ifndef RULE_ALERT_JSON_H
#define RULE_ALERT_JSON_H

#include "rule/alert.h"

/* `evidence`: with why it fires, which names processes, peers and files. NULL: no memory. */
json_t *alert_json(const struct alert *a, bool evidence);

/* null if the value is not finite. */
json_t *alert_number(double value);

#endif
