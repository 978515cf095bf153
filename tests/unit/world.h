/* SPDX-License-Identifier: BSD-3-Clause */
/* A registry with its history that tests fill by hand: services, disks and what they do in a tick. Include it after cmocka.h. */
#ifndef UNIT_WORLD_H
#define UNIT_WORLD_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metric/history.h"
#include "probe/probe.h"
#include "rule/changes.h"

#define NS_PER_SEC   1000000000ULL
#define TICK_NS	     (5 * NS_PER_SEC)
#define START_NS     (1000 * NS_PER_SEC)
#define WALL_NS	     (1767222000LL * (s64)NS_PER_SEC) /* of monotonic 0: 23:00 UTC */
#define USUAL_TICKS  240
#define FAULTY_TICKS 6
#define TICK_S	     5.0

struct world {
	struct registry registry;
	struct history *history;
	struct changes *changes;
};

static inline struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	w->registry.now_ns = START_NS;
	for (const struct probe *const *p = probes; *p; p++)
		for (const struct metric *m = (*p)->metrics; m->name; m++)
			if (!m->sample)
				assert_non_null(registry_add(&w->registry, m));
	w->history = history_new(&w->registry, START_NS, 64 << 20);
	w->changes = changes_new();
	return w;
}

static inline void world_free(struct world *w)
{
	changes_free(w->changes);
	history_free(w->history);
	registry_release(&w->registry);
	free(w);
}

static inline void tick(struct world *w)
{
	w->registry.now_ns += TICK_NS;
	assert_int_equal(history_tick(w->history, 0), 0);
	history_tidy(w->history);
	changes_tick(w->changes, &w->registry, w->history);
}

#define LABELS(...) ((const char *[SERIES_LABELS]){ __VA_ARGS__ })

static inline struct series *get(struct world *w, const char *metric, const char *const labels[])
{
	struct family *f = registry_find(&w->registry, metric);

	if (!f)
		fail_msg("no metric %s", metric);
	return family_series(f, labels);
}

static inline void count(struct world *w, const char *metric, const char *const labels[],
			 double more)
{
	const struct series *s = get(w, metric, labels);

	*s->value += (s64)(unit_billionths(s->family->metric->unit) ? more * 1e9 : more);
}

static inline void set(struct world *w, const char *metric, const char *const labels[],
		       double value)
{
	const struct series *s = get(w, metric, labels);

	*s->value = (s64)(unit_billionths(s->family->metric->unit) ? value * 1e9 : value);
}

static inline void observe(struct world *w, const char *metric, const char *const labels[],
			   double seconds, double events)
{
	const struct series *s = get(w, metric, labels);
	int bucket = (int)ceil((log2(seconds) - HIST_MIN_EXP) * HIST_SUB);

	s->hist->bucket[bucket < 0 ? 0 : bucket] += (u64)events;
	s->hist->sum_ns += (u64)(seconds * events * 1e9);
}

/* --- what services do in a tick */

/* Reads of 16 KiB by a service. */
static inline void reads(struct world *w, const char *service, const char *device,
			 double per_second, double in_device, double in_queue)
{
	double n = per_second * TICK_S;

	observe(w, "seismo_block_io_duration_seconds", LABELS(device, "read", "device"), in_device,
		n);
	observe(w, "seismo_block_io_duration_seconds", LABELS(device, "read", "queue"), in_queue,
		n);
	observe(w, "seismo_service_block_io_duration_seconds", LABELS(service, device, "read"),
		in_device + in_queue, n);
	count(w, "seismo_service_block_io_bytes_total", LABELS(service, device, "read"), n * 16384);
	set(w, "seismo_block_io_oldest_seconds", LABELS(device), 0);
	set(w, "seismo_block_io_in_flight", LABELS(device), 0);
}

static inline void serves(struct world *w, const char *service, const char *protocol,
			  double per_second, double seconds)
{
	observe(w, "seismo_request_duration_seconds", LABELS(service, "inbound", protocol), seconds,
		per_second * TICK_S);
	count(w, "seismo_requests_total", LABELS(service, "inbound", protocol, "ok"),
	      per_second * TICK_S);
}

static inline void calls(struct world *w, const char *service, const char *protocol,
			 const char *callee, double per_second, double seconds)
{
	observe(w, "seismo_request_duration_seconds", LABELS(service, "outbound", protocol, callee),
		seconds, per_second * TICK_S);
	set(w, "seismo_request_oldest_seconds", LABELS(service, "outbound", protocol, callee), 0);
}

static inline void computes(struct world *w, const char *service, double cpus)
{
	count(w, "seismo_cpu_seconds_total", LABELS(service), cpus * TICK_S);
	set(w, "seismo_processes", LABELS(service), 5);
}

/* PostgreSQL, whose requests take as long as its reads, and a backup of it. */
static inline void database(struct world *w, double per_second, double in_device, double in_queue)
{
	double read = in_device + in_queue;

	reads(w, "postgresql.service", "sdb", per_second, in_device, in_queue);
	serves(w, "postgresql.service", "postgresql", per_second, 0.001 + read);
	calls(w, "shop.service", "postgresql", "postgresql.service", per_second, 0.0012 + read);
	serves(w, "shop.service", "http", per_second, 0.002 + read);
	computes(w, "postgresql.service", per_second * 0.0005);
	computes(w, "shop.service", per_second * 0.0005);
}

static inline void usual(struct world *w)
{
	database(w, 310, 0.0004, 0.00005);
	reads(w, "backup.service", "sdb", 20, 0.0004, 0.00005);
	reads(w, "journal.service", "sda", 20, 0.0004, 0.00005);
	computes(w, "fio.service", 0);
}

#endif
