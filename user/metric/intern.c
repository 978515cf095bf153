// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "metric/intern.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct intern_entry {
	UT_hash_handle hh;
	u64 born_ns;
	u32 refs;
	char text[];
};

static struct intern_entry *entry_of(const char *copy)
{
	return (struct intern_entry *)(copy - offsetof(struct intern_entry, text));
}

const char *intern_find(const struct intern_table *t, const char *text)
{
	struct intern_entry *e;

	HASH_FIND_STR(t->entries, text, e);
	return e ? e->text : NULL;
}

const char *intern_get(struct intern_table *t, const char *text, u64 now_ns)
{
	const char *copy = intern_find(t, text);
	size_t len = strlen(text);
	struct intern_entry *e = copy ? entry_of(copy) : calloc(1, sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	if (!copy) {
		memcpy(e->text, text, len);
		e->born_ns = now_ns;
		HASH_ADD_KEYPTR(hh, t->entries, e->text, len, e);
		if (!e->hh.tbl) {
			free(e);
			return NULL;
		}
	}
	e->refs++;
	return e->text;
}

void intern_put(struct intern_table *t, const char *copy)
{
	struct intern_entry *e;

	if (!copy)
		return;
	e = entry_of(copy);
	if (--e->refs)
		return;
	HASH_DEL(t->entries, e);
	free(e);
}

u64 intern_born_ns(const char *copy)
{
	return entry_of(copy)->born_ns;
}
