/* SPDX-License-Identifier: BSD-3-Clause */
/* What Seismo tells about itself: hooks in use, what they cost, what was lost, its own process. */
#ifndef COLLECT_SELF_H
#define COLLECT_SELF_H

#include "collect/collect.h"

struct self;

/* The rows, for the reference; ends with one without name. */
extern const struct metric self_metrics[];

/* runs as for collector_new(). NULL: no memory. */
struct self *self_new(struct registry *registry, struct probe_run *const *runs);
/* The family runs: what its programs cost is measured from now on. */
void self_family_add(struct self *s, const struct probe_run *run);
void self_free(struct self *s);
/* Measures run times from time to time. */
void self_tick(struct self *s, u64 now_ns);
/* Events that the family has lost so far, as self_read() saw it. */
u64 self_lost(const struct self *s, const struct probe_run *run);
/* Which families have lost events since the last call, bits by their place among the runs; as self_read() saw it. */
u64 self_lossy(struct self *s);
/* The configuration was read, at the start or again; a bad one leaves what was in effect. */
void self_reloaded(struct self *s, bool successful);
/* So many events of a kind have found no room in a buffer of the event log. */
void self_event_lost(struct self *s, const char *buffer, const char *kind, u64 cnt);
/* Sets the values in the registry. */
void self_read(struct self *s, const struct collector *c, const struct tables *tables,
	       const struct conf *conf);

#endif
