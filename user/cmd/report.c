// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/report.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/utsname.h>

#include "collect/inside_tls.h"
#include "lib/buf.h"
#include "lib/sandbox.h"
#include "lib/version.h"
#include "metric/label.h"
#include "probe/tls_functions.h"

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

bool report_degraded(const struct probe_run *run)
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
		if (report_degraded(*run))
			return true;
	return inside_tls_failed(collector_inside_tls(a->collector));
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

	shortage(&shortages, s->counters - METRIC_MAX, table_counters_wanted(limits), "series");
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
	return hook->hook->on_demand ? "attached when needed" : "attached";
}

/* Why a chosen program does not work: it is attached but never called, or could not be attached when needed; else 0. */
static int hook_idle(const struct hook_run *hook)
{
	if (hook->link && !kernel_calls(hook->program))
		return -KERNEL_NO_FTRACE;
	return hook->err;
}

static json_t *reason_json(const char *hook, int err)
{
	return json_pack("{s:s?, s:s, s:s?}", "hook", hook, "reason", kernel_reason(err), "advice",
			 kernel_advice(err));
}

static json_t *hook_json(const struct hook_run *hook)
{
	json_t *better = json_array(), *alternatives = json_array();
	int idle = hook_missing(hook) ? 0 : hook_idle(hook);

	for (int i = 0; hook->hook->alt[i]; i++)
		json_array_append_new(alternatives, json_string(hook->hook->alt[i]));
	for (int i = hook->best; hook->hook->alt[i] && (hook->chosen < 0 || i < hook->chosen); i++)
		if (hook->why[i])
			json_array_append_new(better,
					      reason_json(hook->hook->alt[i], hook->why[i]));
	return json_pack("{s:s?, s:s, s:s, s:b, s:b, s:b, s:b, s:o?, s:o, s:o}", "hook",
			 hook_name(hook), "observes", hook->hook->purpose, "state",
			 hook_state(hook), "attached", hook_ready(hook), "wanted", !hook->disabled,
			 "missing", hook_missing(hook), "lossy", hook_lossy(hook), "idle",
			 idle ? reason_json(hook_name(hook), idle) : NULL, "alternatives",
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

static void service_append(json_t *services, const char *service)
{
	const json_t *other;
	size_t i;

	json_array_foreach(services, i, other)
	{
		if (!strcmp(json_string_value(other), service))
			return;
	}
	json_array_append_new(services, json_string(service));
}

struct files {
	json_t *list;
	const struct inside_tls_file *last;
};

static void file_append(void *ctx, const struct inside_tls_file *f, const char *service)
{
	struct files *files = ctx;
	char path[LABEL_VALUE_SIZE];

	if (files->last != f) {
		label_clean(path, f->path);
		json_array_append_new(files->list,
				      json_pack("{s:s, s:b, s:b, s:I, s:s?, s:[]}", "path", path,
						"attached", f->functions > 0, "missing", f->failed,
						"functions", (json_int_t)f->functions, "reason",
						f->why, "services"));
	}
	files->last = f;
	if (service)
		service_append(json_object_get(json_array_get(files->list,
							      json_array_size(files->list) - 1),
					       "services"),
			       service);
}

/* The files that a family is attached to, and those that it would be; NULL: it attaches to none. */
static json_t *files_json(const struct agent *a, const struct probe_run *run)
{
	struct files files = { 0 };

	if (run->state != PROBE_ON || run->probe != &probe_tls)
		return NULL;
	files.list = json_array();
	inside_tls_each(collector_inside_tls(a->collector), file_append, &files);
	return files.list;
}

static json_t *probe_json(const struct agent *a, const struct probe_run *run)
{
	bool failed = run->state == PROBE_UNAVAILABLE;
	json_t *hooks = json_array();

	for (unsigned i = 0; run->state == PROBE_ON && i < run->hook_cnt; i++)
		json_array_append_new(hooks, hook_json(&run->hooks[i]));
	return json_pack("{s:s, s:s, s:b, s:b, s:s, s:s, s:s?, s:s?, s:s?, s:I, s:o, s:o?, s:o}",
			 "name", run->probe->name, "state", state_names[run->state], "up",
			 probe_up(run), "problem", report_degraded(run), "mode", mode_name(run),
			 "summary", run->probe->summary, "hook",
			 run->state == PROBE_ON ? hook_name(&run->hooks[0]) : NULL, "error",
			 failed ? run->error : NULL, "advice",
			 failed ? kernel_advice(run->err) : NULL, "events_lost_total",
			 (json_int_t)self_lost(a->self, run), "settings", settings_json(a, run),
			 "files", files_json(a, run), "hooks", hooks);
}

static json_t *tables_json(const struct agent *a)
{
	const struct table_sizes *s = &a->probes.tables.sizes;
	struct buf text = { 0 };
	json_t *tables;

	report_tables(&text, a);
	tables = json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:s?}", "bytes", (json_int_t)s->bytes,
			   "possible_cpus", s->cpus, "counter_lanes", s->lanes, "counters",
			   s->counters - METRIC_MAX, "histograms", s->hists - METRIC_MAX,
			   "histogram_cells", s->cells - 1, "problem",
			   text.len ? buf_cstr(&text) : NULL);
	buf_release(&text);
	return tables;
}

json_t *report_json(const struct agent *a)
{
	json_t *list = json_array();
	struct utsname host = { 0 };
	struct buf sandbox = { 0 };
	json_t *report;

	uname(&host);
	sandbox_write(&sandbox);
	for (struct probe_run *const *run = a->probes.list; *run; run++)
		json_array_append_new(list, probe_json(a, *run));
	report = json_pack("{s:s, s:s, s:s, s:o, s:b, s:s, s:o}", "version", version, "kernel",
			   host.release, "architecture", host.machine, "tables", tables_json(a),
			   "problem", report_problem(a), "sandbox", buf_cstr(&sandbox), "probes",
			   list);
	buf_release(&sandbox);
	return report;
}
