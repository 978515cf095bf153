// SPDX-License-Identifier: BSD-3-Clause
#include "probe/naming.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "script.h"
#include "service/name.h"
#include "service/proc.h"

int naming_interpreters(int fd)
{
	const u32 one = 1;

	for (const char *const *name = script_interpreters; *name; name++) {
		char key[16] = "";

		memcpy(key, *name, strnlen(*name, sizeof(key) - 1));
		if (bpf_map_update_elem(fd, key, &one, BPF_ANY))
			return -errno;
	}
	return 0;
}

int naming_ports(int fd, const struct conf *conf)
{
	for (unsigned i = 0; i < conf->service_cnt; i++) {
		u32 port = conf->services[i].match.port, one = 1;

		if (port && bpf_map_update_elem(fd, &port, &one, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* Listening sockets on ports that the rules match. */
#define LISTENERS 256

struct listeners {
	struct proc_listener at[LISTENERS];
	unsigned cnt;
};

static bool port_wanted(const struct conf *conf, u32 port)
{
	for (unsigned i = 0; i < conf->service_cnt; i++)
		if (conf->services[i].match.port == port)
			return true;
	return false;
}

static void listeners_read(struct listeners *l, const char *path, const struct conf *conf)
{
	FILE *f = fopen(path, "re");
	struct proc_listener listener;
	char line[512];

	while (f && fgets(line, sizeof(line), f) && l->cnt < LISTENERS)
		if (proc_listener_parse(line, &listener) && port_wanted(conf, listener.port))
			l->at[l->cnt++] = listener;
	if (f)
		fclose(f);
}

static u32 process_port(const char *pid, const struct listeners *l)
{
	char path[64], target[64];
	struct dirent *entry;
	u32 port = 0;
	DIR *dir;

	if (!l->cnt)
		return 0;
	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (dir && !port && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		u64 inode;

		target[n < 0 ? 0 : n] = '\0';
		if (!proc_socket_parse(target, &inode))
			continue;
		for (unsigned i = 0; i < l->cnt; i++)
			if (l->at[i].inode == inode)
				port = l->at[i].port;
	}
	if (dir)
		closedir(dir);
	return port;
}

/* Path of the process's executable; "" for kernel threads, ended processes, and without permission. */
static void process_exe(const char *pid, char *exe, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%.16s/exe", pid);
	n = readlink(path, exe, size - 1);
	exe[n < 0 ? 0 : n] = '\0';
}

static bool exe_interprets(const char *exe)
{
	const char *slash = strrchr(exe, '/');

	return slash && script_interpreter(slash + 1);
}

/* Was it started by another name of the same file? argv[0] has that name, and the same folder has that file. */
static void process_alias(const char *exe, const char *args, u32 len, char name[IDENTITY_SCRIPT])
{
	const char *slash = strrchr(exe, '/'), *base;
	size_t n = proc_argv0(args, len, &base);
	struct stat file, link;
	char path[PATH_MAX + 32];

	if (!slash || !n || n >= IDENTITY_SCRIPT ||
	    (strlen(slash + 1) == n && !memcmp(base, slash + 1, n)))
		return;
	snprintf(path, sizeof(path), "%.*s%.*s", (int)(slash - exe + 1), exe, (int)n, base);
	if (!stat(exe, &file) && !stat(path, &link) && file.st_ino == link.st_ino &&
	    file.st_dev == link.st_dev)
		memcpy(name, base, n);
}

static void process_script(const char *args, u32 len, char name[IDENTITY_SCRIPT])
{
	struct script_scan scan = { 0 };
	u32 n, at = script_find(args, len, &scan, &n);

	memcpy(name, args + at, n < IDENTITY_SCRIPT ? n : IDENTITY_SCRIPT - 1);
}

static u32 process_args(const char *pid, char *args, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.16s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, args, size);
	close(fd);
	return n < 0 ? 0 : (u32)n;
}

int naming_processes(int fd, const struct conf *conf)
{
	struct listeners listeners = { .cnt = 0 };
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool all = false;
	int err = 0;

	if (!proc)
		return -errno;
	for (unsigned i = 0; i < conf->service_cnt; i++)
		all |= conf->services[i].match.command != NULL;
	listeners_read(&listeners, "/proc/net/tcp", conf);
	listeners_read(&listeners, "/proc/net/tcp6", conf);
	while (!err && (entry = readdir(proc))) {
		char exe[PATH_MAX], args[2 * IDENTITY_ARGS] = "";
		struct proc_snapshot snapshot = { 0 };
		u32 pid;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		process_exe(entry->d_name, exe, sizeof(exe));
		if (*exe)
			snapshot.len = process_args(entry->d_name, args, IDENTITY_ARGS);
		if (exe_interprets(exe))
			process_script(args, snapshot.len, snapshot.name);
		if (!*snapshot.name)
			process_alias(exe, args, snapshot.len, snapshot.name);
		if (all)
			memcpy(snapshot.args, args, sizeof(snapshot.args));
		else
			snapshot.len = 0;
		snapshot.port = process_port(entry->d_name, &listeners);
		pid = (u32)strtoul(entry->d_name, NULL, 10);
		if ((snapshot.len || snapshot.port || *snapshot.name) &&
		    bpf_map_update_elem(fd, &pid, &snapshot, BPF_ANY))
			err = -errno;
	}
	closedir(proc);
	return err == -E2BIG
		       ? 0
		       : err; /* the table is full: these processes are named after their interpreter */
}

void naming_processes_drop(int fd)
{
	u32 pid;

	while (!bpf_map_get_next_key(fd, NULL, &pid))
		bpf_map_delete_elem(fd, &pid);
}
