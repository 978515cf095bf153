/* SPDX-License-Identifier: BSD-3-Clause */
/* The map of services and calls, as JSON. */
#ifndef EXPO_SERVICES_H
#define EXPO_SERVICES_H

#include "collect/calls.h"
#include "lib/buf.h"

void expo_services(struct calls *calls, u64 now_ns, struct buf *out);

#endif
