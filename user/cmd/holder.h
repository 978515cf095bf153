/* SPDX-License-Identifier: BSD-3-Clause */
/* Who holds the locks that a service waits for. */
#ifndef CMD_HOLDER_H
#define CMD_HOLDER_H

#include <jansson.h>

/*
 * Where a diagnosis (diagnose/diagnosis.h) names locks that are waited for at present, watches the threads of that service for a moment,
 * and adds to the cause:
 *   holder   { command, pid, tid, ratio, wait }: the thread that ended most of the waits, by their time, and the call of who waits
 * and a sentence to `do`. Where nobody stands out, nothing.
 */
void holder_add(const char *socket, json_t *doc);

#endif
