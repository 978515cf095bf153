// SPDX-License-Identifier: BSD-3-Clause
/* What runtimes and users have in their configuration and in files about containers, and the arguments of a monitor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "service/container.h"
#include "service/monitor.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char root[] = "/tmp/seismo-fuzz.XXXXXX";

static const char *const folders[] = {
	"/etc",
	"/etc/docker",
	"/etc/containerd",
	"/etc/containers",
	"/var",
	"/var/lib",
	"/var/lib/containers",
	"/var/lib/containers/storage",
	"/run",
	"/run/containers",
	"/var/lib/containers/storage/vfs-containers",
};

static const char *const files[] = {
	"/etc/docker/daemon.json",
	"/etc/containerd/config.toml",
	"/etc/containers/storage.conf",
	"/etc/passwd",
	"/var/lib/containers/storage/vfs-containers/containers.json",
};

static void file_write(const char *name, const uint8_t *data, size_t size)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	f = fopen(path, "w");
	if (!f)
		abort();
	fwrite(data, 1, size, f);
	fclose(f);
}

static void clean_up(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", root);
	if (system(command))
		abort();
}

static void folders_make(void)
{
	if (root[strlen(root) - 1] != 'X')
		return;
	if (!mkdtemp(root))
		abort();
	atexit(clean_up);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s%s", root, folders[i]);
		mkdir(path, 0700);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct container_hint hint = { .user = 1000 };
	const char *name = files[size ? data[0] % (sizeof(files) / sizeof(*files)) : 0];
	struct container c;
	struct monitor m;
	char *args;

	folders_make();
	file_write(name, data + !!size, size - !!size);
	container_lookup(root, ID, &hint, &c);
	if (!memchr(c.name, '\0', sizeof(c.name)) || !memchr(c.pod.name, '\0', sizeof(c.pod.name)))
		abort();
	file_write(name, NULL, 0);
	args = malloc(size + 1);
	if (!args)
		return 0;
	memcpy(args, data, size);
	args[size] = '\0';
	monitor_conmon(args, size, &m);
	if (!memchr(m.name, '\0', sizeof(m.name)) || !memchr(m.bundle, '\0', sizeof(m.bundle)))
		abort();
	free(args);
	return 0;
}
