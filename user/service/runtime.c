// SPDX-License-Identifier: BSD-3-Clause
#include "service/runtime.h"

#include <jansson.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"

#define CONFIG_MAX (1U << 20) /* bytes */

/*
 * A directory and where it is configured. Of a TOML file, `section` is the table that the key is in, "" above all tables.
 * In paths $HOME, $USER and $UID are the user's; what has one of them is for containers of users.
 */
static const struct runtime_row {
	enum runtime_kind kind;
	const char *file, *section, *key; /* section NULL: JSON; file NULL: only `path` */
	const char *path;		  /* the default, NULL: none */
} rows[] = {
	{ RUNTIME_DOCKER, "$HOME/.config/docker/daemon.json", NULL, "data-root",
	  "$HOME/.local/share/docker" },
	{ RUNTIME_DOCKER, "/etc/docker/daemon.json", NULL, "data-root", "/var/lib/docker" },
	{ RUNTIME_DOCKER, "/etc/docker/daemon.json", NULL, "graph", NULL },
	{ RUNTIME_DOCKER, "/var/snap/docker/current/config/daemon.json", NULL, "data-root",
	  "/var/snap/docker/common/var-lib-docker" },
	{ RUNTIME_CONTAINERD, "/etc/containerd/config.toml", "", "state", "/run/containerd" },
	{ RUNTIME_CONTAINERD, NULL, NULL, NULL, "/run/docker/containerd" },
	{ RUNTIME_CONTAINERD, NULL, NULL, NULL, "/run/k3s/containerd" },
	{ RUNTIME_CONTAINERD, NULL, NULL, NULL, "/run/k0s/containerd" },
	{ RUNTIME_CONTAINERD, NULL, NULL, NULL, "/var/snap/microk8s/common/run/containerd" },
	{ RUNTIME_CONTAINERD, NULL, NULL, NULL, "/run/user/$UID/containerd" },
	{ RUNTIME_STORAGE, "$HOME/.config/containers/storage.conf", "storage", "graphroot",
	  "$HOME/.local/share/containers/storage" },
	{ RUNTIME_STORAGE, "/etc/containers/storage.conf", "storage", "rootless_storage_path",
	  NULL },
	{ RUNTIME_STORAGE, "$HOME/.config/containers/storage.conf", "storage", "runroot",
	  "/run/user/$UID/containers" },
	{ RUNTIME_STORAGE, "/etc/containers/storage.conf", "storage", "graphroot",
	  "/var/lib/containers/storage" },
	{ RUNTIME_STORAGE, "/usr/share/containers/storage.conf", "storage", "graphroot", NULL },
	{ RUNTIME_STORAGE, "/etc/containers/storage.conf", "storage", "runroot",
	  "/run/containers/storage" },
	{ RUNTIME_STORAGE, "/etc/crio/crio.conf", "crio", "root", NULL },
	{ RUNTIME_STORAGE, "/etc/crio/crio.conf", "crio", "runroot", NULL },
};

struct user {
	char home[PATH_MAX], name[64], uid[16];
};

static void user_find(struct user *ret, const char *root, u32 uid)
{
	char path[PATH_MAX], line[4096];
	struct passwd entry, *found;
	FILE *f = NULL;

	*ret = (struct user){ .home = "" };
	if (!uid)
		return;
	snprintf(ret->uid, sizeof(ret->uid), "%u", uid);
	if (snprintf(path, sizeof(path), "%s/etc/passwd", root) < (int)sizeof(path))
		f = fopen(path, "re");
	while (f && !fgetpwent_r(f, &entry, line, sizeof(line), &found))
		if (entry.pw_uid == uid && *entry.pw_dir == '/') {
			snprintf(ret->home, sizeof(ret->home), "%s", entry.pw_dir);
			snprintf(ret->name, sizeof(ret->name), "%s", entry.pw_name);
			break;
		}
	if (f)
		fclose(f);
}

/* The path below `root`, with what is the user's; false: it does not fit, or nothing is known of the user. */
static bool path_expand(char path[PATH_MAX], const char *root, const char *text,
			const struct user *user)
{
	const struct {
		const char *name, *value;
	} words[] = { { "$HOME", user->home }, { "$USER", user->name }, { "$UID", user->uid } };
	int n = snprintf(path, PATH_MAX, "%s", root);
	size_t len = (size_t)n;

	while (*text && len < PATH_MAX) {
		const char *value = NULL;

		for (size_t i = 0; i < sizeof(words) / sizeof(*words) && !value; i++)
			if (!strncmp(text, words[i].name, strlen(words[i].name))) {
				value = words[i].value;
				text += strlen(words[i].name);
			}
		if (value && !*value)
			return false;
		n = snprintf(path + len, PATH_MAX - len, "%.*s", value ? PATH_MAX : 1,
			     value ?: text);
		text += !value;
		len += (size_t)n;
	}
	return len < PATH_MAX;
}

/* Those files may hang, or be no files; who asks is a helper thread. */
static FILE *config_open(const char *path)
{
	int fd = regular_open(path, CONFIG_MAX);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !f)
		close(fd);
	return f;
}

static void json_value(FILE *f, const char *key, char value[PATH_MAX])
{
	json_t *json = json_loadf(f, 0, NULL);
	const char *text = json_string_value(json_object_get(json, key));

	if (text)
		snprintf(value, PATH_MAX, "%s", text);
	json_decref(json);
}

/* A line `key = "value"` or 'value' below the line `[section]`. */
static void toml_value(FILE *f, const char *section, const char *key, char value[PATH_MAX])
{
	char line[PATH_MAX + 256], name[128], here[128] = "";
	int at;

	while (fgets(line, sizeof(line), f)) {
		char *text = line + strspn(line, " \t"), quote;

		if (*text == '[' && sscanf(text, "[%127[^]]]", here) == 1)
			continue;
		if (strcmp(here, section) != 0 ||
		    sscanf(text, "%127[A-Za-z0-9_-] = %n%c", name, &at, &quote) != 2 ||
		    strcmp(name, key) != 0 || (quote != '"' && quote != '\''))
			continue;
		text += at + 1;
		text[strcspn(text, quote == '"' ? "\"\n" : "'\n")] = '\0';
		snprintf(value, PATH_MAX, "%.*s", PATH_MAX - 1, text);
	}
}

static void root_add(struct runtime_roots *r, enum runtime_kind kind, const char *root,
		     const char *path, const struct user *user)
{
	struct runtime_root *new = &r->at[r->cnt];

	if (r->cnt == RUNTIME_ROOTS || *path == '\0' || !path_expand(new->path, root, path, user))
		return;
	new->kind = kind;
	for (unsigned i = 0; i < r->cnt; i++)
		if (r->at[i].kind == kind && !strcmp(r->at[i].path, new->path))
			return;
	r->cnt++;
}

static void row_find(struct runtime_roots *r, const struct runtime_row *row, const char *root,
		     const struct user *user)
{
	char path[PATH_MAX], value[PATH_MAX] = "";
	FILE *f = NULL;

	if (row->file && path_expand(path, root, row->file, user))
		f = config_open(path);
	if (f && row->section)
		toml_value(f, row->section, row->key, value);
	else if (f)
		json_value(f, row->key, value);
	if (f)
		fclose(f);
	root_add(r, row->kind, root, value, user);
	if (row->path)
		root_add(r, row->kind, root, row->path, user);
}

void runtime_roots_find(struct runtime_roots *ret, const char *root, u32 uid)
{
	struct user user;

	ret->cnt = 0;
	user_find(&user, root, uid);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		row_find(ret, &rows[i], root, &user);
}
