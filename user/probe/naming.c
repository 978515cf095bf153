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

#include "service/monitor.h"
#include "service/interpreter.h"
#include "service/proc.h"

int naming_interpreters(int row_fd, int class_fd)
{
	const struct interpreter_tables *t = interpreter_tables();

	for (unsigned i = 0; i < t->row_cnt; i++)
		if (bpf_map_update_elem(row_fd, &t->rows[i].key, &t->rows[i].row, BPF_ANY))
			return -errno;
	for (u32 class = 0; class < t->class_cnt; class ++)
		if (bpf_map_update_elem(class_fd, &class, &t->classes[class], BPF_ANY))
			return -errno;
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

/* Where a link of the process in /proc points to; "" for kernel threads, ended processes, and without permission. */
static void process_link(const char *pid, const char *link, char path[PATH_MAX])
{
	char name[64];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%.16s/%s", pid, link);
	n = readlink(name, path, PATH_MAX - 1);
	path[n < 0 ? 0 : n] = '\0';
}

/* Reads from a file of the process; returns the number of bytes, with a NUL behind them. */
static size_t process_read(const char *pid, const char *file, u64 at, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	*buf = '\0';
	snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = pread(fd, buf, size - 1, (off_t)at);
	close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return n < 0 ? 0 : (size_t)n;
}

/* The path that was given to exec; of a user's process "": it may have a file there that is never read to its end. */
static void process_execfn(const char *pid, char path[PATH_MAX])
{
	char auxv[1024];
	size_t len = process_read(pid, "auxv", 0, auxv, sizeof(auxv));
	u64 address = proc_auxv_execfn(auxv, len);

	*path = '\0';
	if (address && process_is_roots("", (u32)strtoul(pid, NULL, 10)))
		process_read(pid, "mem", address, path, PATH_MAX);
}

/* A script that is "." or "..", for which the name of that directory stands. */
static void directory_name(const char *pid, char name[IDENTITY_NAME])
{
	bool above = !strcmp(name, "..");
	char path[PATH_MAX], *slash;

	if (!above && strcmp(name, ".") != 0)
		return;
	process_link(pid, "cwd", path);
	slash = strrchr(path, '/');
	if (above && slash)
		*slash = '\0';
	interpreter_base(path, name);
}

/* The first word of a title, if that is no interpreter's name. */
static void title_name(const char *args, size_t len, char name[IDENTITY_NAME])
{
	const char *word;
	size_t n = proc_title(args, len, &word);

	memset(name, 0, IDENTITY_NAME);
	memcpy(name, word, n < IDENTITY_NAME ? n : 0);
	if (interpreter_class(name))
		*name = '\0';
}

/*
 * What an interpreter runs; false: no script. A title in place of the arguments is of use only where the interpreter itself
 * was executed: a script that was has its name already.
 */
static bool process_script(const char *pid, u32 class, const char *args, size_t len,
			   char name[IDENTITY_NAME])
{
	char script[IDENTITY_NAME];

	if (interpreter_script(class, args, len, script))
		directory_name(pid, script);
	else if (!*name || interpreter_class(name))
		title_name(args, len, script);
	if (*script)
		memcpy(name, script, sizeof(script));
	return *script;
}

/* The base name of the executable, "" if there is none. */
static void process_exe(const char *pid, char name[IDENTITY_NAME])
{
	static const char deleted[] = " (deleted)";
	char path[PATH_MAX];
	size_t len;

	process_link(pid, "exe", path);
	len = strlen(path);
	if (len >= strlen(deleted) && !strcmp(path + len - strlen(deleted), deleted))
		path[len - strlen(deleted)] = '\0';
	interpreter_base(path, name);
}

/* The same name as program_name() of bpf/program.bpf.h finds at exec; "" if it is that of the file. */
static void process_name(const char *pid, const char *args, size_t len, char name[IDENTITY_NAME])
{
	char path[PATH_MAX], exe[IDENTITY_NAME];
	u32 class;

	process_execfn(pid, path);
	interpreter_base(path, name);
	process_exe(pid, exe);
	class = interpreter_file_class(exe, name);
	if (class && process_script(pid, class, args, len, name))
		return;
	if (!*name && (*exe == '#' || !strcmp(exe, "memfd:")))
		interpreter_base(args, name);
	if (!strcmp(name, exe))
		*name = '\0';
}

#define ARGS_MAX (256U << 10)

static int process_take(int fd, const char *pid, bool all, const struct listeners *listeners)
{
	static char args[ARGS_MAX];
	struct proc_snapshot snapshot = { 0 };
	u32 key = (u32)strtoul(pid, NULL, 10);
	size_t len = process_read(pid, "cmdline", 0, args, sizeof(args));

	process_name(pid, args, len, snapshot.name);
	if (all) {
		snapshot.len = len < IDENTITY_ARGS ? (u32)len : IDENTITY_ARGS;
		memcpy(snapshot.args, args, snapshot.len);
	}
	snapshot.port = process_port(pid, listeners);
	if ((snapshot.len || snapshot.port || *snapshot.name) &&
	    bpf_map_update_elem(fd, &key, &snapshot, BPF_ANY))
		return -errno;
	return 0;
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
	while (!err && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			err = process_take(fd, entry->d_name, all, &listeners);
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
