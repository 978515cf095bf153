// SPDX-License-Identifier: BSD-3-Clause
/* The table of `seismo top`: numbers in six columns, what is measured, order, filter, groups, narrow terminals, keys. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utc.h"
#include "top/detail.h"
#include "top/format.h"
#include "top/frame.h"
#include "top/measure.h"

#define NS_PER_SEC 1000000000ULL
#define TICK_NS	   (5 * NS_PER_SEC)

/* --- numbers */

static void number_is(enum top_unit unit, double value, const char *expected)
{
	const struct top_cell c = { TOP_KNOWN, value };
	char text[TOP_CELL + 1];

	top_format(text, unit, &c, false);
	if (strcmp(text, expected) != 0)
		fail_msg("%g of unit %d is %s, not %s", value, unit, text, expected);
}

static void numbers_have_units(void **state)
{
	(void)state;
	number_is(TOP_UNIT_SHARE, 0, "0%");
	number_is(TOP_UNIT_SHARE, 0.0004, "<0.1%");
	number_is(TOP_UNIT_SHARE, 0.0123, "1.2%");
	number_is(TOP_UNIT_SHARE, 1, "100%");
	number_is(TOP_UNIT_SHARE, 99.99, "9999%");
	number_is(TOP_UNIT_SHARE, 128, "13k%");
	number_is(TOP_UNIT_PER_SECOND, 0.04, "<0.1");
	number_is(TOP_UNIT_PER_SECOND, 2.54, "2.5");
	number_is(TOP_UNIT_PER_SECOND, 9999, "9999");
	number_is(TOP_UNIT_PER_SECOND, 9999.6, "10k");
	number_is(TOP_UNIT_PER_SECOND, 1234567, "1.2M");
	number_is(TOP_UNIT_SECONDS, 0, "0");
	number_is(TOP_UNIT_SECONDS, 3e-7, "<1us");
	number_is(TOP_UNIT_SECONDS, 84e-6, "84us");
	number_is(TOP_UNIT_SECONDS, 999.7e-6, "1.0ms");
	number_is(TOP_UNIT_SECONDS, 0.0842, "84ms");
	number_is(TOP_UNIT_SECONDS, 0.9996, "1.0s");
	number_is(TOP_UNIT_SECONDS, 119, "119s");
	number_is(TOP_UNIT_SECONDS, 120, "2.0m");
	number_is(TOP_UNIT_SECONDS, 86400, "24h");
	number_is(TOP_UNIT_SECONDS, 864000, "10d");
	number_is(TOP_UNIT_BYTES, 999, "999B");
	number_is(TOP_UNIT_BYTES, 1024, "1.0K");
	number_is(TOP_UNIT_BYTES, 212 * 1048576.0, "212M");
	number_is(TOP_UNIT_BYTES, 1023.9 * 1048576, "1.0G");
	number_is(TOP_UNIT_COUNT, 3, "3");
	number_is(TOP_UNIT_COUNT, 12345, "12k");
	number_is(TOP_UNIT_COUNT, NAN, "?");
	number_is(TOP_UNIT_SECONDS, INFINITY, "?");
}

/* Every number fits, also with a mark. */
static void numbers_fit(void **state)
{
	char text[TOP_CELL + 1];

	(void)state;
	for (int unit = TOP_UNIT_SHARE; unit <= TOP_UNIT_COUNT; unit++)
		for (double v = 1e-9; v < 1e12; v *= 1.01) {
			const struct top_cell c = { TOP_KNOWN, v };

			top_format(text, (enum top_unit)unit, &c, true);
			if (text[strlen(text) - 1] != '?')
				fail_msg("%g of unit %d does not fit: %s", v, unit, text);
		}
}

static void unknown_is_not_none(void **state)
{
	char text[TOP_CELL + 1];

	(void)state;
	top_format(text, TOP_UNIT_COUNT, &(struct top_cell){ TOP_NONE }, true);
	assert_string_equal(text, "-");
	top_format(text, TOP_UNIT_COUNT, &(struct top_cell){ TOP_UNKNOWN }, false);
	assert_string_equal(text, "?");
	top_format(text, TOP_UNIT_COUNT, &(struct top_cell){ TOP_KNOWN, 12 }, true);
	assert_string_equal(text, "12?");
}

static void text_is(const char *text, unsigned width, const char *expected)
{
	struct buf b = { 0 };

	top_text_add(&b, text, width);
	assert_string_equal(buf_cstr(&b), expected);
	buf_release(&b);
}

static void texts_are_cut_by_columns(void **state)
{
	(void)state;
	text_is("nginx", 8, "nginx   ");
	text_is("nginx", 5, "nginx");
	text_is("nginx", 4, "ngi~");
	text_is("nginx", 0, "");
	text_is("größe", 5, "größe");
	text_is("größe", 4, "grö~");
	text_is("日本語", 6, "日本語");
	text_is("日本語", 5, "日本~");
	text_is("日本語", 4, "日~ "); /* half of a character is none */
	text_is("a\x1b[2Jb\xff", 8, "a?[2Jb? ");
}

/* --- what is measured */

static const struct metric rows[] = {
	{ .name = "seismo_cpu_seconds_total", .unit = UNIT_SECONDS, .service = true },
	{ .name = "seismo_requests_total",
	  .service = true,
	  .labels = { { "direction" }, { "protocol" }, { "status" } } },
	{ .name = "seismo_requests_unanswered_total",
	  .service = true,
	  .labels = { { "direction" }, { "protocol" }, { "reason" } } },
	{ .name = "seismo_request_duration_seconds",
	  .kind = METRIC_HISTOGRAM,
	  .unit = UNIT_SECONDS,
	  .service = true,
	  .labels = { { "direction" }, { "protocol" } } },
	{ .name = "seismo_request_oldest_seconds",
	  .kind = METRIC_GAUGE,
	  .unit = UNIT_SECONDS,
	  .service = true,
	  .largest = true,
	  .labels = { { "direction" }, { "protocol" } } },
	{ .name = "seismo_run_queue_wait_seconds",
	  .kind = METRIC_HISTOGRAM,
	  .unit = UNIT_SECONDS,
	  .service = true },
	{ .name = "seismo_memory_resident_bytes",
	  .kind = METRIC_GAUGE,
	  .unit = UNIT_BYTES,
	  .service = true },
	{ .name = "seismo_pressure_stalled_seconds_total",
	  .unit = UNIT_SECONDS,
	  .service = true,
	  .labels = { { "resource" }, { "kind" } } },
};
enum { CPU, REQUESTS, UNANSWERED, DURATION, OLDEST, RUNQ, MEMORY, PRESSURE, FAMILIES };

static struct registry registry;
static struct history *history;
static struct top_table table;

static int begin(void **state)
{
	(void)state;
	registry = (struct registry){ .now_ns = NS_PER_SEC };
	for (int i = 0; i < FAMILIES; i++)
		registry_add(&registry, &rows[i])->sources = 1ULL << i;
	history = history_new(&registry, NS_PER_SEC, 16 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	top_table_release(&table);
	history_free(history);
	registry_release(&registry);
	return 0;
}

static struct series *series(int family, const char *service, const char *a, const char *b,
			     const char *c)
{
	return family_series(registry.families[family],
			     (const char *[SERIES_LABELS]){ service, a, b, c });
}

static void count(int family, const char *service, const char *a, const char *b, const char *c,
		  s64 by)
{
	*series(family, service, a, b, c)->value += by;
}

static void times(int family, const char *service, const char *a, const char *b, u64 ms, u64 cnt)
{
	struct hist *h = series(family, service, a, b, NULL)->hist;

	h->bucket[(int)ceil((log2((double)ms / 1000) - HIST_MIN_EXP) * HIST_SUB)] += cnt;
	h->sum_ns += cnt * ms * 1000000;
}

static void tick(u64 lost)
{
	registry.now_ns += TICK_NS;
	assert_int_equal(history_tick(history, lost), 0);
}

static const char *kind_of(void *ctx, const char *service)
{
	(void)ctx;
	return strstr(service, ".service") ? "unit" : "command";
}

/* Over the socket and back. */
static void measure(u64 ago_ns)
{
	const struct top_sources src = { .registry = &registry,
					 .history = history,
					 .kind = kind_of,
					 .now_ns = registry.now_ns,
					 .wall_ns = 1800000000 * (s64)NS_PER_SEC };
	const struct expo_window w = { .length_ns = TOP_WINDOW_NS, .ago_ns = ago_ns };
	const struct top_row **rows_all;
	struct buf out = { 0 };
	json_t *doc;

	top_table_release(&table);
	assert_int_equal(top_measure(&table, &src, &w), 0);
	rows_all = calloc(table.row_cnt + 1, sizeof(*rows_all));
	for (size_t i = 0; i < table.row_cnt; i++)
		rows_all[i] = &table.rows[i];
	top_table_write(&table, rows_all, table.row_cnt, &out);
	doc = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(doc);
	free(rows_all);
	buf_release(&out);
	top_table_release(&table);
	assert_int_equal(top_table_read(&table, doc), 0);
}

static const struct top_row *row(const char *service)
{
	for (size_t i = 0; i < table.row_cnt; i++)
		if (!strcmp(table.rows[i].service, service))
			return &table.rows[i];
	fail_msg("there is no %s", service);
	return NULL;
}

static void cell_is(const char *service, enum top_column_id column, double expected)
{
	const struct top_cell *c = &row(service)->cells[column];

	if (c->is != TOP_KNOWN || fabs(c->value - expected) > 0.06 * fabs(expected))
		fail_msg("%s of %s is %g (%d), not %g", top_columns[column].key, service, c->value,
			 c->is, expected);
}

static void cell_is_not(const char *service, enum top_column_id column, enum top_known is)
{
	assert_int_equal(row(service)->cells[column].is, is);
}

static void values_are_measured(void **state)
{
	(void)state;
	count(CPU, "web", NULL, NULL, NULL, 4 * (s64)NS_PER_SEC);
	count(REQUESTS, "web", "inbound", "http", "200", 100);
	count(REQUESTS, "web", "inbound", "http", "503", 30);
	count(REQUESTS, "web", "inbound", "redis", "error", 5);
	count(REQUESTS, "web", "inbound", "http", "404", 7);
	count(REQUESTS, "web", "outbound", "http", "500", 20);
	count(UNANSWERED, "web", "inbound", "http", "reset", 10);
	count(UNANSWERED, "web", "inbound", "http", "client_closed", 1000);
	times(DURATION, "web", "inbound", "http", 10, 98);
	times(DURATION, "web", "inbound", "http", 800, 2);
	times(RUNQ, "web", NULL, NULL, 20, 50);
	count(OLDEST, "web", "inbound", "http", NULL, 3 * (s64)NS_PER_SEC);
	count(OLDEST, "web", "outbound", "http", NULL, 7 * (s64)NS_PER_SEC);
	count(MEMORY, "web", NULL, NULL, NULL, 5 << 20);
	count(PRESSURE, "web", "io", "some", NULL, 2 * (s64)NS_PER_SEC);
	count(PRESSURE, "web", "cpu", "some", NULL, 1 * (s64)NS_PER_SEC);
	count(PRESSURE, "web", "io", "full", NULL, 9 * (s64)NS_PER_SEC);
	count(MEMORY, "idle", NULL, NULL, NULL, 1 << 20);
	count(CPU, "gone", NULL, NULL, NULL, 0);
	tick(0);
	tick(0);
	measure(0);
	assert_int_equal(table.row_cnt,
			 2); /* nothing is told of what did nothing and is not there */
	assert_true(fabs(table.window - 10) < 1e-6);
	cell_is("web", TOP_CPU, 0.4);
	cell_is("web", TOP_IN_RATE, 14.2);
	cell_is("web", TOP_IN_ERRORS, 4.5);
	cell_is("web", TOP_OUT_ERRORS, 2);
	cell_is("web", TOP_IN_P99, 0.8);
	cell_is("web", TOP_CPU_WAIT, 0.1);
	cell_is("web", TOP_OLDEST, 7);
	cell_is("web", TOP_MEMORY, 5 << 20);
	cell_is("web", TOP_PRESSURE, 0.2);
	cell_is("idle", TOP_CPU, 0);
	cell_is_not("web", TOP_OUT_P99, TOP_NONE);
	cell_is_not("idle", TOP_IN_RATE, TOP_NONE);
	cell_is_not("idle", TOP_OLDEST, TOP_NONE);
	cell_is_not("web", TOP_DISK_RATE, TOP_UNKNOWN); /* the probe does not run */
	assert_non_null(table.unknown[TOP_DISK_RATE]);
	assert_string_equal(row("web")->kind, "command");
	tick(0);
	tick(0);
	measure(0);
	cell_is("web", TOP_IN_RATE, 0);
	cell_is_not("web", TOP_IN_P99, TOP_NONE);
	measure(2 * TICK_NS);
	cell_is("web", TOP_IN_RATE, 14.2);
	assert_true(fabs(table.age - 10) < 1e-6);
	assert_int_equal(table.end_ns, 1799999990 * (s64)NS_PER_SEC);
}

static void losses_are_told(void **state)
{
	(void)state;
	count(CPU, "web", NULL, NULL, NULL, 1);
	count(REQUESTS, "web", "inbound", "http", "200", 100);
	tick(1 << REQUESTS);
	tick(0);
	measure(0);
	assert_true(table.lossy[TOP_IN_RATE]);
	assert_false(table.lossy[TOP_CPU]);
}

/* Usual is what was from an hour to 15 minutes before. */
static void slower_than_usual_hurts(void **state)
{
	(void)state;
	for (int i = 0; i < 420; i++) {
		bool slow = i >= 418;

		times(DURATION, "worse", "inbound", "http", slow ? 100 : 10, 10);
		times(DURATION, "same", "inbound", "http", 100, 10);
		if (slow)
			times(DURATION, "new", "inbound", "http", 100, 10);
		tick(0);
		while (history_tidy(history))
			;
	}
	measure(0);
	cell_is("worse", TOP_SLOWER, 2 * 0.09);
	assert_true(row("same")->cells[TOP_SLOWER].value < 0.01);
	cell_is_not("new", TOP_SLOWER, TOP_NONE);
	assert_string_equal(table.rows[0].service, "worse");
	assert_true(table.rows[0].points > 7 && table.rows[0].points < 8);
	assert_string_equal(top_hurts[__builtin_ctz(table.rows[0].hurts)].name, "slower");
}

static void usual_is(struct top_usual *u, u64 ago_ns, double least, double most)
{
	static const struct top_source source = { rows[DURATION].name,
						  { { "direction", "inbound" } } };

	assert_int_equal(top_usual_measure(u, &source, registry.families[DURATION], history,
					   ago_ns),
			 0);
	if (!(top_usual_mean(u, "web") >= least && top_usual_mean(u, "web") <= most))
		fail_msg("usual is %g s", top_usual_mean(u, "web"));
	assert_true(isnan(top_usual_mean(u, "other")));
}

static void ticks_at(u64 ms, int cnt)
{
	for (int i = 0; i < cnt; i++) {
		times(DURATION, "web", "inbound", "http", ms, 10);
		tick(0);
	}
}

/* One tick that is slow comes to be 15 minutes old. */
static void usual_is_kept_for_a_minute(void **state)
{
	struct top_usual u = { 0 };

	(void)state;
	ticks_at(10, 300);
	ticks_at(10000, 1);
	ticks_at(10, 178);
	usual_is(&u, 0, 0.0099, 0.0101);
	ticks_at(10, 6);
	usual_is(&u, 0, 0.0099, 0.0101);
	ticks_at(10, 8);
	usual_is(&u, 0, 0.03, 0.06);
	usual_is(&u, 40 * TICK_NS, 0.0099, 0.0101); /* that of another time */
	usual_is(&u, 0, 0.03, 0.06);
	top_usual_release(&u);
}

/* --- lines */

#define SERVICES 30

static void table_fill(void)
{
	static char names[SERVICES][32];

	top_table_release(&table);
	table = (struct top_table){ .window = 10,
				    .requested_window = 10,
				    .coverage = 1,
				    .rows = calloc(SERVICES, sizeof(*table.rows)),
				    .row_cnt = SERVICES,
				    .service_cnt = SERVICES,
				    .matching_cnt = SERVICES };
	for (int i = 0; i < SERVICES; i++) {
		struct top_row *r = &table.rows[i];

		snprintf(names[i], sizeof(names[i]), "%s-%02d%s", i % 2 ? "job" : "web", i,
			 i % 3 ? ".service" : "");
		r->service = names[i];
		r->kind = i % 3 ? "unit" : "command";
		for (int c = 0; c < TOP_COLUMNS; c++)
			r->cells[c] = (struct top_cell){ TOP_KNOWN, 0.5 };
		r->cells[TOP_CPU] = (struct top_cell){ i == 5 ? TOP_UNKNOWN : TOP_KNOWN, i };
	}
	table.rows[4].severity = "page";
	table.rows[7].severity = "warning";
	top_table_judge(&table);
}

static void first_is(const struct top_view *v, size_t at, const char *service)
{
	struct top_lines lines;

	assert_int_equal(top_lines_make(&lines, &table, v), 0);
	assert_string_equal(lines.lines[at].row->service, service);
	top_lines_release(&lines);
}

static void lines_are_sorted(void **state)
{
	struct top_view v = { .by = TOP_BY_HURT };

	(void)state;
	table_fill();
	first_is(&v, 0, "web-04.service");
	first_is(&v, 1, "job-07.service");
	v.by = TOP_CPU;
	first_is(&v, 0, "job-29.service");
	first_is(&v, SERVICES - 1, "job-05.service"); /* unknown */
	v.reverse = true;
	first_is(&v, 0, "web-00");
	first_is(&v, SERVICES - 1, "job-05.service");
	v.by = TOP_BY_NAME;
	v.reverse = false;
	first_is(&v, 0, "job-01.service");
	assert_int_equal(top_by_find("cpu"), TOP_CPU);
	assert_int_equal(top_by_find("in p"), TOP_IN_P99);
	assert_int_equal(top_by_find("in"), TOP_BYS);
	assert_int_equal(top_by_find("memory_bytes"), TOP_MEMORY);
	for (unsigned by = 0, i = 0; i < TOP_BYS; i++) {
		assert_non_null(top_by_title(by));
		assert_int_equal(top_by_step(top_by_step(by, 1), -1), by);
		by = top_by_step(by, 1);
	}
}

static void lines_are_filtered(void **state)
{
	static const struct {
		const char *filter;
		size_t cnt;
	} filters[] = { { "", 30 },
			{ "WEB", 15 },
			{ "web-0", 5 },
			{ "*.service", 20 },
			{ "web-02*|job-01*", 2 },
			{ "!*.service", 10 },
			{ "nothing", 0 } };
	struct top_lines lines;

	(void)state;
	table_fill();
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		struct top_view v = { .by = TOP_BY_NAME };

		strcpy(v.filter, filters[i].filter);
		assert_int_equal(top_lines_make(&lines, &table, &v), 0);
		assert_int_equal(lines.cnt, filters[i].cnt);
		top_lines_release(&lines);
	}
}

static void groups_are_summed_up(void **state)
{
	struct top_view v = { .by = TOP_BY_NAME, .grouped = true };
	struct top_lines lines;

	(void)state;
	table_fill();
	assert_int_equal(top_lines_make(&lines, &table, &v), 0);
	assert_int_equal(lines.cnt, SERVICES + 2);
	assert_true(lines.lines[0].group);
	assert_string_equal(lines.lines[0].row->service, "unit");
	assert_int_equal(lines.lines[0].cnt, 20);
	assert_true(lines.lines[21].group);
	assert_int_equal(lines.lines[21].cnt, 10);
	assert_true(fabs(lines.lines[21].row->cells[TOP_IN_RATE].value - 5) < 1e-9);
	assert_true(fabs(lines.lines[21].row->cells[TOP_OLDEST].value - 0.5) < 1e-9);
	assert_string_equal(lines.lines[0].row->severity, "page");
	top_lines_release(&lines);
}

/* In any width: no line is longer, and what it sorts by stays as long as there is room for a column. */
static void lines_fit(void **state)
{
	(void)state;
	table_fill();
	for (unsigned width = 1; width < 250; width++)
		for (unsigned by = 0; by < TOP_BYS; by = top_by_title(by + 1) ? by + 1 : TOP_BYS) {
			struct top_view v = { .by = by };
			struct top_layout l;
			struct top_lines lines;
			struct buf b = { 0 };

			top_layout_make(&l, &table, &v, width);
			top_header_write(&b, &l);
			assert_int_equal(top_text_width(buf_cstr(&b)), width);
			if (width >= 40)
				assert_non_null(strstr(buf_cstr(&b), top_by_title(by)));
			buf_reset(&b);
			assert_int_equal(top_lines_make(&lines, &table, &v), 0);
			top_line_write(&b, &l, &table, &lines.lines[0]);
			assert_int_equal(top_text_width(buf_cstr(&b)), width);
			top_lines_release(&lines);
			buf_release(&b);
		}
}

/* --- one service */

static void path_add(struct buf *path, const char *key, const char *value)
{
	buf_printf(path, "%s=%s ", key, value);
}

static const struct top_part *part_of(const char *what)
{
	const struct top_part *p = top_parts;

	while (strcmp(p->metric ?: p->route, what) != 0)
		p++;
	return p;
}

static void part_is(const char *what, const char *answer, const char *why, const char *expected)
{
	json_t *doc = answer ? json_loads(answer, 0, NULL) : NULL;
	struct top_window w = { .length_ns = 10 * NS_PER_SEC };
	struct buf b = { 0 };

	assert_int_equal(utc_parse("2026-11-26T03:02:20Z", &w.end_ns), 0);
	top_part_write(&b, part_of(what), "web", &w, doc, why);
	if (strcmp(buf_cstr(&b), expected) != 0)
		fail_msg("%s is:\n%s\nand not:\n%s", what, buf_cstr(&b), expected);
	buf_release(&b);
	json_decref(doc);
}

static void details_are_asked_for(void **state)
{
	const struct top_window now = { .length_ns = 10 * NS_PER_SEC, .end_ns = 70 * NS_PER_SEC },
				past = { .length_ns = 10 * NS_PER_SEC, .ago_ns = NS_PER_SEC };
	struct buf b = { 0 };

	(void)state;
	assert_null(top_part_path(&b, part_of("seismo_syscalls_total"), "a\"b\\", &now, path_add));
	assert_string_equal(
		buf_cstr(&b),
		"/api/v1/query?metric=seismo_syscalls_total window=10000ms by=syscall where=service=\"a\\\"b\\\\\" ");
	buf_reset(&b);
	assert_null(top_part_path(&b, part_of("/api/v1/events"), "a*b", &now, path_add));
	assert_string_equal(
		buf_cstr(&b),
		"/api/v1/events?kind=process_exit since=1970-01-01T00:00:10.000000000Z service=a\\*b ");
	assert_non_null(top_part_path(&b, part_of("/api/v1/alerts"), "a", &past, path_add));
	buf_release(&b);
}

static void details_are_lines(void **state)
{
	(void)state;
	part_is("seismo_syscalls_total",
		"{\"groups\": [{\"labels\": {\"syscall\": \"read\"}, \"rate_per_second\": 2},"
		"{\"labels\": {\"syscall\": \"open\"}, \"rate_per_second\": 0},"
		"{\"labels\": {\"syscall\": \"write\"}, \"rate_per_second\": 30}]}",
		NULL,
		"system calls\n"
		"  write                               /s     30\n"
		"  read                                /s    2.0\n");
	part_is("seismo_syscalls_total", NULL, "its probe does not run",
		"system calls\n  ? its probe does not run\n");
	part_is("seismo_syscalls_total", "{\"groups\": []}", NULL, "");
	part_is("/api/v1/events",
		"{\"recorded\": true, \"events\": ["
		"{\"service\": \"web\", \"time\": \"2026-11-26T03:02:11.5Z\", \"pid\": 7, \"command\": \"a\","
		" \"reason\": \"signal\", \"signal\": 9, \"life_seconds\": 81.4},"
		"{\"service\": \"web\", \"time\": \"2026-11-26T03:02:12.5Z\", \"pid\": 8, \"reason\": \"ok\"},"
		"{\"service\": \"db\", \"time\": \"2026-11-26T03:02:12.5Z\", \"pid\": 9, \"reason\": \"oom\"}]}",
		NULL, "last deaths, in 60 s\n  03:02:11  a[7]  signal 9  after    81s\n");
	part_is("/api/v1/events",
		"{\"recorded\": true, \"from\": \"2026-11-26T03:01:19Z\", \"events\": []}", NULL,
		"");
	part_is("/api/v1/events",
		"{\"recorded\": true, \"from\": \"2026-11-26T03:01:21Z\", \"events\": []}", NULL,
		"last deaths, in 60 s\n  ? before 03:01:21: see seismo events\n");
	part_is("/api/v1/events", "{\"recorded\": false, \"events\": []}", NULL,
		"last deaths, in 60 s\n  ? there is no event log\n");
	part_is("/api/v1/alerts",
		"{\"alerts\": [{\"rule\": \"Slow\", \"labels\": {\"service\": \"db\"}},"
		"{\"rule\": \"Slow\", \"labels\": {\"service\": \"web\"}, \"state\": \"firing\","
		" \"severity\": \"page\", \"summary\": \"web is slow\", \"evidence\": {\"cause\": \"callee: db\"}}]}",
		NULL, "alerts\n  firing page Slow: web is slow\n    cause: callee: db\n");
}

/* --- keys */

static char screen[100][512];
static unsigned screen_lines, screen_width;

static void line_take(void *ctx, enum top_style style, const char *text)
{
	(void)ctx, (void)style;
	assert_int_equal(top_text_width(text), screen_width);
	snprintf(screen[screen_lines++], sizeof(*screen), "%s", text);
}

static void draw(struct top_state *s)
{
	screen_lines = 0;
	screen_width = s->width;
	top_frame(s, line_take, NULL);
	assert_int_equal(screen_lines, s->height);
}

static bool shown(const char *text)
{
	for (unsigned i = 0; i < screen_lines; i++)
		if (strstr(screen[i], text))
			return true;
	return false;
}

static struct top_state *state_new(void)
{
	struct top_state *s = calloc(1, sizeof(*s));

	s->view.by = TOP_BY_NAME;
	s->window_ns = 10 * NS_PER_SEC;
	s->now_ns = 10000 * NS_PER_SEC;
	s->limit = TOP_LIMIT;
	top_state_resize(s, 80, 15);
	table_fill();
	top_state_take(s, &table);
	return s;
}

static void keys(struct top_state *s, const char *text)
{
	for (; *text; text++)
		top_state_key(s, *text);
}

static void keys_choose(void **state)
{
	struct top_state *s = state_new();

	(void)state;
	draw(s);
	assert_true(shown("job-01.service"));
	for (int i = 0; i < 12; i++)
		top_state_key(s, TOP_KEY_DOWN);
	draw(s);
	assert_string_equal(s->selected, "job-25.service");
	assert_false(shown("job-01.service"));
	keys(s, "g"); /* the selected one keeps its mark wherever it goes */
	assert_string_equal(s->lines.lines[s->at].row->service, "job-25.service");
	draw(s);
	assert_true(shown("job-25.service"));
	keys(s, "g/w");
	top_state_key(s, 0xe9);
	assert_string_equal(s->view.filter, "wé");
	top_state_key(s, TOP_KEY_ERASE);
	keys(s, "eb-0\r");
	assert_string_equal(s->view.filter, "web-0");
	draw(s);
	assert_true(shown("5 of 30 services"));
	assert_false(shown("job-"));
	top_state_key(s, TOP_KEY_HOME);
	assert_int_equal(top_state_key(s, TOP_KEY_ENTER), TOP_WISH_DATA);
	top_state_take_detail(s, strdup("disks\n  sda read   12\n"));
	draw(s);
	assert_true(shown("sda read"));
	assert_true(shown("web-00"));
	assert_int_equal(top_state_key(s, 'q'), TOP_WISH_DATA);
	assert_int_equal(top_state_key(s, TOP_KEY_ESCAPE), TOP_WISH_DATA);
	draw(s);
	assert_true(shown("30 services"));
	keys(s, "?");
	draw(s);
	assert_true(shown("KEYS"));
	top_state_key(s, TOP_KEY_END);
	draw(s);
	assert_true(shown("uses ten CPUs"));
	keys(s, "q");
	assert_int_equal(top_state_key(s, 'q'), TOP_WISH_END);
	top_state_release(s);
	free(s);
}

static void keys_move_in_time(void **state)
{
	struct top_state *s = state_new();

	(void)state;
	assert_int_equal(top_state_ago(s), 0);
	assert_int_equal(top_state_key(s, TOP_KEY_LEFT), TOP_WISH_DATA);
	assert_int_equal(top_state_ago(s), 10 * NS_PER_SEC);
	s->now_ns += 5 * NS_PER_SEC; /* the past stays where it is */
	assert_int_equal(top_state_ago(s), 15 * NS_PER_SEC);
	keys(s, "[");
	assert_int_equal(top_state_ago(s), 315 * NS_PER_SEC);
	s->asked_at_ns = s->at_ns;
	top_state_fail(s, "nothing is known of that time", true);
	assert_int_equal(top_state_ago(s), 0);
	draw(s);
	assert_true(shown("nothing is known"));
	keys(s, "[");
	s->asked_at_ns = s->at_ns;
	table_fill();
	table.age = 300;
	table.window = 60; /* where the history is coarse, steps are as long as it has together */
	top_state_take(s, &table);
	top_state_key(s, TOP_KEY_LEFT);
	assert_int_equal(top_state_ago(s), 360 * NS_PER_SEC);
	draw(s);
	assert_true(shown("REPLAY"));
	assert_true(shown("5:00 ago"));
	top_state_key(s, TOP_KEY_RIGHT);
	keys(s, "]");
	assert_int_equal(top_state_ago(s), 0);
	top_state_release(s);
	free(s);
}

/* Nothing is said of services before the first answer. */
static void the_first_screen_asks(void **state)
{
	struct top_state s = { .window_ns = 10 * NS_PER_SEC };

	(void)state;
	top_state_resize(&s, 80, 15);
	draw(&s);
	assert_true(shown("asking"));
	assert_false(shown("services"));
	assert_false(shown("alert fires"));
	s.error = "no daemon is running";
	draw(&s);
	assert_true(shown("no daemon is running"));
	assert_false(shown("asking"));
}

static void screens_fit(void **state)
{
	struct top_state *s = state_new();

	(void)state;
	s->error = "a daemon that has ended long ago";
	top_state_take_detail(s, strdup("disks\n  sda read   12\n\nx\n"));
	for (int mode = TOP_MODE_TABLE; mode <= TOP_MODE_HELP; mode++)
		for (unsigned height = 1; height < 30; height++)
			for (unsigned width = 1; width < 130; width += 3) {
				s->mode = (enum top_mode)mode;
				top_state_resize(s, width, height);
				draw(s);
			}
	top_state_release(s);
	free(s);
}

#define MEASURE(name) cmocka_unit_test_setup_teardown(name, begin, end)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(numbers_have_units),
	cmocka_unit_test(numbers_fit),
	cmocka_unit_test(unknown_is_not_none),
	cmocka_unit_test(texts_are_cut_by_columns),
	MEASURE(values_are_measured),
	MEASURE(losses_are_told),
	MEASURE(usual_is_kept_for_a_minute),
	MEASURE(slower_than_usual_hurts),
	cmocka_unit_test(lines_are_sorted),
	cmocka_unit_test(lines_are_filtered),
	cmocka_unit_test(groups_are_summed_up),
	cmocka_unit_test(lines_fit),
	cmocka_unit_test(details_are_asked_for),
	cmocka_unit_test(details_are_lines),
	cmocka_unit_test(keys_choose),
	cmocka_unit_test(keys_move_in_time),
	cmocka_unit_test(the_first_screen_asks),
	cmocka_unit_test(screens_fit),
};

int main(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}
