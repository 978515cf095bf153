/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What started, was replaced or died in 15 minutes, by service: the last ones, or any that ended within about an hour. A storm of short commands does not push out the one
 * deploy that matters: a kind has room of its own, a service counts once, and what is usual for it does not stand out.
 */
#ifndef RULE_CHANGES_H
#define RULE_CHANGES_H

#include "metric/history.h"

#define CHANGES_WINDOW_NS (15 * 60 * 1000000000ULL)

/* By how much they tell. */
enum change_kind {
	CHANGE_REPLACED, /* the executable: another inode or build id than before */
	CHANGE_OOM,	 /* killed for want of memory */
	CHANGE_DIED,	 /* processes that ended with an error, or by a signal */
	CHANGE_STARTED,	 /* a service that had no process, or whose processes are all new */
	CHANGE_ENDED,	 /* a service that has no process any more, without an error */
	CHANGE_KINDS
};
extern const char *const change_kinds[CHANGE_KINDS]; /* "replaced", ... */

struct change {
	enum change_kind kind;
	const char *service, *detail; /* detail of the last one, "" if there is none */
	u64 first_ns,
		last_ns; /* CLOCK_MONOTONIC, of those in the window; the first one to the millisecond */
	u64 cnt;	 /* in the window */
};

struct changes;

/* NULL: no memory. */
struct changes *changes_new(void);
void changes_free(struct changes *c);

/* Something happened, `cnt` times. Any bytes; the texts are copied. Time must not go backwards by more than a minute. */
void changes_note(struct changes *c, enum change_kind kind, const char *service, const char *detail,
		  u64 cnt, u64 now_ns);
/* Somebody notes changes of this kind, whenever there are any; changes_tick() does so of all others than CHANGE_REPLACED. */
void changes_watch(struct changes *c, enum change_kind kind, bool watched);
bool changes_watched(const struct changes *c, enum change_kind kind);
/*
 * After each tick of the history: notes what the counters of processes tell of it, however many events there were. What was
 * there at the first tick has not started.
 */
void changes_tick(struct changes *c, const struct registry *r, const struct history *h);

/*
 * Writes up to `max` of the changes in the window before until_ns, to the minute, that stand out, the most telling first, and the latest first
 * among equals. Returns how many stand out. Texts are valid until the next change. What happens all the time does not stand
 * out: less than three times as often as in as long a time before.
 */
size_t changes_list(const struct changes *c, u64 until_ns, struct change *ret, size_t max);
/* Since when all changes are known, in the window before until_ns; 0: nothing is known of it: not yet, or no more. */
u64 changes_known_ns(const struct changes *c, u64 until_ns, u64 now_ns);

#endif
