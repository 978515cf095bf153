/* SPDX-License-Identifier: BSD-3-Clause */
/* Services that are slow, fail or stall though none of those that ask them suffers. */
#ifndef DIAGNOSE_ACQUIT_H
#define DIAGNOSE_ACQUIT_H

#include "diagnose/find.h"

/*
 * Makes symptoms weak of services that are asked, by far the most, by services of this host of which none suffers. Who else asks
 * them, from other hosts or by commands, has no symptoms that could be seen: what they ask for acquits nobody.
 */
void symptoms_acquit(struct symptoms *list, const struct symptom_params *p);

/* Its requests are slow, fail, or are not answered. */
static inline bool symptom_is_about_requests(const struct symptom *s)
{
	return s->kind == SYMPTOM_SLOW || s->kind == SYMPTOM_FAILING || s->kind == SYMPTOM_STALLED;
}

#endif
