/* SPDX-License-Identifier: BSD-3-Clause */
/* Alerts as JSON, in the two forms that Alertmanager has made common. */
#ifndef ALERT_MESSAGE_H
#define ALERT_MESSAGE_H

#include "alert/target.h"

/* As its API takes them: a list of alerts, which end by themselves if they are not told again in time. */
void message_alertmanager(struct buf *out, const struct parcel *parcels, unsigned cnt,
			  const struct sending *s);
/* As its webhooks send them, version 4: an object with the state of the group, what its alerts have in common, and the alerts. */
void message_webhook(struct buf *out, const struct parcel *parcels, unsigned cnt,
		     const struct target_kind *kind, const struct sending *s);

#endif
