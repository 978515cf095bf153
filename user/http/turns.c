// SPDX-License-Identifier: BSD-3-Clause
#include "http/turns.h"

#include <stddef.h>
#include <utlist.h>

/* Behind all of its round, and those of the same address are in later ones each. */
void turns_add(struct turns *all, struct turn *t)
{
	struct turn *other, *behind = NULL;

	t->round = all->round + 1;
	DL_FOREACH(all->first, other)
	if (address_equal(&other->address, &t->address))
		t->round = other->round + 1;
	DL_FOREACH(all->first, other)
	if (other->round > t->round) {
		behind = other;
		break;
	}
	if (behind)
		DL_PREPEND_ELEM(all->first, behind, t);
	else
		DL_APPEND(all->first, t);
}

void turns_remove(struct turns *all, struct turn *t)
{
	DL_DELETE(all->first, t);
}

struct turn *turns_take(struct turns *all)
{
	struct turn *t = all->first;

	if (!t)
		return NULL;
	DL_DELETE(all->first, t);
	all->round = t->round;
	return t;
}
