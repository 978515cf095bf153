// SPDX-License-Identifier: BSD-3-Clause
/*
 * Diagnoses of recordings of real faults and of healthy work (tests/corpus, made by tools/record): is the right cause the first?
 *
 * Each recording is asked three ways: a daemon that has run for long, with ticks of 5 s; one that was started half a minute before
 * the fault, with ticks of 1 s; and one that was started in the fault, which knows nothing of what is usual.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fnmatch.h>

#include "conf/pattern.h"
#include "diagnose/diagnosis.h"
#include "metric/history.h"
#include "recording.h"
#include "rule/changes.h"
#include "rule/measure.h"

#define SECOND	      1000000000ULL
#define BLOCK	      10 /* recorded ticks that stay together */
#define SETTLING      3	 /* recorded ticks at the beginning that are not repeated */
#define USUAL_S	      450
#define HISTORY_BYTES ((size_t)8 << 20)
#define RECORDINGS    256
#define SINCE_NS      (900 * SECOND)

static const char *corpus_dir = "tests/corpus";

/* --- what is right: tests/corpus/causes.txt */

struct expected {
	char fault[64];
	unsigned cnt;
	char causes[4][128]; /* each has to be there: [!]CAUSE[{KEY=PATTERN}]|... */
};

static struct expected expected[64];
static unsigned expected_cnt;

static void expected_read(void)
{
	char line[512], path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/causes.txt", corpus_dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct expected *e = &expected[expected_cnt];
		char *save, *word = strtok_r(line, " \t\n", &save);

		if (!word || *word == '#')
			continue;
		snprintf(e->fault, sizeof(e->fault), "%.60s", word);
		while ((word = strtok_r(NULL, " \t\n", &save)))
			snprintf(e->causes[e->cnt++], sizeof(e->causes[0]), "%.120s", word);
		expected_cnt++;
	}
	fclose(f);
}

static const struct expected *expected_of(const struct recording *r)
{
	for (unsigned i = 0; i < expected_cnt; i++)
		if (!fnmatch(expected[i].fault, r->fault, 0))
			return &expected[i];
	fail_msg("causes.txt has no line for %s", r->fault);
	return NULL;
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

/* CAUSES{SUBJECTS}: patterns. */
static bool cause_is(const json_t *cause, const char *expect)
{
	char text[128], subject[256] = "", *names;
	const char *key;
	const json_t *value;

	snprintf(text, sizeof(text), "%s", expect);
	names = strchr(text, '{');
	if (names) {
		*names++ = '\0';
		names[strcspn(names, "}")] = '\0';
	}
	json_object_foreach(json_object_get(cause, "subject"), key, value)
		snprintf(subject, sizeof(subject), "%s", json_string_value(value) ?: "");
	if (strlen(subject) > strlen(RECORDED_UNIT) &&
	    !strcmp(subject + strlen(subject) - strlen(RECORDED_UNIT), RECORDED_UNIT))
		subject[strlen(subject) - strlen(RECORDED_UNIT)] = '\0';
	return pattern_match(text, text_of(cause, "cause")) &&
	       (!names || pattern_match(names, subject));
}

/* The causes that are expected come first, in any order. */
static bool is_right(const struct expected *e, const json_t *doc)
{
	const json_t *causes = json_object_get(doc, "causes");

	if (!e->cnt)
		return !json_array_size(causes) &&
		       !strcmp(text_of(doc, "verdict"), "nothing wrong");
	for (unsigned i = 0; i < e->cnt; i++) {
		bool found = false;

		for (unsigned k = 0; k < e->cnt; k++)
			found |= cause_is(json_array_get(causes, k), e->causes[i]);
		if (!found)
			return false;
	}
	return true;
}

/* --- recordings */

static struct recording *recordings[RECORDINGS];
static unsigned recording_cnt;

static int is_recording(const struct dirent *d)
{
	const char *end = strrchr(d->d_name, '.');

	return end && !strcmp(end, ".gz");
}

static void recordings_read(void)
{
	struct dirent **names;
	int cnt = scandir(corpus_dir, &names, is_recording, alphasort);

	assert_true(cnt > 0);
	for (int i = 0; i < cnt; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", corpus_dir, names[i]->d_name);
		free(names[i]);
		recordings[recording_cnt] = recording_read(path);
		if (!recordings[recording_cnt++])
			fail_msg("%s is no recording", path);
	}
	free(names);
}

static bool client_suffers(const struct recording *r)
{
	const struct client_says *b = &r->before, *d = &r->during;

	return d->errors > d->requests / 50 ||
	       (d->p50_ms > 1.5 * b->p50_ms && d->p50_ms > b->p50_ms + 10) ||
	       (d->p95_ms > 100 && d->p95_ms > 2 * b->p95_ms) || (b->requests && !d->requests);
}

/* --- playing */

struct stage {
	struct registry registry;
	struct history *history;
	struct changes *changes;
	struct player player;
	u64 random;
	u32 tick_s, at, left;
};

static void stage_begin(struct stage *s, const struct recording *r, u32 tick_s)
{
	*s = (struct stage){ .registry.now_ns = 1000 * SECOND,
			     .random = 88172645463325252ULL,
			     .tick_s = tick_s };
	registry_with_probes(&s->registry);
	s->history = history_new(&s->registry, s->registry.now_ns, HISTORY_BYTES);
	s->changes = changes_new();
	player_begin(&s->player, r, &s->registry, "", 1);
}

static void stage_end(struct stage *s)
{
	changes_free(s->changes);
	history_free(s->history);
	player_end(&s->player);
	registry_release(&s->registry);
}

static u32 random_below(struct stage *s, u32 limit)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (u32)((s->random >> 11) % limit);
}

static u32 usual_next(struct stage *s)
{
	u32 from = SETTLING, to = s->player.recording->inject;

	if (!s->left || s->at < from || s->at >= to) {
		s->left = BLOCK;
		s->at = from + random_below(s, to - from - BLOCK + 1);
		player_seek(&s->player, s->at);
	}
	s->left--;
	return s->at++;
}

static u32 straight_next(struct stage *s)
{
	u32 last = s->player.recording->tick_cnt - 1;

	return s->at < last ? s->at++ : last;
}

/* Since the last tick. */
static void now_window(const struct history *h, struct history_window *w)
{
	struct history_stats stats;

	history_stats(h, &stats);
	assert_true(history_window_past(h, 1, 0, w));
	assert_true(w->begin_ns >= stats.end_ns);
}

static double series_increase_now(const struct history *h, const struct series *s)
{
	struct history_window w;

	now_window(h, &w);
	return series_increase(s, &w);
}

/* The device's phases follow each other: events are counted of one of them. */
static void part_of_io(const struct history *h, const struct series *io, double part,
		       struct series *to)
{
	struct hist hist = { 0 };
	struct history_window w;

	now_window(h, &w);
	history_hist(&w, io, &hist);
	to->hist->sum_ns += (u64)((double)hist.sum_ns * part);
	if (!strcmp(io->label[2] ?: "", "device"))
		for (u32 b = 0; b < HIST_BUCKETS; b++)
			to->hist->bucket[b] += (u64)((double)hist.bucket[b] * part + 0.5);
}

/*
 * Recordings do not have how long the I/O of a service takes, but its bytes: it is what the device takes for as large a part of
 * the requests.
 */
static void service_io_add(struct stage *s)
{
	const struct family *bytes =
		registry_find(&s->registry, "seismo_service_block_io_bytes_total");
	const struct family *io = registry_find(&s->registry, "seismo_block_io_duration_seconds");
	struct family *to = registry_find(&s->registry, "seismo_service_block_io_duration_seconds");

	for (size_t i = 0; i < bytes->series_cnt; i++) {
		const struct series *of = bytes->series[i];
		double own = series_increase_now(s->history, of), all = 0;

		for (size_t k = 0; k < bytes->series_cnt; k++)
			if (bytes->series[k]->label[1] == of->label[1] &&
			    bytes->series[k]->label[2] == of->label[2])
				all += series_increase_now(s->history, bytes->series[k]);
		for (size_t k = 0; all > 0 && k < io->series_cnt; k++)
			if (io->series[k]->label[0] == of->label[1] &&
			    io->series[k]->label[1] == of->label[2])
				part_of_io(s->history, io->series[k], own / all,
					   family_series(to, (const char *const[SERIES_LABELS]){
								     of->label[0], of->label[1],
								     of->label[2] }));
	}
}

static void stage_tick(struct stage *s, u32 (*next)(struct stage *s))
{
	u64 lost = 0;

	s->registry.now_ns += s->tick_s * SECOND;
	for (u32 i = 0; i < s->tick_s; i++)
		lost |= player_tick(&s->player, next(s));
	service_io_add(s);
	assert_int_equal(history_tick(s->history, lost), 0);
	while (history_tidy(s->history))
		;
	changes_tick(s->changes, &s->registry, s->history);
}

static void stage_play(struct stage *s, u32 seconds, u32 (*next)(struct stage *s))
{
	for (u32 i = 0; i < seconds; i += s->tick_s)
		stage_tick(s, next);
}

static void stage_seek(struct stage *s, u32 tick)
{
	s->left = 0;
	s->at = tick;
	player_seek(&s->player, tick);
}

static json_t *stage_ask(const struct stage *s)
{
	const struct evidence_sources sources = { .registry = &s->registry,
						  .history = s->history,
						  .changes = s->changes,
						  .wall_offset_ns = 1700000000LL * (s64)SECOND };
	const struct diagnosis_params params = { .src = &sources, .since_ns = SINCE_NS };

	return diagnosis_make(&params);
}

/* --- ways to ask */

static void long_before(struct stage *s, const struct recording *r)
{
	stage_begin(s, r, 5);
	stage_play(s, USUAL_S, usual_next);
	stage_seek(s, r->inject);
}

static void just_before(struct stage *s, const struct recording *r)
{
	stage_begin(s, r, 1);
	stage_play(s, r->inject, straight_next);
}

static void not_before(struct stage *s, const struct recording *r)
{
	stage_begin(s, r, 1);
	stage_seek(s, r->inject + 12);
}

static const struct way {
	const char *name;
	void (*before)(struct stage *s, const struct recording *r);
	u32 seconds[4];		/* into the fault, when it is asked; ends with 0 */
	double faults, healthy; /* parts that have to be right */
} ways[] = {
	{ "a day", long_before, { 15, 30, 0 }, 0.97, 1 },
	{ "half a minute", just_before, { 15, 28, 0 }, 0.95, 0.95 },
	{ "not at all", not_before, { 12, 0 }, 0.3, 1 },
};
#define WAYS (sizeof(ways) / sizeof(*ways))

static void answer_print(const struct recording *r, const struct way *w, u32 second, bool right,
			 const json_t *doc)
{
	const json_t *cause, *causes = json_object_get(doc, "causes");
	size_t i;

	print_message("# %s %-15s x%-3g %-6s %-13s +%2us |",
		      right				  ? "ok  "
		      : client_suffers(r) || r->row == 30 ? "FAIL"
							  : "mild",
		      r->fault, r->magnitude, r->workload, w->name, second);
	json_array_foreach(causes, i, cause)
	{
		char *subject = json_dumps(json_object_get(cause, "subject"), JSON_COMPACT);

		print_message(" %s%s(%.2f %s)", text_of(cause, "cause"), subject,
			      json_number_value(json_object_get(cause, "share_ratio")),
			      text_of(cause, "sure"));
		free(subject);
	}
	print_message("\n");
	if (getenv("CORPUS_VERBOSE") && !strcmp(getenv("CORPUS_VERBOSE"), r->fault)) {
		char *text = json_dumps(doc, JSON_INDENT(1) | JSON_REAL_PRECISION(6));

		puts(text);
		free(text);
	}
}

struct account {
	unsigned asked, right;
};

static void ask(const struct recording *r, const struct way *w, struct account *a)
{
	const struct expected *e = expected_of(r);
	u32 played = 0;
	struct stage s;

	w->before(&s, r);
	for (const u32 *at = w->seconds; *at; at++) {
		json_t *doc;
		bool right;

		stage_play(&s, *at - played, straight_next);
		played = *at;
		doc = stage_ask(&s);
		right = is_right(e, doc);
		if (getenv("CORPUS_VERBOSE") || !right)
			answer_print(r, w, *at, right, doc);
		if (client_suffers(r) || r->row == 30) {
			a->asked++;
			a->right += right;
		}
		json_decref(doc);
	}
	stage_end(&s);
}

static void causes_are_right(void **state)
{
	struct account faults[WAYS] = { 0 }, healthy[WAYS] = { 0 };

	(void)state;
	for (size_t w = 0; w < WAYS; w++) {
		for (unsigned i = 0; i < recording_cnt; i++)
			ask(recordings[i], &ways[w],
			    recordings[i]->row == 30 ? &healthy[w] : &faults[w]);
		print_message(
			"# result: watched before: %s: right cause first %u of %u, nothing wrong %u of %u\n",
			ways[w].name, faults[w].right, faults[w].asked, healthy[w].right,
			healthy[w].asked);
	}
	for (size_t w = 0; w < WAYS; w++) {
		assert_true(faults[w].right >= ways[w].faults * faults[w].asked);
		assert_true(healthy[w].right >= ways[w].healthy * healthy[w].asked);
	}
}

static int setup(void **state)
{
	(void)state;
	setvbuf(stdout, NULL, _IONBF, 0);
	corpus_dir = getenv("CORPUS") ?: corpus_dir;
	expected_read();
	recordings_read();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < recording_cnt; i++)
		recording_free(recordings[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(causes_are_right),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
