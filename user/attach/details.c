// SPDX-License-Identifier: BSD-3-Clause
#include "attach/details.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/calls.h"
#include "service/path.h"

void details_path(const struct attach_event *e, char path[DETAILS_PATH])
{
	size_t len = e->path_len < sizeof(e->path) ? e->path_len : sizeof(e->path);
	char absolute[DETAILS_PATH];

	*path = '\0';
	if (!len)
		return;
	if (e->object == ATTACH_PATH) {
		snprintf(path, DETAILS_PATH, "%.*s", (int)len, e->path);
		return;
	}
	path_reverse(e->path, len, absolute, sizeof(absolute));
	snprintf(path, DETAILS_PATH, "%s%.*s", len >= ATTACH_PATH_SIZE ? "..." : "",
		 (int)sizeof(absolute) - 4, absolute);
}

static void longest_note(struct details *d, const struct attach_event *e)
{
	struct attach_event **longest = &d->longest[e->call];

	*longest = *longest ?: calloc(1, sizeof(*e));
	if (*longest && e->ns >= (*longest)->ns)
		**longest = *e;
}

static struct slow_file *file_find(struct details *d, const char *operation, const char *path)
{
	char key[DETAILS_PATH + 16];
	size_t len = (size_t)snprintf(key, sizeof(key), "%s %s", operation, path);
	struct slow_file *f;

	HASH_FIND(hh, d->files, key, len, f);
	if (f || d->files_cnt == DETAILS_FILES)
		return f;
	f = calloc(1, sizeof(*f) + len + 1);
	if (!f)
		return NULL;
	f->operation = operation;
	memcpy(f->key, key, len + 1);
	HASH_ADD_KEYPTR(hh, d->files, f->key, len, f);
	d->files_cnt++;
	return f;
}

static void file_note(struct details *d, const struct attach_event *e)
{
	const char *operation = call_file_operation((unsigned)e->call);
	char path[DETAILS_PATH];
	struct slow_file *f;

	details_path(e, path);
	if (!operation || (e->object != ATTACH_FILE && e->object != ATTACH_PATH) || !*path)
		return;
	f = file_find(d, operation, path);
	if (!f) {
		d->files_lost++;
		return;
	}
	f->cnt++;
	f->sum_ns += e->ns;
	if (e->ns > f->longest_ns)
		f->longest_ns = e->ns;
	if (e->ret > 0 && strcmp(operation, "open") != 0)
		f->bytes += (u64)e->ret;
}

void details_note(struct details *d, const struct attach_event *e)
{
	if (e->call < 0 || e->call >= SYSCALLS)
		return;
	if (e->longest)
		longest_note(d, e);
	if (e->on_file)
		file_note(d, e);
}

void details_release(struct details *d)
{
	struct slow_file *f, *next;

	for (unsigned nr = 0; nr < SYSCALLS; nr++)
		free(d->longest[nr]);
	HASH_ITER(hh, d->files, f, next) {
		HASH_DEL(d->files, f);
		free(f);
	}
	*d = (struct details){ 0 };
}

static int by_time(const void *a, const void *b)
{
	u64 x = (*(const struct slow_file *const *)a)->sum_ns,
	    y = (*(const struct slow_file *const *)b)->sum_ns;

	return (x < y) - (x > y);
}

unsigned details_files(const struct details *d, const struct slow_file **files, unsigned max)
{
	const struct slow_file *all[DETAILS_FILES] = { NULL };
	unsigned cnt = 0;

	for (const struct slow_file *f = d->files; f && cnt < DETAILS_FILES; f = f->hh.next)
		all[cnt++] = f;
	qsort(all, cnt, sizeof(*all), by_time);
	if (cnt > max)
		cnt = max;
	memcpy(files, all, cnt * sizeof(*files));
	return cnt;
}
