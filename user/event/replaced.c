// SPDX-License-Identifier: BSD-3-Clause
#include "event/replaced.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define PROGRAMS_MAX 4096

struct program {
	struct program_file file;
	UT_hash_handle hh;
	char key[]; /* service, NUL, executable */
};

struct replaced {
	struct program *programs;
};

struct replaced *replaced_new(void)
{
	return calloc(1, sizeof(struct replaced));
}

static void program_free(struct replaced *t, struct program *p)
{
	HASH_DEL(t->programs, p);
	free(p);
}

void replaced_free(struct replaced *t)
{
	struct program *p, *next;

	if (!t)
		return;
	HASH_ITER(hh, t->programs, p, next)
		program_free(t, p);
	free(t);
}

/*
 * On another device, such as that of another container, it is the same program if nothing else differs: images keep the times of
 * their files.
 */
static bool differs(const struct program_file *a, const struct program_file *b)
{
	return a->size != b->size || a->mtime_ns != b->mtime_ns ||
	       (a->device == b->device && a->inode != b->inode);
}

#define KEY_MAX 2048

bool replaced_note(struct replaced *t, const char *service, const char *executable,
		   const struct program_file *now, struct program_file *before)
{
	size_t service_len = strlen(service) + 1, len = service_len + strlen(executable);
	char key[KEY_MAX];
	struct program *p;
	bool other;

	if (len > sizeof(key))
		return false;
	memcpy(key, service, service_len);
	memcpy(key + service_len, executable, len - service_len);
	HASH_FIND(hh, t->programs, key, len, p);
	if (p) {
		*before = p->file;
		other = differs(&p->file, now);
		p->file = *now;
		HASH_DEL(t->programs,
			 p); /* to the end: the first is the one that came last longest ago */
		HASH_ADD_KEYPTR(hh, t->programs, p->key, len, p);
		return other;
	}
	if (HASH_COUNT(t->programs) >= PROGRAMS_MAX)
		program_free(t, t->programs);
	p = malloc(sizeof(*p) + len);
	if (!p)
		return false;
	*p = (struct program){ .file = *now };
	memcpy(p->key, key, len);
	HASH_ADD_KEYPTR(hh, t->programs, p->key, len, p);
	return false;
}
