// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/report.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/buf.h"

static const char *const state_names[] = {
	[PROBE_OFF] = "off",
	[PROBE_ON] = "on",
	[PROBE_UNAVAILABLE] = "unavailable",
};

static const char *mode_name(const struct probe_run *run)
{
	static const char *const names[] = {
		[PROBE_MODE_OFF] = "off",     [PROBE_MODE_ON] = "on",
		[PROBE_MODE_COUNT] = "count", [PROBE_MODE_SAMPLED] = "sampled",
		[PROBE_MODE_FULL] = "full",
	};

	return names[run->mode];
}

static const char *hook_name(const struct hook_run *hook)
{
	return hook->chosen >= 0 ? hook->hook->alt[hook->chosen] : NULL;
}

/* Is something that was asked for missing? */
static bool probe_problem(const struct probe_run *run)
{
	for (unsigned i = 0; run->state == PROBE_ON && i < run->hook_cnt; i++)
		if (hook_missing(&run->hooks[i]))
			return true;
	return !probe_up(run);
}

bool report_problem(const struct agent *a)
{
	if (table_sizes_short(&a->probes.tables.sizes, &a->conf->limits))
		return true;
	for (struct probe_run *const *run = a->probes.list; *run; run++)
		if (probe_problem(*run))
			return true;
	return false;
}

static void report_probe(FILE *out, const struct probe_run *run)
{
	bool incomplete = run->state == PROBE_ON && probe_problem(run);
	bool mode = run->state == PROBE_ON && run->mode != PROBE_MODE_ON;

	fprintf(out, "  %-10s %-12s %s%s%s%s\n", run->probe->name,
		incomplete ? "incomplete" : state_names[run->state], run->probe->summary,
		mode ? " (mode " : "", mode ? mode_name(run) : "", mode ? ")" : "");
}

static unsigned long long mib_up(u64 bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

static void shortage(struct buf *text, u64 has, u64 promised, const char *what)
{
	if (has < promised)
		buf_printf(text, "%s %llu of %llu %s", text->len ? "," : "",
			   (unsigned long long)has, (unsigned long long)promised, what);
}

void report_tables(struct buf *text, const struct agent *a)
{
	const struct table_sizes *s = &a->probes.tables.sizes;
	const struct conf_limits *limits = &a->conf->limits;
	struct buf shortages = { 0 };

	shortage(&shortages, s->counters - METRIC_MAX, limits->series, "series");
	shortage(&shortages, s->hists - METRIC_MAX, TABLE_HISTS - METRIC_MAX, "histograms");
	shortage(&shortages, s->identities / 2, limits->services, "services");
	if (shortages.len)
		buf_printf(
			text,
			"limits.memory %lluMiB is too small for the other limits on this machine of %u possible CPUs, there is room for%s: what does not fit is counted under \"other\"; set limits.memory to at least %lluMiB",
			(unsigned long long)limits->memory_bytes >> 20, s->cpus,
			buf_cstr(&shortages), mib_up(s->wanted_bytes));
	buf_release(&shortages);
}

void report_probes(FILE *out, const struct agent *a)
{
	for (struct probe_run *const *run = a->probes.list; *run; run++)
		report_probe(out, *run);
}

#define DETAIL "             "

static void report_advice(FILE *out, int err)
{
	const char *advice = kernel_advice(err);

	if (advice)
		fprintf(out, DETAIL "  to do: %s\n", advice);
}

/* What is not observed, why each alternative fails, and what to do about the first reason. */
static void report_missing(FILE *out, const struct hook_run *hook)
{
	fprintf(out, DETAIL "missing: %s\n", hook->hook->purpose);
	for (int i = 0; hook->hook->alt[i]; i++)
		if (hook->why[i])
			fprintf(out, DETAIL "  %s: %s\n", hook->hook->alt[i],
				kernel_reason(hook->why[i]));
	report_advice(out, hook->why[0]);
}

/* A program that is attached but never called, or that could not be attached when it was needed. */
static void report_idle(FILE *out, const struct hook_run *hook)
{
	int err = hook->link ? -KERNEL_NO_FTRACE : hook->err;

	fprintf(out, DETAIL "missing: %s\n" DETAIL "  %s: %s\n", hook->hook->purpose,
		hook_name(hook), kernel_reason(err));
	report_advice(out, err);
}

static const char *hook_state(const struct hook_run *hook)
{
	if (hook_needless(hook))
		return "not needed on this kernel";
	if (hook->disabled)
		return "not needed with this configuration";
	if (hook_missing(hook))
		return "missing";
	if (hook->tail_called)
		return "called by another probe's program";
	if (hook->superseded)
		return "done by another probe's program";
	return hook->link ? "attached" : "attached when needed";
}

/* The program in use, and why the better ones are not. */
static void report_hook(FILE *out, const struct hook_run *hook)
{
	const char *name = hook_name(hook);

	fprintf(out, DETAIL "%-22s %s (%s)", name ? name : "-", hook->hook->purpose,
		hook_state(hook));
	for (int i = 0; i < hook->chosen; i++)
		fprintf(out, "; not %s: %s", hook->hook->alt[i], kernel_reason(hook->why[i]));
	fputc('\n', out);
}

static void report_settings(FILE *out, const struct agent *a, const struct probe_run *run)
{
	const u64 *values =
		run->probe->settings ? conf_probe_settings(a->conf, run->probe->name) : NULL;
	struct buf text = { 0 };

	for (const struct setting *s = run->probe->settings; s && s->name; s++) {
		buf_reset(&text);
		setting_write(s, values[s->offset / sizeof(u64)], &text);
		buf_str(&text, " (");
		setting_accepts(s, &text);
		buf_char(&text, ')');
		fprintf(out, DETAIL "%s: %s: %s\n", s->name, buf_cstr(&text), s->help);
	}
	buf_release(&text);
}

static void report_details(FILE *out, const struct probe_run *run)
{
	if (run->state == PROBE_UNAVAILABLE) {
		fprintf(out, DETAIL "%s\n", run->error);
		report_advice(out, run->err);
	}
	for (unsigned i = 0; run->state == PROBE_ON && i < run->hook_cnt; i++) {
		const struct hook_run *hook = &run->hooks[i];

		if (hook_missing(hook))
			report_missing(out, hook);
		else if (hook->err || (hook->link && !kernel_calls(hook->program)))
			report_idle(out, hook);
	}
}

void report_text(FILE *out, const struct agent *a, bool verbose)
{
	struct buf text = { 0 };

	report_tables(&text, a);
	if (text.len)
		fprintf(out, "tables: %s\n", buf_cstr(&text));
	buf_release(&text);
	for (struct probe_run *const *run = a->probes.list; *run; run++) {
		report_probe(out, *run);
		report_details(out, *run);
		if (!verbose)
			continue;
		report_settings(out, a, *run);
		for (unsigned i = 0; (*run)->state == PROBE_ON && i < (*run)->hook_cnt; i++)
			report_hook(out, &(*run)->hooks[i]);
	}
	fprintf(out, "%s%s\n",
		report_problem(a) ? "Something is missing on this machine, see above."
				  : "Everything that is switched on works on this machine.",
		verbose ? "" : " `seismo check --verbose` shows settings and hooks.");
}

static json_t *hook_json(const struct hook_run *hook)
{
	json_t *better = json_array(), *alternatives = json_array();

	for (int i = 0; hook->hook->alt[i]; i++)
		json_array_append_new(alternatives, json_string(hook->hook->alt[i]));
	for (int i = 0; hook->hook->alt[i] && (hook->chosen < 0 || i < hook->chosen); i++)
		if (hook->why[i])
			json_array_append_new(better,
					      json_pack("{s:s, s:s, s:s?}", "hook",
							hook->hook->alt[i], "reason",
							kernel_reason(hook->why[i]), "advice",
							kernel_advice(hook->why[i])));
	return json_pack("{s:s?, s:s, s:b, s:b, s:b, s:o, s:o}", "hook", hook_name(hook),
			 "observes", hook->hook->purpose, "attached", hook_works(hook), "wanted",
			 !hook->disabled, "missing", hook_missing(hook), "alternatives",
			 alternatives, "not_possible", better);
}

static json_t *settings_json(const struct agent *a, const struct probe_run *run)
{
	const u64 *values =
		run->probe->settings ? conf_probe_settings(a->conf, run->probe->name) : NULL;
	json_t *list = json_array();

	for (const struct setting *s = run->probe->settings; s && s->name; s++) {
		struct buf value = { 0 }, initial = { 0 }, accepted = { 0 };

		setting_write(s, values[s->offset / sizeof(u64)], &value);
		setting_write(s, s->initial, &initial);
		setting_accepts(s, &accepted);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", s->name,
						      "value", buf_cstr(&value), "default",
						      buf_cstr(&initial), "accepts",
						      buf_cstr(&accepted), "help", s->help));
		buf_release(&value);
		buf_release(&initial);
		buf_release(&accepted);
	}
	return list;
}

static json_t *probe_json(const struct agent *a, const struct probe_run *run)
{
	bool failed = run->state == PROBE_UNAVAILABLE;
	json_t *hooks = json_array();

	for (unsigned i = 0; run->state == PROBE_ON && i < run->hook_cnt; i++)
		json_array_append_new(hooks, hook_json(&run->hooks[i]));
	return json_pack("{s:s, s:s, s:b, s:s, s:s, s:s?, s:s?, s:s?, s:o, s:o}", "name",
			 run->probe->name, "state", state_names[run->state], "up", probe_up(run),
			 "mode", mode_name(run), "summary", run->probe->summary, "hook",
			 run->state == PROBE_ON ? hook_name(&run->hooks[0]) : NULL, "error",
			 failed ? run->error : NULL, "advice",
			 failed ? kernel_advice(run->err) : NULL, "settings", settings_json(a, run),
			 "hooks", hooks);
}

int report_json(FILE *out, const struct agent *a)
{
	const struct table_sizes *s = &a->probes.tables.sizes;
	json_t *probes = json_array(), *tables, *doc;
	struct utsname host = { 0 };
	struct buf text = { 0 };

	report_tables(&text, a);
	tables = json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:s?}", "bytes", (json_int_t)s->bytes,
			   "possible_cpus", s->cpus, "counter_lanes", s->lanes, "counters",
			   s->counters - METRIC_MAX, "histograms", s->hists - METRIC_MAX,
			   "histogram_cells", s->cells - 1, "problem",
			   text.len ? buf_cstr(&text) : NULL);
	buf_release(&text);

	uname(&host);
	for (struct probe_run *const *run = a->probes.list; *run; run++)
		json_array_append_new(probes, probe_json(a, *run));
	doc = json_pack("{s:s, s:s, s:s, s:o, s:b, s:o}", "version", VERSION, "kernel",
			host.release, "architecture", host.machine, "tables", tables, "problem",
			report_problem(a), "probes", probes);
	if (!doc || json_dumpf(doc, out, JSON_INDENT(2)))
		return -ENOMEM;
	fputc('\n', out);
	json_decref(doc);
	return 0;
}
