/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Telling others of alerts: compares what the engine says with what was told, and hands the difference to the targets. What was not
 * told yet, and what fires, outlives the daemon in a file, so that after a restart nothing is lost and nothing is new. In the event
 * loop, never blocks.
 */
#ifndef ALERT_DELIVER_H
#define ALERT_DELIVER_H

#include "alert/silence.h"
#include "alert/targets.h"
#include "lib/loop.h"
#include "rule/engine.h"

struct deliver;

/* Row of what is told about silences, for the reference; see also target_metrics. */
extern const struct metric silence_metrics[];

/* Its file is in the data directory. Keeps a pointer to the configuration. NULL: no memory, or no thread. */
struct deliver *deliver_new(struct loop *l, struct registry *r, const struct conf *c);
/*
 * Takes over targets, labels and expectations of the configuration, which has to live until the next call, or the end. 0 or
 * -ENOMEM: some targets are missing.
 */
int deliver_configure(struct deliver *d, const struct conf *c);
/* To be called after each evaluation, and some times a second. */
void deliver_run(struct deliver *d, const struct engine *e, u64 now_ns, s64 wall_ns);
/* Sets the values in the registry. */
void deliver_read(struct deliver *d);
/*
 * Ends the targets, and writes the file, in this time each; whether all threads ended. If not one hangs, and deliver_free() would
 * wait.
 */
bool deliver_end(struct deliver *d, u64 wait_ns);
void deliver_free(struct deliver *d);

/* Whether the alert is silenced or expected at present; then what is said why is appended. */
enum notice_mute deliver_mute(const struct deliver *d, const struct alert *a, s64 wall_ns,
			      struct buf *why);

/* In effect; what is added and ended is seen by the next deliver_run(). */
struct silences *deliver_silences(struct deliver *d);

#endif
