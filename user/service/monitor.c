// SPDX-License-Identifier: BSD-3-Clause
#include "service/monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ABOVE	 16 /* processes looked at */
#define ARGS_MAX 16384

/* Reads a file of the process; returns the number of bytes, with a NUL behind them. */
static size_t file_read(const char *root, u32 pid, const char *name, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd;

	*buf = '\0';
	if (snprintf(path, sizeof(path), "%s/proc/%u/%s", root, pid, name) >= (int)sizeof(path))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, buf, size - 1);
		close(fd);
	}
	buf[n < 0 ? 0 : n] = '\0';
	return n < 0 ? 0 : (size_t)n;
}

/* 0: it has ended. The name in parentheses may have any bytes. */
static u32 parent_of(const char *root, u32 pid)
{
	char stat[512], *end;

	file_read(root, pid, "stat", stat, sizeof(stat));
	end = strrchr(stat, ')');
	return end && strlen(end) > 4 ? (u32)strtoul(end + 4, NULL, 10) : 0;
}

bool process_is_roots(const char *root, u32 pid)
{
	char status[2048], *line;
	unsigned real, effective;

	file_read(root, pid, "status", status, sizeof(status));
	line = strstr(status, "\nUid:");
	return line && sscanf(line, "\nUid: %u %u", &real, &effective) == 2 && !real && !effective;
}

bool monitor_conmon(const char *args, size_t len, struct monitor *ret)
{
	struct {
		const char *brief, *word, *value;
	} options[] = { { "-c", "--cid", NULL },
			{ "-n", "--name", NULL },
			{ "-b", "--bundle", NULL } };
	const char *at = args, *end = args + len;

	while (at < end) {
		const char *next = at + strnlen(at, (size_t)(end - at)) + 1;

		for (size_t i = 0; next < end && i < sizeof(options) / sizeof(*options); i++)
			if (!strcmp(at, options[i].brief) || !strcmp(at, options[i].word))
				options[i].value = next;
		at = next;
	}
	*ret = (struct monitor){ .name = "" };
	if (!options[0].value || strlen(options[0].value) != CONTAINER_ID_LEN ||
	    !container_id_valid(options[0].value, CONTAINER_ID_LEN))
		return false;
	memcpy(ret->id, options[0].value, CONTAINER_ID_LEN);
	snprintf(ret->name, sizeof(ret->name), "%s", options[1].value ?: "");
	snprintf(ret->bundle, sizeof(ret->bundle), "%s", options[2].value ?: "");
	return true;
}

/* A shim's current directory is the bundle, which has the id as its name. */
static bool shim_take(const char *root, u32 pid, const char *id, struct monitor *ret)
{
	char path[PATH_MAX];
	const char *base;
	ssize_t n = -1;

	*ret = (struct monitor){ .name = "" };
	if (snprintf(path, sizeof(path), "%s/proc/%u/cwd", root, pid) < (int)sizeof(path))
		n = readlink(path, ret->bundle, sizeof(ret->bundle) - 1);
	ret->bundle[n < 0 ? 0 : n] = '\0';
	base = strrchr(ret->bundle, '/');
	return base && !strcmp(base + 1, id);
}

bool monitor_container(const char *root, u32 pid, char id[CONTAINER_ID_LEN + 1])
{
	char args[ARGS_MAX];
	struct monitor m;
	size_t len;

	if (!process_is_roots(root, pid))
		return false;
	len = file_read(root, pid, "cmdline", args, sizeof(args));
	if (!monitor_conmon(args, len, &m))
		return false;
	memcpy(id, m.id, sizeof(m.id));
	return true;
}

bool monitor_find(const char *root, u32 pid, const char *id, struct monitor *ret)
{
	char args[ARGS_MAX];

	for (int i = 0; i < ABOVE && pid > 1; i++, pid = parent_of(root, pid)) {
		const char *slash, *base;
		size_t len;

		if (!process_is_roots(root, pid))
			continue;
		len = file_read(root, pid, "cmdline", args, sizeof(args));
		slash = strrchr(args, '/');
		base = slash ? slash + 1 : args;
		if (!strcmp(base, "conmon") && monitor_conmon(args, len, ret) &&
		    !strcmp(ret->id, id))
			return true;
		if (strstr(base, "containerd-shim") && shim_take(root, pid, id, ret))
			return true;
	}
	*ret = (struct monitor){ .name = "" };
	return false;
}
