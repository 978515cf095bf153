// SPDX-License-Identifier: BSD-3-Clause
#include "collect/usages.h"

#include <stdlib.h>
#include <string.h>

/* What one identity has noted of one cgroup. */
struct use {
	struct service *service;
	struct cgroup_usage *usage;
	u64 serial;
	unsigned first; /* number of its first value, see struct metric */
};

struct uses {
	struct use *use;
	size_t cnt, max;
};

static void use_add(struct uses *u, struct service *s, struct cgroup_usage *usage, unsigned first)
{
	u64 serial = __atomic_load_n(&usage->serial, __ATOMIC_ACQUIRE);

	if (serial && u->cnt < u->max)
		u->use[u->cnt++] = (struct use){ s, usage, serial, first };
}

static void identity_uses(struct uses *u, struct service *s, struct cgroup_usages *row)
{
	use_add(u, s, &row->pressure, USAGE_PRESSURE);
	for (unsigned i = 0; i < CGROUP_QUOTAS; i++)
		use_add(u, s, &row->quota[i], USAGE_QUOTA);
}

static int use_compare(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->service != y->service)
		return x->service < y->service ? -1 : 1;
	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

/* Adds to the family that has this value, if any. False: there is no memory. */
static bool value_add(struct families *t, struct service *s, unsigned value, u64 grown)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++) {
		struct family *f = t->by_number[metric];
		struct series *series;
		bool refused;

		if (!f || value < f->metric->usage ||
		    value >= f->metric->usage + f->metric->usage_cnt)
			continue;
		series = families_series(t, f, s, value - f->metric->usage, &refused);
		if (!series)
			return false;
		*series->value += (s64)grown;
	}
	return true;
}

/* The identities of a service that are in the same cgroup: from the least that one has counted to the most that one has seen. */
static void group_read(struct families *t, struct use *use, size_t cnt)
{
	for (unsigned i = 0; i < USAGE_VALUES; i++) {
		u64 counted = ~0ULL, now = 0;

		for (size_t n = 0; n < cnt; n++) {
			const struct cgroup_usage *u = use[n].usage;

			counted = u->counted[i] < counted ? u->counted[i] : counted;
			now = u->now[i] > now ? u->now[i] : now;
		}
		if (!now ||
		    (now >= counted && !value_add(t, use->service, use->first + i, now - counted)))
			continue;
		for (size_t n = 0; n < cnt; n++)
			if (use[n].usage->serial ==
			    use[n].serial) /* else it is another cgroup by now */
				use[n].usage->counted[i] = now;
	}
}

/* The end of the identities in use. */
static u32 identities_end(const struct identities *ids)
{
	u32 end = ids->tables->sizes.identities;

	while (end > 1 && !ids->tables->states[end - 1].live)
		end--;
	return end;
}

void usages_read(struct families *t)
{
	struct identities *ids = t->identities;
	u32 end = identities_end(ids);
	struct uses u = { .max = (size_t)end * (1 + CGROUP_QUOTAS) };

	u.use = malloc(u.max * sizeof(*u.use));
	/* rows stay where they are once the last one is mapped */
	if (!u.use || !table_row(&ids->tables->usages, end - 1)) {
		free(u.use);
		return;
	}
	for (u32 id = 1; id < end; id++) {
		struct service *s =
			ids->tables->states[id].live ? identities_service(ids, id) : NULL;
		struct cgroup_usages *row = s ? table_row(&ids->tables->usages, id) : NULL;

		if (row)
			identity_uses(&u, s, row);
	}
	qsort(u.use, u.cnt, sizeof(*u.use), use_compare);
	for (size_t i = 0, n; i < u.cnt; i += n) {
		for (n = 1; i + n < u.cnt && !use_compare(&u.use[i], &u.use[i + n]); n++)
			;
		group_read(t, &u.use[i], n);
	}
	free(u.use);
}
