// SPDX-License-Identifier: BSD-3-Clause
/*
 * How often a rule with a baseline is right: queues of disks and services are simulated, with loads as they are and as they
 * change, and slowed down now and then. SEISMO_LONG=1 compares other statistics, factors and times as well.
 */
#include "rule/baseline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define TICK_S	  5
#define SECOND	  1000000000ULL
#define TICK_NS	  (TICK_S * SECOND)
#define FUTURE	  512 /* ticks */
#define KEY	  42
#define SERVERS	  16
#define CLIENTS	  32
#define BACKLOG_S 60 /* who would have to wait longer goes away */

/* A queue with several servers. Service times are of two kinds, each lognormal. */
struct workload {
	const char *name;
	unsigned servers;
	double ms[2], sigma[2];
	double share,
		swing; /* of the second kind, and how much that share goes up and down, within minutes */
	double rate;	  /* open loop: arrivals per second */
	double night;	  /* ... by night, times as few; 0: always the same */
	unsigned clients; /* closed loop */
	double think_ms;
	double burst_every_s, burst_s, burst_times; /* of open arrivals */
	double idle_every_s, idle_s;		    /* nothing arrives */
	double backup_every_s,
		backup_s; /* 4 more clients that read 512 KiB, in 2 ms, without a pause */
	double hours;
};

static const struct workload workloads[] = {
	{ "SSD, one client", 8, { 0.1 }, { 0.25 }, .clients = 1, .think_ms = 10, .hours = 3 },
	{ "SSD, 16 clients", 8, { 0.2 }, { 0.4 }, .clients = 16, .think_ms = 100, .hours = 3 },
	{ "SSD with write cache, 1 of 20 waits",
	  4,
	  { 0.05, 4 },
	  { 0.3, 0.5 },
	  0.05,
	  0.03,
	  .rate = 60,
	  .hours = 3 },
	{ "disk with cache, hits and misses",
	  1,
	  { 0.1, 8 },
	  { 0.3, 0.4 },
	  0.5,
	  0.25,
	  .rate = 60,
	  .hours = 3 },
	{ "disk, 1 %", 1, { 8 }, { 0.5 }, .rate = 3, .hours = 12 },
	{ "disk, 10 %", 1, { 8 }, { 0.5 }, .rate = 11, .hours = 6 },
	{ "disk, 30 %", 1, { 8 }, { 0.5 }, .rate = 33, .hours = 4 },
	{ "disk, 60 %", 1, { 8 }, { 0.5 }, .rate = 66, .hours = 3 },
	{ "disk, 75 %", 1, { 8 }, { 0.5 }, .rate = 83, .hours = 3 },
	{ "disk, 90 %", 1, { 8 }, { 0.5 }, .rate = 99, .hours = 3 },
	{ "disk, 4 clients", 1, { 8 }, { 0.5 }, .clients = 4, .think_ms = 40, .hours = 3 },
	{ "disk, saturated by 8 clients", 1, { 8 }, { 0.5 }, .clients = 8, .hours = 3 },
	{ "disk, day and night", 1, { 8 }, { 0.5 }, .rate = 70, .night = 10, .hours = 6 },
	{ "disk, burst each minute",
	  1,
	  { 6 },
	  { 0.5 },
	  .rate = 15,
	  .burst_every_s = 60,
	  .burst_s = 5,
	  .burst_times = 8,
	  .hours = 4 },
	{ "disk, idle for 4 of 5 minutes",
	  1,
	  { 6 },
	  { 0.5 },
	  .rate = 40,
	  .idle_every_s = 300,
	  .idle_s = 240,
	  .hours = 18 },
	{ "disk, backup each hour",
	  4,
	  { 2 },
	  { 0.6 },
	  .rate = 40,
	  .backup_every_s = 3600,
	  .backup_s = 600,
	  .hours = 4 },
	{ "flushes, 3 a second", 1, { 4 }, { 0.8 }, .rate = 3, .hours = 12 },
	{ "service, 8 threads", 8, { 20 }, { 0.7 }, .rate = 60, .hours = 3 },
	{ "service, long tail", 16, { 5 }, { 1.5 }, .rate = 60, .hours = 3 },
	{ "service, long tail, 4 a second", 16, { 20 }, { 1.3 }, .rate = 4, .hours = 12 },
	{ "service, few dear requests",
	  16,
	  { 5, 300 },
	  { 0.5, 0.5 },
	  0.02,
	  0.018,
	  .rate = 40,
	  .hours = 4 },
	{ "service, half dear requests",
	  16,
	  { 5, 100 },
	  { 0.5, 0.5 },
	  0.5,
	  0.3,
	  .rate = 40,
	  .hours = 4 },
	{ "service, day and night, bursts",
	  4,
	  { 15 },
	  { 0.8 },
	  .rate = 60,
	  .night = 8,
	  .burst_every_s = 60,
	  .burst_s = 4,
	  .burst_times = 3,
	  .hours = 6 },
	{ "callee, one client", 4, { 30 }, { 0.6 }, .clients = 1, .think_ms = 100, .hours = 6 },
};
#define WORKLOADS (sizeof(workloads) / sizeof(*workloads))

static const double magnitudes[] = { 2, 3, 5, 20 };
#define MAGNITUDES (sizeof(magnitudes) / sizeof(*magnitudes))

/* After half an hour something gets slow each 7 minutes or so: half of the time by what nobody has to notice, see run(). */
#define QUIET_S 1800
#define EVERY_S 420
#define FAULT_S 60

static u64 random_state;

static double uniform(void) /* within (0, 1) */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return ((double)((random_state * 0x2545f4914f6cdd1dULL) >> 11) + 0.5) / 9007199254740992.0;
}

static double exponential(double mean)
{
	return -mean * log(uniform());
}

static double lognormal(double median, double sigma)
{
	return median * exp(sigma * sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform()));
}

struct sim {
	const struct workload *w;
	double now; /* seconds, of the next open arrival */
	double free_at[SERVERS], client_at[CLIENTS], backup_at[4];
	double slow, slow_begin, slow_end; /* so many times slower within this time */
	struct {
		struct hist hist;
		double bytes;
	} future[FUTURE]; /* by tick in which a request ends */
	u64 tick;
};

static bool within(double t, double every_s, double s)
{
	return every_s > 0 && fmod(t, every_s) < s;
}

static double open_rate(const struct workload *w, double t)
{
	double rate = w->rate;

	if (within(t, w->idle_every_s, w->idle_s))
		return 0;
	if (w->night > 0) /* a day of two hours */
		rate /= exp2(log2(w->night) * (0.5 - 0.5 * cos(t / 7200 * 2 * M_PI)));
	return within(t, w->burst_every_s, w->burst_s) ? rate * w->burst_times : rate;
}

static unsigned bucket_of(double seconds)
{
	double i = ceil((log2(seconds) - HIST_MIN_EXP) * HIST_SUB);

	return i < 0 ? 0 : i > HIST_BUCKETS - 1 ? HIST_BUCKETS - 1 : (unsigned)i;
}

/* A request arrives. Returns when it has been served. */
static double serve(struct sim *s, double at, double service_s, double bytes)
{
	unsigned best = 0;
	double begin, end;
	u64 tick;

	for (unsigned i = 1; i < s->w->servers; i++)
		best = s->free_at[i] < s->free_at[best] ? i : best;
	begin = s->free_at[best] > at ? s->free_at[best] : at;
	if (begin - at > BACKLOG_S)
		return at + BACKLOG_S;
	end = begin + service_s * (begin >= s->slow_begin && begin < s->slow_end ? s->slow : 1);
	s->free_at[best] = end;
	tick = (u64)(end / TICK_S);
	assert_true(tick >= s->tick && tick < s->tick + FUTURE);
	s->future[tick % FUTURE].hist.bucket[bucket_of(end - at)]++;
	s->future[tick % FUTURE].hist.sum_ns += (u64)((end - at) * 1e9);
	s->future[tick % FUTURE].bytes += bytes;
	return end;
}

static double service_time(const struct workload *w, double t)
{
	double share = w->share + w->swing * sin(t / 1100 * 2 * M_PI) * sin(t / 190 * 2 * M_PI);
	unsigned kind = share > 0 && uniform() < share;

	return lognormal(w->ms[kind], w->sigma[kind]) / 1000;
}

static double *earliest(double *at, unsigned cnt)
{
	double *best = cnt ? at : NULL;

	for (unsigned i = 1; i < cnt; i++)
		best = at[i] < *best ? at + i : best;
	return best;
}

/* What happens next before `end`, in the order of arrival. */
static bool step(struct sim *s, double end)
{
	double *client = earliest(s->client_at, s->w->clients), *backup = NULL;
	double rate = open_rate(s->w, s->now), client_at = client ? *client : INFINITY,
	       backup_at = INFINITY, next;

	if (s->w->backup_every_s > 0) {
		backup = earliest(s->backup_at, 4);
		if (!within(*backup, s->w->backup_every_s, s->w->backup_s))
			*backup =
				(floor(*backup / s->w->backup_every_s) + 1) * s->w->backup_every_s;
		backup_at = *backup;
	}
	next = fmin(fmin(s->now, client_at), backup_at);
	if (next >= end)
		return false;
	if (next == client_at) {
		*client = serve(s, next, service_time(s->w, next), 8192) +
			  exponential(s->w->think_ms / 1000 + 1e-6);
	} else if (next == backup_at) {
		*backup = serve(s, next, lognormal(2, 0.2) / 1000, 524288) + 1e-6;
	} else {
		/* the rate may change: look again at least twice a second */
		double wait = rate > 0 ? exponential(1 / rate) : INFINITY;

		if (wait < 0.5) {
			s->now += wait;
			serve(s, s->now, service_time(s->w, s->now), 8192);
		} else {
			s->now += 0.5;
		}
	}
	return true;
}

/* How a rule is written. */
struct rule {
	const char *name;
	double quantile; /* < 0: mean */
	double factor;
	unsigned window, pending; /* ticks: window, for */
};

#define WINDOW_MAX 12

struct judge {
	const struct rule *rule;
	struct baselines *baselines;
	struct hist ring[WINDOW_MAX];
	double bytes[WINDOW_MAX];
	u64 since, last_true; /* ticks */
	bool pending, firing, known, above;
	/* of the fault that is under way */
	bool found;
	unsigned verdicts;
	double value, threshold;
};

/* As the engine does it. Returns whether the alert begins to fire. */
static bool judge_tick(struct judge *j, u64 tick, const struct hist *hist, double bytes)
{
	const struct rule *r = j->rule;
	struct baseline_window w = { .length_ns = r->window * TICK_NS };
	struct baseline_usual usual;
	struct hist sum = { 0 };
	u64 now_ns = (tick + 1) * TICK_NS, events;
	double all_bytes = 0;
	bool fired = false;

	j->ring[tick % r->window] = *hist;
	j->bytes[tick % r->window] = bytes;
	for (unsigned i = 0; i < r->window; i++) {
		hist_add(&sum, &j->ring[i]);
		all_bytes += j->bytes[i];
	}
	events = hist_count(&sum);
	j->known = j->above = false;
	if (events < 20) /* unknown: stays as it is */
		return false;
	w.hist = &sum;
	w.value = r->quantile < 0 ? (double)sum.sum_ns / 1e9 / (double)events
				  : hist_quantile(&sum, r->quantile);
	w.load.rate = (double)events / (r->window * TICK_S);
	w.load.size = all_bytes / (double)events;
	j->known = baseline_usual(j->baselines, KEY, &w.load, &usual);
	if (j->known) {
		j->value = w.value;
		j->threshold = baseline_threshold(&usual, r->factor);
		j->above = w.value > j->threshold;
	}
	if (j->above) {
		j->last_true = tick;
		if (!j->pending && !j->firing) {
			j->pending = true;
			j->since = tick;
		}
		if (j->pending && tick - j->since >= r->pending) {
			j->pending = false;
			j->firing = fired = true;
		}
	} else if (j->known) {
		j->pending = false;
		/* keep_firing_for: 30s */
		if (j->firing && tick - j->last_true >= 30 / TICK_S)
			j->firing = false;
	}
	if (j->firing)
		baseline_reject(j->baselines, KEY, now_ns);
	else
		baseline_learn(j->baselines, KEY, &w, j->pending, now_ns);
	return fired;
}

struct score {
	u64 healthy, above,
		alarms; /* windows that had a verdict, of these above the threshold; alerts */
	u64 faults[MAGNITUDES], found[MAGNITUDES];
};

static void score_add(struct score *to, const struct score *more)
{
	to->healthy += more->healthy;
	to->above += more->above;
	to->alarms += more->alarms;
	for (unsigned m = 0; m < MAGNITUDES; m++) {
		to->faults[m] += more->faults[m];
		to->found[m] += more->found[m];
	}
}

static void score_print(const char *rule, const char *workload, const struct score *s)
{
	u64 found = 0;

	printf("# %-28s %-38s %6llu windows, above %5.2f %%, alarms %3llu; found", rule, workload,
	       (unsigned long long)s->healthy,
	       s->healthy ? 100.0 * (double)s->above / (double)s->healthy : 0,
	       (unsigned long long)s->alarms);
	for (unsigned m = 0; m < MAGNITUDES; m++) {
		printf(" %gx %3llu/%llu", magnitudes[m], (unsigned long long)s->found[m],
		       (unsigned long long)s->faults[m]);
		found += s->found[m];
	}
	printf("; precision %.3f\n",
	       found + s->alarms ? (double)found / (double)(found + s->alarms) : 1);
}

/* Time after a fault that still belongs to it: queues have to empty, and the window to pass. */
#define AFTER_S 150
/* Ticks within 30 s of its begin. */
#define VERDICTS 6

/* Counts a tick that ended so long after the last fault began. */
static void tick_count(struct judge *j, double since, bool fired, struct score *score)
{
	if (since > 0 && since < AFTER_S + FAULT_S) {
		j->found |= fired && since <= 30;
		j->verdicts += since <= 30 && j->known;
	} else {
		score->healthy += j->known;
		score->above += j->above;
		score->alarms += fired;
	}
}

/* When there was too little load for a verdict, there is none to be right or wrong. */
static void fault_count(struct judge *j, unsigned magnitude, struct score *score)
{
	if (j->verdicts == VERDICTS) {
		score->faults[magnitude]++;
		score->found[magnitude] += j->found;
	}
	j->found = false;
	j->verdicts = 0;
}

/* What happens in a tick, which ends so long after the last fault began. */
static void tick_simulate(struct sim *s, double since)
{
	double begin = (double)s->tick * TICK_S;

	/* when the fault ends, clients have given up */
	if (s->w->rate > 0 && since >= FAULT_S + TICK_S && since < FAULT_S + 2 * TICK_S) {
		for (unsigned i = 0; i < SERVERS; i++)
			s->free_at[i] = fmin(s->free_at[i], begin);
	}
	while (step(s, begin + TICK_S))
		;
}

/* With faults of the magnitudes from `first` to `end`. */
static void simulate(const struct workload *w, unsigned first, unsigned end,
		     const struct rule *rules, unsigned rule_cnt, struct score *scores)
{
	struct sim *s = calloc(1, sizeof(*s));
	struct judge *judges = calloc(rule_cnt, sizeof(*judges));
	double fault_at = QUIET_S;
	unsigned fault = 0;

	assert_true(s && judges);
	random_state = 0x9e3779b97f4a7c15ULL + (u64)(w - workloads);
	s->w = w;
	for (unsigned i = 0; i < rule_cnt; i++) {
		judges[i].rule = &rules[i];
		judges[i].baselines = baselines_new(1 << 20);
	}
	for (s->tick = 0; s->tick * TICK_S < w->hours * 3600; s->tick++) {
		double since = (double)(s->tick + 1) * TICK_S - fault_at;
		unsigned slot = s->tick % FUTURE, m = first + fault % (end - first);

		s->slow = magnitudes[m];
		s->slow_begin = fault_at;
		s->slow_end = fault_at + FAULT_S;
		tick_simulate(s, since);
		for (unsigned i = 0; i < rule_cnt; i++)
			tick_count(&judges[i], since,
				   judge_tick(&judges[i], s->tick, &s->future[slot].hist,
					      s->future[slot].bytes),
				   &scores[i]);
		memset(&s->future[slot], 0, sizeof(s->future[slot]));
		if (since < AFTER_S + FAULT_S)
			continue;
		for (unsigned i = 0; i < rule_cnt; i++)
			fault_count(&judges[i], m, &scores[i]);
		fault++;
		fault_at += EVERY_S + uniform() * 60;
	}
	for (unsigned i = 0; i < rule_cnt; i++)
		baselines_free(judges[i].baselines);
	free(judges);
	free(s);
}

static void run(const struct rule *rules, unsigned rule_cnt, bool every, struct score *totals)
{
	for (unsigned i = 0; i < WORKLOADS; i++) {
		struct score *scores = calloc(rule_cnt, sizeof(*scores));

		assert_non_null(scores);
		/* what is not noticed is learned: apart from the others */
		simulate(&workloads[i], 0, 1, rules, rule_cnt, scores);
		simulate(&workloads[i], 1, MAGNITUDES, rules, rule_cnt, scores);
		for (unsigned j = 0; j < rule_cnt; j++) {
			score_add(&totals[j], &scores[j]);
			if (every)
				score_print(rules[j].name, workloads[i].name, &scores[j]);
		}
		free(scores);
	}
	for (unsigned j = 0; j < rule_cnt; j++)
		score_print(rules[j].name, "all", &totals[j]);
}

/* What is recommended in user/README.md. */
static const struct rule recommended[] = {
	{ "p75 > 2x, 10s, for 15s", 0.75, 2, 2, 3 },
};

static void recommended_test(void **state)
{
	struct score all = { 0 };
	u64 faults = 0, found = 0;

	(void)state;
	run(recommended, 1, true, &all);
	for (unsigned m = 1; m < MAGNITUDES; m++) {
		faults += all.faults[m];
		found += all.found[m];
	}
	assert_true(all.healthy > 50000 && faults > 500);
	assert_true(all.above * 1000 <= all.healthy);
	assert_true(all.alarms * 10000 <= all.healthy);
	assert_true(found * 100 >= faults * 99);
}

static void compare_others(void)
{
	static const double quantiles[] = { -1, 0.5, 0.75, 0.9, 0.99 };
	static const double factors[] = { 2, 2.5, 3 };
	static const unsigned times[][2] = { { 2, 2 }, { 2, 3 }, { 3, 2 }, { 3, 3 } };
	static struct rule rules[64];
	static struct score totals[64];
	static char names[64][48];
	unsigned cnt = 0;

	for (unsigned q = 0; q < 5; q++) {
		for (unsigned f = 0; f < 3; f++) {
			for (unsigned t = 0; t < 4 && cnt < 64; t++) {
				rules[cnt] = (struct rule){ names[cnt], quantiles[q], factors[f],
							    times[t][0], times[t][1] };
				snprintf(names[cnt], sizeof(names[cnt]), "p%g > %gx, %us, for %us",
					 quantiles[q] * 100, factors[f], times[t][0] * TICK_S,
					 times[t][1] * TICK_S);
				cnt++;
			}
		}
	}
	run(rules, cnt, true, totals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recommended_test),
	};

	if (getenv("SEISMO_LONG"))
		compare_others();
	return cmocka_run_group_tests_name("baseline_accuracy", tests, NULL, NULL);
}
