/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRIC_STATUS_H
#define METRIC_STATUS_H

#include <stdbool.h>

/*
 * Statuses of requests that failed in the server: of gRPC those that are no fault of the client's (google.rpc.Code). As a pattern of
 * rules and queries, and as a function; NULL is no status.
 */
#define STATUS_FAILED "5??|error|UNKNOWN|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|DATA_LOSS"
bool status_is_failed(const char *status);

#endif
