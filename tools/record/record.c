// SPDX-License-Identifier: BSD-3-Clause
/*
 * Records what the registry has, tick by tick, as text on standard output, which tests/unit/recording.h reads:
 *
 *   F NUMBER METRIC LABEL,...             a family
 *   S NUMBER FAMILY VALUE<tab>VALUE...    a series of it, with its labels' values, "" where absent
 *   T MS                                  a tick that took so long; what follows happened in it:
 *   NUMBER CHANGE                         of a counter; seconds are in us here and below
 *   NUMBER VALUE                          of a gauge, where it is another than before
 *   NUMBER SUM BUCKET+COUNT ...           of a histogram: what its sum and its buckets have grown by
 *   D NUMBER                              a series that is gone
 *   L PROBE                               a probe that lost events
 *   ! WORD                                what was written to standard input by then: a mark
 *
 * Only series of services whose name begins with the prefix, which is taken off with what makes it a unit, and of devices that
 * are given a name are recorded: nothing of anybody else on the machine.
 */
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "cmd/agent.h"
#include "cmd/cmd.h"
#include "lib/buf.h"
#include "lib/loop.h"
#include "metric/hist.h"
#include "metric/label.h"

#define UNIT	    ".service"
#define PASS_NS	    (200 * NS_PER_MS)
#define DEVICES_MAX 8
#define NAMES_MAX   64

/* What it has been written with last. */
struct recorded {
	UT_hash_handle hh; /* by the family's name and the labels as they are written */
	u32 number;
	u64 seen_tick;
	s64 value;
	struct hist hist;
	/* The same of this tick, of all series that are one without what is left out of their labels. */
	s64 now_value;
	struct hist now_hist;
	const struct metric *metric;
	char key[];
};

struct recorded_family {
	const struct family *family;
	unsigned number;
};

struct recorder {
	struct agent agent;
	struct agent_options options;
	const char *prefix;
	struct {
		const char *device, *name;
	} devices[DEVICES_MAX];
	unsigned device_cnt;
	const char *names[NAMES_MAX]; /* of families; none: all */
	unsigned name_cnt;
	struct recorded *series;
	struct recorded_family families[METRIC_MAX];
	unsigned family_cnt;
	u32 series_cnt;
	u64 tick, tick_ns;
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static void out_of_memory(void)
{
	fprintf(stderr, "record: out of memory\n");
	exit(1);
}

/* Seconds are written in us: ns only take space. */
static s64 shortened(const struct metric *m, s64 value)
{
	return m->unit == UNIT_SECONDS ? value / 1000 : value;
}

/* --- what is recorded, and under which names */

/* Valid until the next call. */
static const char *service_name(const struct recorder *r, const char *value)
{
	static char name[LABEL_VALUE_SIZE];
	size_t prefix = strlen(r->prefix), len = strlen(value), unit = strlen(UNIT);

	if (strncmp(value, r->prefix, prefix))
		return NULL;
	if (len > prefix + unit && !strcmp(value + len - unit, UNIT))
		len -= unit;
	snprintf(name, sizeof(name), "%.*s", (int)(len - prefix), value + prefix);
	return name;
}

static const char *device_name(const struct recorder *r, const char *value)
{
	for (unsigned i = 0; i < r->device_cnt; i++)
		if (!strcmp(r->devices[i].device, value))
			return r->devices[i].name;
	return NULL;
}

/* NULL: the series is somebody else's. */
static const char *label_recorded(const struct recorder *r, const char *label, const char *value)
{
	if (!value)
		return "";
	if (!strcmp(label, "service"))
		return service_name(r, value);
	if (!strcmp(label, "device"))
		return device_name(r, value);
	if (!strcmp(label, "peer"))
		return service_name(r, value) ?: "other";
	return value;
}

static bool family_recorded(const struct recorder *r, const struct family *f)
{
	if (f->metric->hidden || (family_label(f, "service") < 0 && family_label(f, "device") < 0))
		return false;
	for (unsigned i = 0; i < r->name_cnt; i++)
		if (!strcmp(r->names[i], f->metric->name))
			return true;
	return !r->name_cnt;
}

static bool key_make(const struct recorder *r, const struct series *s, struct buf *key)
{
	const struct family *f = s->family;

	buf_str(key, f->metric->name);
	for (unsigned i = 0; i < f->label_cnt; i++) {
		const char *value = label_recorded(r, f->label_names[i], s->label[i]);

		if (!value)
			return false;
		buf_printf(key, "\t%s", value);
	}
	return true;
}

static unsigned family_number(struct recorder *r, const struct family *f)
{
	for (unsigned i = 0; i < r->family_cnt; i++)
		if (r->families[i].family == f)
			return i;
	printf("F %u %s ", r->family_cnt, f->metric->name);
	for (unsigned i = 0; i < f->label_cnt; i++)
		printf("%s%s", i ? "," : "", f->label_names[i]);
	printf("\n");
	r->families[r->family_cnt].family = f;
	return r->family_cnt++;
}

static struct recorded *recorded_add(struct recorder *r, const struct series *s, const char *key)
{
	struct recorded *rec = calloc(1, sizeof(*rec) + strlen(key) + 1);

	if (!rec)
		out_of_memory();
	memcpy(rec->key, key, strlen(key) + 1);
	rec->metric = s->family->metric;
	rec->number = r->series_cnt++;
	printf("S %u %u%s\n", rec->number, family_number(r, s->family), strchr(key, '\t'));
	HASH_ADD_STR(r->series, key, rec);
	return rec;
}

static struct recorded *recorded_find(struct recorder *r, const struct series *s)
{
	struct buf key = { 0 };
	struct recorded *rec = NULL;

	if (key_make(r, s, &key)) {
		if (key.failed)
			out_of_memory();
		HASH_FIND_STR(r->series, buf_cstr(&key), rec);
		rec = rec ?: recorded_add(r, s, buf_cstr(&key));
	}
	buf_release(&key);
	return rec;
}

/* --- a tick */

static void series_read(struct recorder *r, const struct series *s)
{
	struct recorded *rec = recorded_find(r, s);

	if (!rec)
		return;
	if (rec->seen_tick != r->tick) {
		rec->now_value = 0;
		memset(&rec->now_hist, 0, sizeof(rec->now_hist));
	}
	rec->seen_tick = r->tick;
	if (s->hist)
		hist_add(&rec->now_hist, s->hist);
	else
		rec->now_value = metric_merge(rec->metric, rec->now_value, *s->value);
}

static void hist_write(struct recorded *rec)
{
	const struct metric *m = rec->metric;
	s64 sum = shortened(m, (s64)rec->now_hist.sum_ns) - shortened(m, (s64)rec->hist.sum_ns);
	bool begun = false;

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		s64 grown = (s64)(rec->now_hist.bucket[i] - rec->hist.bucket[i]);

		if (!grown)
			continue;
		if (!begun)
			printf("%u %lld", rec->number, (long long)sum);
		begun = true;
		printf(" %u+%lld", i, (long long)grown);
	}
	if (!begun)
		return;
	printf("\n");
	rec->hist = rec->now_hist;
}

static void value_write(struct recorded *rec)
{
	s64 now = shortened(rec->metric, rec->now_value);

	if (now == rec->value)
		return;
	printf("%u %lld\n", rec->number,
	       (long long)(rec->metric->kind == METRIC_GAUGE ? now : now - rec->value));
	rec->value = now;
}

static void changes_write(struct recorder *r)
{
	struct recorded *rec, *next;

	HASH_ITER(hh, r->series, rec, next) {
		if (rec->seen_tick != r->tick) {
			printf("D %u\n", rec->number);
			HASH_DEL(r->series, rec);
			free(rec);
		} else if (rec->metric->kind == METRIC_HISTOGRAM) {
			hist_write(rec);
		} else {
			value_write(rec);
		}
	}
}

static void lost_write(const struct recorder *r, u64 lossy)
{
	struct probe_run *const *list = r->agent.probes.list;

	for (unsigned i = 0; list[i]; i++)
		if (lossy & 1ULL << i)
			printf("L %s\n", list[i]->probe->name);
}

/* Series first: the tick's values refer to them. */
static int tick_write(struct recorder *r)
{
	struct agent *a = &r->agent;
	u64 now_ns;
	int err = agent_read(a);

	if (err)
		return err;
	now_ns = agent_read_ns(a);
	r->tick++;
	for (size_t i = 0; i < a->registry.family_cnt; i++) {
		const struct family *f = a->registry.families[i];

		for (size_t j = 0; family_recorded(r, f) && j < f->series_cnt; j++)
			series_read(r, f->series[j]);
	}
	printf("T %llu\n", (unsigned long long)(now_ns - r->tick_ns) / NS_PER_MS);
	r->tick_ns = now_ns;
	lost_write(r, self_lossy(a->self));
	changes_write(r);
	registry_recycle(&a->registry);
	return 0;
}

/* --- the run */

/* What the daemon does some times a second. */
static void upkeep(struct agent *a, u64 now_ns)
{
	for (struct probe_run *const *run = a->probes.list; *run; run++)
		if ((*run)->state == PROBE_ON && (*run)->probe->tick)
			(*run)->probe->tick(*run, now_ns);
	collector_tick(a->collector, now_ns);
	self_tick(a->self, now_ns);
}

/* False: standard input has come to its end. */
static bool marks_read(void)
{
	char line[256], *end;
	ssize_t len = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (len <= 0)
		return false;
	line[len] = '\0';
	for (char *at = line; (end = strchr(at, '\n')); at = end + 1)
		printf("! %.*s\n", (int)(end - at), at);
	return true;
}

static void wait_until_ns(struct recorder *r, u64 until_ns)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = collector_arrivals_fd(r->agent.collector),
				  .events = POLLIN } };
	u64 now_ns;

	while (!ended && (now_ns = clock_now_ns()) < until_ns) {
		int n = poll(fds, 2, (int)((until_ns - now_ns) / NS_PER_MS) + 1);

		if (n > 0 && fds[0].revents && !marks_read())
			ended = 1;
		if (n > 0 && fds[1].revents)
			collector_arrivals(r->agent.collector, clock_now_ns());
	}
}

static int run(struct recorder *r)
{
	u64 interval_ns = r->agent.conf->interval_ns, pass_ns = clock_now_ns(),
	    tick_ns = pass_ns + interval_ns;
	int err = agent_read(&r->agent);

	r->tick_ns = agent_read_ns(&r->agent);
	fprintf(stderr, "recording\n");
	while (!ended && !err) {
		pass_ns += PASS_NS;
		wait_until_ns(r, pass_ns);
		upkeep(&r->agent, clock_now_ns());
		if (clock_now_ns() < tick_ns)
			continue;
		tick_ns += interval_ns;
		err = tick_write(r);
	}
	if (err)
		fprintf(stderr, "record: cannot read the tables: %s\n", strerror(-err));
	return err || fflush(stdout) ? 1 : 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct recorder *r = state->input;
	char *equals = arg ? strchr(arg, '=') : NULL;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &r->options;
		return 0;
	case 'x':
		r->prefix = arg;
		return 0;
	case 'd':
		if (!equals || r->device_cnt == DEVICES_MAX)
			argp_error(state, "--device needs DEVICE=NAME, at most %d times",
				   DEVICES_MAX);
		*equals = '\0';
		r->devices[r->device_cnt].device = arg;
		r->devices[r->device_cnt++].name = equals + 1;
		return 0;
	case 'm':
		if (r->name_cnt == NAMES_MAX)
			argp_error(state, "--metric at most %d times", NAMES_MAX);
		r->names[r->name_cnt++] = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "prefix", 'x', "TEXT", 0,
			  "record services whose names begin with it, without it", 0 },
			{ "device", 'd', "DEVICE=NAME", 0, "record this device under NAME", 0 },
			{ "metric", 'm', "NAME", 0, "record this metric (default: all)", 0 },
			{ 0 },
		},
	.parser = parse,
	.children = (const struct argp_child[]){ { &agent_argp, 0, NULL, 0 }, { 0 } },
	.doc = "Records what the daemon would have in its registry, until standard input ends.",
};

int main(int argc, char **argv)
{
	static struct recorder r = { .prefix = "" };
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &r);
	signal(SIGINT, end);
	signal(SIGTERM, end);
	status = agent_configure(&r.agent, &r.options);
	status = status ?: agent_start(&r.agent, &r.options);
	status = status ?: run(&r);
	agent_stop(&r.agent);
	return status;
}
