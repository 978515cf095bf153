/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A target: somebody who is told of alerts, by a thread of its own, so that one that is slow or dead keeps neither the others nor
 * the event loop waiting. What is not accepted is told again, after pauses that grow.
 */
#ifndef ALERT_TARGET_H
#define ALERT_TARGET_H

#include <stdatomic.h>

#include "alert/outbox.h"
#include "lib/buf.h"

/* RETRY: may be accepted later; REFUSED: never will be. */
enum send_result { SEND_OK, SEND_RETRY, SEND_REFUSED };

/* What every message may need, besides the alerts. */
struct sending {
	u64 resend_ns;		  /* firing alerts are told again this often */
	const char *external_url; /* of this daemon; NULL: none */
	s64 wall_ns;		  /* now */
	atomic_bool *ending;	  /* set while it is under way: give up at once */
	/* What went wrong, without what differs from try to try: said once until it changes. */
	struct buf error;
};

/* A kind of target: a row. All but `name` is called in the target's thread. */
struct target_kind {
	const char *name;
	bool pages, repeats; /* struct outbox_rules */
	bool by_name;	     /* alerts of one name at a time */
	unsigned batch;	     /* alerts at a time, at most PARCELS_MAX */
	void *(*open)(
		const void
			*conf); /* a copy of what it needs of its configuration. NULL: no memory */
	enum send_result (*send)(void *self, const struct parcel *parcels, unsigned cnt,
				 struct sending *s);
	void (*close)(void *self);
};
#define PARCELS_MAX 64

struct target_options {
	const struct target_kind *kind;
	const char *name;
	const void *conf;
	enum rule_severity least; /* it is told of these alerts and graver ones */
	u64 resend_ns;
	const char *external_url;
	void (*progress)(void *ctx); /* from the thread: something was told */
	void *ctx;
};

struct target_stats {
	u64 sent, failed,
		dropped;  /* alerts told; messages that were not accepted; alerts that made room */
	unsigned waiting; /* alerts whose state is to be told */
	s64 last_success_ns; /* CLOCK_REALTIME; 0: none yet */
};

struct target;
/* Starts its thread; copies the options. NULL: no memory, or no thread. */
struct target *target_new(const struct target_options *options);
/* Tells it to end; whether it did until this time of clock_now_ns(). If not it hangs, and target_free() would wait. */
void target_end(struct target *t);
bool target_ended(struct target *t, u64 until_ns);
void target_free(struct target *t);

const char *target_name(const struct target *t);
const struct target_kind *target_kind(const struct target *t);
/* As outbox_put(), outbox_forget(), outbox_each(). */
void target_put(struct target *t, struct notice *n, enum told told);
void target_forget(struct target *t, u64 key);
void target_each(struct target *t,
		 void (*each)(void *ctx, struct notice *n, enum told told, bool waiting),
		 void *ctx);
void target_stats(struct target *t, struct target_stats *stats);

#endif
