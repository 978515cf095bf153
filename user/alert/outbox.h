/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one target has yet to be told. It keeps a state for each alert, not a history: what changed back before it could be told
 * is told once, as it is now. No locks.
 */
#ifndef ALERT_OUTBOX_H
#define ALERT_OUTBOX_H

#include "alert/notice.h"

/* What a target was told of an alert last. */
enum told { TOLD_NOTHING, TOLD_FIRING, TOLD_RESOLVED, TOLD_ALL /* that there is to tell */ };

/* What to tell: `firing` may be false although the notice fires, see outbox_rules.pages. */
struct parcel {
	struct notice *notice; /* owned */
	bool firing;
};

struct outbox_rules {
	bool pages;   /* of alerts that are muted it is told nothing but that they have ended */
	bool repeats; /* is told again what it was told already, each time that it is put */
	unsigned max; /* alerts; the oldest make room */
};

struct outbox;
struct outbox *outbox_new(const struct outbox_rules *rules);
void outbox_free(struct outbox *o);

/* The state of an alert. Takes no reference. `told`: what is known to have been told when it is not in the box yet. */
void outbox_put(struct outbox *o, struct notice *n, enum told told);
/* The alert is of the past: removes it unless it is still to be told. */
void outbox_forget(struct outbox *o, u64 key);

/*
 * Takes out what is to be told, oldest first, of one name only with `same_name`. Each parcel goes back by outbox_return(): told
 * or not. One take at a time.
 */
unsigned outbox_take(struct outbox *o, struct parcel *parcels, unsigned max, bool same_name);
void outbox_return(struct outbox *o, struct parcel *parcels, unsigned cnt, bool told);

/* Alerts whose state is to be told, those that are only repeated not among them; and those that had to make room. */
unsigned outbox_waiting(const struct outbox *o);
u64 outbox_dropped(const struct outbox *o);
/* Is there anything to take? */
bool outbox_ready(const struct outbox *o);
void outbox_each(const struct outbox *o,
		 void (*each)(void *ctx, struct notice *n, enum told told, bool waiting),
		 void *ctx);

#endif
