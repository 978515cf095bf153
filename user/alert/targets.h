/* SPDX-License-Identifier: BSD-3-Clause */
/* All targets of the configuration, and this host's own log. */
#ifndef ALERT_TARGETS_H
#define ALERT_TARGETS_H

#include "alert/target.h"
#include "conf/conf.h"
#include "metric/registry.h"

/* What is told about them, for the reference; ends with a row without name. */
extern const struct metric target_metrics[];

struct targets;

/* How often alerts that fire are told again. */
u64 targets_resend_ns(const struct conf *c);

/* `progress` is called from any thread. NULL: no memory. */
struct targets *targets_new(struct registry *r, void (*progress)(void *ctx), void *ctx);
/*
 * Takes over the targets of the configuration, which need not be kept. Those that are as before go on; those that have changed
 * know what was told. New ones, for which `added` is called, know nothing. 0 or -ENOMEM: some targets are missing.
 */
int targets_configure(struct targets *all, const struct conf *c, const char *external_url,
		      void (*added)(void *ctx, struct target *t), void *ctx);
/* Ends them; whether all did in this time. If not one hangs, and targets_free() would wait. */
bool targets_end(struct targets *all, u64 wait_ns);
void targets_free(struct targets *all);

void targets_put(struct targets *all, struct notice *n);
void targets_forget(struct targets *all, u64 key);
void targets_each(struct targets *all, void (*each)(void *ctx, struct target *t), void *ctx);
/* Brings the registry up to date, and frees those that were taken out of the configuration and have come to their end. */
void targets_read(struct targets *all);

#endif
