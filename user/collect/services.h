/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The services that are known, at most so many at a time. Names are as in labels: two services would share a series
 * otherwise, which ends with one of them.
 */
#ifndef COLLECT_SERVICES_H
#define COLLECT_SERVICES_H

#include <stdbool.h>
#include <uthash.h>

#include "service/name.h"
#include "types.h"

struct service {
	char *name;
	u32 identities; /* that are this service's now */
	u64 used_ns;	/* when it last had one */
	u64 born_ns;
	enum service_kind kind;
	bool matters; /* a program that is more than a short command */
	UT_hash_handle hh;
};

struct services {
	struct service *by_name;
	/* Always there, not counted in cnt: takes what there is no room for; all short commands together. */
	struct service *other, *commands;
	u32 cnt, max;
	u64 exposed_ns; /* when the values were read that were exposed last, 0: none were */
	/* A service is about to be forgotten: nothing may refer to it afterwards. */
	void (*on_forget)(void *ctx, struct service *s);
	void *ctx;
};

/*
 * A service that is gone gives way to a new one when there is no room: a unit or container at once if all that it did has
 * been exposed, or nothing yet; any other after as long, since somebody will want to know what it did.
 */
#define SERVICE_KEEP_NS (60 * 1000000000ULL)

/* -ENOMEM: nothing was initialized. */
int services_init(struct services *t, u32 max, void (*on_forget)(void *, struct service *),
		  void *ctx);
void services_release(struct services *t);
/*
 * The service of this name, any bytes, made now if need be: in place of the one that has had no identity for the longest time
 * where there are `max` already. NULL: none has gone for long enough, or there is no memory.
 */
struct service *services_get(struct services *t, const char *name, u64 now_ns);
/* The service of this name, NULL: there is none. */
struct service *services_find(const struct services *t, const char *name);
/* Has nothing of what it did been exposed? */
bool services_unseen(const struct services *t, const struct service *s);
/* Whether one more service would find a place. */
bool services_have_room(const struct services *t, u64 now_ns);
/* Forgets the service that would give way to a new one. False: there is none. */
bool services_evict(struct services *t, u64 now_ns);
/* Forgets services that have had no identity for longer than this. */
void services_forget(struct services *t, u64 now_ns, u64 age_ns);

static inline void service_take(struct service *s)
{
	s->identities++;
}

static inline void service_put(struct service *s, u64 now_ns)
{
	s->identities--;
	s->used_ns = now_ns;
}

#endif
