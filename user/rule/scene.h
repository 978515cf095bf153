/* SPDX-License-Identifier: BSD-3-Clause */
/* All that is measured for the evidence of an alert; causes, the document and its words are made from it. */
#ifndef RULE_SCENE_H
#define RULE_SCENE_H

#include "probe/disk_info.h"
#include "rule/changes.h"
#include "rule/measure.h"
#include "rule/sources.h"

#define WAITERS_MAX 6
#define USERS_MAX   4
#define PARTS_MAX   16
#define OLDEST_MAX  4
#define CHANGED_MAX 5

/* The same group now and usually. */
struct measured {
	struct group group;
	struct measure now, usual;
};

/* A service that waits for the device. */
struct waiter {
	const char *service;
	double waited;	      /* seconds of its I/O in the window, that under way included */
	double oldest;	      /* seconds; of its I/O under way */
	double busy;	      /* seconds in which its requests were under way; 0: it serves none */
	const char *protocol; /* of its inbound requests; NULL: none */
	struct measure now, usual; /* its I/O on the device */
};

/* A service that loads the device, by the second. */
struct user {
	const char *service;
	double bytes, usual_bytes, ops, usual_ops; /* usual: NAN where it is not known */
};

/* Where the time of a service goes. */
struct part {
	const struct part_row *row;
	const char *of, *protocol; /* device or callee; NULL: none */
	double seconds;
	double usual; /* of as many requests, or as long a window, usually; NAN: not known */
};

/* The time of a service in a window. */
struct time_budget {
	struct part parts[PARTS_MAX]; /* the largest first */
	size_t part_cnt;
	double time;	  /* that the parts are of, in seconds */
	double rest;	  /* of it: what no part explains */
	bool by_requests; /* time in which requests were under way; otherwise of the window */
	double requests;  /* that it is of; 0: of none */
};

/* Who calls the service, or whom it calls. */
struct call {
	const char *service, *protocol; /* NULL: not known */
	struct measured duration;
	double oldest;	     /* seconds; of requests under way */
	double usual_oldest; /* NAN: not known */
};

/* Something that is under way. */
struct oldest {
	const struct oldest_row *row;
	const char *of; /* device or service */
	double seconds;
	double cnt; /* how many are under way; NAN: not known */
};

/* What a scene is about, and when: NULL and 0 where nothing is said of it. */
struct subject {
	const char *metric; /* that tells of it */
	const char *device, *operation, *service, *direction, *protocol, *peer;
	const struct alert
		*alert; /* whose rule says what `value` is; otherwise it is that of the metric */
	u64 window_ns, ended_ns; /* how long the window is, and how long ago it ended */
	u64 usual_ns;		 /* how long ago it was still as usual, at least */
	u64 began_ns;		 /* CLOCK_MONOTONIC, when it began; 0: not known */
	bool peaks; /* of what is under way the oldest at any time in the window, not at its end */
};

struct scene {
	const struct evidence_sources *src;
	struct subject subject;
	struct history_window now_window, usual_window;
	const struct history_window *usual; /* NULL: unknown, because of usual_why */
	const char *usual_why;
	bool usual_is_baseline; /* that of `value` */
	/* What it is about; NULL: nothing like this. Of an alert about a service `device` is what it waits for most. */
	const char *device, *operation, *service, *direction, *protocol, *peer;

	struct measured value, of; /* the rule's terms */
	const struct series *most; /* the one of `value` that has grown most; NULL: none */

	/* The device. */
	bool is_volume;				 /* it has no queue: in_queue is unknown */
	struct measured in_device, in_queue, io; /* io: all operations, for the load */
	double bytes, usual_bytes;	    /* by the second; usual: NAN where it is not known */
	double device_oldest, in_flight;    /* seconds; requests */
	const struct disk_info *disk;	    /* NULL: not known */
	struct waiter waiters[WAITERS_MAX]; /* who suffers most first */
	size_t waiter_cnt;
	u32 waiting_total, slower_total, as_usual_total; /* services, of all that use it */
	u32 slower_devices;				 /* others that are slower than usual */
	struct user users[USERS_MAX];
	size_t user_cnt;

	/* The service. */
	struct time_budget budget;
	double usual_time; /* of as many requests, or as long a window, usually; NAN: not known */
	double usual_rest;
	const struct part *focus; /* the only part that facts look at; NULL: all of them */
	struct measured inbound;
	struct call callee,
		caller; /* the one that takes most of its time; the one that waits most for it */
	bool callee_troubled; /* the callee is the one that fails it, or that the subject names */
	struct measured
		callee_inbound; /* as the callee itself sees it; unknown where it is elsewhere */
	const char *asker;	/* in words, who asks more than usual; NULL: nobody, or not known */
	const char *asker_service; /* NULL: nobody on this host */
	u32 callers_total;	   /* services, each once for every protocol */
	const char *cpu_user;	   /* the other service that uses most CPU; NULL: none */
	double cpu_used;	   /* by it, in CPUs */

	struct oldest oldest[OLDEST_MAX];
	size_t oldest_cnt;
	struct change changed[CHANGED_MAX]; /* those of the services concerned first */
	size_t changed_cnt, changed_total, concerned_total;
	u64 changed_since_ns; /* 0: not known */
	u64 changed_until_ns; /* what came later is not the reason */

	const struct reason *reason;
	const char *reason_unknown; /* what could not be told; NULL: nothing */
};

struct part_row {
	const char *name;  /* in the document */
	const char *words; /* before its device or callee */
	const char *metric;
};
struct oldest_row {
	const char *name; /* in the document */
	const char *metric, *label, *cnt_metric;
};

/* That of an alert: what its labels say, in the window of its rule. */
struct subject subject_of_alert(const struct evidence_sources *src, const struct alert *a);
/* -EAGAIN: there is no history yet. Release it in any case. */
int scene_make(struct scene *s, const struct evidence_sources *src, const struct subject *about);
void scene_release(struct scene *s);

/* What `value` is measured by, where the subject is no alert: what the subject says, as far as the metric has such labels. */
#define SUBJECT_LABELS 5
void scene_subject_labels(const struct scene *s, struct condition where[SUBJECT_LABELS + 1]);

/* Its parts: with `device` and `service`, what there is to know about them. */
void scene_device(struct scene *s);
void scene_service(struct scene *s);
void scene_time(struct scene *s);
/* Measures a group now and usually; what was in `ret` is released before. */
void scene_measure(const struct scene *s, struct measured *ret, const char *metric,
		   const struct condition *where);
/* The value of a gauge at the end of the window; NAN: no such metric. */
double scene_gauge(const struct scene *s, const char *metric, const struct condition *where);
/* The age of the oldest that is under way: at the end of the window, or its peak, as the subject has it. */
double scene_age(const struct scene *s, const char *metric, const struct condition *where);
/* How old it usually becomes, in seconds: by one series, by any of them. NAN: what is usual is not known. */
double scene_usual_age(const struct scene *s, const struct series *of);
double scene_usual_ages(const struct scene *s, const char *metric, const struct condition *where);
/* Of the window, how long what a gauge tells of is under way, less what is usual; 0 of protocols that do not await answers. */
double scene_waiting(const struct scene *s, const struct series *of);
/* Does anybody know, of this protocol, whether who has sent something waits for an answer? */
bool protocol_awaits(const char *protocol);

/* How many times the usual the rate of events, or the mean of a histogram, is; NAN where either is not known. */
double measured_rate_factor(const struct measured *m);
double measured_mean_factor(const struct measured *m);
/* What part of its time this takes, 0 to 1; NAN: not known. */
double scene_share(const struct scene *s, const struct part *p);
/*
 * What part of that by which its time has grown this has grown by, less than 0 where it has fallen; NAN: what is usual is not
 * known, or its time has not grown.
 */
double scene_growth(const struct scene *s, const struct part *p);
/* Limits that calls of a service can run into. */
enum limit_kind { LIMIT_FILES, LIMIT_TASKS, LIMIT_SPACE, LIMITS };
/* The calls that failed most for it in the window, and how often all did; NULL: none, or no more than usual. */
const struct series *scene_limited(const struct scene *s, enum limit_kind kind, double *ret_cnt);
/* How often processes of the service failed or were killed in the window and before; 0: not, or no more often than always. */
u64 scene_deaths(const struct scene *s, const char *service);
/* Has the service come up, having had no process, or with none but new ones? How often. */
u64 scene_starts(const struct scene *s, const char *service);
/* The part of its requests' time, or of the window, that it waits for the device. */
double waiter_share(const struct scene *s, const struct waiter *w);
/* The part of this name that takes most; NULL: there is none. */
const struct part *scene_part(const struct scene *s, const char *name);

#endif
