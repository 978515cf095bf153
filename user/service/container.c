// SPDX-License-Identifier: BSD-3-Clause
#include "service/container.h"

#include <dirent.h>
#include <glob.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "service/monitor.h"
#include "service/runtime.h"

#define FILE_MAX  (1U << 20)
#define FILES_MAX 10000 /* looked at, for one container */

struct reader {
	int fd;
	size_t left;
};

/* Files in which a runtime keeps metadata, and how to read them. */
struct source {
	enum runtime_kind kind;
	const char *pattern; /* for glob(), below a root of the runtime; one $ stands for the id */
	void (*read)(const json_t *json, const char *id, struct container *c);
};

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
	json_t *json;

	r.fd = regular_open(path, FILE_MAX);
	if (r.fd < 0)
		return NULL;
	json = json_load_callback(bytes_read, &r, 0, NULL);
	close(r.fd);
	return json;
}

static bool is_known(const struct container *c)
{
	return *c->name || *c->pod.name;
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

static const struct source sources[] = {
	{ RUNTIME_DOCKER, "/containers/$/config.v2.json", docker_read },
	{ RUNTIME_CONTAINERD, "/io.containerd.runtime.v2.task/*/$/config.json", bundle_read },
	{ RUNTIME_STORAGE, "/*-containers/$/userdata/config.json", bundle_read },
	{ RUNTIME_STORAGE, "/*-containers/containers.json", storage_read },
	{ RUNTIME_STORAGE, "/*-containers/volatile-containers.json", storage_read },
};

/* The source's pattern below this root, in which nothing is one; false: it does not fit. */
static bool pattern_make(char pattern[PATH_MAX], const char *root, const char *below,
			 const char *id)
{
	const char *dollar = strchr(below, '$');
	size_t len = 0;

	for (; *root && len + 2 < PATH_MAX; root++) {
		if (strchr("*?[\\", *root))
			pattern[len++] = '\\';
		pattern[len++] = *root;
	}
	return !*root &&
	       snprintf(pattern + len, PATH_MAX - len, "%.*s%s%s",
			dollar ? (int)(dollar - below) : (int)strlen(below), below,
			dollar ? id : "", dollar ? dollar + 1 : "") < (int)(PATH_MAX - len);
}

static void source_read(const struct source *s, const char *root, const char *id,
			struct container *c)
{
	char pattern[PATH_MAX];
	glob_t found = { 0 };

	if (!pattern_make(pattern, root, s->pattern, id))
		return;
	if (!glob(pattern, GLOB_NOSORT, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc && i < FILES_MAX && !is_known(c); i++) {
			json_t *json = json_read(found.gl_pathv[i]);

			s->read(json, id, c);
			json_decref(json);
		}
	globfree(&found);
}

static void roots_read(const char *root, const char *id, u32 user, struct container *c)
{
	struct runtime_roots *roots = malloc(sizeof(*roots));

	if (!roots)
		return;
	runtime_roots_find(roots, root, user);
	for (unsigned i = 0; i < roots->cnt; i++)
		for (size_t n = 0; n < sizeof(sources) / sizeof(*sources); n++)
			if (sources[n].kind == roots->at[i].kind && !is_known(c))
				source_read(&sources[n], roots->at[i].path, id, c);
	free(roots);
}

/* Docker mounts files into the container from where it describes it: DATA-ROOT/containers/ID/hostname. */
static void mounts_read(const json_t *bundle, const char *root, const char *id, struct container *c)
{
	const json_t *mount;
	size_t i;

	json_array_foreach(json_object_get(bundle, "mounts"), i, mount)
	{
		const char *source = json_string_value(json_object_get(mount, "source"));
		const char *slash = source ? strrchr(source, '/') : NULL;
		char path[PATH_MAX];
		json_t *json;

		if (!slash || !strstr(source, id) ||
		    snprintf(path, sizeof(path), "%s%.*s/config.v2.json", root,
			     (int)(slash - source), source) >= (int)sizeof(path))
			continue;
		json = json_read(path);
		docker_read(json, id, c);
		json_decref(json);
		if (is_known(c))
			return;
	}
}

/* What the process above the container's tells. */
static void monitor_read(const char *root, const char *id, const struct container_hint *hint,
			 struct container *c)
{
	char path[2 * PATH_MAX];
	struct monitor m;
	json_t *json;

	if (!monitor_find(root, hint->pid, id, &m) && !monitor_find(root, hint->parent, id, &m))
		return;
	snprintf(path, sizeof(path), "%s%s/config.json", root, m.bundle);
	json = *m.bundle ? json_read(path) : NULL;
	bundle_read(json, id, c);
	if (!is_known(c))
		mounts_read(json, root, id, c);
	json_decref(json);
	if (!is_known(c))
		snprintf(c->name, sizeof(c->name), "%s", m.name);
}

void container_lookup(const char *root, const char *id, const struct container_hint *hint,
		      struct container *c)
{
	*c = (struct container){ 0 };
	monitor_read(root, id, hint, c);
	if (!is_known(c))
		roots_read(root, id, hint->user, c);
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
