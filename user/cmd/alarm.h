/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules, their alerts, and what becomes of them, in a running daemon: the engine with its baselines, their files in the data
 * directory, the metrics about alerts. What else an alert sets off (evidence, events, delivery) is called from its hooks in
 * alarm.c.
 */
#ifndef CMD_ALARM_H
#define CMD_ALARM_H

#include <jansson.h>

#include "conf/conf.h"
#include "expo/expo.h"
#include "lib/worker.h"
#include "metric/history.h"

struct alarm;
struct silences; /* alert/silence.h */

/* Rows of what is in the registry, and of alarm_source(), for the reference; each ends with one without name. */
extern const struct metric alarm_metrics[], alarm_source_metrics[];

/*
 * Begins to read what is known from before the start; nothing is evaluated until it is there, or does not come. The
 * configuration has to live until the next alarm_configure(), or the end. The worker has to end before it. NULL: no memory, or no
 * thread.
 */
struct alarm *alarm_new(struct loop *l, struct registry *r, const struct history *h,
			const struct conf *c, struct worker *worker);
/* 0, or -ENOMEM: everything stays as it was, and the configuration from before is still needed. */
int alarm_configure(struct alarm *a, const struct conf *c);
/* Where changes of alerts are recorded, NULL: nowhere. */
struct event_log;
void alarm_record(struct alarm *a, struct event_log *log);
/* The kernel side has told something of a process. */
struct process_event;
void alarm_seen(struct alarm *a, const struct process_event *e);
/* A tick of the history has ended: evaluates the rules, in this call and in slices that follow. */
void alarm_tick(struct alarm *a);
/* Some times a second: tells others what has changed, and again what fires. */
void alarm_deliver(struct alarm *a);
/* In effect; what is added and ended is seen by the next alarm_deliver(). */
struct silences *alarm_silences(struct alarm *a);
/* Sets the values in the registry. */
void alarm_read(struct alarm *a);
/* The alerts as metrics; what was made of them is of no use when the version is another one. */
const struct expo_source *alarm_source(const struct alarm *a);
u64 alarm_version(const struct alarm *a);
/* What `/api/v1/alerts` answers; `evidence`: see alert_json.h. */
json_t *alarm_json(const struct alarm *a, bool evidence);
/* What `/api/v1/diagnosis` answers, see diagnose/diagnosis.h; `service` NULL: of all. */
json_t *alarm_diagnosis(const struct alarm *a, u64 since_ns, const char *service);
/* Writes its files, at the same time, in this time. Have all come to their end? If not a disk hangs, and alarm_free() would wait. */
bool alarm_end(struct alarm *a, u64 wait_ns);
void alarm_free(struct alarm *a);

struct engine;
const struct engine *alarm_engine(const struct alarm *a);

#endif
