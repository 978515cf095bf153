/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Causes and symptoms. That a disk is busy or a quota used up is nobody's trouble by itself: the alert of a cause has the severity
 * `info`, and its own while it explains a symptom that fires: one on the same service (or on one that waits for it as its peer),
 * on the same device, on a service that uses that device, or on a device that the service uses. What is about the whole host
 * explains everything.
 */
#ifndef RULE_CAUSE_H
#define RULE_CAUSE_H

#include "metric/history.h"
#include "rule/alerts.h"

/* Sets the severity of all alerts of causes. -ENOMEM: it stays as it was. */
int cause_judge(struct alerts *t, const struct registry *r, const struct history *h);

#endif
