/* SPDX-License-Identifier: BSD-3-Clause */
/* The settings of the request family. */
#ifndef PROBE_REQUEST_SETTINGS_H
#define PROBE_REQUEST_SETTINGS_H

#include "conf/conf.h"

/* Filled by the configuration. */
struct request_settings {
	u64 status_class, peer, long_poll_ns;
};

_Static_assert(sizeof(struct request_settings) <= CONF_SETTINGS * sizeof(u64), "room for them");

#endif
