/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of disks, by the numbers that the programs of several families assign (bpf/disk.bpf.h). */
#ifndef PROBE_DISKS_H
#define PROBE_DISKS_H

#include <stddef.h>

#include "disk.h"

struct probe_run;

/* For the `loaded` of each family whose object has the tables of disks. */
int disks_init(struct probe_run *run);

/* Writes the label for a name of the kernel's, of DISK_NAME bytes or fewer with a NUL; "": "other". */
void disk_label(const char *name, char *buf, size_t size);
/* The label `device`: the disk's name as /proc/diskstats and node_exporter have it. */
void label_device(u64 number, char *buf, size_t size);
#define DISK_LABEL(shift) "device", shift, DISK_BITS, label_device

#endif
