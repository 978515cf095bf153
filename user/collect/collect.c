// SPDX-License-Identifier: BSD-3-Clause
#include "collect/collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/arrivals.h"
#include "collect/cgroups.h"
#include "collect/estimate.h"
#include "collect/inside_tls.h"
#include "collect/proportional.h"
#include "collect/slots.h"
#include "collect/task_scan.h"
#include "collect/watched.h"
#include "collect/usages.h"

#define NS_PER_SEC 1000000000ULL
#define AGE_NS	   (30 * NS_PER_SEC) /* between steps of identities towards their end */
/* ... where services or slots get scarce, or so many wait for their end; at every tick where identities get scarce */
#define AGE_FULL_NS NS_PER_SEC
#define IDLE_MANY   64
#define FORGET_NS   (10 * NS_PER_SEC)

struct collector {
	struct tables *tables;
	const struct conf *conf;
	struct registry *registry;
	struct probe_run *const *runs;
	struct services services;
	struct identities identities;
	struct arrivals *arrivals;
	struct families families;
	struct slots counters, hists;
	struct watched watched;
	struct cgroups cgroups;
	struct proportional *proportional;
	struct inside_tls *inside_tls;
	u64 read_ns, age_ns, forget_ns;
	int err; /* of the last reading */
};

/* --- reading */

static void resolve(struct collector *c)
{
	slots_resolve(&c->counters);
	slots_resolve(&c->hists);
}

/* Identities that have become another service's count for that from now on. */
static void move(struct collector *c, bool all)
{
	if (!identities_name_again(&c->identities, all))
		return;
	slots_move(&c->counters);
	slots_move(&c->hists);
	identities_moves_done(&c->identities);
}

/* When samples get scarce, services that have gone give way, the one that went first before the others. */
static void room_make(struct collector *c)
{
	u64 max = c->conf->limits.series, scarce = max - max / 8;

	while ((u64)c->registry->samples + c->registry->reserved > scarce &&
	       services_evict(&c->services, c->read_ns))
		;
}

int collector_read(struct collector *c, u64 now_ns)
{
	c->read_ns = c->registry->now_ns = now_ns;
	identities_set_now(&c->identities, now_ns);
	room_make(c);
	move(c, false);
	slots_admit(&c->counters);
	slots_admit(&c->hists);
	resolve(c);
	slots_read(&c->counters);
	slots_read(&c->hists);
	estimate_read(&c->families);
	slots_scan_begin(&c->counters);
	c->err = scan(c->runs);
	slots_resolve(&c->counters);
	slots_scan_end(&c->counters);
	task_totals_read(c->tables, &c->families);
	cgroups_read(&c->cgroups);
	usages_read(&c->families);
	proportional_read(c->proportional);
	inside_tls_read(c->inside_tls, now_ns);
	return c->err;
}

int collector_read_older(struct collector *c, u64 now_ns, u64 age_ns)
{
	if (c->read_ns && now_ns - c->read_ns <= age_ns)
		return c->err;
	return collector_read(c, now_ns);
}

int collector_arrivals_fd(const struct collector *c)
{
	return c->arrivals ? arrivals_fd(c->arrivals) : -1;
}

void collector_arrivals(struct collector *c, u64 now_ns)
{
	arrivals_read(c->arrivals, now_ns);
}

u64 collector_read_ns(const struct collector *c)
{
	return c->read_ns;
}

void collector_reconfigure(struct collector *c, const struct conf *conf, u64 now_ns)
{
	c->conf = c->identities.conf = c->families.conf = conf;
	c->services.max = (u32)conf->limits.services;
	c->registry->now_ns = now_ns;
	identities_set_now(&c->identities, now_ns);
	resolve(c);
	move(c, true);
}

/* --- numbers of the dead */

static void age(struct collector *c)
{
	/* the core's part of the scan is enough */
	if (c->runs[0]->probe->scan(c->runs[0]) || !identities_age(&c->identities))
		return;
	resolve(c);
	slots_reclaim(&c->counters);
	slots_reclaim(&c->hists);
	identities_reclaim(&c->identities);
}

/* Does some metric have hardly any slots left, which the dead would give back? */
static bool slots_scarce(const struct tables *t)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++)
		if (t->budgets[metric].used > t->budgets[metric].max / 4 * 3)
			return true;
	return false;
}

static u64 age_period_ns(const struct collector *c)
{
	if (identities_used(&c->identities) > c->tables->sizes.identities / 2)
		return 0;
	return c->services.cnt >= c->services.max || slots_scarce(c->tables) ||
			       identities_idle(&c->identities) > IDLE_MANY
		       ? AGE_FULL_NS
		       : AGE_NS;
}

void collector_tick(struct collector *c, u64 now_ns)
{
	identities_set_now(&c->identities, now_ns);
	c->age_ns = c->age_ns ?: now_ns;
	c->forget_ns = c->forget_ns ?: now_ns;
	if (now_ns - c->age_ns >= age_period_ns(c)) {
		c->age_ns = now_ns;
		age(c);
	}
	proportional_tick(c->proportional, now_ns);
	if (now_ns - c->forget_ns >= FORGET_NS) {
		c->forget_ns = now_ns;
		services_forget(&c->services, now_ns, c->conf->limits.forget_after_ns);
	}
}

/* --- what others ask */

void collector_stats(const struct collector *c, struct collector_stats *ret)
{
	*ret = (struct collector_stats){
		.services = c->services.cnt,
		.identities = identities_used(&c->identities),
		.counters = slots_used(&c->counters),
		.hists = slots_used(&c->hists),
	};
	ret->cells = ret->hists * table_hist_stride(&c->tables->sizes)
			     ?: (u32)c->tables->budgets[BUDGET_CELLS].used;
	for (unsigned m = 1; m < METRIC_MAX; m++)
		ret->dropped[m] = c->tables->budgets[m].dropped + c->counters.refused[m] +
				  c->hists.refused[m] + c->families.folded[m];
}

const char *collector_service(struct collector *c, u32 identity, u32 gen)
{
	const struct service *s;

	if (!identities_valid(&c->identities, identity, gen))
		return "unknown";
	s = identities_service(&c->identities, identity);
	return s ? s->name : NULL;
}

const char *collector_kind(const struct collector *c, const char *service)
{
	const struct service *s = services_find(&c->services, service);

	return service_kinds[s ? s->kind : SERVICE_OTHER];
}

struct watched *collector_watched(struct collector *c)
{
	return &c->watched;
}

struct inside_tls *collector_inside_tls(struct collector *c)
{
	return c->inside_tls;
}

void collector_processes(struct collector *c,
			 void (*each)(void *ctx, const char *service, int pid, u64 bytes),
			 void *ctx)
{
	proportional_each(c->proportional, each, ctx);
}

void collector_exposed(struct collector *c)
{
	c->services.exposed_ns = c->read_ns;
}

/* --- life */

static void on_named(void *ctx, struct service *s, const char *cgroup)
{
	struct collector *c = ctx;

	if (*cgroup)
		cgroups_add(&c->cgroups, s, cgroup);
}

static void on_forget(void *ctx, struct service *s)
{
	struct collector *c = ctx;

	if (services_unseen(&c->services, s))
		families_fold(&c->families, s);
	families_forget(&c->families, s);
	cgroups_drop(&c->cgroups, s);
}

int collector_family_add(struct collector *c, const struct probe_run *run)
{
	unsigned place = 0;

	while (c->runs[place] && c->runs[place] != run)
		place++;
	return families_add(&c->families, run->probe->metrics, run->metric_base, 1ULL << place);
}

static int collector_init(struct collector *c, struct worker *worker, struct worker *slow_worker)
{
	int err = services_init(&c->services, (u32)c->conf->limits.services, on_forget, c);

	err = err ?: identities_init(&c->identities, c->tables, &c->services, c->conf, worker);
	c->proportional = proportional_new(&c->families, slow_worker);
	c->inside_tls = inside_tls_new(&c->identities, c->runs, slow_worker);
	err = err ?: (c->proportional && c->inside_tls ? 0 : -ENOMEM);
	err = err ?: slots_init(&c->counters, POOL_COUNTER, c->tables, &c->families);
	err = err ?: slots_init(&c->hists, POOL_HIST, c->tables, &c->families);
	watched_init(&c->watched, &c->counters, &c->hists);
	return err;
}

struct collector *collector_new(struct tables *tables, const struct conf *conf,
				struct registry *registry, struct probe_run *const *runs,
				struct worker *worker, struct worker *slow_worker)
{
	struct collector *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->tables = tables;
	c->conf = conf;
	c->registry = registry;
	c->runs = runs;
	c->families = (struct families){ .registry = registry,
					 .identities = &c->identities,
					 .conf = conf };
	cgroups_init(&c->cgroups, &c->families);
	if (!collector_init(c, worker, slow_worker)) {
		c->identities.on_named = on_named;
		c->identities.ctx = c;
		c->arrivals = arrivals_new(&c->identities);
		return c;
	}
	collector_free(c);
	return NULL;
}

void collector_free(struct collector *c)
{
	if (!c)
		return;
	arrivals_free(c->arrivals);
	proportional_free(c->proportional);
	inside_tls_free(c->inside_tls);
	cgroups_release(&c->cgroups);
	watched_release(&c->watched);
	slots_release(&c->counters);
	slots_release(&c->hists);
	identities_release(&c->identities);
	services_release(&c->services);
	free(c);
}
