/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers as people write them. The whole text must be the number: no sign, space or rest. Errors are
 * -EINVAL (not such a number) and -ERANGE (too large, or outside what is asked for); *ret is then untouched.
 */
#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include "types.h"

int parse_u64(const char *text, u64 min, u64 max, u64 *ret);
/* 500us, 10ms, 30s, 5m, 1h; the unit is required. */
int parse_duration(const char *text, u64 *ret_ns);
/* 64KiB, 1MiB, 2GiB, 1TiB, or plain bytes. */
int parse_size(const char *text, u64 *ret_bytes);

/* 2026-11-26T02:00:00Z, or with an offset such as +01:00 (RFC 3339): ns of CLOCK_REALTIME. */
int parse_time(const char *text, s64 *ret_ns);

#endif
