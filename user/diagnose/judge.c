// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/judge.h"

#include <math.h>
#include <string.h>

#include "conf/pattern.h"

#define BY_CPU	 "loop*|nbd*|rbd*|drbd*|zd*" /* devices that processes and threads of hosts serve */
#define TOLD	 0.25 /* of the weight of the first cause, from which on others are told */
#define MOSTLY	 0.5  /* of what a symptom has grown by */
#define NOT_TOLD 9    /* rank */
#define LAST	 8    /* rank: after all that are causes by themselves */
#define TWO_WEAK 2    /* weak symptoms that make one together */

/* A disk that is busier than usual is nobody's trouble until somebody suffers. */
static bool device_counts(const struct cause *c)
{
	return c->symptom->kind != SYMPTOM_DISK_SLOW || c->suffered ||
	       c->scene->reason->kind == REASON_HARDWARE;
}

static bool cause_counts(const struct cause *c)
{
	if (!device_counts(c))
		return false;
	return c->strong || (c->symptoms >= TWO_WEAK && !c->scene->reason->vague &&
			     c->scene->reason->kind != REASON_SOFTWARE);
}

static bool cause_has(const struct cause *c, const char *service)
{
	for (u32 i = 0; service && i < c->victim_cnt; i++)
		if (!strcmp(c->victims[i], service))
			return true;
	return false;
}

/* A device that fails requests, or answers none, brings down who uses it. */
static bool is_ruin(const struct cause *c)
{
	return c->scene->reason->kind == REASON_HARDWARE &&
	       (c->symptom->kind == SYMPTOM_DISK_FAILS || c->symptom->kind == SYMPTOM_DISK_HUNG);
}

/* Has the service ever asked anything of the device that the cause is about? */
static bool is_used(const struct cause *disk, const char *service)
{
	const struct condition where[] = { { "service", service },
					   { "device", disk->scene->device },
					   { NULL } };
	struct group g;
	bool ret;

	if (!service || !disk->scene->device)
		return false;
	group_find(&g, disk->scene->src->registry, "seismo_service_block_io_duration_seconds",
		   where);
	ret = g.cnt > 0;
	group_release(&g);
	return ret;
}

static double growth_of(const struct scene *s, const char *part, const char *of)
{
	double ret = 0;

	for (size_t i = 0; i < s->budget.part_cnt; i++) {
		const struct part *p = &s->budget.parts[i];

		if (!strcmp(p->row->name, part) && (!of || (p->of && !strcmp(p->of, of))))
			ret += fmax(scene_growth(s, p), 0);
	}
	return ret;
}

/* What serves the device gets no CPU either: who uses it waits longer for a CPU than for the device. */
static bool is_starved(const struct cause *disk)
{
	const struct scene *s = disk->scene;

	return s->reason->blames == BLAMES_DEVICE && s->device &&
	       disk->symptom->kind != SYMPTOM_DISK_FAILS &&
	       disk->symptom->kind != SYMPTOM_DISK_HUNG && pattern_match(BY_CPU, s->device) &&
	       growth_of(s, "cpu_wait", NULL) > growth_of(s, "disk", s->device);
}

/*
 * Of what it is a consequence; NULL: of nothing. What is only known to take the time of a victim of something that is known better, or
 * lies on the way to such a victim, is one.
 */
static struct cause *consequence_of(struct trace *t, const struct cause *c)
{
	const struct reason *r = c->scene->reason;
	bool open = r->vague || r->blames == BLAMES_PATH || r->blames == BLAMES_CALLEE ||
		    r->kind == REASON_OWN_LOAD;

	for (u32 i = 0; i < t->cause_cnt; i++) {
		struct cause *other = &t->causes[i];

		if (other == c || other->scene->reason->vague || !cause_counts(other))
			continue;
		/* of two that are as heavy one is the consequence, and not each of the other */
		if (open &&
		    (r->vague || other->weight > c->weight ||
		     (other->weight == c->weight && i < (u32)(c - t->causes))) &&
		    cause_has(other, c->subject))
			return other;
		if (other->scene->reason->blames == BLAMES_CPU_USER && is_starved(c))
			return other;
		if (r->kind == REASON_SOFTWARE && is_ruin(other) && is_used(other, c->subject))
			return other;
	}
	return NULL;
}

/* What has a reason of its own is told beside something else, however much more of the time that takes. */
static bool is_broken(const struct cause *c)
{
	enum reason_kind kind = c->scene->reason->kind;

	return c->strong && !c->scene->reason->vague &&
	       (kind == REASON_HARDWARE || kind == REASON_QUOTA || kind == REASON_MEMORY);
}

/* A device that is slower is told beside what is worse, though what it does to requests would not be enough alone. */
static bool is_slower_too(const struct cause *c)
{
	return !strncmp(c->scene->reason->name, "disk_slow", strlen("disk_slow")) && c->suffered &&
	       c->share >= MOSTLY;
}

/* Does it say where, and not why: or that somebody else is the reason, and not who? */
static bool is_open(const struct cause *c)
{
	const struct reason *r = c->scene->reason;

	return r->vague || (r->blames == BLAMES_CALLEE && !c->scene->callee.service);
}

/*
 * What goes on is looked at before what is over, and what is clear before what is not. Of those that are as clear, why comes before where;
 * but what weighs little beside another, and is told since it is broken, comes as late as that.
 */
static unsigned rank_of(const struct cause *c, double most)
{
	return 4U * !c->symptom->ongoing + 2U * !c->strong +
	       (is_open(c) || c->weight < TOLD * most);
}

/* Of what others are consequences that has to do with all that they have. */
static void consequences_take(struct trace *t, struct cause *of_it[])
{
	for (u32 i = 0; i < t->cause_cnt; i++) {
		const struct cause *c = &t->causes[i];
		struct cause *of = cause_counts(c) ? consequence_of(t, c) : NULL;

		of_it[i] = of;
		if (!of)
			continue;
		of->concerns |= c->concerns;
		if (!is_ruin(of))
			continue;
		cause_victim_add(of, c->subject);
		for (u32 k = 0; k < c->victim_cnt; k++)
			cause_victim_add(of, c->victims[k]);
	}
}

void judge_causes(struct trace *t)
{
	struct cause sorted[CAUSES_MAX] = { 0 }, *of[CAUSES_MAX];
	u32 cnt = 0, told, all = t->cause_cnt;
	unsigned ranks[CAUSES_MAX];
	bool counts[CAUSES_MAX];
	double most = 0;

	consequences_take(t, of);
	for (u32 i = 0; i < all; i++) {
		counts[i] = t->causes[i].concerns && cause_counts(&t->causes[i]) && !of[i];
		most = counts[i] ? fmax(most, t->causes[i].weight) : most;
	}
	for (u32 i = 0; i < all; i++) {
		const struct cause *c = &t->causes[i];

		ranks[i] = NOT_TOLD;
		if (counts[i] && (c->weight >= TOLD * most || is_broken(c)))
			ranks[i] = rank_of(c, most);
		else if (!counts[i] && most > 0 && c->concerns && is_slower_too(c) &&
			 !consequence_of(t, c))
			ranks[i] = LAST;
	}
	for (unsigned rank = 0; rank <= NOT_TOLD; rank++) {
		told = cnt;
		for (u32 i = 0; i < all; i++)
			if (ranks[i] == rank)
				sorted[cnt++] = t->causes[i];
	}
	memcpy(t->causes, sorted, all * sizeof(*sorted));
	t->cause_cnt = told;
	t->ruled_out = all - told;
}
