// SPDX-License-Identifier: BSD-3-Clause
#include "event/replaced.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define PROGRAMS_MAX 4096
#define DUE_NS	     1000000000ULL
#define KEY_MAX	     2048

struct program {
	struct program_file file;
	u64 due_ns; /* of a script: it is not looked at before */
	UT_hash_handle hh;
	char key[]; /* service, NUL, executable */
};

struct replaced {
	struct program *programs, *scripts;
};

struct replaced *replaced_new(void)
{
	return calloc(1, sizeof(struct replaced));
}

static void program_free(struct program **list, struct program *p)
{
	HASH_DEL(*list, p);
	free(p);
}

static void list_free(struct program **list)
{
	struct program *p, *next;

	HASH_ITER(hh, *list, p, next)
		program_free(list, p);
}

void replaced_free(struct replaced *t)
{
	if (!t)
		return;
	list_free(&t->programs);
	list_free(&t->scripts);
	free(t);
}

/* The program, which comes to the end of the list: the first is the one that came last longest ago. NULL: it is new, and `add` is not set. */
static struct program *program_get(struct program **list, const char *service, const char *name,
				   bool add, bool *ret_added)
{
	size_t service_len = strlen(service) + 1, len = service_len + strlen(name);
	char key[KEY_MAX];
	struct program *p;

	*ret_added = false;
	if (len > sizeof(key))
		return NULL;
	memcpy(key, service, service_len);
	memcpy(key + service_len, name, len - service_len);
	HASH_FIND(hh, *list, key, len, p);
	if (!p && add) {
		if (HASH_COUNT(*list) >= PROGRAMS_MAX)
			program_free(list, *list);
		p = calloc(1, sizeof(*p) + len);
		if (!p)
			return NULL;
		memcpy(p->key, key, len);
		*ret_added = true;
	} else if (p) {
		HASH_DEL(*list, p);
	}
	if (p)
		HASH_ADD_KEYPTR(hh, *list, p->key, len, p);
	return p;
}

bool replaced_build(const struct program_file *before, const struct program_file *now)
{
	return before->build_id_len && now->build_id_len &&
	       (before->build_id_len != now->build_id_len ||
		memcmp(before->build_id, now->build_id, now->build_id_len) != 0);
}

/*
 * On another device, such as that of another container, it is the same program if nothing else differs: images keep the times of
 * their files. So it is where the device is not known.
 */
static enum program_is compare(const struct program_file *before, const struct program_file *now)
{
	if (before->size != now->size || before->mtime_ns != now->mtime_ns)
		return PROGRAM_REPLACED;
	if (before->device != now->device)
		return PROGRAM_ELSEWHERE;
	return before->inode == now->inode ? PROGRAM_SAME : PROGRAM_REPLACED;
}

enum program_is replaced_note(struct replaced *t, const char *service, const char *executable,
			      const struct program_file *now, struct program_file *before)
{
	enum program_is is = PROGRAM_FIRST;
	bool added;
	struct program *p = program_get(&t->programs, service, executable, true, &added);

	*before = p ? p->file : (struct program_file){ 0 };
	if (!p)
		return PROGRAM_SAME;
	p->file = *now;
	if (!added)
		is = compare(before, now);
	if (is == PROGRAM_SAME && !now->build_id_len) {
		p->file.build_id_len = before->build_id_len;
		memcpy(p->file.build_id, before->build_id, BUILD_ID_MAX);
	}
	return is;
}

bool replaced_known(struct replaced *t, const char *service, const char *executable)
{
	bool added;

	return program_get(&t->programs, service, executable, false, &added);
}

void replaced_identify(struct replaced *t, const char *service, const char *executable,
		       const struct program_file *file)
{
	bool added;
	struct program *p = program_get(&t->programs, service, executable, false, &added);

	if (!p || compare(&p->file, file) != PROGRAM_SAME)
		return;
	p->file.build_id_len = file->build_id_len;
	memcpy(p->file.build_id, file->build_id, BUILD_ID_MAX);
}

bool replaced_due(struct replaced *t, const char *service, const char *script, u64 now_ns)
{
	bool added;
	struct program *p = program_get(&t->scripts, service, script, true, &added);

	if (!p || now_ns < p->due_ns)
		return false;
	p->due_ns = now_ns + DUE_NS;
	return true;
}
