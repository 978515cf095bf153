/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who waits, in rounds: each address has one turn in each, so that who comes a thousand times keeps others waiting no longer than who
 * comes once.
 */
#ifndef HTTP_TURNS_H
#define HTTP_TURNS_H

#include <stdint.h>

#include "http/address.h"

/* Part of what waits; the address is the caller's to set. */
struct turn {
	struct address address;
	struct turn *prev, *next;
	uint64_t round;
};

/* Zeroed nobody waits. */
struct turns {
	struct turn *first;
	uint64_t round; /* of the one who was taken last */
};

void turns_add(struct turns *all, struct turn *t);
/* One that was not taken. */
void turns_remove(struct turns *all, struct turn *t);
/* Whose turn it is; NULL: nobody waits. */
struct turn *turns_take(struct turns *all);

#endif
