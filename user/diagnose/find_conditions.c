// SPDX-License-Identifier: BSD-3-Clause
/* What is wrong in a service by itself, whoever asks it: limits that its calls run into, deaths of its processes, blocked tasks. */
#include <math.h>
#include <string.h>

#include "conf/pattern.h"
#include "diagnose/find.h"

#define MANY 3.0 /* times as often as before */

/* Counters whose increase is a symptom, if it is one of a service that serves others. */
static const struct condition_row {
	enum symptom_kind kind;
	const char *metric;
	const char *label, *values; /* NULL: any */
	const char *label2, *values2;
	double least; /* in the last minute of it, or the last step where that is longer */
	double weight;
	bool weak; /* it happens without harm, as when something is started again */
} rows[] = {
	{ SYMPTOM_LIMIT, "seismo_syscall_errors_total", "errno", "EMFILE|ENFILE", NULL, NULL, 5,
	  0.5 },
	{ SYMPTOM_LIMIT, "seismo_syscall_errors_total", "errno", "EAGAIN|ENOMEM", "syscall",
	  "clone|clone3|fork|vfork", 3, 0.5 },
	{ SYMPTOM_LIMIT, "seismo_syscall_errors_total", "errno", "ENOSPC|EDQUOT", "syscall",
	  "!inotify_add_watch|bpf|perf_event_open|epoll_ctl", 3, 0.5 },
	{ SYMPTOM_LIMIT, "seismo_tcp_listen_overflows_total", NULL, NULL, NULL, NULL, 5, 0.45 },
	{ SYMPTOM_LIMIT, "seismo_tcp_connect_failures_total", "errno",
	  "ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH", NULL, NULL, 5, 0.4, true },
	{ SYMPTOM_DEATHS, "seismo_oom_kills_total", NULL, NULL, NULL, NULL, 1, 0.6 },
	{ SYMPTOM_DEATHS, "seismo_process_exits_total", "reason", "error|signal|oom", NULL, NULL, 4,
	  0.4 },
};

static bool label_matches(const struct series *s, const char *label, const char *values)
{
	int at = label ? family_label(s->family, label) : -1;

	return !label || (at >= 0 && pattern_match(values, s->label[at] ?: ""));
}

/* In which steps it grew: the last run of them, and how much it grew in as long a time before. */
static void series_look(struct finder *f, const struct condition_row *row, const struct series *s)
{
	struct symptom add = { .kind = row->kind,
			       .metric = row->metric,
			       .service = s->label[0],
			       .rate = NAN,
			       .weight = row->weight,
			       .weak = row->weak };
	double before = 0, before_seconds = 0, seconds;
	u32 last = f->steps.cnt, first;

	while (last > 0 && !(series_increase(s, &f->steps.at[last - 1]) > 0))
		last--;
	if (!last || f->steps.at[last - 1].end_ns + f->since_ns <= f->steps.now_ns)
		return;
	first = find_now_first(f, &(struct run){ .first = 0, .end = last });
	for (u32 i = first; i < last; i++)
		add.now += series_increase(s, &f->steps.at[i]);
	seconds = (double)(f->steps.at[last - 1].end_ns - f->steps.at[first].begin_ns) / 1e9;
	for (u32 i = 0; i < first; i++) {
		before += series_increase(s, &f->steps.at[i]);
		before_seconds += (double)(f->steps.at[i].end_ns - f->steps.at[i].begin_ns) / 1e9;
	}
	add.usual = before_seconds > 0 ? before * seconds / before_seconds : NAN;
	if (add.now < row->least || add.now < MANY * add.usual)
		return;
	for (; first < last && !(series_increase(s, &f->steps.at[first]) > 0);)
		first++;
	add.begin_ns = f->steps.at[first].begin_ns;
	add.end_ns = f->steps.at[last - 1].end_ns;
	add.ongoing = add.end_ns + FIND_NOW_NS / 2 >= f->steps.now_ns;
	symptoms_add(f->to, &add);
}

#define BLOCKED_S 10.0

static void blocked_look(struct finder *f, const struct series *s)
{
	struct symptom add = { .kind = SYMPTOM_BLOCKED,
			       .metric = s->family->metric->name,
			       .service = s->label[0],
			       .end_ns = f->steps.now_ns,
			       .ongoing = true,
			       .now = (double)*s->value / 1e9,
			       .usual = NAN,
			       .rate = NAN,
			       .weight = 0.7 };

	if (add.now < BLOCKED_S)
		return;
	add.begin_ns = add.end_ns > (u64)*s->value ? add.end_ns - (u64)*s->value : 0;
	symptoms_add(f->to, &add);
}

void find_conditions(struct finder *f)
{
	const struct family *blocked =
		registry_find(f->src->registry, "seismo_blocked_oldest_seconds");

	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		const struct family *of = registry_find(f->src->registry, rows[r].metric);

		for (size_t i = 0; of && i < of->series_cnt; i++)
			if (of->series[i]->label[0] &&
			    !find_is_anonymous(of->series[i]->label[0]) &&
			    label_matches(of->series[i], rows[r].label, rows[r].values) &&
			    label_matches(of->series[i], rows[r].label2, rows[r].values2))
				series_look(f, &rows[r], of->series[i]);
	}
	for (size_t i = 0; f->newest && blocked && i < blocked->series_cnt; i++)
		if (blocked->series[i]->label[0] &&
		    !find_is_anonymous(blocked->series[i]->label[0]))
			blocked_look(f, blocked->series[i]);
}
