/* SPDX-License-Identifier: GPL-2.0-only */
/* From a file descriptor of a task to the file. */
#ifndef DESCRIPTOR_BPF_H
#define DESCRIPTOR_BPF_H

#include "core.bpf.h"

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} __attribute__((preserve_access_index));

struct files_struct {
	struct fdtable *fdt;
} __attribute__((preserve_access_index));

struct task_struct___files {
	struct files_struct *files;
} __attribute__((preserve_access_index));

/* NULL: there is none. */
static __always_inline struct file *task_descriptor_file(u64 task, u64 fd)
{
	struct task_struct___files *of = (void *)task;
	struct fdtable *table = BPF_CORE_READ(of, files, fdt);
	struct file *file = NULL, **slots;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	slots = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]);
	return file;
}

static __always_inline struct file *descriptor_file(u64 fd)
{
	return task_descriptor_file(bpf_get_current_task(), fd);
}

#endif
