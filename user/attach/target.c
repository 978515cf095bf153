// SPDX-License-Identifier: BSD-3-Clause
#include "attach/target.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc_stat.h"

#define PF_KTHREAD 0x00200000
#define NAMED_MAX  3

/* Of /proc/PID/status. */
struct status {
	char comm[32], state;
	pid_t tgid, inside; /* inside: the last number of NSpid */
	unsigned levels;    /* of PID namespaces, 1: only ours */
	unsigned threads;
};

static void numbers_parse(const char *line, struct status *s)
{
	char *end;

	for (s->levels = 0;; s->levels++, line = end) {
		long n = strtol(line, &end, 10);

		if (end == line)
			break;
		s->inside = (pid_t)n;
	}
}

static bool status_read(const char *pid, struct status *s)
{
	char path[64], line[512];
	FILE *f;

	*s = (struct status){ .state = '?' };
	snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "Name:\t%31[^\n]", s->comm);
		sscanf(line, "State:\t%c", &s->state);
		sscanf(line, "Tgid:\t%d", &s->tgid);
		sscanf(line, "Threads:\t%u", &s->threads);
		if (!strncmp(line, "NSpid:", 6))
			numbers_parse(line + 6, s);
	}
	fclose(f);
	return s->tgid;
}

static bool is_kernel_thread(pid_t pid)
{
	char text[PROC_STAT_SIZE];
	const char *fields = proc_stat_read(pid, text);
	unsigned flags = 0;

	if (fields)
		sscanf(fields, "%*c %*d %*d %*d %*d %*d %u", &flags);
	return flags & PF_KTHREAD;
}

void target_namesakes(pid_t pid, struct buf *text)
{
	const char *between = "in a container that is ";
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	struct status s;
	unsigned cnt = 0;

	while (proc && cnt < NAMED_MAX && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)*entry->d_name) || !status_read(entry->d_name, &s) ||
		    s.levels < 2 || s.inside != pid)
			continue;
		buf_printf(text, "%s%s[%s]", between, s.comm, entry->d_name);
		between = ", or ";
		cnt++;
	}
	if (proc)
		closedir(proc);
	if (cnt)
		buf_str(text, ": give that number");
}

int target_find(pid_t pid, struct target *ret, struct buf *error)
{
	struct status s;
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	if (!status_read(text, &s)) {
		buf_printf(error, "there is no process %d", pid);
		return -ESRCH;
	}
	if (is_kernel_thread(pid)) {
		buf_printf(error, "%d is the kernel thread %s: it makes no system calls", pid,
			   s.comm);
		return -EINVAL;
	}
	if ((s.state == 'Z' || s.state == 'X') &&
	    s.threads <= 1) { /* else the first thread alone has ended */
		buf_printf(error, "%s[%d] has ended, and only waits for its parent to notice",
			   s.comm, pid);
		return -ESRCH;
	}
	if (s.tgid != pid)
		return target_find(s.tgid, ret, error);
	*ret = (struct target){ .pid = pid, .inside = s.levels > 1 ? s.inside : 0 };
	snprintf(ret->comm, sizeof(ret->comm), "%s", s.comm);
	ret->resident_pages = target_resident(pid);
	return 0;
}

u64 target_resident(pid_t pid)
{
	unsigned long long pages = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages;
}
