// SPDX-License-Identifier: BSD-3-Clause
/* The device of a scene: its time, who waits for it, who loads it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rule/scene.h"

#define CANDIDATES 16  /* that are looked at closely */
#define SLOWER	   2.0 /* times the usual */
#define COMPARABLE 8   /* requests, to say that they are as usual */
#define AS_USUAL   1.5 /* times the usual, at most */
#define STUCK	   1.0 /* seconds under way: slower than usual, though it has not ended */
#define SERVES_SHARE \
	0.05 /* from which on a service that serves requests suffers before all that do not */
#define DEVICES_MAX 32 /* others that are compared */

/* What stands for nobody that could suffer. */
static bool is_anonymous(const char *service)
{
	return !strcmp(service, "kernel") || !strcmp(service, "other") ||
	       !strcmp(service, "unknown");
}

/* --- sums by service */

struct sum {
	const char *service; /* interned */
	double value;
};

struct sums {
	struct sum *at;
	size_t cnt;
};

static int service_compare(const void *a, const void *b)
{
	const char *x = ((const struct sum *)a)->service, *y = ((const struct sum *)b)->service;

	return (x > y) - (x < y);
}

static int value_compare(const void *a, const void *b)
{
	double x = ((const struct sum *)a)->value, y = ((const struct sum *)b)->value;

	return (x < y) - (x > y);
}

/* Adds the device's series of a metric, which are the service's by their first label. */
static void sums_add(const struct scene *s, struct sums *list, const char *metric, double max)
{
	const struct condition where[] = { { "device", s->device }, { NULL } };
	struct sum *at;
	struct group g;

	group_find(&g, s->src->registry, metric, where);
	at = reallocarray(list->at, list->cnt + g.cnt + 1, sizeof(*at));
	for (size_t i = 0; at && i < g.cnt; i++)
		if (g.at[i]->label[0])
			at[list->cnt++] = (struct sum){
				g.at[i]->label[0],
				fmin(series_increase(g.at[i], &s->now_window), max),
			};
	list->at = at ?: list->at;
	group_release(&g);
}

/* One for each service, the largest first; without those that are 0. */
static void sums_order(struct sums *list)
{
	size_t cnt = 0;

	if (!list->cnt)
		return;
	qsort(list->at, list->cnt, sizeof(*list->at), service_compare);
	for (size_t i = 0; i < list->cnt; i++)
		if (cnt && list->at[cnt - 1].service == list->at[i].service)
			list->at[cnt - 1].value += list->at[i].value;
		else
			list->at[cnt++] = list->at[i];
	qsort(list->at, cnt, sizeof(*list->at), value_compare);
	while (cnt && !(list->at[cnt - 1].value > 0))
		cnt--;
	list->cnt = cnt;
}

/* --- who waits */

static const char *io_metric(const struct scene *s, bool bytes)
{
	static const char *const names[2][2] = {
		{ "seismo_service_block_io_duration_seconds",
		  "seismo_service_block_io_bytes_total" },
		{ "seismo_service_volume_io_duration_seconds",
		  "seismo_service_volume_io_bytes_total" },
	};

	return names[s->is_volume][bytes];
}

/* Seconds in which inbound requests of the service were under way. */
static double serves(const struct scene *s, const char *service, const char **protocol)
{
	const struct condition where[] = { { "service", service },
					   { "direction", "inbound" },
					   { NULL } };
	double sum = 0, most = 0;
	struct group g;

	group_find(&g, s->src->registry, "seismo_request_duration_seconds", where);
	for (size_t i = 0; i < g.cnt; i++) {
		double seconds = series_increase(g.at[i], &s->now_window);

		sum += seconds;
		if (seconds > most) {
			most = seconds;
			*protocol = g.at[i]->label[2];
		}
	}
	group_release(&g);
	return sum;
}

double waiter_share(const struct scene *s, const struct waiter *w)
{
	double window = (double)(s->now_window.end_ns - s->now_window.begin_ns) / 1e9;

	return w->waited / fmax(w->waited, w->busy > 0 ? w->busy : window);
}

static double waiter_rank(const struct scene *s, const struct waiter *w)
{
	double share = waiter_share(s, w);

	return share + (w->busy > 0 && share >= SERVES_SHARE);
}

static void waiter_add(struct scene *s, const struct waiter *add)
{
	size_t at = s->waiter_cnt;

	if (at == WAITERS_MAX) {
		if (waiter_rank(s, &s->waiters[at - 1]) >= waiter_rank(s, add))
			return;
		at--;
	} else {
		s->waiter_cnt++;
	}
	for (; at > 0 && waiter_rank(s, &s->waiters[at - 1]) < waiter_rank(s, add); at--)
		s->waiters[at] = s->waiters[at - 1];
	s->waiters[at] = *add;
}

/* Is what it does on the device the like of what it did? Short programs of all kinds are not, nor is what there is little of. */
static bool is_comparable(const char *service, const struct measured *io)
{
	return strcmp(service, "commands") != 0 && io->now.cnt >= COMPARABLE &&
	       io->usual.cnt >= COMPARABLE;
}

static void waiter_make(struct scene *s, const struct sum *sum)
{
	const struct condition where[] = { { "service", sum->service },
					   { "device", s->device },
					   { NULL } };
	struct waiter w = { .service = sum->service, .waited = sum->value };
	struct measured io = { 0 };
	double factor;

	scene_measure(s, &io, io_metric(s, false), where);
	group_release(&io.group);
	w.now = io.now;
	w.usual = io.usual;
	w.oldest = scene_age(s, "seismo_service_block_io_oldest_seconds", where);
	w.busy = serves(s, w.service, &w.protocol);
	factor = measured_mean_factor(&io);
	s->slower_total += factor >= SLOWER || w.oldest >= STUCK;
	s->as_usual_total +=
		is_comparable(w.service, &io) && factor <= AS_USUAL && !(w.oldest >= STUCK);
	waiter_add(s, &w);
}

/* The kernel's own threads only where nobody else waits. */
static void waiters_find(struct scene *s)
{
	double window = (double)(s->now_window.end_ns - s->now_window.begin_ns) / 1e9;
	struct sums list = { 0 };
	size_t looked_at = 0;

	sums_add(s, &list, io_metric(s, false), INFINITY);
	sums_add(s, &list, "seismo_service_block_io_oldest_seconds", window);
	sums_order(&list);
	for (int anonymous = 0; anonymous < 2 && !s->waiter_cnt; anonymous++)
		for (size_t i = 0; i < list.cnt && looked_at < CANDIDATES; i++) {
			if (is_anonymous(list.at[i].service) != anonymous)
				continue;
			waiter_make(s, &list.at[i]);
			looked_at++;
		}
	for (size_t i = 0; i < list.cnt; i++)
		s->waiting_total += !is_anonymous(list.at[i].service);
	free(list.at);
}

/* --- who loads it */

static double user_rank(const struct scene *s, const struct user *u)
{
	double ops = measure_rate(&s->io.now);

	return (s->bytes > 0 ? u->bytes / s->bytes : 0) + (ops > 0 ? u->ops / ops : 0);
}

static void user_add(struct scene *s, const struct user *add)
{
	size_t at = s->user_cnt;

	if (at == USERS_MAX) {
		if (user_rank(s, &s->users[at - 1]) >= user_rank(s, add))
			return;
		at--;
	} else {
		s->user_cnt++;
	}
	for (; at > 0 && user_rank(s, &s->users[at - 1]) < user_rank(s, add); at--)
		s->users[at] = s->users[at - 1];
	s->users[at] = *add;
}

static void user_make(const struct scene *s, const char *service, struct user *ret)
{
	const struct condition where[] = { { "service", service },
					   { "device", s->device },
					   { NULL } };
	struct measured bytes = { 0 }, io = { 0 };

	scene_measure(s, &bytes, io_metric(s, true), where);
	scene_measure(s, &io, io_metric(s, false), where);
	group_release(&bytes.group);
	group_release(&io.group);
	*ret = (struct user){
		.service = service,
		.bytes = measure_rate(&bytes.now),
		.usual_bytes = bytes.usual.unknown ? NAN : measure_rate(&bytes.usual),
		.ops = io.now.unknown ? NAN : measure_rate(&io.now),
		.usual_ops = io.usual.unknown ? NAN : measure_rate(&io.usual),
	};
}

static void users_find(struct scene *s)
{
	struct user users[CANDIDATES];
	struct sums list = { 0 };
	size_t cnt;

	sums_add(s, &list, io_metric(s, true), INFINITY);
	sums_order(&list);
	cnt = list.cnt < CANDIDATES ? list.cnt : CANDIDATES;
	s->bytes = s->usual_bytes = 0;
	for (size_t i = 0; i < cnt; i++) {
		user_make(s, list.at[i].service, &users[i]);
		s->bytes += users[i].bytes;
		s->usual_bytes += users[i].usual_bytes;
	}
	for (size_t i = 0; i < cnt; i++)
		user_add(s, &users[i]);
	free(list.at);
}

/* --- other devices */

/* Is it the first series of its device, of those that have done something? */
static bool is_first(const struct scene *s, const struct group *g, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (g->at[i]->label[0] == g->at[at]->label[0] &&
		    series_increase(g->at[i], &s->now_window) > 0)
			return false;
	return series_increase(g->at[at], &s->now_window) > 0;
}

static void devices_compare(struct scene *s)
{
	struct condition where[] = { { "phase", "device" }, { "device", NULL }, { NULL } };
	unsigned compared = 0;
	struct group all;

	group_find(&all, s->src->registry, "seismo_block_io_duration_seconds", where);
	for (size_t i = 0; i < all.cnt && compared < DEVICES_MAX; i++) {
		struct measured m = { 0 };

		where[1].value = all.at[i]->label[0] ?: "";
		if (!strcmp(where[1].value, s->device) || !is_first(s, &all, i))
			continue;
		compared++;
		scene_measure(s, &m, "seismo_block_io_duration_seconds", where);
		group_release(&m.group);
		s->slower_devices += measured_mean_factor(&m) >= SLOWER;
	}
	group_release(&all);
}

void scene_device(struct scene *s)
{
	const char *const metric = "seismo_block_io_duration_seconds";
	struct condition where[] = { { "device", s->device },
				     { "phase", "device" },
				     { "operation", s->operation },
				     { NULL } };
	const struct condition device[] = { { "device", s->device }, { NULL } };

	scene_measure(s, &s->in_device, metric, where);
	if (!s->in_device.group.cnt) {
		where[1].value = "total";
		scene_measure(s, &s->in_device, metric, where);
		s->is_volume = s->in_device.group.cnt > 0;
	}
	where[2].value = NULL;
	scene_measure(s, &s->io, metric, where);
	where[1].value = "queue";
	where[2].value = s->operation;
	scene_measure(s, &s->in_queue, metric, where);
	if (s->is_volume)
		s->in_queue.now.unknown = s->in_queue.usual.unknown = "a volume has no queue";
	s->device_oldest = scene_age(s, "seismo_block_io_oldest_seconds", device);
	s->in_flight = scene_gauge(s, "seismo_block_io_in_flight", device);
	s->disk = disk_infos_find(s->src->disks, s->device);
	waiters_find(s);
	users_find(s);
	devices_compare(s);
}
