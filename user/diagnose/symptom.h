/* SPDX-License-Identifier: BSD-3-Clause */
/* Symptoms: signs in the history that somebody suffers, or that something is broken. They need not be large enough for an alert. */
#ifndef DIAGNOSE_SYMPTOM_H
#define DIAGNOSE_SYMPTOM_H

#include "diagnose/steps.h"
#include "rule/scene.h"

enum symptom_kind {
	SYMPTOM_SLOW,	    /* requests take longer than usual */
	SYMPTOM_FAILING,    /* more of them fail, or get no answer */
	SYMPTOM_STALLED,    /* what is under way is not answered */
	SYMPTOM_DISK_HUNG,  /* a device does not answer */
	SYMPTOM_DISK_FAILS, /* a device fails requests */
	SYMPTOM_DISK_SLOW,  /* a device is slower than usual */
	SYMPTOM_LIMIT,	    /* calls fail at a limit */
	SYMPTOM_DEATHS,	    /* processes are killed, or fail again and again */
	SYMPTOM_BLOCKED,    /* tasks hang in the kernel */
	SYMPTOM_ALERT,	    /* a rule found it */
	SYMPTOM_KINDS
};
extern const char *const symptom_names[SYMPTOM_KINDS]; /* "slow", ... */

struct symptom {
	enum symptom_kind kind;
	const char *metric; /* that tells of it */
	/* NULL: it is not about one */
	const char *service, *direction, *protocol, *device, *operation;
	const struct alert *alert;
	u64 begin_ns, end_ns; /* CLOCK_MONOTONIC; begin 0: since before the history */
	bool ongoing;
	bool weak;     /* alone it says nothing: it counts with a cause that is clear */
	bool new_kind; /* requests of a new kind take long, all others are as they were */
	bool severe;   /* it counts whatever its cause */
	bool absolute; /* nothing tells what is usual: it counts with a cause that is wrong by itself */
	bool tail;     /* slow are only the slowest of them: `now` is their p95, not p75 */
	double now, usual; /* in base units, or a ratio; NAN: not known */
	double rate;	   /* requests a second; NAN: of none */
	double weight;	   /* by how much they suffer, for the order */
};

#define SYMPTOMS_MAX 64

struct symptoms {
	struct symptom at[SYMPTOMS_MAX]; /* what matters most first */
	u32 cnt;
	u32 omitted; /* that did not fit */
	/* What was looked at. */
	u32 services, devices;
	double rate; /* inbound requests a second, of all services */
	/* The slowest service, which may be usual for it. NULL: there is none. */
	const char *slowest;
	double slowest_seconds, slowest_usual; /* p95; usual: 0 if it is not known */
};

/* Adds one where it belongs; of the same kind and subject the weightier stays. */
void symptoms_add(struct symptoms *list, const struct symptom *add);

#endif
