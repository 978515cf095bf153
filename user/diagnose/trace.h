/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From symptoms to their first causes: whoever takes the time of a service, or fails it, is looked at in turn, until nobody else is
 * behind it. Symptoms with the same first cause are one.
 */
#ifndef DIAGNOSE_TRACE_H
#define DIAGNOSE_TRACE_H

#include "diagnose/find.h"
#include "rule/reason.h"

#define CHAIN_MAX   8
#define VICTIMS_MAX 6
#define CAUSES_MAX  16
#define SCENES_MAX  96 /* that are made for a diagnosis, which bounds its time */

struct cause {
	const struct scene *scene; /* with its reason */
	const char *subject;	   /* service, device or peer that is blamed */
	const char *chain
		[CHAIN_MAX]; /* services, from who suffers to the one that the scene is about */
	u32 chain_cnt;
	const char *victims[VICTIMS_MAX];
	u32 victim_cnt, victims_omitted;
	const struct symptom *symptom; /* the weightiest of those that it explains */
	double share;		       /* of what the symptom has grown by */
	double weight, score;	       /* score: of the symptom that the scene is of */
	bool strong;		       /* some symptom of its is clear by itself */
	bool suffered;		       /* requests did */
	bool concerns; /* it has to do with the service that is asked about; if none is, with any */
	u32 symptoms;
};

struct trace {
	struct cause causes[CAUSES_MAX];	   /* the weightiest first */
	u32 cause_cnt;				   /* those that are told */
	u32 ruled_out;				   /* those that follow, and are not */
	const struct symptom *notes[SYMPTOMS_MAX]; /* nobody suffers from them */
	u32 note_cnt;
	struct scene *scenes[SCENES_MAX];
	u32 scene_cnt;
	bool incomplete; /* there was more to look at than SCENES_MAX, or no memory */
};

/* All causes are told, whether they count or not: judge.h. Scenes and causes point to the symptoms, which must outlive it. Release it in any case. */
void trace_make(struct trace *t, const struct symptom_params *p, const struct symptoms *list);
void trace_release(struct trace *t);
/* Each once; NULL and those who stand for nobody are none. */
void cause_victim_add(struct cause *c, const char *service);

#endif
