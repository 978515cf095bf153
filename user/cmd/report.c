// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/report.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/utsname.h>

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

/* Observes what only other kernels do. */
static bool hook_needless(const struct hook_run *hook)
{
	return (hook->hook->if_exists && hook->chosen < 0 && hook->why[0] == -ENOENT) ||
	       (hook->hook->requires && hook->disabled);
}

/* Wanted, and this kernel has no way to it. */
static bool hook_missing(const struct hook_run *hook)
{
	return hook->chosen < 0 && !hook->disabled && !hook_needless(hook);
}

static const char *reason(int err)
{
	switch (err) {
	case -ENOENT:
		return "not in this kernel";
	case -ECANCELED:
		return "another one is asked for";
	}
	return strerror(-err);
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
	shortage(&shortages, s->hists, TABLE_HISTS, "histograms");
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
	for (struct probe_run *const *run = a->probes.list; *run; run++) {
		fprintf(out, "  %-10s %-11s %-8s", (*run)->probe->name, state_names[(*run)->state],
			mode_name(*run));
		if ((*run)->state == PROBE_UNAVAILABLE)
			fprintf(out, " %s", (*run)->error);
		else
			fprintf(out, " %s", (*run)->probe->summary);
		fputc('\n', out);
	}
}

static void report_hook(FILE *out, const struct hook_run *hook)
{
	const char *name = hook_name(hook);

	fprintf(out, "    %-22s %s", name ? name : "-", hook->hook->purpose);
	if (hook_needless(hook))
		fputs(" (not needed on this kernel)", out);
	else if (hook->disabled)
		fputs(" (not asked for)", out);
	else if (hook_missing(hook))
		fputs(": LOST", out);
	else if (hook->tail_called)
		fputs(" (called by the program of another family)", out);
	else if (hook->superseded)
		fputs(" (done by the program of another family)", out);
	else if (!hook->link && hook->hook->on_demand)
		fputs(" (attached when needed)", out);
	for (int i = 0; hook->hook->alt[i] && (hook->chosen < 0 || i < hook->chosen); i++)
		if (hook->why[i] && !hook_needless(hook))
			fprintf(out, "; %s: %s", hook->hook->alt[i], reason(hook->why[i]));
	fputc('\n', out);
}

void report_hooks(FILE *out, const struct agent *a)
{
	struct buf text = { 0 };

	report_tables(&text, a);
	if (text.len)
		fprintf(out, "tables: %s\n", buf_cstr(&text));
	buf_release(&text);
	for (struct probe_run *const *run = a->probes.list; *run; run++) {
		fprintf(out, "%s: %s%s%s\n", (*run)->probe->name, state_names[(*run)->state],
			(*run)->state == PROBE_ON ? ", mode " : "",
			(*run)->state == PROBE_ON ? mode_name(*run) : "");
		if ((*run)->state == PROBE_UNAVAILABLE)
			fprintf(out, "    %s; lost: %s\n", (*run)->error, (*run)->probe->summary);
		for (unsigned i = 0; (*run)->state == PROBE_ON && i < (*run)->hook_cnt; i++)
			report_hook(out, &(*run)->hooks[i]);
	}
}

static json_t *hook_json(const struct hook_run *hook)
{
	json_t *better = json_array(), *alternatives = json_array();

	for (int i = 0; hook->hook->alt[i]; i++)
		json_array_append_new(alternatives, json_string(hook->hook->alt[i]));
	for (int i = 0; hook->hook->alt[i] && (hook->chosen < 0 || i < hook->chosen); i++)
		if (hook->why[i])
			json_array_append_new(better,
					      json_pack("{s:s, s:s}", "hook", hook->hook->alt[i],
							"reason", reason(hook->why[i])));
	return json_pack("{s:s?, s:s, s:b, s:b, s:b, s:o, s:o}", "hook", hook_name(hook),
			 "observes", hook->hook->purpose, "attached", hook_works(hook), "wanted",
			 !hook->disabled, "missing", hook_missing(hook), "alternatives",
			 alternatives, "not_possible", better);
}

static json_t *probe_json(const struct probe_run *run)
{
	json_t *hooks = json_array();

	for (unsigned i = 0; run->state == PROBE_ON && i < run->hook_cnt; i++)
		json_array_append_new(hooks, hook_json(&run->hooks[i]));
	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:o}", "name", run->probe->name, "state",
			 state_names[run->state], "mode", mode_name(run), "summary",
			 run->probe->summary, "hook",
			 run->state == PROBE_ON ? hook_name(&run->hooks[0]) : NULL, "error",
			 *run->error ? run->error : NULL, "hooks", hooks);
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
		json_array_append_new(probes, probe_json(*run));
	doc = json_pack("{s:s, s:s, s:s, s:o, s:b, s:o}", "version", VERSION, "kernel",
			host.release, "architecture", host.machine, "tables", tables, "problem",
			report_problem(a), "probes", probes);
	if (!doc || json_dumpf(doc, out, JSON_INDENT(2)))
		return -ENOMEM;
	fputc('\n', out);
	json_decref(doc);
	return 0;
}

bool report_problem(const struct agent *a)
{
	if (table_sizes_short(&a->probes.tables.sizes, &a->conf->limits))
		return true;
	for (struct probe_run *const *run = a->probes.list; *run; run++) {
		if ((*run)->state == PROBE_UNAVAILABLE)
			return true;
		for (unsigned i = 0; (*run)->state == PROBE_ON && i < (*run)->hook_cnt; i++)
			if (hook_missing(&(*run)->hooks[i]))
				return true;
	}
	return false;
}
