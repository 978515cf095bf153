/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's part of `seismo diagnose`: one diagnosis after the other, each beside the loop (lib/aside.h), which goes on meanwhile. */
#ifndef CMD_DIAGNOSING_H
#define CMD_DIAGNOSING_H

#include "cmd/agent.h"
#include "http/server.h"

struct diagnosing;

/* The agent outlives it; it goes before the server does. NULL: no memory. */
struct diagnosing *diagnosing_new(struct agent *a, struct loop *l);
/* Those who wait are told that they get nothing. */
void diagnosing_free(struct diagnosing *d);
/*
 * Replies to the request, now or later, with what was wrong until now in the last `since_ns`; `service` NULL: of all. The registry was
 * just read.
 */
void diagnosing_reply(struct diagnosing *d, u64 since_ns, const char *service,
		      const struct http_request *request, struct http_reply *reply);

#endif
