// SPDX-License-Identifier: BSD-3-Clause
#include "conf/web_files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static u64 hash_add(u64 hash, const void *data, size_t len)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 1099511628211U;
	return hash;
}

static u64 stamp_add(u64 hash, const char *path)
{
	struct stat st;
	u64 seen[8] = { 0 };

	if (path && !stat(path, &st)) {
		const u64 is[8] = {
			st.st_dev,
			st.st_ino,
			(u64)st.st_size,
			(u64)st.st_mtim.tv_sec,
			(u64)st.st_mtim.tv_nsec,
			(u64)st.st_ctim.tv_sec,
			(u64)st.st_ctim.tv_nsec,
			1,
		};

		memcpy(seen, is, sizeof(seen));
	}
	return hash_add(hash, seen, sizeof(seen));
}

#define STAMP_NONE 14695981039346656037U

void web_files_stamp_first(struct web_files *f)
{
	f->stamp = stamp_add(STAMP_NONE, f->paths[0]);
}

void web_files_stamp_rest(struct web_files *f)
{
	for (unsigned i = 1; i < WEB_FILES; i++)
		f->stamp = stamp_add(f->stamp, f->paths[i]);
}

u64 web_files_stamp(const struct web_files *f)
{
	struct web_files now = *f;

	web_files_stamp_first(&now);
	web_files_stamp_rest(&now);
	return now.stamp;
}

bool web_files_copy(struct web_files *to, const struct web_files *from)
{
	bool all = true;

	*to = (struct web_files){ .stamp = from->stamp };
	for (unsigned i = 0; i < WEB_FILES; i++) {
		to->paths[i] = from->paths[i] ? strdup(from->paths[i]) : NULL;
		all &= !from->paths[i] || to->paths[i];
	}
	return all;
}

void web_files_release(struct web_files *f)
{
	for (unsigned i = 0; i < WEB_FILES; i++)
		free(f->paths[i]);
	*f = (struct web_files){ 0 };
}
