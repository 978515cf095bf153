// SPDX-License-Identifier: BSD-3-Clause
/* What works on this machine, for people: from the document that report_json() makes, here or in the daemon. */
#include <string.h>

#include "cmd/report.h"

#define DETAIL	    "             "
#define FILES_SHOWN 20 /* unless all is to be */

/* "" if there is none. */
static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

static bool is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void report_probe(FILE *out, const json_t *probe)
{
	const char *state = text_of(probe, "state"), *mode = text_of(probe, "mode");
	bool on = !strcmp(state, "on");

	fprintf(out, "  %-10s %-12s %s", text_of(probe, "name"),
		on && is_true(probe, "problem") ? "incomplete" : state, text_of(probe, "summary"));
	if (on && strcmp(mode, "on") != 0)
		fprintf(out, " (mode %s)", mode);
	fputc('\n', out);
}

void report_probes(FILE *out, const json_t *report)
{
	const json_t *probe;
	size_t i;

	json_array_foreach(json_object_get(report, "probes"), i, probe) report_probe(out, probe);
}

/* What to do about it, if that is known. */
static void report_advice(FILE *out, const json_t *reason)
{
	if (*text_of(reason, "advice"))
		fprintf(out, DETAIL "  to do: %s\n", text_of(reason, "advice"));
}

static void report_reason(FILE *out, const json_t *reason)
{
	fprintf(out, DETAIL "  %s: %s\n", text_of(reason, "hook"), text_of(reason, "reason"));
}

/* What is not observed, why each alternative fails, and what to do about the first reason. */
static void report_missing(FILE *out, const json_t *hook)
{
	const json_t *reasons = json_object_get(hook, "not_possible"), *reason;
	const json_t *idle = json_object_get(hook, "idle");
	size_t i;

	if (!is_true(hook, "missing") && !is_true(hook, "lossy") && !json_is_object(idle))
		return;
	fprintf(out, DETAIL "%s: %s\n", is_true(hook, "lossy") ? "incomplete" : "missing",
		text_of(hook, "observes"));
	if (json_is_object(idle)) {
		report_reason(out, idle);
		report_advice(out, idle);
		return;
	}
	json_array_foreach(reasons, i, reason) report_reason(out, reason);
	report_advice(out, json_array_get(reasons, 0));
}

/* The program in use, and why the better ones are not. */
static void report_hook(FILE *out, const json_t *hook)
{
	const char *name = text_of(hook, "hook");
	const json_t *reason;
	size_t i;

	fprintf(out, DETAIL "%-22s %s (%s)", *name ? name : "-", text_of(hook, "observes"),
		text_of(hook, "state"));
	if (*name)
		json_array_foreach(json_object_get(hook, "not_possible"), i, reason)
			fprintf(out, "; not %s: %s", text_of(reason, "hook"),
				text_of(reason, "reason"));
	fputc('\n', out);
}

static void report_lost(FILE *out, const json_t *probe)
{
	json_int_t lost = json_integer_value(json_object_get(probe, "events_lost_total"));

	if (lost)
		fprintf(out,
			DETAIL
			"%lld events have been lost so far: the kernel skips a program while an earlier run of it on the same CPU is interrupted\n",
			(long long)lost);
}

/* A file that programs are attached to, or would be, and whose. */
static void report_file(FILE *out, const json_t *file)
{
	const json_t *services = json_object_get(file, "services"), *service;
	json_int_t functions = json_integer_value(json_object_get(file, "functions"));
	const char *between = ", for ";
	size_t i;

	fprintf(out, DETAIL "%s: %s", is_true(file, "missing") ? "not attached" : "file",
		text_of(file, "path"));
	if (is_true(file, "attached"))
		fprintf(out, ", attached to %lld function%s", (long long)functions,
			functions == 1 ? "" : "s");
	json_array_foreach(services, i, service)
	{
		fprintf(out, "%s%s", between, json_string_value(service));
		between = ", ";
	}
	if (*text_of(file, "reason"))
		fprintf(out, ": %s", text_of(file, "reason"));
	else if (!json_array_size(services))
		fprintf(out, ", for nobody at the moment");
	fputc('\n', out);
}

static void report_files(FILE *out, const json_t *files, bool verbose)
{
	size_t i = 0, left_out = 0;
	const json_t *file;

	json_array_foreach(files, i, file)
	{
		if (i < FILES_SHOWN || verbose || is_true(file, "missing"))
			report_file(out, file);
		else
			left_out++;
	}
	if (left_out)
		fprintf(out, DETAIL "and %zu more files\n", left_out);
}

static void report_details(FILE *out, const json_t *probe, bool verbose)
{
	const json_t *hooks = json_object_get(probe, "hooks"), *row;
	size_t i;

	if (*text_of(probe, "error")) {
		fprintf(out, DETAIL "%s\n", text_of(probe, "error"));
		report_advice(out, probe);
	}
	json_array_foreach(hooks, i, row) report_missing(out, row);
	report_lost(out, probe);
	report_files(out, json_object_get(probe, "files"), verbose);
	if (!verbose)
		return;
	json_array_foreach(json_object_get(probe, "settings"), i, row)
		fprintf(out, DETAIL "%s: %s (%s): %s\n", text_of(row, "name"),
			text_of(row, "value"), text_of(row, "accepts"), text_of(row, "help"));
	json_array_foreach(hooks, i, row) report_hook(out, row);
}

void report_text(FILE *out, const json_t *report, bool verbose)
{
	const char *tables = text_of(json_object_get(report, "tables"), "problem");
	const json_t *probe;
	size_t i;

	if (*tables)
		fprintf(out, "tables: %s\n", tables);
	json_array_foreach(json_object_get(report, "probes"), i, probe)
	{
		report_probe(out, probe);
		report_details(out, probe, verbose);
	}
	fprintf(out, "  %-10s %-12s %s\n", "network", "sandbox", text_of(report, "sandbox"));
	fprintf(out, "%s%s\n",
		is_true(report, "problem")
			? "Something is missing on this machine, see above."
			: "Everything that is switched on works on this machine.",
		verbose ? "" : " `seismo check --verbose` shows settings and hooks.");
}
