// SPDX-License-Identifier: BSD-3-Clause
/* Facts about the device of a scene. */
#include <math.h>
#include <string.h>

#include "rule/fact.h"

#define LOADS_MOST   0.5	  /* of the bytes or requests of a device */
#define FEW	     4		  /* requests, to speak of their mean */
#define SLOW_FOR_ANY 0.025	  /* second */
#define VERY_SLOW    0.08	  /* second */
#define LARGE	     (512 * 1024) /* bytes of a request */
#define BUSY	     0.1 /* requests in the device at a time; fewer do not wait for each other */
#define PHASE_MIN    0.2 /* of what a phase and the other take together, for it to matter */
#define CACHE_LEFT   0.8 /* of the usual page cache: so much less is not by chance */
#define UP_FELT	     1.6 /* times the usual: enough where a service takes longer mostly by that */

enum answer fact_device_hangs(const struct scene *s)
{
	return s->device ? at_least(s->device_oldest, HANGS) : NO;
}

/* Nothing has completed in the last tick. */
enum answer fact_device_silent(const struct scene *s)
{
	struct history_window tick;
	struct measure m;

	if (!s->device)
		return NO;
	if (!history_window_tick(s->src->history, &tick))
		return UNKNOWN;
	group_measure(&s->io.group, &tick, NULL, &m);
	return m.unknown ? UNKNOWN : m.cnt == 0;
}

/* Its share of the time matters, too: a queue that was empty is soon many times as long. */
static enum answer phase_up(const struct scene *s, const struct measured *phase)
{
	double mean = measure_mean(&phase->now), device = measure_mean(&s->in_device.now),
	       queue = s->in_queue.now.unknown ? 0 : measure_mean(&s->in_queue.now);

	if (!s->device)
		return NO;
	if (phase->now.unknown || isnan(mean))
		return UNKNOWN;
	if (mean < PHASE_MIN * (device + (isnan(queue) ? 0 : queue)))
		return NO;
	return at_least(measured_mean_factor(phase),
			part_takes(s, "disk", DOMINATES) == YES ? UP_FELT : UP);
}

/* Where nothing tells what is usual, the rule itself says that it is too slow. */
enum answer fact_device_slow(const struct scene *s)
{
	enum answer up = phase_up(s, &s->in_device);

	if (up == UNKNOWN && s->operation && subject_begins(s, "seismo_block_io_duration"))
		return YES;
	return up;
}

/* Requests of a few KiB that take so long are slow whatever is usual: where it is the subject itself, longer. */
enum answer fact_device_very_slow(const struct scene *s)
{
	double mean = measure_mean(&s->in_device.now), ops = measure_rate(&s->io.now);

	if (!s->device || s->in_device.now.unknown || s->in_device.now.cnt < FEW)
		return NO;
	return mean >= (s->service ? SLOW_FOR_ANY : VERY_SLOW) && !(s->bytes / ops > LARGE);
}

enum answer fact_queue_slow(const struct scene *s)
{
	return s->device && s->is_volume ? NO : phase_up(s, &s->in_queue);
}

/* How many times as large as usual requests are. */
static double size_factor(const struct scene *s)
{
	double now = s->bytes / measure_rate(&s->io.now),
	       usual = s->io.usual.unknown ? NAN : s->usual_bytes / measure_rate(&s->io.usual);

	return usual > 0 ? now / usual : NAN;
}

/* Can what is asked of the device be what slows it? Not if there would be room for it if each request took as long as usual. */
static bool is_busy(const struct scene *s)
{
	double took = s->in_device.usual.unknown ? NAN : measure_mean(&s->in_device.usual),
	       cnt = s->io.now.unknown ? NAN : took * measure_rate(&s->io.now);

	return isnan(cnt) || cnt * fmax(size_factor(s), 1) >= BUSY;
}

enum answer fact_device_loaded(const struct scene *s)
{
	if (!s->device || !is_busy(s))
		return NO;
	return either(at_least(measured_rate_factor(&s->io), LOAD_UP),
		      at_least(size_factor(s), LOAD_UP));
}

enum answer fact_several_suffer(const struct scene *s)
{
	return s->device && s->slower_total >= 2;
}

/* Others use it, and for them it is as always. */
enum answer fact_others_fine(const struct scene *s)
{
	return s->device && s->slower_total <= 1 && s->as_usual_total > 0;
}

static const struct user *loader(const struct scene *s)
{
	return s->user_cnt ? &s->users[0] : NULL;
}

enum answer fact_one_loads(const struct scene *s)
{
	const struct user *u = loader(s);
	double ops = s->io.now.unknown ? NAN : measure_rate(&s->io.now);

	if (!s->device || !u)
		return NO;
	return either(at_least(u->bytes / s->bytes, LOADS_MOST),
		      at_least(u->ops / ops, LOADS_MOST));
}

/* It does so more than usual, or had not done so before. */
enum answer fact_loader_up(const struct scene *s)
{
	const struct user *u = loader(s);

	if (!s->device || !u || !is_busy(s))
		return NO;
	return either(at_least(u->bytes / u->usual_bytes, LOAD_UP),
		      at_least(u->ops / u->usual_ops, LOAD_UP));
}

/* Has the service less of the page cache than usual, which would not fit into its limit? */
static bool cache_shrank(const struct scene *s)
{
	const struct condition where[] = { { "service", s->service }, { NULL } };
	double limit = scene_gauge(s, "seismo_memory_limit_bytes", where),
	       other = scene_gauge(s, "seismo_memory_resident_bytes", where), now = 0, usual = 0;
	struct group g;

	group_find(&g, s->src->registry, "seismo_memory_page_cache_bytes", where);
	for (size_t i = 0; i < g.cnt; i++) {
		struct history_gauge gauge;

		history_gauge(&s->now_window, g.at[i], &gauge);
		now += (double)gauge.last;
		history_gauge(s->usual, g.at[i], &gauge);
		usual += gauge.mean;
	}
	group_release(&g);
	return now <= CACHE_LEFT * usual &&
	       usual + (isnan(other) ? 0 : other) >= MEMORY_FULL * limit;
}

/* And it asks more of the disk: what it reads was in memory. */
enum answer fact_page_cache_shrunk(const struct scene *s)
{
	if (!s->device || !s->service || !s->usual || !cache_shrank(s))
		return NO;
	for (size_t i = 0; i < s->user_cnt; i++)
		if (!strcmp(s->users[i].service, s->service))
			return s->users[i].ops >= LOAD_UP * s->users[i].usual_ops;
	return NO;
}

/* Who loads it is the one that suffers, or the only one that uses it. */
enum answer fact_loads_itself(const struct scene *s)
{
	const struct user *u = loader(s);

	return u && (s->service ? !strcmp(u->service, s->service) : s->waiting_total <= 1);
}
