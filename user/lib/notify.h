/* SPDX-License-Identifier: BSD-3-Clause */
/* What the service manager that started us hears of us (sd_notify(3)); without one nothing happens. */
#ifndef LIB_NOTIFY_H
#define LIB_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* The manager takes us for hung when it does not hear from us for some time. */
struct watchdog {
	uint64_t period_ns, due_ns; /* how often to be heard; 0: nobody waits */
};

void notify_ready(const char *status);
void notify_stopping(void);

/* Finds out what the manager expects. The first sign of life is due at once. */
void watchdog_init(struct watchdog *w);
/* Is a sign of life due? Then the caller finds out whether all is well and, if so, calls watchdog_feed(). */
bool watchdog_due(struct watchdog *w, uint64_t now_ns);
void watchdog_feed(void);

#endif
