// SPDX-License-Identifier: BSD-3-Clause
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/deliver.h"
#include "cmd/agent.h"
#include "cmd/cmd.h"
#include "lib/buf.h"

static const char *const kind_names[] = { "counter", "gauge", "histogram" };

struct format {
	const char *name, *head;
	void (*row)(const struct metric *m, const char *labels, json_t *doc);
	bool json;
};

/* Marks a label that exists only if the configuration enables it. */
#define OPTIONAL '?'

static const char *help_more(const struct metric *m)
{
	return m->kind == METRIC_HISTOGRAM ? BUCKETS_HELP : "";
}

static void row_text(const struct metric *m, const char *labels, json_t *doc)
{
	(void)doc;
	printf("%-44s %-10s %-24s %s%s\n", m->name, kind_names[m->kind], *labels ? labels : "-",
	       m->help, help_more(m));
}

static void row_markdown(const struct metric *m, const char *labels, json_t *doc)
{
	(void)doc;
	printf("| `%s` | %s | %s | %s | %s%s |\n", m->name, kind_names[m->kind], labels,
	       metric_units[m->unit], m->help, help_more(m));
}

static void row_json(const struct metric *m, const char *labels, json_t *doc)
{
	json_t *list = json_array(), *optional = json_array();
	char copy[256], *save, *label, *mark;

	snprintf(copy, sizeof(copy), "%s", labels);
	for (label = strtok_r(copy, ",", &save); label; label = strtok_r(NULL, ",", &save)) {
		mark = strchr(label, OPTIONAL);
		if (mark)
			*mark = '\0';
		json_array_append_new(mark ? optional : list, json_string(label));
	}
	json_array_append_new(doc, json_pack("{s:s, s:s, s:o, s:o, s:s, s:s+}", "name", m->name,
					     "type", kind_names[m->kind], "labels", list,
					     "optional_labels", optional, "unit",
					     metric_units[m->unit], "help", m->help, help_more(m)));
}

static const struct format formats[] = {
	{ "text", "", row_text, false },
	{ "markdown", "| metric | type | labels | unit | |\n|---|---|---|---|---|\n", row_markdown,
	  false },
	{ "json", "", row_json, true },
	{ .name = NULL },
};

static void rows(const struct format *f, const struct metric *m, json_t *doc)
{
	struct buf labels = { 0 };

	for (; m->name; m++) {
		if (m->hidden)
			continue;
		buf_reset(&labels);
		buf_str(&labels, m->service ? "service" : "");
		for (const struct metric_label *l = m->labels;
		     l < m->labels + METRIC_LABELS && l->name; l++)
			buf_printf(&labels, "%s%s%s", labels.len ? "," : "", l->name,
				   l->shown ? (char[]){ OPTIONAL, '\0' } : "");
		f->row(m, buf_cstr(&labels), doc);
	}
	buf_release(&labels);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const struct format **format = state->input;

	switch (key) {
	case 'f':
		for (*format = formats; (*format)->name; (*format)++)
			if (!strcmp((*format)->name, arg))
				return 0;
		argp_error(state, "--format must be text, markdown or json, not '%s'", arg);
		return EINVAL;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "format", 'f', "text|markdown|json", 0, "output format (default: text)",
			  0 },
			{ 0 },
		},
	.parser = parse,
	.doc = "Prints the reference of every metric that this build can export.",
};

int cmd_metrics(int argc, char **argv)
{
	const struct format *format = formats;
	json_t *doc;

	argp_err_exit_status = EXIT_USAGE;
	argv[0] = "seismo metrics";
	argp_parse(&argp, argc, argv, 0, NULL, &format);
	doc = json_array();
	fputs(format->head, stdout);
	for (const struct probe *const *p = probes; *p; p++)
		rows(format, (*p)->metrics, doc);
	rows(format, self_metrics, doc);
	rows(format, alarm_metrics, doc);
	rows(format, alarm_source_metrics, doc);
	rows(format, target_metrics, doc);
	rows(format, silence_metrics, doc);
	if (format->json) {
		json_dumpf(doc, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(doc);
	return EXIT_OK;
}
