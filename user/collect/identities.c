// SPDX-License-Identifier: BSD-3-Clause
#include "collect/identities.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/identity.h"

#define IDLE_UNLINK \
	2	     /* task scans without a task, after which no task gets the identity any more */
#define IDLE_REUSE 3 /* ... and after which its number is free */

#define SHORT_COMMAND_NS (60 * 1000000000ULL) /* who lives for as long is none */

int identities_init(struct identities *t, struct tables *tables, struct services *services,
		    const struct conf *conf, struct worker *worker)
{
	*t = (struct identities){ .tables = tables,
				  .services = services,
				  .conf = conf,
				  .lookups = { .root = lookups_host_root(), .worker = worker } };
	t->owners = calloc(tables->sizes.identities, sizeof(*t->owners));
	return t->owners ? 0 : -ENOMEM;
}

void identities_release(struct identities *t)
{
	lookups_release(&t->lookups);
	free(t->owners);
}

void identities_set_now(struct identities *t, u64 now_ns)
{
	t->now_ns = t->lookups.now_ns = now_ns;
}

static void owner_set(struct identities *t, struct identity_owner *o, struct service *s)
{
	if (o->service == s)
		return;
	service_take(s);
	if (o->service) {
		service_put(o->service, t->now_ns);
		o->moved = true;
	}
	o->service = s;
}

/* Is the identity's program more than a short command, or has one of its processes lived long enough? */
static bool matters(const struct identities *t, u32 id)
{
	u64 since_ns = t->tables->task_totals[id].since_ns;

	return t->tables->states[id].matters ||
	       (since_ns && t->now_ns > since_ns && t->now_ns - since_ns >= SHORT_COMMAND_NS);
}

/* ... or was it, and its service is still known? So a daemon that crashes in a loop keeps its name. */
static bool mattered(const struct identities *t, const char *name)
{
	const struct service *s = services_find(t->services, name);

	return s && s->matters;
}

/* The service of an identity with this name; NULL: there is no room for it. */
static struct service *owner_service(struct identities *t, u32 id,
				     const struct identity_origin *from)
{
	struct identity_owner *o = &t->owners[id];
	struct service *s;

	o->is_short =
		from->kind == SERVICE_PROGRAM && !matters(t, id) && !mattered(t, from->service);
	if (o->is_short && t->conf->short_commands == SHORT_COMMANDS_FOLD)
		return t->services->commands;
	s = services_get(t->services, from->service, t->now_ns);
	if (!s)
		return NULL;
	s->kind = from->kind;
	if (s->kind == SERVICE_PROGRAM && !o->is_short && !s->matters)
		s->matters = t->promoted = true;
	return s;
}

/* Names the identity, as soon as that is possible. */
static void owner_name(struct identities *t, u32 id, const struct identity *row)
{
	struct identity_owner *o = &t->owners[id];
	struct identity_origin from;
	struct service *s;

	o->pending = !identity_name(row, t->conf, &t->lookups, &from);
	if (o->pending)
		return;
	s = owner_service(t, id, &from);
	o->refused = !s;
	owner_set(t, o, s ? s : t->services->other);
	if (s && t->on_named)
		t->on_named(t->ctx, s, from.cgroup);
}

struct service *identities_service(struct identities *t, u32 id)
{
	const struct identity *row;

	if (id == IDENTITY_OTHER || id >= t->tables->sizes.identities)
		return t->services->other;
	if (!t->owners[id].service) {
		/* a late event of one that is gone, whose row must not name the next one */
		if (!__atomic_load_n(&t->tables->states[id].live, __ATOMIC_ACQUIRE))
			return NULL;
		row = table_row(&t->tables->identities, id);
		if (!row)
			return t->services->other;
		owner_name(t, id, row);
	}
	return t->owners[id].service;
}

bool identities_valid(const struct identities *t, u32 id, u32 gen)
{
	return id < t->tables->sizes.identities && t->tables->states[id].gen == gen;
}

bool identities_name_again(struct identities *t, bool all)
{
	bool any = false, room = services_have_room(t->services, t->now_ns);
	bool promoted = t->promoted;

	t->promoted = false;
	for (u32 id = 1; id < t->tables->sizes.identities; id++) {
		struct identity_owner *o = &t->owners[id];
		const struct identity *row;

		if (!o->service || !(all || o->pending || (o->refused && room) ||
				     (o->is_short && (promoted || matters(t, id)))))
			continue;
		row = table_row(&t->tables->identities, id);
		if (!row)
			continue;
		owner_name(t, id, row);
		any |= o->moved;
		room &= !o->refused;
	}
	return any;
}

void identities_moves_done(struct identities *t)
{
	for (u32 id = 1; id < t->tables->sizes.identities; id++)
		t->owners[id].moved = false;
}

static void identity_unlink(struct identities *t, u32 id)
{
	identities_service(t, id); /* as long as the row tells its name */
	__atomic_fetch_add(&t->tables->states[id].gen, 1, __ATOMIC_SEQ_CST);
	tables_identity_unlink(t->tables, id);
}

bool identities_age(struct identities *t)
{
	bool any = false;

	for (u32 id = 1; id < t->tables->sizes.identities; id++) {
		struct identity_owner *o = &t->owners[id];

		if (!t->tables->states[id].live || t->tables->task_totals[id].tasks) {
			o->idle = 0;
			continue;
		}
		if (o->idle < IDLE_REUSE && ++o->idle == IDLE_UNLINK)
			identity_unlink(t, id);
		o->dying = o->idle == IDLE_REUSE && identities_service(t, id);
		any |= o->dying;
	}
	return any;
}

static void row_clear(struct table *t, u32 id)
{
	void *row = table_row(t, id);

	if (row)
		memset(row, 0, t->row_size);
}

/* What the kernel side keeps by identity. */
static void identity_clear(struct tables *tables, u32 id)
{
	row_clear(&tables->usages, id);
	for (unsigned i = 0; i < tables->slot_cache_cnt; i++)
		row_clear(&tables->slot_caches[i], id);
}

void identities_reclaim(struct identities *t)
{
	for (u32 id = 1; id < t->tables->sizes.identities; id++) {
		struct identity_owner *o = &t->owners[id];

		if (!o->dying)
			continue;
		identity_clear(t->tables, id);
		if (o->service)
			service_put(o->service, t->now_ns);
		*o = (struct identity_owner){ 0 };
		t->tables->states[id].matters = 0;
		t->tables->states[id].failures = 0;
		t->tables->states[id].live = 0;
		/* who found the row just before it was unlinked may have read the number after that */
		__atomic_fetch_add(&t->tables->states[id].gen, 1, __ATOMIC_SEQ_CST);
		tables_free(t->tables, POOL_IDENTITY, id);
	}
}

u32 identities_idle(const struct identities *t)
{
	u32 idle = 0;

	for (u32 id = 1; id < t->tables->sizes.identities; id++)
		idle += t->tables->states[id].live && !t->tables->task_totals[id].tasks;
	return idle;
}

u32 identities_used(const struct identities *t)
{
	u32 used = 0;

	for (u32 id = 1; id < t->tables->sizes.identities; id++)
		used += t->tables->states[id].live != 0;
	return used;
}
