// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "collect/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metric/label.h"

static struct service *service_add(struct services *t, const char *name, u64 now_ns)
{
	struct service *s = calloc(1, sizeof(*s));

	if (s)
		s->name = strdup(name);
	if (s && s->name) {
		s->used_ns = s->born_ns = now_ns;
		HASH_ADD_KEYPTR(hh, t->by_name, s->name, strlen(s->name), s);
		if (s->hh.tbl)
			return s;
	}
	if (s)
		free(s->name);
	free(s);
	return NULL;
}

static void service_forget(struct services *t, struct service *s)
{
	if (t->on_forget)
		t->on_forget(t->ctx, s);
	HASH_DEL(t->by_name, s);
	free(s->name);
	free(s);
	t->cnt--;
}

int services_init(struct services *t, u32 max, void (*on_forget)(void *, struct service *),
		  void *ctx)
{
	*t = (struct services){ .max = max, .on_forget = on_forget, .ctx = ctx };
	t->other = service_add(t, "other", 0);
	t->commands = service_add(t, "commands", 0);
	if (!t->other || !t->commands)
		return -ENOMEM;
	t->commands->kind = SERVICE_PROGRAM;
	return 0;
}

void services_release(struct services *t)
{
	struct service *s, *next;

	HASH_ITER(hh, t->by_name, s, next) {
		HASH_DEL(t->by_name, s);
		free(s->name);
		free(s);
	}
}

static bool is_unused(const struct services *t, const struct service *s, u64 now_ns, u64 age_ns)
{
	return !s->identities && s != t->other && s != t->commands && now_ns - s->used_ns > age_ns;
}

bool services_unseen(const struct services *t, const struct service *s)
{
	return s->born_ns > t->exposed_ns;
}

static bool may_give_way(const struct services *t, const struct service *s, u64 now_ns)
{
	bool told = t->exposed_ns > s->used_ns || services_unseen(t, s);

	return is_unused(t, s, now_ns, told && s->kind != SERVICE_PROGRAM ? 0 : SERVICE_KEEP_NS);
}

/* The service that gives way to a new one; NULL: there is none yet. */
static struct service *longest_unused(const struct services *t, u64 now_ns)
{
	struct service *oldest = NULL;

	for (struct service *s = t->by_name; s; s = s->hh.next)
		if (may_give_way(t, s, now_ns) && (!oldest || s->used_ns < oldest->used_ns))
			oldest = s;
	return oldest;
}

bool services_have_room(const struct services *t, u64 now_ns)
{
	return t->cnt < t->max || longest_unused(t, now_ns);
}

bool services_evict(struct services *t, u64 now_ns)
{
	struct service *unused = longest_unused(t, now_ns);

	if (unused)
		service_forget(t, unused);
	return unused;
}

static struct service *clean_find(const struct services *t, const char *clean)
{
	struct service *s;

	HASH_FIND_STR(t->by_name, clean, s);
	return s;
}

struct service *services_find(const struct services *t, const char *name)
{
	char clean[LABEL_VALUE_SIZE];

	label_clean(clean, name);
	return clean_find(t, clean);
}

struct service *services_get(struct services *t, const char *name, u64 now_ns)
{
	char clean[LABEL_VALUE_SIZE];
	struct service *s;

	label_clean(clean, name);
	s = clean_find(t, clean);
	if (s)
		return s;
	if (t->cnt >= t->max && !services_evict(t, now_ns))
		return NULL;
	s = service_add(t, clean, now_ns);
	if (s)
		t->cnt++;
	return s;
}

void services_forget(struct services *t, u64 now_ns, u64 age_ns)
{
	struct service *s, *next;

	HASH_ITER(hh, t->by_name, s, next)
		if (is_unused(t, s, now_ns, age_ns))
			service_forget(t, s);
}
