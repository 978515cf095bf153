// SPDX-License-Identifier: BSD-3-Clause
#include "lib/notify.h"

#include <systemd/sd-daemon.h>

/* One ping may get lost, one may be late. */
#define PINGS_PER_TIMEOUT 4
#define NS_PER_US	  1000ULL

void notify_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=");
}

void watchdog_init(struct watchdog *w)
{
	uint64_t timeout_us = 0;

	*w = (struct watchdog){ 0 };
	if (sd_watchdog_enabled(0, &timeout_us) > 0)
		w->period_ns = timeout_us * NS_PER_US / PINGS_PER_TIMEOUT;
}

bool watchdog_due(struct watchdog *w, uint64_t now_ns)
{
	if (!w->period_ns || now_ns < w->due_ns)
		return false;
	w->due_ns = now_ns + w->period_ns;
	return true;
}

void watchdog_feed(void)
{
	sd_notify(0, "WATCHDOG=1");
}
