/* SPDX-License-Identifier: BSD-3-Clause */
/* The map of services: the requests of each by protocol, and what it asks of others by peer, as JSON. */
#ifndef EXPO_SERVICES_H
#define EXPO_SERVICES_H

#include "expo/window.h"
#include "metric/history.h"

/*
 * Rates and percentiles are those of the parameters `window` (default 1m) and `ago`, or of as much of that as the history
 * covers. Returns the HTTP status, as expo_query() does.
 */
unsigned expo_services(const struct registry *r, const struct history *h,
		       const struct expo_params *params, struct buf *out);

#endif
