// SPDX-License-Identifier: BSD-3-Clause
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/deliver.h"
#include "cmd/agent.h"
#include "cmd/cmd.h"
#include "cmd/roff.h"
#include "lib/buf.h"

static const char *const kind_names[] = { "counter", "gauge", "histogram" };

struct output {
	struct buf text;
	json_t *doc; /* a list, of JSON */
};

struct format {
	const char *name;
	void (*begin)(struct output *o); /* optional, as is `end` */
	void (*row)(struct output *o, const struct metric *m, const char *labels);
	void (*end)(struct output *o);
};

/* Marks a label that exists only if the configuration enables it. */
#define OPTIONAL '?'

static const char *help_more(const struct metric *m)
{
	return m->kind == METRIC_HISTOGRAM ? BUCKETS_HELP : "";
}

static void text_row(struct output *o, const struct metric *m, const char *labels)
{
	buf_printf(&o->text, "%-44s %-10s %-24s %s%s\n", m->name, kind_names[m->kind],
		   *labels ? labels : "-", m->help, help_more(m));
}

static void markdown_begin(struct output *o)
{
	buf_str(&o->text, "| metric | type | labels | unit | |\n|---|---|---|---|---|\n");
}

static void markdown_row(struct output *o, const struct metric *m, const char *labels)
{
	buf_printf(&o->text, "| `%s` | %s | %s | %s | %s%s |\n", m->name, kind_names[m->kind],
		   labels, metric_units[m->unit], m->help, help_more(m));
}

static void json_begin(struct output *o)
{
	o->doc = json_array();
}

static void json_row(struct output *o, const struct metric *m, const char *labels)
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
	json_array_append_new(o->doc,
			      json_pack("{s:s, s:s, s:o, s:o, s:s, s:s+}", "name", m->name, "type",
					kind_names[m->kind], "labels", list, "optional_labels",
					optional, "unit", metric_units[m->unit], "help", m->help,
					help_more(m)));
}

static void json_end(struct output *o)
{
	char *text = json_dumps(o->doc, JSON_INDENT(2));

	buf_printf(&o->text, "%s\n", text ?: "");
	free(text);
	json_decref(o->doc);
}

static void man_begin(struct output *o)
{
	roff_begin(&o->text, "seismo-metrics", 7, "metrics of Seismo");
	roff_section(&o->text, "DESCRIPTION");
	roff_text(
		&o->text,
		"Every metric that `seismo run` exports at /metrics, with its labels; those with a ? are there only if the configuration says so.");
	roff_section(&o->text, "METRICS");
}

static void man_row(struct output *o, const struct metric *m, const char *labels)
{
	struct buf text = { 0 };

	buf_printf(&text, ": %s%s%s", kind_names[m->kind], *labels ? " by " : "", labels);
	roff_entry(&o->text, m->name, buf_cstr(&text));
	buf_reset(&text);
	buf_printf(&text, "%s%s", m->help, help_more(m));
	roff_text(&o->text, buf_cstr(&text));
	buf_release(&text);
}

static void man_end(struct output *o)
{
	roff_section(&o->text, "SEE ALSO");
	roff_text(&o->text, "`seismo`(1), `seismo.yaml`(5), `seismo-rules`(7)");
}

static const struct format formats[] = {
	{ "text", NULL, text_row, NULL },
	{ "markdown", markdown_begin, markdown_row, NULL },
	{ "json", json_begin, json_row, json_end },
	{ "man", man_begin, man_row, man_end },
	{ .name = NULL },
};

static void rows(const struct format *f, const struct metric *m, struct output *o)
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
		f->row(o, m, buf_cstr(&labels));
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
		argp_error(state, "--format must be text, markdown, json or man, not '%s'", arg);
		return EINVAL;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{ "format", 'f', "text|markdown|json|man", 0,
			  "output format (default: text)", 0 },
			{ 0 },
		},
	.parser = parse,
	.doc = "Prints the reference of every metric that this build can export.",
};

const struct usage metrics_usage = {
	.argp = &argp,
	.examples =
		(const struct usage_example[]){
			{ "metrics | grep oldest",
			  "what tells how long something has been under way?" },
			{ "metrics --format json", "name, type, labels, unit and meaning of each" },
			{ .command = NULL } },
	.status = { [EXIT_OK] = "success", [EXIT_USAGE] = "bad options" },
};

int cmd_metrics(int argc, char **argv)
{
	const struct metric *const others[] = { self_metrics, alarm_metrics, alarm_source_metrics,
						target_metrics, silence_metrics };
	const struct format *format = formats;
	struct output output = { { 0 }, NULL };

	usage_parse(&metrics_usage, "metrics", argc, argv, &format);
	if (format->begin)
		format->begin(&output);
	for (const struct probe *const *p = probes; *p; p++)
		rows(format, (*p)->metrics, &output);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		rows(format, others[i], &output);
	if (format->end)
		format->end(&output);
	fwrite(output.text.data ?: "", 1, output.text.len, stdout);
	buf_release(&output.text);
	return EXIT_OK;
}
