// SPDX-License-Identifier: BSD-3-Clause
#include "service/name.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/container.h"

#define MANAGERS 4 /* service managers inside each other */

/* A part of a string, not owned. */
struct part {
	const char *s;
	size_t len;
};

/* A unit, and the units above it: of service managers that have units of their own, the host's first. */
struct unit {
	struct part name;
	struct part managers[MANAGERS];
	unsigned manager_cnt;
};

/* The deepest pod, container and unit in the cgroup paths of all hierarchies. */
struct place {
	char pod[POD_UID_MAX + 1];
	struct part container;
	struct unit unit;
	bool container_id; /* `container` is an id, not a name */
	u32 user;	   /* in whose slice the container is, 0: no user's */
	unsigned pod_depth, container_depth, unit_depth;
	struct name_origin pod_at, container_at, unit_at;
};

/* A walk down a path. */
struct walk {
	const char *path;
	struct part parent;
	unsigned depth;
	u32 user;	  /* of user-1000.slice */
	struct unit unit; /* the deepest so far */
};

static bool part_strip(struct part *p, const char *suffix)
{
	size_t len = strlen(suffix);

	if (p->len < len || memcmp(p->s + p->len - len, suffix, len))
		return false;
	p->len -= len;
	return true;
}

static bool part_starts(struct part p, const char *prefix)
{
	size_t len = strlen(prefix);

	return p.len >= len && !memcmp(p.s, prefix, len);
}

static bool part_is(struct part p, const char *text)
{
	return p.len == strlen(text) && !memcmp(p.s, text, p.len);
}

static struct part part_skip(struct part p, size_t len)
{
	return (struct part){ p.s + len, p.len - len };
}

static struct part base_part(struct part path)
{
	const char *slash = memrchr(path.s, '/', path.len);

	return slash ? part_skip(path, (size_t)(slash + 1 - path.s)) : path;
}

/* The kernel appends " (deleted)" to the path of a removed or replaced file. */
static struct part path_part(const char *path)
{
	struct part p = { path, strlen(path) };

	part_strip(&p, " (deleted)");
	return p;
}

static void part_write(struct part p, char *buf, size_t size)
{
	if (p.len >= size)
		p.len = size - 1;
	memcpy(buf, p.s, p.len);
	buf[p.len] = '\0';
}

static void name_write(const char *name, char *buf, size_t size)
{
	part_write((struct part){ name, strlen(name) }, buf, size);
}

/*
 * pod<uid> or kubepods-burstable-pod<uid>.slice, in which systemd replaces the - of a uid by _. With a mismatched
 * cgroup driver the component is kubepods-burstable-pod<uid>.slice:cri-containerd:<id>.
 */
static bool pod_find(struct part p, char *uid)
{
	static const size_t lens[] = { 36, 32 }; /* of the API server, of a static pod */
	const char *colon = memchr(p.s, ':', p.len);

	if (colon)
		p.len = (size_t)(colon - p.s);
	part_strip(&p, ".slice");
	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		size_t start = p.len - lens[i];

		if (p.len < lens[i] + 3 || memcmp(p.s + start - 3, "pod", 3) ||
		    (start > 3 && p.s[start - 4] != '-'))
			continue;
		part_write(part_skip(p, start), uid, POD_UID_MAX + 1);
		for (char *c = uid; (c = strchr(c, '_'));)
			*c = '-';
		if (pod_uid_valid(uid))
			return true;
	}
	*uid = '\0';
	return false;
}

/* <id>, RUNTIME-<id>, RUNTIME-<id>.scope or SLICE:RUNTIME:<id>, but not a container's monitor (conmon). */
static bool container_find(struct part p, struct part *id)
{
	struct part prefix = p;

	part_strip(&prefix, ".scope");
	if (prefix.len < CONTAINER_ID_LEN)
		return false;
	prefix.len -= CONTAINER_ID_LEN;
	*id = (struct part){ p.s + prefix.len, CONTAINER_ID_LEN };
	if (!container_id_valid(id->s, id->len) || part_strip(&prefix, "conmon-"))
		return false;
	return !prefix.len || part_strip(&prefix, "-") || part_strip(&prefix, ":");
}

/* lxc.payload.NAME, lxc.payload/NAME or lxc/NAME. */
static bool lxc_find(struct part parent, struct part p, struct part *name)
{
	bool whole = part_is(parent, "lxc") || part_is(parent, "lxc.payload");
	size_t prefix = whole ? 0 : strlen("lxc.payload.");

	if (!whole && !part_starts(p, "lxc.payload."))
		return false;
	*name = part_skip(p, prefix);
	return name->len > 0;
}

static bool unit_find(struct part p, bool below_unit, struct part *unit)
{
	struct part stem = p;

	/* The unit of a service manager (of a user or a machine) that has units of its own. */
	if (below_unit && part_is(p, "init.scope"))
		return false;
	if ((!part_strip(&stem, ".service") && !part_strip(&stem, ".scope")) || !stem.len)
		return false;
	/* systemd prefixes names that could be mistaken for a kernel file with '_'. */
	*unit = stem.s[0] == '_' && stem.len > 1 ? part_skip(p, 1) : p;
	return true;
}

/* Of more managers than there is room for, the innermost are left out. */
static void unit_enter(struct unit *u, struct part name)
{
	if (u->name.len && u->manager_cnt < MANAGERS)
		u->managers[u->manager_cnt++] = u->name;
	u->name = name;
}

static void component_scan(struct place *place, struct walk *walk, struct part p)
{
	const struct name_origin at = { walk->path, (size_t)(p.s + p.len - walk->path) };
	struct part found;
	char uid[POD_UID_MAX + 1];

	if (part_starts(p, "user-"))
		walk->user = (u32)strtoul(p.s + strlen("user-"), NULL, 10);
	if (walk->depth > place->pod_depth && pod_find(p, uid)) {
		memcpy(place->pod, uid, sizeof(uid));
		place->pod_depth = walk->depth;
		place->pod_at = at;
	}
	if (container_find(p, &found) || lxc_find(walk->parent, p, &found)) {
		if (walk->depth <= place->container_depth)
			return;
		place->container = found;
		place->user = walk->user;
		place->container_id = container_id_valid(found.s, found.len);
		place->container_depth = walk->depth;
		place->container_at = at;
	} else if (unit_find(p, walk->unit.name.len, &found)) {
		unit_enter(&walk->unit, found);
		if (walk->depth <= place->unit_depth)
			return;
		place->unit = walk->unit;
		place->unit_depth = walk->depth;
		place->unit_at = at;
	}
}

static void path_scan(struct place *place, const char *path)
{
	struct walk walk = { .path = path, .parent = { "", 0 } };
	struct part rest = path_part(path);

	while (rest.len) {
		const char *slash = memchr(rest.s, '/', rest.len);
		struct part p = { rest.s, slash ? (size_t)(slash - rest.s) : rest.len };

		if (p.len) {
			walk.depth++;
			component_scan(place, &walk, p);
			walk.parent = p;
		}
		rest = part_skip(rest, slash ? p.len + 1 : p.len);
	}
}

static bool glob_matches(const char *pattern, const char *text)
{
	return !pattern || (*text && !fnmatch(pattern, text, 0));
}

/* The first matching path, NULL: none. */
static const char *cgroup_matching(const char *pattern, const struct service_facts *f)
{
	for (unsigned i = 0; i < f->cgroup_cnt; i++)
		if (glob_matches(pattern, f->cgroups[i]))
			return f->cgroups[i];
	return NULL;
}

/* A pattern without a slash matches the base name. */
static bool exe_matches(const char *pattern, const char *path)
{
	struct part exe = path_part(path);
	char text[PATH_MAX];

	if (!pattern)
		return true;
	part_write(strchr(pattern, '/') ? exe : base_part(exe), text, sizeof(text));
	return glob_matches(pattern, text);
}

static bool rule_matches(const struct service_match *m, const struct service_facts *f)
{
	return (!m->port || m->port == f->port) && exe_matches(m->exe, f->exe) &&
	       glob_matches(m->command, f->command) &&
	       (!m->cgroup || cgroup_matching(m->cgroup, f));
}

/* Cuts off "-SUFFIX" if SUFFIX has min to max bytes, all out of `bytes`. */
static bool part_cut(struct part *p, size_t min, size_t max, const char *bytes)
{
	size_t len = 0;

	while (len < p->len && p->s[p->len - len - 1] && strchr(bytes, p->s[p->len - len - 1]))
		len++;
	if (len < min || len > max || len + 1 >= p->len || p->s[p->len - len - 1] != '-')
		return false;
	p->len -= len + 1;
	return true;
}

/*
 * web-5d4f8c7b96-x7k2p of a Deployment, web-x7k2p of a DaemonSet or Job, web-28945620-x7k2p of a CronJob,
 * web-0 of a StatefulSet: web.
 */
static struct part pod_owner(const char *pod)
{
	static const char random[] = "bcdfghjklmnpqrstvwxz2456789", digits[] = "0123456789";
	struct part p = { pod, strlen(pod) };

	if (!part_cut(&p, 5, 5, random))
		part_cut(&p, 1, 4, digits);
	else if (!part_cut(&p, 6, 10, random))
		part_cut(&p, 8, 10, digits);
	return p;
}

static void pod_write(const struct pod *pod, char *buf, size_t size)
{
	struct part owner = pod_owner(pod->name);

	snprintf(buf, size, "%s/%.*s", pod->space, (int)owner.len, owner.s);
}

/* Names that others must not have: of what is no program, and of what has no name of its own. */
static void reserved_append(struct part name, const char *kind, char *buf, size_t size, size_t len)
{
	static const char *const reserved[] = { "kernel", "other", "unknown", "commands" };

	for (size_t i = 0; !len && i < sizeof(reserved) / sizeof(*reserved); i++)
		if (part_is(name, reserved[i])) {
			snprintf(buf, size, "%s/%s", kind, reserved[i]);
			return;
		}
	part_write(name, buf + len, size - len);
}

/* False: that takes some time yet. */
static bool place_write(const struct place *place, const struct service_facts *f,
			struct lookups *lookups, char *buf, size_t size)
{
	const struct container_hint hint = { place->user, f->pid, f->parent };
	char id[CONTAINER_ID_LEN + 1] = "";
	struct container c = { 0 };
	struct pod pod = { 0 };

	if (place->container_id)
		part_write(place->container, id, sizeof(id));
	if (*place->pod && !lookups_pod(lookups, place->pod, &pod))
		return false;
	if (*id && !*pod.name) {
		if (!lookups_container(lookups, id, &hint, &c))
			return false;
		pod = c.pod;
	}
	if (*pod.name && *pod.space)
		pod_write(&pod, buf, size);
	else if (*place->pod)
		snprintf(buf, size, "pod/%s", place->pod);
	else if (*c.name)
		reserved_append((struct part){ c.name, strlen(c.name) }, "container", buf, size, 0);
	else if (*id)
		snprintf(buf, size, "%.12s", id);
	else
		reserved_append(place->container, "container", buf, size, 0);
	return true;
}

/* Login sessions and container monitors are scopes that do not name a service. */
static bool unit_names(struct part unit)
{
	struct part stem = unit;

	if (!unit.len || !part_strip(&stem, ".scope"))
		return unit.len > 0;
	return !part_starts(unit, "session-") && !memmem(unit.s, unit.len, "-conmon-", 8);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Appends the text, in which systemd writes a - and others as \x2d. */
static void unescape_append(struct part p, char *buf, size_t size)
{
	size_t len = strlen(buf);

	for (size_t i = 0; i < p.len && len + 1 < size; i++) {
		bool escaped = i + 3 < p.len && p.s[i] == '\\' && p.s[i + 1] == 'x' &&
			       hex_digit(p.s[i + 2]) >= 0 && hex_digit(p.s[i + 3]) >= 0;

		buf[len++] = escaped ? (char)(hex_digit(p.s[i + 2]) << 4 | hex_digit(p.s[i + 3]))
				     : p.s[i];
		i += escaped ? 3 : 0;
	}
	buf[len] = '\0';
}

/* What a manager's units are told apart by: web1 of machine-web1.scope, user@1000 of user@1000.service. */
static void manager_append(struct part unit, char *buf, size_t size)
{
	static const char *const machines[] = { "systemd-nspawn@", "machine-" };
	size_t len;

	if (!part_strip(&unit, ".service"))
		part_strip(&unit, ".scope");
	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++) {
		len = strlen(machines[i]);
		if (unit.len <= len || !part_starts(unit, machines[i]))
			continue;
		unescape_append(part_skip(unit, len), buf, size);
		return;
	}
	len = strlen(buf);
	part_write(unit, buf + len, size - len);
}

/* Starts the name with those of the managers (or only the machines) above the unit. Returns its length. */
static size_t managers_write(const struct unit *u, bool machines, char *buf, size_t size)
{
	*buf = '\0';
	for (unsigned i = 0; i < u->manager_cnt; i++) {
		if (machines && part_starts(u->managers[i], "user@"))
			continue;
		manager_append(u->managers[i], buf, size);
		if (strlen(buf) + 2 < size)
			strcat(buf, "/");
	}
	return strlen(buf);
}

/* The kernel calls a memfd "memfd:NAME"; NAME may be a path, or have more behind another colon. */
static struct part memfd_part(struct part name)
{
	size_t prefix = strlen("memfd:"), len = prefix;

	if (!part_starts(name, "memfd:"))
		return name;
	while (len < name.len && name.s[len] != ':' && name.s[len] != '/')
		len++;
	return len > prefix ? (struct part){ name.s + prefix, len - prefix }
			    : (struct part){ name.s, prefix - 1 };
}

/* Of the executable, if the name is of no use. */
static struct part program_part(const struct service_facts *f)
{
	struct part name = memfd_part((struct part){ f->name, strlen(f->name) });
	struct part exe = path_part(f->exe);

	name = base_part(name);
	return name.len ? name
			: base_part(memfd_part(exe.len ? part_skip(exe, *exe.s == '/') : exe));
}

/* False: nothing is known of it. */
static bool program_write(const struct service_facts *f, const struct unit *session, char *buf,
			  size_t size)
{
	size_t len = managers_write(session, true, buf, size);
	struct part name = program_part(f);

	if (name.len)
		reserved_append(name, "program", buf, size, len);
	else
		name_write("unknown", buf + len, size - len);
	return name.len;
}

static struct name_origin rule_origin(const struct service_match *m, const struct service_facts *f)
{
	const char *path = m->cgroup ? cgroup_matching(m->cgroup, f) : NULL;

	return (struct name_origin){ path, path ? path_part(path).len : 0, false, SERVICE_RULE };
}

static void place_find(struct place *ret, const struct service_facts *f)
{
	*ret = (struct place){ 0 };
	for (unsigned i = 0; i < f->cgroup_cnt; i++)
		path_scan(ret, f->cgroups[i]);
}

void service_look_up(struct lookups *lookups, const struct service_facts *f)
{
	struct place place;
	char name[16];

	place_find(&place, f);
	if (*place.pod || place.container.len)
		place_write(&place, f, lookups, name, sizeof(name));
}

const char *const service_kinds[SERVICE_KINDS] = { "other", "rule",    "container",
						   "unit",  "command", "kernel" };

struct name_origin service_name(const struct service_rule *rules, unsigned rule_cnt,
				struct lookups *lookups, const struct service_facts *f, char *buf,
				size_t size)
{
	struct place place;

	for (unsigned i = 0; i < rule_cnt; i++)
		if (rule_matches(&rules[i].match, f)) {
			name_write(rules[i].name, buf, size);
			return rule_origin(&rules[i].match, f);
		}
	place_find(&place, f);
	if (*place.pod || place.container.len) {
		struct name_origin at = place.container.len ? place.container_at : place.pod_at;

		at.pending = !place_write(&place, f, lookups, buf, size);
		at.kind = SERVICE_CONTAINER;
		return at;
	}
	if (unit_names(place.unit.name)) {
		size_t len = managers_write(&place.unit, false, buf, size);

		part_write(place.unit.name, buf + len, size - len);
		place.unit_at.kind = SERVICE_UNIT;
		return place.unit_at;
	}
	if (!f->kernel)
		return (struct name_origin){ .kind = program_write(f, &place.unit, buf, size)
							     ? SERVICE_PROGRAM
							     : SERVICE_OTHER };
	name_write("kernel", buf, size);
	return (struct name_origin){ .kind = SERVICE_KERNEL };
}
