/* SPDX-License-Identifier: BSD-3-Clause */
/* What evidence is made of. */
#ifndef RULE_SOURCES_H
#define RULE_SOURCES_H

#include "metric/history.h"
#include "rule/alert.h"

struct baselines;
struct changes;
struct disk_infos;

/* All but registry and history may be NULL: then what they know is unknown. */
struct evidence_sources {
	const struct registry *registry;
	const struct history *history;
	const struct baselines *baselines;
	const struct changes *changes;
	const struct disk_infos *disks;
	s64 wall_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC, of the registry's now_ns */
};

#endif
