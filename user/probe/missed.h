/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose events the kernel did not tell a program of, see bpf/missed.bpf.h. */
#ifndef PROBE_MISSED_H
#define PROBE_MISSED_H

#include "probe/probe.h"

/* Once all families have started: has the misses counted of those attached programs whose rows say where. */
void missed_watch(struct probe_set *set);

#endif
