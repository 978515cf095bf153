// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/acquit.h"

#define BRANCH		0.2 /* of what it has grown by: worth following */
#define SOLID		0.3 /* from which on soft parts beside it are its consequences */
#define BRANCHES	3
#define WINDOW_MAX	FIND_NOW_NS
#define WINDOW_MIN	(5 * 1000000000ULL)
#define WINDOW_ABSOLUTE (15 * 1000000000ULL) /* nothing tells since when it is so */
#define GUARD_NS	(5 * 1000000000ULL)  /* between what is usual and the beginning */
#define VAGUE		0.5		     /* times the weight */
#define RATE_UP		1.5		     /* times the usual rate */

/* On the way from a symptom. */
struct way {
	const struct symptom *symptom;
	const char *services[CHAIN_MAX];
	u32 cnt;
	double share;
};

struct tracer {
	const struct symptom_params *params;
	struct trace *to;
	u64 now_ns;
};

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* --- scenes */

static struct subject subject_of(const struct tracer *t, const struct symptom *s)
{
	u64 begin = s->begin_ns, length;
	struct subject ret = { .metric = s->metric,
			       .device = s->device,
			       .operation = s->operation,
			       .service = s->service,
			       .direction = s->direction,
			       .alert = s->alert,
			       .peaks = true };

	if (s->alert)
		ret = subject_of_alert(t->params->src, s->alert);
	length = s->end_ns > begin ? s->end_ns - begin : 0;
	length = length < WINDOW_MIN ? WINDOW_MIN : length > WINDOW_MAX ? WINDOW_MAX : length;
	if (s->absolute && length > WINDOW_ABSOLUTE)
		length = WINDOW_ABSOLUTE;
	ret.window_ns = length;
	ret.ended_ns = s->ongoing ? 0 : t->now_ns - s->end_ns;
	ret.usual_ns =
		t->now_ns - (begin < s->end_ns - length ? begin : s->end_ns - length) + GUARD_NS;
	ret.began_ns = begin;
	ret.peaks = true;
	return ret;
}

static struct scene *scene_new(struct tracer *t, const struct subject *about)
{
	struct trace *to = t->to;
	struct scene *s = to->scene_cnt < SCENES_MAX ? malloc(sizeof(*s)) : NULL;

	if (!s) {
		to->incomplete = true;
		return NULL;
	}
	to->scenes[to->scene_cnt++] = s;
	if (!scene_make(s, t->params->src, about))
		return s;
	to->incomplete = true;
	return NULL;
}

static const struct part *part_like(const struct scene *s, const struct part *p)
{
	for (size_t i = 0; i < s->budget.part_cnt; i++) {
		const struct part *one = &s->budget.parts[i];

		if (one->row == p->row && one->of == p->of && one->protocol == p->protocol)
			return one;
	}
	return NULL;
}

static bool part_is(const struct part *p, const char *name)
{
	return !strcmp(p->row->name, name);
}

/* --- causes */

/* Who asks more than usual, and is not asked for more itself. */
static const char *origin(struct tracer *t, const struct scene *s)
{
	const char *ret = s->service;

	for (u32 i = 0; i < CHAIN_MAX && s && s->asker_service; i++) {
		struct subject about = s->subject;

		if (i && !(measured_rate_factor(&s->inbound) >= RATE_UP))
			break;
		ret = about.service = s->asker_service;
		about.direction = "inbound";
		about.alert = NULL;
		about.peer = about.protocol = about.device = about.operation = NULL;
		s = scene_new(t, &about);
	}
	return ret;
}

static const char *subject_name(struct tracer *t, const struct scene *s)
{
	switch (s->reason->blames) {
	case BLAMES_DEVICE:
		return s->device;
	case BLAMES_CALLEE:
		return s->callee.service ?: s->service;
	case BLAMES_PATH: /* to whom, where that is known */
		return s->callee.service && (s->callee_troubled || s->focus) ? s->callee.service
									     : s->service;
	case BLAMES_LOADER:
		return s->user_cnt ? s->users[0].service : s->device;
	case BLAMES_CPU_USER:
		return s->cpu_user ?: s->service;
	case BLAMES_CALLER:
		return origin(t, s);
	default:
		return s->service ?: s->device;
	}
}

void cause_victim_add(struct cause *c, const char *service)
{
	if (!service || find_is_anonymous(service))
		return;
	for (u32 i = 0; i < c->victim_cnt; i++)
		if (!strcmp(c->victims[i], service))
			return;
	if (c->victim_cnt < VICTIMS_MAX)
		c->victims[c->victim_cnt++] = service;
	else
		c->victims_omitted++;
}

/* Who is nearest to the cause comes first. */
static void victims_add(struct cause *c, const struct way *w)
{
	for (u32 i = w->cnt; i > 0; i--)
		cause_victim_add(c, w->services[i - 1]);
	if (!w->symptom->service)
		for (size_t i = 0; i < c->scene->waiter_cnt; i++)
			cause_victim_add(c, c->scene->waiters[i].service);
}

/* What is on the way to a service is not the service. */
static bool is_same_cause(const struct cause *c, const struct scene *s, const char *subject)
{
	return is_same(c->subject, subject) &&
	       (c->scene->reason->blames == BLAMES_PATH) == (s->reason->blames == BLAMES_PATH);
}

/* Keeps the weightiest first. */
static void cause_sort(struct trace *t, u32 at)
{
	struct cause c = t->causes[at];

	for (; at > 0 && t->causes[at - 1].weight < c.weight; at--)
		t->causes[at] = t->causes[at - 1];
	t->causes[at] = c;
}

/* Does the symptom count with this reason? Where little is known of the one, the other has to be clear. */
static bool is_enough(const struct symptom *s, const struct scene *scene)
{
	const struct reason *r = scene->reason;
	bool clear = !r->vague && r->kind != REASON_SOFTWARE && r->kind != REASON_OWN_LOAD &&
		     r->kind != REASON_NEIGHBOUR;

	if (s->absolute)
		return s->severe || clear || r->outright;
	return s->severe || (!s->weak && !r->vague);
}

static bool way_has(const struct way *w, const char *service)
{
	for (u32 i = 0; i < w->cnt; i++)
		if (!strcmp(w->services[i], service))
			return true;
	return false;
}

/* Has it to do with the service that is asked about: as who suffers, as who is blamed, or on the way between them? */
static bool concerns(const struct tracer *t, const struct way *w, const struct scene *s,
		     const char *subject)
{
	const char *service = t->params->service;

	if (!service || way_has(w, service) || (subject && !strcmp(subject, service)))
		return true;
	for (size_t i = 0; !w->symptom->service && i < s->waiter_cnt; i++)
		if (!strcmp(s->waiters[i].service, service))
			return true;
	return false;
}

/* Who asks about a service wants to know what is clearly not as usual there, though nothing more than where is known. */
static bool is_asked_about(const struct tracer *t, const struct symptom *s)
{
	return t->params->service && s->service && !strcmp(s->service, t->params->service) &&
	       symptom_is_about_requests(s) && !s->weak && !s->absolute;
}

static void cause_add(struct tracer *t, const struct way *w, const struct scene *s)
{
	const char *subject = subject_name(t, s);
	double weight = w->symptom->weight * w->share * (s->reason->vague ? VAGUE : 1);
	struct trace *to = t->to;
	struct cause *c;
	double score;
	u32 at = 0;

	while (at < to->cause_cnt && !is_same_cause(&to->causes[at], s, subject))
		at++;
	c = &to->causes[at];
	if (at == to->cause_cnt) {
		if (at == CAUSES_MAX) {
			to->incomplete = true;
			return;
		}
		to->cause_cnt++;
		*c = (struct cause){ .subject = subject };
	}
	score = weight * (symptom_is_about_requests(w->symptom) ? 1 + w->cnt : 1) *
		(s->reason->vague ? VAGUE : 1);
	if (!c->scene || score > c->score) {
		c->scene = s;
		c->symptom = w->symptom;
		c->share = w->share;
		c->score = score;
		memcpy(c->chain, w->services, sizeof(c->chain));
		c->chain_cnt = w->cnt;
	}
	c->weight += weight;
	c->concerns |= concerns(t, w, s, subject);
	c->strong |= is_enough(w->symptom, s) || is_asked_about(t, w->symptom);
	c->suffered |= symptom_is_about_requests(w->symptom);
	c->symptoms++;
	victims_add(c, w);
	cause_sort(to, at);
}

/* --- following */

/* Does the row name anything at all? */
static bool is_specific(const struct scene *s)
{
	return s && s->reason->kind != REASON_UNKNOWN && strcmp(s->reason->name, "requests") != 0 &&
	       strcmp(s->reason->name, "replaced") != 0;
}

static bool walk_slow(struct tracer *t, struct way *w, const struct subject *about);

static bool is_local(const struct tracer *t, const char *service)
{
	static const char *const metrics[] = { "seismo_processes", "seismo_cpu_seconds_total" };
	const struct condition where[] = { { "service", service }, { NULL } };
	bool ret = false;

	for (size_t i = 0; i < sizeof(metrics) / sizeof(*metrics) && !ret; i++) {
		struct group g;

		group_find(&g, t->params->src->registry, metrics[i], where);
		ret = g.cnt > 0;
		group_release(&g);
	}
	return ret;
}

static bool settle(struct tracer *t, struct way *w, struct scene *s);

/* Its requests fail, or it does not answer: whichever of the two has a reason. */
static bool walk_broken(struct tracer *t, struct way *w, const struct subject *about)
{
	static const char *const metrics[] = { "seismo_requests_total",
					       "seismo_request_oldest_seconds" };

	for (size_t i = 0; i < sizeof(metrics) / sizeof(*metrics); i++) {
		struct subject of = *about;
		struct scene *s;

		of.metric = metrics[i];
		s = scene_new(t, &of);
		if (!s)
			return false;
		reason_find(s);
		if (!s->reason->vague)
			return settle(t, w, s);
	}
	return walk_slow(t, w, about);
}

/* Goes on to whom the service asks. False: nothing is found there. */
static bool follow(struct tracer *t, struct way *w, const struct scene *s)
{
	const char *callee = s->callee.service;
	struct subject about = s->subject;
	struct way on = *w;
	bool slow = !strcmp(s->subject.metric, "seismo_request_duration_seconds");

	if (!callee || on.cnt == CHAIN_MAX || way_has(w, callee) || !is_local(t, callee))
		return false;
	on.services[on.cnt++] = callee;
	about.alert = NULL;
	about.service = callee;
	about.direction = "inbound";
	about.peer = about.protocol = about.device = about.operation = NULL;
	if (!slow)
		return walk_broken(t, &on, &about);
	about.metric = "seismo_request_duration_seconds";
	return walk_slow(t, &on, &about);
}

/*
 * The scene has a reason: it is the first cause unless somebody is behind it. What the callee itself does not know its caller may: that
 * it is away, or silent.
 */
static bool settle(struct tracer *t, struct way *w, struct scene *s)
{
	if (s->reason->blames == BLAMES_CALLEE && follow(t, w, s))
		return true;
	cause_add(t, w, s);
	return !s->reason->vague || is_specific(s);
}

struct branch {
	struct part part;
	double growth;
	bool solid;
};

/* May be what others suffer from that hold the service up, rather than what holds it up. */
static bool is_soft(const struct part *p)
{
	static const char *const soft[] = { "cpu",	     "cpu_wait",      "connect",
					    "locks_at_most", "sleep_at_most", NULL };

	for (const char *const *n = soft; *n; n++)
		if (part_is(p, *n))
			return true;
	return false;
}

/* Parts that take what the time has grown by, the largest first; of those that may be consequences only if there are no others. */
static u32 branches_find(const struct scene *s, struct branch ret[PARTS_MAX])
{
	bool solid = false;
	u32 cnt = 0, kept = 0;

	for (size_t i = 0; i < s->budget.part_cnt; i++) {
		const struct part *p = &s->budget.parts[i];
		double growth = scene_growth(s, p);
		struct branch b = { *p, isnan(growth) ? scene_share(s, p) : growth, !is_soft(p) };
		u32 at = cnt;

		/* that requests wait to be read has the same reason as that they are not answered */
		if (!(b.growth >= BRANCH) || part_is(p, "queue"))
			continue;
		solid |= b.solid && b.growth >= SOLID;
		for (; at > 0 && ret[at - 1].growth < b.growth; at--)
			ret[at] = ret[at - 1];
		ret[at] = b;
		cnt++;
	}
	for (u32 i = 0; i < cnt; i++)
		if (!solid || ret[i].solid || ret[i].growth >= 1 - SOLID)
			ret[kept++] = ret[i];
	return kept < BRANCHES ? kept : BRANCHES;
}

static bool branch_follow(struct tracer *t, const struct way *w, const struct subject *about,
			  const struct branch *b)
{
	struct subject of = *about;
	struct way on = *w;
	struct scene *s;

	if (part_is(&b->part, "disk") || part_is(&b->part, "io_limit"))
		of.device = b->part.of;
	if (part_is(&b->part, "outbound")) {
		of.peer = b->part.of;
		of.protocol = b->part.protocol;
	}
	s = scene_new(t, &of);
	if (!s)
		return false;
	s->focus = part_like(s, &b->part);
	reason_find(s);
	on.share *= b->growth < 1 ? b->growth : 1;
	return settle(t, &on, s);
}

/* Follows each part that its time has grown by. Returns whether there is a reason. */
static bool walk_slow(struct tracer *t, struct way *w, const struct subject *about)
{
	struct scene *s = scene_new(t, about);
	struct branch branches[PARTS_MAX];
	bool found = false;
	u32 cnt;

	if (!s)
		return false;
	cnt = branches_find(s, branches);
	for (u32 i = 0; i < cnt; i++)
		found |= branch_follow(t, w, about, &branches[i]);
	if (cnt)
		return found;
	reason_find(s);
	return settle(t, w, s);
}

static void symptom_walk(struct tracer *t, const struct symptom *s)
{
	struct way w = { .symptom = s, .share = 1 };
	struct subject about = subject_of(t, s);
	struct scene *scene;

	if (s->service)
		w.services[w.cnt++] = s->service;
	if (s->kind == SYMPTOM_SLOW) {
		walk_slow(t, &w, &about);
		return;
	}
	scene = scene_new(t, &about);
	if (!scene)
		return;
	reason_find(scene);
	settle(t, &w, scene);
}

/* --- what counts */

static bool is_explained(const struct trace *t, const struct symptom *s)
{
	for (u32 i = 0; i < t->cause_cnt; i++) {
		const struct cause *c = &t->causes[i];

		if (is_same(c->subject, s->service ?: s->device))
			return true;
		for (u32 k = 0; s->service && k < c->victim_cnt; k++)
			if (!strcmp(c->victims[k], s->service))
				return true;
	}
	return false;
}

/* Its calls fail at the limit that requests were found to fail for: however few of these, that is clear. */
static void limit_confirms(struct trace *t, const struct symptom *s)
{
	for (u32 i = 0; i < t->cause_cnt; i++)
		if (s->kind == SYMPTOM_LIMIT && !s->weak && t->causes[i].suffered &&
		    t->causes[i].scene->reason->kind == REASON_QUOTA &&
		    is_same(t->causes[i].subject, s->service))
			t->causes[i].strong = true;
}

/* Does anybody ask it? */
static bool is_serving(const struct tracer *t, const char *service)
{
	const struct condition where[] = { { "service", service },
					   { "direction", "inbound" },
					   { NULL } };
	struct group g;
	bool ret;

	group_find(&g, t->params->src->registry, "seismo_requests_total", where);
	ret = g.cnt > 0;
	group_release(&g);
	return ret;
}

#define MOMENT_S 1.0

/* A program that runs for a moment only, and that nobody starts as a service: that is how grep and rmdir say no. */
static bool is_short_command(const struct tracer *t, const struct symptom *s)
{
	const struct registry *r = t->params->src->registry;
	const struct condition where[] = { { "service", s->service }, { NULL } };
	const char *dot = strrchr(s->service, '.');
	double lived = 0, ended = 0;
	struct history_window w;
	struct group g;

	if (strcmp(s->metric, "seismo_process_exits_total") != 0 ||
	    (dot && !strcmp(dot, ".service")) ||
	    !history_window_past(t->params->src->history, t->now_ns - s->begin_ns,
				 t->now_ns - s->end_ns, &w))
		return false;
	group_find(&g, r, "seismo_processes", where);
	for (size_t i = 0; i < g.cnt; i++) {
		struct history_gauge live;

		history_gauge(&w, g.at[i], &live);
		lived += live.mean * (double)(w.end_ns - w.begin_ns) / 1e9;
	}
	group_release(&g);
	group_find(&g, r, s->metric, where);
	for (size_t i = 0; i < g.cnt; i++)
		ended += series_increase(g.at[i], &w);
	group_release(&g);
	return lived < MOMENT_S * ended;
}

void trace_make(struct trace *to, const struct symptom_params *p, const struct symptoms *list)
{
	struct tracer t = { p, to, p->src->registry->now_ns };

	*to = (struct trace){ .cause_cnt = 0 };
	for (u32 i = 0; i < list->cnt; i++)
		if (symptom_is_about_requests(&list->at[i]) || list->at[i].device ||
		    list->at[i].alert)
			symptom_walk(&t, &list->at[i]);
	for (u32 i = 0; i < list->cnt; i++) {
		const struct symptom *s = &list->at[i];

		limit_confirms(to, s);
		if (symptom_is_about_requests(s) || s->device || s->alert || is_explained(to, s))
			continue;
		if (is_serving(&t, s->service) || s->kind == SYMPTOM_BLOCKED)
			symptom_walk(&t, s);
		else if ((!p->service || !strcmp(p->service, s->service)) &&
			 !is_short_command(&t, s))
			to->notes[to->note_cnt++] = s;
	}
}

void trace_release(struct trace *t)
{
	for (u32 i = 0; i < t->scene_cnt; i++) {
		scene_release(t->scenes[i]);
		free(t->scenes[i]);
	}
	t->scene_cnt = 0;
}
