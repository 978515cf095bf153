/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages to the service manager (sd_notify(3)); without one they do nothing. */
#ifndef LIB_NOTIFY_H
#define LIB_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* The service manager restarts a service that does not ping it in time. */
struct watchdog {
	uint64_t period_ns, due_ns; /* period_ns is 0 if no pings are expected */
};

void notify_ready(const char *status);
void notify_stopping(void);

/* Asks the service manager for the timeout. The first ping is due at once. */
void watchdog_init(struct watchdog *w);
/* Is a ping due? The caller then checks that all is well and, if so, calls watchdog_feed(). */
bool watchdog_due(struct watchdog *w, uint64_t now_ns);
void watchdog_feed(void);

#endif
