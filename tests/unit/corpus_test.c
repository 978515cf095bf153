// SPDX-License-Identifier: BSD-3-Clause
/*
 * The built-in rules against recordings of real faults and of healthy work (tests/corpus, made by tools/record): how many of
 * the pages are right, and how many of the faults that clients suffered from were paged.
 *
 * An episode is: minutes of what the recording has before the fault, in blocks of some seconds drawn at random, so
 * that baselines know it; the fault as it was recorded, and then blocks of it; what came after it. Meanwhile another recording
 * of healthy work is played, in services and on a disk of its own. Time is that of the rules as they are shipped: ticks of 5 s.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>

#include "conf/pattern.h"
#include "conf/rules.h"
#include "metric/history.h"
#include "recording.h"
#include "rule/baseline.h"
#include "rule/builtin.h"
#include "rule/engine.h"

#define SECOND	      1000000000ULL
#define TICK	      5	 /* recorded ticks that are one of the history */
#define BLOCK	      10 /* recorded ticks that stay together */
#define USUAL	      90 /* ticks before the fault: all windows but the longest are known then */
#define FAULTY	      24 /* ticks of it, at least */
#define HEALTHY	      70 /* ticks of healthy work, at least, at each pace */
#define AFTER	      18
#define LATE	      12 /* ticks after the fault in which pages may be about it */
#define IN_TIME	      12 /* ticks after its beginning by which the page has to be there */
#define SETTLING      3	 /* recorded ticks at the beginning that are not repeated */
#define HISTORY_BYTES ((size_t)8 << 20)
#define RECORDINGS    256
#define ALERTS	      64
#define OTHERS	      "other-"
#define LIST	      1024 /* bytes */

static const char *corpus_dir = "tests/corpus";

/* --- what is right: tests/corpus/expect.txt */

/* Lists of ALERT{LABEL=PATTERN,...}, separated by blanks; "": nothing. */
struct verdict {
	char fault[64];
	char pages[LIST];
	char causes[LIST]; /* that name the fault */
	char consequences[LIST];
};

static struct verdict verdicts[64];
static unsigned verdict_cnt;

static char *verdict_field(struct verdict *e, const char *key)
{
	if (!strcmp(key, "pages"))
		return e->pages;
	if (!strcmp(key, "causes"))
		return e->causes;
	return !strcmp(key, "consequences") ? e->consequences : NULL;
}

/* A line with the fault, then lines with a tab, a field's name and its list. */
static void verdicts_read(void)
{
	struct verdict *e = verdicts - 1;
	char line[LIST], path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/expect.txt", corpus_dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *list = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (*line == '\t') {
			assert_non_null(list);
			*list = '\0';
			snprintf(verdict_field(e, line + 1), LIST, "%s", list + 1);
		} else if (*line && *line != '#') {
			snprintf((++e)->fault, sizeof(e->fault), "%.60s", line);
		}
	}
	fclose(f);
	verdict_cnt = (unsigned)(e - verdicts) + 1;
}

static const struct verdict *verdict_of(const struct recording *r)
{
	for (unsigned i = 0; i < verdict_cnt; i++)
		if (!fnmatch(verdicts[i].fault, r->fault, 0))
			return &verdicts[i];
	fail_msg("expect.txt has no line for %s", r->fault);
	return NULL;
}

static const char *alert_label(const struct alert *a, const char *name)
{
	for (unsigned i = 0; i < a->rule->by_cnt; i++)
		if (!strcmp(a->rule->by[i], name))
			return a->label[i] ?: "";
	return "";
}

/* Without .service. Valid until the next call. */
static const char *without_unit(const char *name)
{
	static char text[LABEL_VALUE_SIZE];
	size_t len = strlen(name), unit = strlen(RECORDED_UNIT);

	snprintf(text, sizeof(text), "%s", name);
	if (len > unit && len < sizeof(text) && !strcmp(text + len - unit, RECORDED_UNIT))
		text[len - unit] = '\0';
	return text;
}

/* ALERT{LABEL=PATTERN,...} */
static bool alert_matches(const struct alert *a, char *item)
{
	char *save, *labels = strchr(item, '{');

	if (labels)
		*labels++ = '\0';
	if (strcmp(item, "Symptom") ? fnmatch(item, a->rule->alert, 0) : a->rule->cause)
		return false;
	for (char *l = labels ? strtok_r(labels, ",}", &save) : NULL; l;
	     l = strtok_r(NULL, ",}", &save)) {
		char *pattern = strchr(l, '=');

		assert_non_null(pattern);
		*pattern = '\0';
		if (!*alert_label(a, l) ||
		    !pattern_match(pattern + 1, without_unit(alert_label(a, l))))
			return false;
	}
	return true;
}

static bool alert_expected(const struct alert *a, const char *list)
{
	char text[LIST], *save;

	snprintf(text, sizeof(text), "%s", list);
	for (char *item = strtok_r(text, " \t", &save); item; item = strtok_r(NULL, " \t", &save))
		if (alert_matches(a, item))
			return true;
	return false;
}

/* --- the rules as they are shipped */

static struct conf *conf;

static void rules_read(void)
{
	struct buf error = { 0 };

	conf = conf_default(probe_families());
	assert_non_null(conf);
	if (rules_add_builtin(conf, rule_builtin_start,
			      (size_t)(rule_builtin_end - rule_builtin_start), &error))
		fail_msg("%s", buf_cstr(&error));
	buf_release(&error);
}

/* --- recordings */

/* Those by which rules were made, and others, of other magnitudes and loads, that were recorded afterwards. */
static struct recordings {
	const char *folder; /* below corpus_dir */
	struct recording *list[RECORDINGS];
	unsigned cnt;
} corpus = { "." }, held_out = { "held-out" };

static struct recording *healthy[RECORDINGS]; /* of the corpus */
static unsigned healthy_cnt;

static int is_recording(const struct dirent *d)
{
	const char *end = strrchr(d->d_name, '.');

	return end && !strcmp(end, ".gz");
}

static void recordings_read(struct recordings *set)
{
	char folder[256];
	struct dirent **names;
	int cnt;

	snprintf(folder, sizeof(folder), "%s/%s", corpus_dir, set->folder);
	cnt = scandir(folder, &names, is_recording, alphasort);
	assert_true(cnt > 0);
	for (int i = 0; i < cnt; i++) {
		char path[512];
		struct recording *r;

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		free(names[i]);
		r = recording_read(path);
		if (!r)
			fail_msg("%s is no recording", path);
		if (r->inject < SETTLING + BLOCK || r->heal < r->inject + BLOCK ||
		    r->heal > r->tick_cnt)
			fail_msg("%s has no fault, or too little before it", path);
		if (r->unknown)
			fail_msg("%s has %u series of metrics that are no more: record it anew",
				 path, r->unknown);
		set->list[set->cnt++] = r;
		if (r->row == 30 && set == &corpus)
			healthy[healthy_cnt++] = r;
	}
	free(names);
}

/*
 * Somebody has to be told: of the requests made while it lasted one in fifty failed, or they took more than three times as long,
 * and longer than a tenth of a second; not only at its beginning.
 */
static bool client_suffers(const struct recording *r)
{
	const struct client_says *b = &r->before, *d = &r->lasting;

	return d->errors > d->requests / 50 || (d->p95_ms > 100 && d->p95_ms > 3 * b->p95_ms) ||
	       (b->requests && !d->requests);
}

/* --- an episode */

struct seen_alert {
	const char *alert;
	char labels[256];
	bool page, expected;
	bool names;    /* the fault */
	unsigned tick; /* when it began to be what it is */
	double value, usual;
};

struct episode {
	const struct recording *recording;
	const struct verdict *verdict;
	bool due;	/* a page is */
	unsigned ticks; /* in which all was well, or the fault was there */
	struct seen_alert seen[ALERTS];
	unsigned seen_cnt;
	bool named;	/* the fault was, by some alert */
	unsigned first; /* tick of the first right page since the fault began; 0: none */
};

struct stage {
	struct registry registry;
	struct history *history;
	struct baselines *baselines;
	struct engine *engine;
	struct player main, other;
	u32 main_block, other_block; /* ticks that are left of a block */
	u32 main_at, other_at;
	u64 random;
	unsigned tick, begin, end; /* of the fault; 0: not yet */
	s64 wall_ns;
	struct episode *episode;
};

static u32 random_below(struct stage *s, u32 limit)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (u32)((s->random >> 11) % limit);
}

/* The next recorded tick of [from, to), in blocks drawn at random. */
static u32 bootstrap_next(struct stage *s, struct player *p, u32 *at, u32 *left, u32 from, u32 to)
{
	if (!*left || *at < from || *at >= to) {
		*left = to - from < BLOCK ? to - from : BLOCK;
		*at = from + random_below(s, to - from - *left + 1);
		player_seek(p, *at);
	}
	(*left)--;
	return (*at)++;
}

/* About what is played beside the recording. */
static bool is_others(const struct alert *a)
{
	return !strncmp(alert_label(a, "service"), OTHERS, strlen(OTHERS)) ||
	       !strncmp(alert_label(a, "device"), OTHERS, strlen(OTHERS));
}

static void alert_seen(void *ctx, const struct alert *a)
{
	struct stage *s = ctx;
	struct episode *e = s->episode;
	struct seen_alert now = {
		.alert = a->rule->alert, .tick = s->tick, .value = a->value, .usual = a->baseline
	};
	bool at_the_time = s->begin && (!s->end || s->tick <= s->end + LATE);
	size_t len = 0;

	now.page = a->severity == RULE_PAGE;
	/* What is no page is told to nobody unless there is one. */
	if (a->state != ALERT_FIRING)
		return;
	if (!now.page && (!at_the_time || e->recording->row == 30 || is_others(a)))
		return;
	for (unsigned i = 0; i < a->rule->by_cnt && len < sizeof(now.labels); i++)
		len += (size_t)snprintf(now.labels + len, sizeof(now.labels) - len, "%s%s=%s",
					len ? "," : "", a->rule->by[i], a->label[i] ?: "");
	for (unsigned i = 0; i < e->seen_cnt; i++)
		if (e->seen[i].alert == now.alert && e->seen[i].page == now.page &&
		    !strcmp(e->seen[i].labels, now.labels))
			return;
	now.names = alert_expected(a, e->verdict->causes);
	now.expected = at_the_time && (now.names || alert_expected(a, e->verdict->pages) ||
				       (!now.page && alert_expected(a, e->verdict->consequences)));
	assert_true(e->seen_cnt < ALERTS);
	e->seen[e->seen_cnt++] = now;
	e->named |= now.expected && now.names;
	if (now.page && now.expected && !e->first)
		e->first = s->tick - s->begin + 1;
}

/* From here on a fault, or healthy work, lasts; how it begins happens once. */
static u32 lasting_from(const struct recording *r)
{
	return r->inject + (r->heal - r->inject) / 3;
}

/* Plays recorded ticks until a tick of the history is full; `at` says which of the main recording. */
static void stage_tick(struct stage *s, u32 (*next)(struct stage *s))
{
	const struct recording *other = s->other.recording;
	u64 lost = 0;

	s->registry.now_ns += TICK * SECOND;
	s->wall_ns += TICK * SECOND;
	s->tick++;
	for (int i = 0; i < TICK; i++) {
		lost |= player_tick(&s->main, next(s));
		if (other)
			player_tick(&s->other,
				    bootstrap_next(s, &s->other, &s->other_at, &s->other_block,
						   lasting_from(other), other->heal));
	}
	assert_int_equal(history_tick(s->history, lost), 0);
	while (history_tidy(s->history))
		;
	while (engine_evaluate(s->engine, s->registry.now_ns, s->wall_ns, UINT64_MAX))
		;
	engine_each(s->engine, alert_seen, s);
}

static u32 next_straight(struct stage *s)
{
	u32 last = s->main.recording->tick_cnt - 1;

	return s->main_at < last ? s->main_at++ : last;
}

static u32 next_usual(struct stage *s)
{
	return bootstrap_next(s, &s->main, &s->main_at, &s->main_block, SETTLING,
			      s->main.recording->inject);
}

static u32 next_faulty(struct stage *s)
{
	return bootstrap_next(s, &s->main, &s->main_at, &s->main_block,
			      lasting_from(s->main.recording), s->main.recording->heal);
}

static void stage_begin(struct stage *s, struct episode *e, const struct recording *other,
			double pace)
{
	*s = (struct stage){ .registry.now_ns = 1000 * SECOND,
			     .wall_ns = 1700000000 * (s64)SECOND,
			     .random = 88172645463325252ULL + (uintptr_t)e->recording->tick_cnt,
			     .episode = e };
	registry_with_probes(&s->registry);
	s->history = history_new(&s->registry, s->registry.now_ns, HISTORY_BYTES);
	s->baselines = baselines_new(HISTORY_BYTES);
	s->engine = engine_new(&s->registry, s->history, s->baselines, NULL);
	assert_non_null(s->engine);
	assert_int_equal(engine_configure(s->engine, (const struct rule_conf *const *)conf->rules,
					  conf->rule_cnt, TICK * SECOND, s->wall_ns),
			 0);
	player_begin(&s->main, e->recording, &s->registry, "", pace);
	if (other)
		player_begin(&s->other, other, &s->registry, OTHERS, pace);
}

static void stage_end(struct stage *s)
{
	engine_free(s->engine);
	baselines_free(s->baselines);
	history_free(s->history);
	player_end(&s->main);
	player_end(&s->other);
	registry_release(&s->registry);
}

static void stage_play(struct stage *s, unsigned ticks, u32 (*next)(struct stage *s))
{
	s->main_block = 0;
	while (ticks--)
		stage_tick(s, next);
}

static void episode_play(struct episode *e, const struct recording *r,
			 const struct recording *other, double pace)
{
	unsigned lasts = r->row == 30 ? HEALTHY : FAULTY, recorded = (r->heal - r->inject) / TICK;
	struct stage s;

	*e = (struct episode){ .recording = r,
			       .verdict = verdict_of(r),
			       .due = r->row != 30 && client_suffers(r) };
	stage_begin(&s, e, other, pace);
	stage_play(&s, (r->inject + TICK - 1) / TICK, next_straight);
	stage_play(&s, USUAL, next_usual);
	s.begin = s.tick + 1;
	player_seek(&s.main, s.main_at = r->inject);
	stage_play(&s, recorded, next_straight);
	stage_play(&s, lasts > recorded ? lasts - recorded : 0, next_faulty);
	s.end = s.tick;
	player_seek(&s.main, s.main_at = r->heal);
	stage_play(&s, (r->tick_cnt - r->heal) / TICK, next_straight);
	stage_play(&s, AFTER, next_usual);
	e->ticks = s.tick;
	stage_end(&s);
}

/* --- the account */

static unsigned seen_count(const struct episode *e, bool page, bool expected)
{
	unsigned cnt = 0;

	for (unsigned i = 0; i < e->seen_cnt; i++)
		cnt += e->seen[i].page == page && e->seen[i].expected == expected;
	return cnt;
}

struct account {
	unsigned episodes, due, paged, in_time, named, right, wrong, causes_right, causes_wrong;
	unsigned windows; /* healthy ones: every tick of healthy work is the end of one */
};

static void account_add(struct account *a, const struct episode *e)
{
	a->episodes++;
	a->due += e->due;
	a->paged += e->due && e->first;
	a->in_time += e->due && e->first && e->first <= IN_TIME;
	a->named += e->due && e->named;
	a->right += seen_count(e, true, true);
	a->wrong += seen_count(e, true, false);
	a->causes_right += seen_count(e, false, true);
	a->causes_wrong += seen_count(e, false, false);
	a->windows += e->recording->row == 30 ? HEALTHY : 0;
}

static double part(unsigned of, unsigned all)
{
	return all ? (double)of / (double)all : 1;
}

/* What fired, wrong things first; "!" is a wrong page, "?" a cause that is none. */
static void episode_print(const struct episode *e)
{
	const struct recording *r = e->recording;

	print_message("# %-16s x%-3g %-6s %s %3us |", r->fault, r->magnitude, r->workload,
		      r->row == 30 ? "healthy"
		      : !e->due	   ? "mild   "
		      : e->first   ? "paged  "
				   : "MISSED ",
		      e->first * TICK);
	for (int wrong = 1; wrong >= 0; wrong--)
		for (unsigned i = 0; i < e->seen_cnt; i++) {
			const struct seen_alert *a = &e->seen[i];

			if (a->expected != !wrong || (!a->page && a->expected))
				continue;
			print_message(" %s%s{%s}@%u %.3g (%.3g)",
				      !wrong	? ""
				      : a->page ? "!"
						: "?",
				      a->alert, a->labels, a->tick, a->value, a->usual);
		}
	print_message("\n");
}

static int episode_compare(const void *a, const void *b)
{
	const struct recording *x = ((const struct episode *)a)->recording,
			       *y = ((const struct episode *)b)->recording;

	return strcmp(x->fault, y->fault);
}

/* A line for each fault: episodes, those that are due a page and got it, right and wrong pages by alert. */
static void fault_print(const struct episode *e, unsigned cnt)
{
	struct account a = { 0 };
	const char *alerts[ALERTS * 4];
	unsigned pages[ALERTS * 4][2] = { 0 }, alert_cnt = 0;

	for (unsigned i = 0; i < cnt; i++) {
		account_add(&a, &e[i]);
		for (unsigned j = 0; j < e[i].seen_cnt; j++) {
			const struct seen_alert *seen = &e[i].seen[j];
			unsigned k = 0;

			while (k < alert_cnt && strcmp(alerts[k], seen->alert))
				k++;
			if (!seen->page || k == ALERTS * 4)
				continue;
			alerts[k] = seen->alert;
			alert_cnt += k == alert_cnt;
			pages[k][seen->expected]++;
		}
	}
	print_message("# %-16s %8u %4u %5u %7u %6u |", e->recording->fault, a.episodes, a.due,
		      a.paged, a.in_time, a.named);
	for (unsigned k = 0; k < alert_cnt; k++) {
		print_message(" %s %u", alerts[k], pages[k][1]);
		if (pages[k][0])
			print_message(" (and %u wrong)", pages[k][0]);
	}
	print_message("\n");
}

static void table_print(struct episode *e, unsigned cnt)
{
	qsort(e, cnt, sizeof(*e), episode_compare);
	print_message("# fault            episodes  due paged in time  named | pages by alert\n");
	for (unsigned i = 0, first = 0; i < cnt; i++)
		if (i + 1 == cnt || strcmp(e[i + 1].recording->fault, e[first].recording->fault)) {
			fault_print(&e[first], i + 1 - first);
			first = i + 1;
		}
}

/* --- tests */

/* Each recording as it was, and busier and quieter: what is counted in it is, and its load with it, not how long things take. */
static const double paces[] = { 1, 0.6, 1.5 };
#define PACES (sizeof(paces) / sizeof(*paces))
_Static_assert(PACES > 200 / HEALTHY, "200 windows of each kind of healthy work");

static struct episode episodes[RECORDINGS * PACES];

static void episodes_play(const struct recordings *set, struct account *a)
{
	unsigned cnt = 0;

	for (unsigned p = 0; p < PACES; p++)
		for (unsigned i = 0; i < set->cnt; i++) {
			struct recording *r = set->list[i];
			struct episode *e = &episodes[cnt];

			/* Of a fault only one of the others. */
			if (p && r->row != 30 && p != 1 + i % 2)
				continue;
			cnt++;

			episode_play(e, r, healthy_cnt ? healthy[(i + p) % healthy_cnt] : NULL,
				     paces[p]);
			account_add(a, e);
			if (getenv("CORPUS_VERBOSE") || seen_count(e, true, false) ||
			    (e->due && !e->first))
				episode_print(e);
		}
	table_print(episodes, cnt);
}

static void set_judge(const struct recordings *set, double precision_min, double recall_min)
{
	const char *name = set == &corpus ? "" : "held out: ";
	struct account a = { 0 };
	double precision, recall;

	episodes_play(set, &a);
	precision = part(a.right, a.right + a.wrong);
	recall = part(a.paged, a.due);
	print_message("# result: %s%u episodes, of which %u are due a page; %u healthy windows\n",
		      name, a.episodes, a.due, a.windows);
	print_message(
		"# result: %spages: precision %.3f (%u right, %u wrong), recall %.3f (%u), in a minute %.3f\n",
		name, precision, a.right, a.wrong, recall, a.paged, part(a.in_time, a.due));
	print_message(
		"# result: %scauses: precision %.3f (%u right, %u wrong), the fault named in %.3f\n",
		name, part(a.causes_right, a.causes_right + a.causes_wrong), a.causes_right,
		a.causes_wrong, part(a.named, a.due));
	assert_true(precision >= precision_min);
	assert_true(recall >= recall_min);
}

static void pages_are_right(void **state)
{
	(void)state;
	set_judge(&corpus, 0.99, 0.95);
}

/* These are few, and some were recorded while others worked: a page more or less makes a difference of two in a hundred. */
static void pages_are_right_where_nobody_has_looked(void **state)
{
	(void)state;
	if (getenv("CORPUS"))
		skip();
	set_judge(&held_out, 0.95, 0.9);
}

static int setup(void **state)
{
	(void)state;
	corpus_dir = getenv("CORPUS") ?: corpus_dir;
	rules_read();
	verdicts_read();
	recordings_read(&corpus);
	if (!getenv("CORPUS"))
		recordings_read(&held_out);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < corpus.cnt; i++)
		recording_free(corpus.list[i]);
	for (unsigned i = 0; i < held_out.cnt; i++)
		recording_free(held_out.list[i]);
	conf_free(conf);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_right),
		cmocka_unit_test(pages_are_right_where_nobody_has_looked),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
