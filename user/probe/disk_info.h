/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Model and serial number of disks, so that somebody can find the one to replace. They are looked up once, when a disk is first
 * seen, by a worker: in what udev keeps and in attributes for which the kernel asks no device, so a disk that hangs is no
 * obstacle.
 */
#ifndef PROBE_DISK_INFO_H
#define PROBE_DISK_INFO_H

#include "lib/worker.h"
#include "metric/registry.h"

#define DISK_INFO_SIZE 64

struct disk_info {
	char model[DISK_INFO_SIZE], serial[DISK_INFO_SIZE]; /* "": not known */
};

/* Reads them below these folders (/sys/block, /run/udev/data). `device` is a label's value. */
void disk_info_read(const char *sys, const char *udev, const char *device, struct disk_info *ret);

struct disk_infos;

/* The worker has to end before it. NULL: no memory. */
struct disk_infos *disk_infos_new(struct worker *w);
void disk_infos_free(struct disk_infos *d);
/* Looks up the disks that have come since: after each tick of the history. */
void disk_infos_tick(struct disk_infos *d, const struct registry *r);
/* NULL: nothing is known of it, yet. */
const struct disk_info *disk_infos_find(const struct disk_infos *d, const char *device);

#endif
