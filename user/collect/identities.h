/* SPDX-License-Identifier: BSD-3-Clause */
/* Which service each identity is: named when it is first asked for, until no task has had it for some scans. */
#ifndef COLLECT_IDENTITIES_H
#define COLLECT_IDENTITIES_H

#include <stdbool.h>

#include "collect/services.h"
#include "conf/conf.h"
#include "probe/tables.h"
#include "service/lookup.h"

struct identity_owner {
	struct service *service; /* NULL: its name is not known yet */
	u8 idle;		 /* task scans in a row without a task */
	bool dying;		 /* counts nothing any more; see identities_age() */
	bool refused;		 /* "other", since there was no room for its service */
	bool is_short;		 /* a program that is no more than a short command until now */
	bool pending;		 /* has an old name, the new one is not known yet */
	bool moved;		 /* of another service since the last identities_moves_done() */
};

struct identities {
	struct tables *tables;
	struct services *services;
	const struct conf *conf;
	u64 now_ns; /* set by who reads the tables */
	struct lookups lookups;
	struct identity_owner *owners;
	bool promoted; /* the name of a program is a service's by now: others may have it, too */
	/* The identity was named after this cgroup, "" after none. */
	void (*on_named)(void *ctx, struct service *s, const char *cgroup);
	void *ctx;
};

/* Names of containers are looked up by the worker; NULL: at once. -ENOMEM: nothing was initialized. */
int identities_init(struct identities *t, struct tables *tables, struct services *services,
		    const struct conf *conf, struct worker *worker);
void identities_set_now(struct identities *t, u64 now_ns);
void identities_release(struct identities *t);

/* "other" for those that have no service of their own. NULL: its name is being looked up, ask again later. */
struct service *identities_service(struct identities *t, u32 id);
/* Is it still who it was when `gen` was noted? */
bool identities_valid(const struct identities *t, u32 id, u32 gen);

/*
 * Names identities again: all, as after a change of the rules, or those that were refused for want of room, whose new name
 * was not known yet, or whose program is no longer a short command. True when some have become another service's: `moved`
 * marks them until identities_moves_done().
 */
bool identities_name_again(struct identities *t, bool all);
void identities_moves_done(struct identities *t);

/*
 * After a task scan: identities without tasks come nearer to their end. First no task gets them any more and what
 * remembers their number (gen) is told, then, when all that was under way has ended and their name is known, they are
 * dying. True when some are.
 */
bool identities_age(struct identities *t);
/* What the dying had counted has been taken over: their numbers are free. */
void identities_reclaim(struct identities *t);

u32 identities_used(const struct identities *t);
/* How many of them no task had when tasks were scanned last. */
u32 identities_idle(const struct identities *t);

#endif
