/* SPDX-License-Identifier: BSD-3-Clause */
/* The map of services: the requests of each by protocol, and what it asks of others by peer, as JSON. */
#ifndef EXPO_SERVICES_H
#define EXPO_SERVICES_H

#include "lib/buf.h"
#include "metric/history.h"

/* Rates and percentiles are those of the last minute, or of as much of it as the history covers. */
void expo_services(const struct registry *r, const struct history *h, struct buf *out);

#endif
