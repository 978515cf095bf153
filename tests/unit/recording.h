/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recordings of tools/record (its format is described in record.c), and playing them into a registry: several at a time,
 * from any tick, again and again, at another pace.
 */
#ifndef UNIT_RECORDING_H
#define UNIT_RECORDING_H

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "metric/label.h"
#include "metric/registry.h"
#include "probe/probe.h"

#define RECORDED_FAMILIES 128
#define RECORDED_US	  1000	     /* ns */
#define RECORDED_UNIT	  ".service" /* which services had, and recordings leave out */

struct recorded_change {
	u32 series;
	s64 value;		/* counter: growth; gauge: value; histogram: growth of the sum */
	u32 bucket, bucket_cnt; /* histogram: of recording.buckets */
	bool gone;
};

struct recorded_tick {
	u64 ns;
	u32 first, cnt; /* of recording.changes */
	u64 lost;	/* bits of probes */
};

struct recorded_series {
	const struct metric *metric; /* NULL: there is none of this name any more */
	unsigned probe;		     /* by its place in probes[] */
	char *label[SERIES_LABELS];  /* by the labels of the metric; NULL: absent */
};

struct client_says {
	double requests, errors, p50_ms, p95_ms, p99_ms;
};

struct recording {
	char *fault, *workload, *machine;
	unsigned row;
	double magnitude;
	struct client_says before, during,
		lasting; /* the last two thirds of it; of older recordings as during */
	struct recorded_series *series;
	u32 series_cnt;
	struct recorded_change *changes;
	u32 change_cnt;
	struct recorded_bucket {
		u16 bucket;
		s64 cnt;
	} * buckets;
	u32 bucket_cnt;
	struct recorded_tick *ticks;
	u32 tick_cnt, inject, heal; /* the first ticks after these marks */
	u32 unknown;		    /* series of metrics that there are not */
};

static void *recording_grow(void *array, u32 cnt, size_t size)
{
	if (cnt & (cnt - 1) || (cnt && cnt < 64))
		return array;
	array = realloc(array, (cnt ? 2 * (size_t)cnt : 64) * size);
	if (!array)
		abort();
	return array;
}

#define RECORDING_ADD(array, cnt) \
	((array) = recording_grow(array, cnt, sizeof(*(array))), &(array)[(cnt)++])

/* --- reading */

static const struct metric *metric_by_name(const char *name, unsigned *probe)
{
	for (unsigned i = 0; probes[i]; i++)
		for (const struct metric *m = probes[i]->metrics; m->name; m++)
			if (!strcmp(m->name, name)) {
				*probe = i;
				return m;
			}
	return NULL;
}

/* Place of the label in the metric's families; -1: it has none of this name. */
static int metric_label(const struct metric *m, const char *name)
{
	int at = m->service;

	if (m->service && !strcmp(name, "service"))
		return 0;
	for (const struct metric_label *l = m->labels; l < m->labels + METRIC_LABELS && l->name;
	     l++, at++)
		if (!strcmp(l->name, name))
			return at;
	return -1;
}

struct recording_reader {
	struct recording *to;
	struct {
		const struct metric *metric;
		unsigned probe;
		int label[SERIES_LABELS];
	} families[RECORDED_FAMILIES];
};

static void read_family(struct recording_reader *r, char *line)
{
	char *save, *number = strtok_r(line, " ", &save), *name = strtok_r(NULL, " ", &save),
		    *labels = strtok_r(NULL, " ", &save);
	unsigned n = (unsigned)atoi(number), i = 0;

	if (n >= RECORDED_FAMILIES || !name)
		abort();
	r->families[n].metric = metric_by_name(name, &r->families[n].probe);
	if (!r->families[n].metric)
		return;
	for (char *l = strtok_r(labels, ",", &save); l && i < SERIES_LABELS;
	     l = strtok_r(NULL, ",", &save))
		r->families[n].label[i++] = metric_label(r->families[n].metric, l);
}

/* NUMBER FAMILY<tab>VALUE<tab>VALUE...; numbers come in order. */
static void read_series(struct recording_reader *r, char *line)
{
	struct recording *to = r->to;
	struct recorded_series *s = RECORDING_ADD(to->series, to->series_cnt);
	char *value = strchr(line, '\t');
	unsigned family = (unsigned)atoi(strchr(line, ' ') + 1);

	*s = (struct recorded_series){ .metric = r->families[family].metric,
				       .probe = r->families[family].probe };
	to->unknown += !s->metric;
	for (int i = 0; s->metric && value && i < SERIES_LABELS; i++) {
		char *next = strchr(value + 1, '\t');
		int at = r->families[family].label[i];

		if (next)
			*next = '\0';
		if (at >= 0 && value[1])
			s->label[at] = strdup(value + 1);
		value = next;
	}
}

static void read_hist(struct recording *to, struct recorded_change *c, char *at)
{
	c->bucket = to->bucket_cnt;
	while (*at == ' ') {
		struct recorded_bucket *b = RECORDING_ADD(to->buckets, to->bucket_cnt);

		b->bucket = (u16)strtoul(at + 1, &at, 10);
		b->cnt = strtoll(at, &at, 10);
		c->bucket_cnt++;
	}
}

static void read_change(struct recording *to, char *line, bool gone)
{
	struct recorded_change *c = RECORDING_ADD(to->changes, to->change_cnt);
	char *at;

	*c = (struct recorded_change){ .series = (u32)strtoul(line, &at, 10), .gone = gone };
	if (c->series >= to->series_cnt || !to->tick_cnt)
		abort();
	if (!gone)
		c->value = strtoll(at, &at, 10);
	read_hist(to, c, at);
	to->ticks[to->tick_cnt - 1].cnt++;
}

static void read_tick(struct recording *to, const char *line)
{
	struct recorded_tick *t = RECORDING_ADD(to->ticks, to->tick_cnt);

	*t = (struct recorded_tick){ .ns = strtoull(line, NULL, 10) * 1000000,
				     .first = to->change_cnt };
}

static void read_mark(struct recording *to, const char *line)
{
	if (!strcmp(line, "inject"))
		to->inject = to->tick_cnt;
	else if (!strcmp(line, "heal"))
		to->heal = to->tick_cnt;
}

static void read_lost(struct recording *to, const char *line)
{
	for (unsigned i = 0; probes[i] && to->tick_cnt; i++)
		if (!strcmp(probes[i]->name, line))
			to->ticks[to->tick_cnt - 1].lost |= 1ULL << i;
}

static void read_client(struct client_says *c, const char *value)
{
	if (sscanf(value, "%lf %lf %lf %lf %lf", &c->requests, &c->errors, &c->p50_ms, &c->p95_ms,
		   &c->p99_ms) != 5)
		abort();
}

static void read_header(struct recording *to, char *line)
{
	char *value = strchr(line, ' ') + 1;

	value[-1] = '\0';
	if (!strcmp(line, "fault"))
		to->fault = strdup(value);
	else if (!strcmp(line, "workload"))
		to->workload = strdup(value);
	else if (!strcmp(line, "machine"))
		to->machine = strdup(value);
	else if (!strcmp(line, "row"))
		to->row = (unsigned)atoi(value);
	else if (!strcmp(line, "magnitude"))
		to->magnitude = atof(value);
	else if (!strcmp(line, "client-before"))
		read_client(&to->before, value);
	else if (!strcmp(line, "client-during"))
		read_client(&to->during, value), to->lasting = to->during;
	else if (!strcmp(line, "client-lasting"))
		read_client(&to->lasting, value);
}

static void read_line(struct recording_reader *r, char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (isdigit((unsigned char)line[0]))
		read_change(r->to, line, false);
	else if (line[0] == 'H')
		read_header(r->to, line + 2);
	else if (line[0] == 'F')
		read_family(r, line + 2);
	else if (line[0] == 'S')
		read_series(r, line + 2);
	else if (line[0] == 'T')
		read_tick(r->to, line + 2);
	else if (line[0] == 'D')
		read_change(r->to, line + 2, true);
	else if (line[0] == 'L')
		read_lost(r->to, line + 2);
	else if (line[0] == '!')
		read_mark(r->to, line + 2);
	else
		abort();
}

/* NULL: there is none, or it is not whole. */
static struct recording *recording_read(const char *path)
{
	static struct recording_reader reader;
	static char line[65536];
	gzFile f = gzopen(path, "r");

	if (!f)
		return NULL;
	reader = (struct recording_reader){ .to = calloc(1, sizeof(*reader.to)) };
	while (gzgets(f, line, sizeof(line)))
		read_line(&reader, line);
	gzclose(f);
	return reader.to->fault && reader.to->tick_cnt ? reader.to : NULL;
}

static void recording_free(struct recording *r)
{
	for (u32 i = 0; i < r->series_cnt; i++)
		for (int l = 0; l < SERIES_LABELS; l++)
			free(r->series[i].label[l]);
	free(r->series);
	free(r->changes);
	free(r->buckets);
	free(r->ticks);
	free(r->fault);
	free(r->workload);
	free(r->machine);
	free(r);
}

/* --- playing */

/* Families are those of all probes; they are in the registry from its first moment. */
static void registry_with_probes(struct registry *r)
{
	for (unsigned i = 0; probes[i]; i++)
		for (const struct metric *m = probes[i]->metrics; m->name; m++)
			if (!m->sample) {
				struct family *f = registry_add(r, m);

				if (!f)
					abort();
				f->sources = 1ULL << i;
			}
}

/* A recording that is being played: its series as they are in the registry. */
struct player {
	const struct recording *recording;
	struct registry *registry;
	const char *
		prefix; /* of services and devices, so that recordings played together have their own */
	double pace; /* of what is counted: twice as much happens with 2 */
	struct series **series;
	double *rest; /* what is left of a whole event, by series */
};

static void player_begin(struct player *p, const struct recording *rec, struct registry *r,
			 const char *prefix, double pace)
{
	*p = (struct player){ rec,
			      r,
			      prefix,
			      pace,
			      calloc(rec->series_cnt, sizeof(*p->series)),
			      calloc(rec->series_cnt, sizeof(*p->rest)) };
	if (!p->series || !p->rest)
		abort();
}

static void player_end(struct player *p)
{
	free(p->series);
	free(p->rest);
}

static struct series *player_series(struct player *p, u32 number)
{
	const struct recorded_series *s = &p->recording->series[number];
	char text[SERIES_LABELS][LABEL_VALUE_SIZE];
	const char *label[SERIES_LABELS] = { NULL };
	struct family *f;

	if (p->series[number] || !s->metric)
		return p->series[number];
	f = registry_find(p->registry, s->metric->name);
	for (unsigned i = 0; i < f->label_cnt; i++) {
		bool unit = !strcmp(f->label_names[i], "service") ||
			    (!strcmp(f->label_names[i], "peer") && s->label[i] &&
			     strcmp(s->label[i], "other"));
		bool own = unit || !strcmp(f->label_names[i], "device");

		if (!s->label[i])
			continue;
		snprintf(text[i], sizeof(text[i]), "%s%.200s%s", own ? p->prefix : "", s->label[i],
			 unit ? RECORDED_UNIT : "");
		label[i] = text[i];
	}
	p->series[number] = family_series(f, label);
	if (!p->series[number])
		abort();
	return p->series[number];
}

/* So many times as many, without losing a part of an event. */
static s64 player_paced(struct player *p, u32 series, s64 cnt)
{
	double exact = (double)cnt * p->pace + p->rest[series];
	s64 whole = (s64)exact;

	if (p->pace == 1)
		return cnt;
	p->rest[series] = exact - (double)whole;
	return whole;
}

static s64 player_unit(const struct series *s)
{
	return s->family->metric->unit == UNIT_SECONDS ? RECORDED_US : 1;
}

static void player_hist(struct player *p, const struct recorded_change *c, struct series *s)
{
	const struct recorded_bucket *b = &p->recording->buckets[c->bucket];
	s64 recorded = 0, played = 0;

	for (u32 i = 0; i < c->bucket_cnt; i++, b++) {
		s64 cnt = player_paced(p, c->series, b->cnt);

		recorded += b->cnt;
		played += cnt;
		s->hist->bucket[b->bucket] += (u64)cnt;
	}
	if (recorded)
		s->hist->sum_ns +=
			(u64)((double)c->value * (double)played / (double)recorded * RECORDED_US);
}

static void player_change(struct player *p, const struct recorded_change *c)
{
	struct series *s = player_series(p, c->series);

	if (!s || c->gone)
		return;
	if (s->hist)
		player_hist(p, c, s);
	else if (s->family->metric->kind == METRIC_GAUGE)
		*s->value = c->value * player_unit(s);
	else
		*s->value += player_paced(p, c->series, c->value) * player_unit(s);
}

/* What happened in a tick happens again. The caller has moved the registry's time. Returns probes that lost events. */
static u64 player_tick(struct player *p, u32 tick)
{
	const struct recorded_tick *t = &p->recording->ticks[tick];

	for (u32 i = 0; i < t->cnt; i++)
		player_change(p, &p->recording->changes[t->first + i]);
	return t->lost;
}

/* Goes to another tick: gauges are as they were before it. */
static void player_seek(struct player *p, u32 tick)
{
	const struct recording *r = p->recording;

	for (u32 i = 0; i < r->series_cnt; i++)
		if (p->series[i] && p->series[i]->family->metric->kind == METRIC_GAUGE)
			*p->series[i]->value = 0;
	for (u32 i = 0; i < (tick ? r->ticks[tick - 1].first + r->ticks[tick - 1].cnt : 0); i++) {
		const struct recorded_change *c = &r->changes[i];
		struct series *s = c->gone ? NULL : p->series[c->series];

		if (s && s->family->metric->kind == METRIC_GAUGE)
			*s->value = c->value * player_unit(s);
	}
}

#endif
