// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/symptom.h"

#include <string.h>

const char *const symptom_names[SYMPTOM_KINDS] = {
	[SYMPTOM_SLOW] = "slow",
	[SYMPTOM_FAILING] = "failing",
	[SYMPTOM_STALLED] = "stalled",
	[SYMPTOM_DISK_HUNG] = "disk_hung",
	[SYMPTOM_DISK_FAILS] = "disk_fails",
	[SYMPTOM_DISK_SLOW] = "disk_slow",
	[SYMPTOM_LIMIT] = "limit",
	[SYMPTOM_DEATHS] = "deaths",
	[SYMPTOM_BLOCKED] = "blocked",
	[SYMPTOM_ALERT] = "alert",
};

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_subject(const struct symptom *a, const struct symptom *b)
{
	return a->kind == b->kind && is_same(a->service, b->service) &&
	       is_same(a->device, b->device) && is_same(a->direction, b->direction);
}

void symptoms_add(struct symptoms *list, const struct symptom *add)
{
	u32 at = 0;

	while (at < list->cnt && !same_subject(&list->at[at], add))
		at++;
	if (at < list->cnt) {
		if (list->at[at].weight >= add->weight || (add->absolute && !list->at[at].absolute))
			return;
	} else if (list->cnt < SYMPTOMS_MAX) {
		list->cnt++;
	} else {
		list->omitted++;
		at = SYMPTOMS_MAX - 1;
		if (list->at[at].weight >= add->weight)
			return;
	}
	for (; at > 0 && list->at[at - 1].weight < add->weight; at--)
		list->at[at] = list->at[at - 1];
	list->at[at] = *add;
}
