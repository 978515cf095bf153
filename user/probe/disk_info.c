// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "probe/disk_info.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "metric/label.h"

#define DISKS_MAX 1024 /* as many as have numbers */
#define PATH_SIZE (LABEL_VALUE_SIZE + 128)
#define AGAIN_NS  (300 * 1000000000ULL)

/* A disk, looked up or about to be. */
struct entry {
	UT_hash_handle hh; /* by device */
	struct job job;
	struct disk_info info, read; /* the latter is the worker's while it is busy */
	bool known, busy;
	char device[LABEL_VALUE_SIZE];
};

struct disk_infos {
	struct worker *worker;
	struct entry *entries;
	u64 created;  /* series of devices that were looked at */
	u64 asked_ns; /* when all were looked up last */
	bool waiting; /* the worker had no room */
};

/* --- what is read */

/* Takes over a text without space around it, unless there is one already. */
static void info_set(char ret[DISK_INFO_SIZE], const char *text)
{
	char clean[LABEL_VALUE_SIZE];
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	label_clean(clean, text);
	len = strlen(clean);
	while (len > 0 && isspace((unsigned char)clean[len - 1]))
		len--;
	clean[len] = '\0';
	if (!*ret && len < DISK_INFO_SIZE)
		memcpy(ret, clean, len + 1);
}

/* The first line of a file; binary headers are skipped. */
static void file_read(const char *path, size_t skip, char ret[DISK_INFO_SIZE])
{
	char line[256] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	if (fread(line, 1, skip, f) == skip && fgets(line, sizeof(line), f))
		info_set(ret, line);
	fclose(f);
}

/* Lines as E:ID_MODEL=... of the udev database. */
static void udev_read(const char *path, struct disk_info *ret)
{
	const struct {
		const char *key;
		char *value;
	} keys[] = { { "E:ID_SERIAL_SHORT=", ret->serial },
		     { "E:ID_MODEL=", ret->model },
		     { "E:DM_NAME=", ret->model } };
	char line[1024];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			if (!strncmp(line, keys[i].key, strlen(keys[i].key)))
				info_set(keys[i].value, line + strlen(keys[i].key));
	if (f)
		fclose(f);
}

void disk_info_read(const char *sys, const char *udev, const char *device, struct disk_info *ret)
{
	/* virtio's own attribute "serial" is not among them: to read it is a request to the device */
	static const struct {
		const char *file;
		size_t offset, skip;
	} files[] = {
		{ "device/serial", offsetof(struct disk_info, serial), 0 },   /* NVMe, MMC */
		{ "device/vpd_pg80", offsetof(struct disk_info, serial), 4 }, /* SCSI, ATA */
		{ "device/model", offsetof(struct disk_info, model), 0 },
		{ "device/name", offsetof(struct disk_info, model), 0 }, /* MMC */
		{ "dm/name", offsetof(struct disk_info, model), 0 },
	};
	char path[PATH_SIZE], name[LABEL_VALUE_SIZE], number[DISK_INFO_SIZE] = "";

	*ret = (struct disk_info){ 0 };
	snprintf(name, sizeof(name), "%s", device);
	for (char *slash = name; (slash = strchr(slash, '/'));)
		*slash = '!'; /* as /sys spells it */
	if (*name == '.')
		return;
	snprintf(path, sizeof(path), "%s/%s/dev", sys, name);
	file_read(path, 0, number);
	snprintf(path, sizeof(path), "%s/b%s", udev, number);
	if (*number && !strchr(number, '/'))
		udev_read(path, ret);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", sys, name, files[i].file);
		file_read(path, files[i].skip, (char *)ret + files[i].offset);
	}
}

/* --- by the worker */

static void work(struct job *job)
{
	struct entry *e = (struct entry *)((char *)job - offsetof(struct entry, job));

	disk_info_read("/sys/block", "/run/udev/data", e->device, &e->read);
}

static void done(struct job *job)
{
	struct entry *e = (struct entry *)((char *)job - offsetof(struct entry, job));

	e->busy = false;
	if (job->dropped)
		return;
	e->info = e->read;
	e->known = true;
}

struct disk_infos *disk_infos_new(struct worker *w)
{
	struct disk_infos *d = calloc(1, sizeof(*d));

	if (d)
		d->worker = w;
	return d;
}

void disk_infos_free(struct disk_infos *d)
{
	struct entry *e, *next;

	if (!d)
		return;
	HASH_ITER(hh, d->entries, e, next) {
		HASH_DEL(d->entries, e);
		free(e);
	}
	free(d);
}

/* NULL: no memory, or too many. */
static struct entry *entry_get(struct disk_infos *d, const char *device)
{
	struct entry *e;

	HASH_FIND_STR(d->entries, device, e);
	if (e || HASH_COUNT(d->entries) >= DISKS_MAX)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->job = (struct job){ .work = work, .done = done };
	snprintf(e->device, sizeof(e->device), "%s", device);
	HASH_ADD_STR(d->entries, device, e);
	if (e->hh.tbl)
		return e;
	free(e);
	return NULL;
}

/* Another disk may have got the name: all are looked up again now and then. */
void disk_infos_tick(struct disk_infos *d, const struct registry *r)
{
	const struct family *f = registry_find(r, "seismo_block_io_duration_seconds");
	int device = f ? family_label(f, "device") : -1;
	bool again = r->now_ns - d->asked_ns >= AGAIN_NS;

	if (!d->worker || device < 0 || (f->created == d->created && !d->waiting && !again))
		return;
	d->created = f->created;
	d->asked_ns = again ? r->now_ns : d->asked_ns;
	d->waiting = false;
	for (size_t i = 0; i < f->series_cnt; i++) {
		const char *name = f->series[i]->label[device];
		struct entry *e = name ? entry_get(d, name) : NULL;

		if (!e || e->busy || (e->known && !again))
			continue;
		e->busy = !worker_add(d->worker, &e->job);
		d->waiting |= !e->busy;
	}
}

const struct disk_info *disk_infos_find(const struct disk_infos *d, const char *device)
{
	struct entry *e = NULL;

	if (d)
		HASH_FIND_STR(d->entries, device, e);
	return e && e->known ? &e->info : NULL;
}
