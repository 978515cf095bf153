// SPDX-License-Identifier: BSD-3-Clause
#include "service/container.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1U << 20)
#define HEX	 "0123456789abcdef"

struct reader {
	int fd;
	size_t left;
};

/* A file in which a runtime keeps metadata, and how to read it. */
struct source {
	const char *path; /* with one %s for the id, or none */
	void (*read)(const json_t *json, const char *id, struct container *c);
};

bool container_id_valid(const char *id, size_t len)
{
	return len == CONTAINER_ID_LEN && strnlen(id, len) == len && strspn(id, HEX) >= len;
}

bool pod_uid_valid(const char *uid)
{
	size_t len = strlen(uid);

	if (strspn(uid, HEX "-") != len)
		return false;
	return len == 32 ? !strchr(uid, '-') : len == POD_UID_MAX;
}

static size_t bytes_read(void *buf, size_t size, void *data)
{
	struct reader *r = data;
	ssize_t n = read(r->fd, buf, size);

	if (n < 0 || (size_t)n > r->left)
		return (size_t)-1;
	r->left -= (size_t)n;
	return (size_t)n;
}

static json_t *json_read(const char *path)
{
	struct reader r = { .left = FILE_MAX };
	json_t *json = NULL;
	struct stat st;

	r.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r.fd < 0)
		return NULL;
	if (!fstat(r.fd, &st) && S_ISREG(st.st_mode))
		json = json_load_callback(bytes_read, &r, 0, NULL);
	close(r.fd);
	return json;
}

static void text_take(const json_t *text, char *buf, size_t size)
{
	if (!*buf && json_is_string(text))
		snprintf(buf, size, "%s", json_string_value(text));
}

/* OCI annotations and docker labels use the same keys. */
static void annotations_read(const json_t *map, struct container *c)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} rows[] = {
		{ "io.kubernetes.cri.sandbox-namespace", c->pod.space, sizeof(c->pod.space) },
		{ "io.kubernetes.pod.namespace", c->pod.space, sizeof(c->pod.space) },
		{ "io.kubernetes.cri.sandbox-name", c->pod.name, sizeof(c->pod.name) },
		{ "io.kubernetes.pod.name", c->pod.name, sizeof(c->pod.name) },
		{ "io.kubernetes.cri.container-name", c->name, sizeof(c->name) },
		{ "io.kubernetes.container.name", c->name, sizeof(c->name) },
		{ "nerdctl/name", c->name, sizeof(c->name) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		text_take(json_object_get(map, rows[i].key), rows[i].to, rows[i].size);
}

static void docker_read(const json_t *json, const char *id, struct container *c)
{
	const json_t *name = json_object_get(json, "Name");
	const char *text = json_string_value(name);

	(void)id;
	annotations_read(json_object_get(json_object_get(json, "Config"), "Labels"), c);
	if (text && !*c->name)
		snprintf(c->name, sizeof(c->name), "%s", text + (*text == '/'));
}

static void bundle_read(const json_t *json, const char *id, struct container *c)
{
	(void)id;
	annotations_read(json_object_get(json, "annotations"), c);
}

static void storage_read(const json_t *json, const char *id, struct container *c)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json, i, entry)
	{
		const char *entry_id = json_string_value(json_object_get(entry, "id"));

		if (entry_id && !strcmp(entry_id, id))
			text_take(json_array_get(json_object_get(entry, "names"), 0), c->name,
				  sizeof(c->name));
	}
}

#define CONTAINERD "/run/containerd/io.containerd.runtime.v2.task"
#define STORAGE	   "/var/lib/containers/storage/overlay-containers"

static const struct source sources[] = {
	{ "/var/lib/docker/containers/%s/config.v2.json", docker_read },
	{ CONTAINERD "/k8s.io/%s/config.json", bundle_read },
	{ CONTAINERD "/default/%s/config.json", bundle_read },
	{ CONTAINERD "/moby/%s/config.json", bundle_read },
	{ STORAGE "/%s/userdata/config.json", bundle_read },
	{ STORAGE "/containers.json", storage_read },
};

void container_lookup(const char *root, const char *id, struct container *c)
{
	*c = (struct container){ 0 };
	for (const struct source *s = sources; s < sources + sizeof(sources) / sizeof(*sources);
	     s++) {
		const char *split = strstr(s->path, "%s");
		size_t before = split ? (size_t)(split - s->path) : strlen(s->path);
		char path[PATH_MAX];
		json_t *json;

		if (*c->name || *c->pod.name)
			return;
		if (snprintf(path, sizeof(path), "%s%.*s%s%s", root, (int)before, s->path,
			     split ? id : "", split ? split + 2 : "") >= (int)sizeof(path))
			continue;
		json = json_read(path);
		s->read(json, id, c);
		json_decref(json);
	}
}

/* Parses <namespace>_<pod>_<uid>; the first two contain no underscore. */
static bool pod_folder_read(const char *folder, const char *uid, struct pod *p)
{
	const char *name = strchr(folder, '_'), *end = strrchr(folder, '_');

	if (!name || name == folder || end <= name + 1 || strcmp(end + 1, uid))
		return false;
	name++;
	snprintf(p->space, sizeof(p->space), "%.*s", (int)(name - 1 - folder), folder);
	snprintf(p->name, sizeof(p->name), "%.*s", (int)(end - name), name);
	return true;
}

void pod_lookup(const char *root, const char *uid, struct pod *p)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *folder;

	*p = (struct pod){ 0 };
	if (snprintf(path, sizeof(path), "%s/var/log/pods", root) >= (int)sizeof(path))
		return;
	folder = opendir(path);
	if (!folder)
		return;
	while ((e = readdir(folder)) && !pod_folder_read(e->d_name, uid, p))
		;
	closedir(folder);
}
