// SPDX-License-Identifier: BSD-3-Clause
/* What the endpoint and the control socket answer. */
#include <errno.h>
#include <string.h>

#include "alert/silence.h"
#include "cmd/configure.h"
#include "cmd/daemon.h"
#include "cmd/landing.h"
#include "cmd/report.h"
#include "cmd/rules_report.h"
#include "cmd/settings.h"
#include "expo/accept.h"
#include "expo/query.h"
#include "expo/services.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/utc.h"
#include "top/measure.h"

#define JSON_TYPE   "application/json"
#define DAY_SECONDS (24 * 3600)

/* Brings the registry up to date, or makes the reply say why that is not possible. */
static bool read_now(struct daemon *d, struct http_reply *reply)
{
	int err = agent_read(&d->agent);

	if (err)
		http_reply_fail(reply, 503, "cannot read the kernel's tables: %s", strerror(-err));
	return !err;
}

static struct http_shared **exposition_of(struct daemon *d, const struct expo_format *format)
{
	struct exposition *e = d->expositions;

	while (e->format && e->format != format)
		e++;
	e->format = format;
	return &e->shared;
}

static void serve_metrics(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct expo_format *format = accept_format(http_request_header(request, "Accept"));
	struct daemon *d = ctx;
	u64 cpu_ns;

	if (!read_now(d, reply))
		return;
	reply->content_type = format->content_type;
	reply->same_until_ns = agent_fresh_until(&d->agent);
	/* both only grow: it is another number as soon as one of them is */
	if (http_reply_share(reply, exposition_of(d, format),
			     agent_read_ns(&d->agent) + alarm_version(d->agent.alarm)))
		return;
	cpu_ns = agent_cpu_ns();
	expo_write(format, &d->agent.registry, alarm_source(d->agent.alarm), &reply->body);
	collector_exposed(d->agent.collector);
	agent_spend(&d->agent, cpu_ns);
}

static const char *param_get(void *request, const char *key)
{
	return http_request_query(request, key);
}

/* The same for all who ask for nothing else. */
static void serve_services(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct expo_params params = { param_get, (void *)request };
	struct daemon *d = ctx;

	if (!read_now(d, reply))
		return;
	reply->content_type = JSON_TYPE;
	reply->same_until_ns = agent_fresh_until(&d->agent);
	if (http_request_query(request, "window") || http_request_query(request, "ago") ||
	    !http_reply_share(reply, &d->services, agent_read_ns(&d->agent)))
		reply->status =
			expo_services(&d->agent.registry, d->agent.history, &params, &reply->body);
}

static void serve_query(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct expo_params params = { param_get, (void *)request };
	struct daemon *d = ctx;

	if (!read_now(d, reply))
		return;
	reply->content_type = JSON_TYPE;
	reply->status = expo_query(&d->agent.registry, d->agent.history, clock_now_ns(), &params,
				   &reply->body);
}

static const char *kind_of(void *collector, const char *service)
{
	return collector_kind(collector, service);
}

static void serve_top(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct expo_params params = { param_get, (void *)request };
	struct daemon *d = ctx;
	struct top_sources sources = {
		.registry = &d->agent.registry,
		.history = d->agent.history,
		.engine = d->agent.alarm ? alarm_engine(d->agent.alarm) : NULL,
		.kind = kind_of,
		.ctx = d->agent.collector,
		.usual = &d->usual,
	};

	if (!read_now(d, reply))
		return;
	sources.now_ns = clock_now_ns();
	sources.wall_ns = utc_now_ns();
	reply->content_type = JSON_TYPE;
	reply->status = top_answer(&sources, &params, &reply->body);
}

static void json_reply(struct http_reply *reply, json_t *doc)
{
	char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;

	reply->content_type = JSON_TYPE;
	if (text)
		buf_printf(&reply->body, "%s\n", text);
	else
		reply->body.failed = true;
	free(text);
	json_decref(doc);
}

struct process_list {
	const char *service; /* NULL: of all */
	json_t *list;
};

static void process_add(void *ctx, const char *service, int pid, u64 bytes)
{
	const struct process_list *l = ctx;

	if (!l->service || !strcmp(service, l->service))
		json_array_append_new(l->list,
				      json_pack("{s:i, s:s, s:I}", "pid", pid, "service", service,
						"proportional_bytes", (json_int_t)bytes));
}

static void serve_processes(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	struct process_list l = { http_request_query(request, "service"), json_array() };
	struct daemon *d = ctx;

	collector_processes(d->agent.collector, process_add, &l);
	json_reply(reply, json_pack("{s:o}", "processes", l.list));
}

#define EVENTS_DEFAULT 100
#define EVENTS_MAX     1000

/* The last events that match; a parameter for each condition of `seismo events`. */
static void serve_events(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const char *limit = http_request_query(request, "limit");
	struct event_filter filter = { 0 };
	struct buf error = { 0 };
	struct daemon *d = ctx;
	u64 max = EVENTS_DEFAULT;
	int err = 0;

	for (const struct event_filter_row *row = event_filter_rows; row->name && !err; row++) {
		const char *value = http_request_query(request, row->name);

		if (value)
			err = event_filter_set(&filter, row->name, value, utc_now_ns(), &error);
	}
	if (!err && limit && parse_u64(limit, 1, EVENTS_MAX, &max)) {
		err = -EINVAL;
		buf_printf(&error, "'limit' must be a number from 1 to %d", EVENTS_MAX);
	}
	reply->content_type = JSON_TYPE;
	if (err)
		http_reply_fail(reply, 400, "%s", buf_cstr(&error));
	else
		feed_write(&d->feed, &filter, (unsigned)max, &reply->body);
	buf_release(&error);
}

/* As the rules were evaluated last: nothing is read for it. */
static void serve_alerts(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct daemon *d = ctx;

	json_reply(reply, alarm_json(d->agent.alarm, http_request_may(request, HTTP_TRUSTED)));
}

/* What is wrong, and why: of the last `since` seconds, and of one service or all. */
static void serve_diagnosis(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const char *since = http_request_query(request, "since") ?: "900",
		   *service = http_request_query(request, "service");
	struct daemon *d = ctx;
	u64 seconds;

	if (parse_u64(since, 1, DAY_SECONDS, &seconds)) {
		http_reply_fail(reply, 400, "'since' must be a number of seconds from 1 to %d.",
				DAY_SECONDS);
		return;
	}
	if (read_now(d, reply))
		diagnosing_reply(d->diagnosing, seconds * 1000 * NS_PER_MS, service, request,
				 reply);
}

static void attaching_write(const struct daemon *d, struct http_reply *reply)
{
	unsigned all = 0;

	for (const struct probe *const *p = probes; *p; p++)
		all++;
	http_reply_fail(reply, 503, "Seismo is attaching its probes: %u of %u are through.",
			d->agent.probes.cnt, all);
}

static void serve_check(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct daemon *d = ctx;

	(void)request;
	if (!d->ready)
		attaching_write(d, reply);
	else
		json_reply(reply, report_json(&d->agent));
}

static void serve_rules(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const char *format = http_request_query(request, "format") ?: "json",
		   *every = http_request_query(request, "every");
	const struct daemon *d = ctx;
	struct rules_report report = {
		.rules = (const struct rule_conf *const *)d->agent.conf->rules,
		.rule_cnt = d->agent.conf->rule_cnt,
		.engine = alarm_engine(d->agent.alarm),
		.only = http_request_query(request, "rule"),
		.every_ns = rules_every.initial,
	};

	reply->content_type = rules_format_type(format);
	if (!reply->content_type)
		http_reply_fail(reply, 400, "There is no such format.");
	else if (every && setting_parse(&rules_every, every, &report.every_ns))
		http_reply_fail(reply, 400, "'every' must be a duration from 1s to 1h.");
	else if (rules_report(&report, format, &reply->body))
		http_reply_fail(reply, 404, "There is no such rule.");
}

/* Goes on with the back-test of this id, or begins it. */
static void serve_rules_test(void *ctx, const struct http_request *request,
			     struct http_reply *reply)
{
	const char *id = http_request_query(request, "id") ?: "",
		   *file = http_request_query(request, "file"),
		   *since = http_request_query(request, "since_seconds") ?: "0";
	struct daemon *d = ctx;
	struct buf error = { 0 };
	json_t *result = NULL;
	u64 seconds;

	if (!file || parse_u64(since, 0, DAY_SECONDS, &seconds))
		http_reply_fail(reply, 400,
				"It needs a file, and 'since_seconds' of a day at most.");
	else if (backtest_serve(&d->backtest, &d->agent, id, file, seconds * 1000 * NS_PER_MS,
				&result, &error))
		http_reply_fail(reply, 400, "%s",
				error.len ? buf_cstr(&error) : "There is no memory for that.");
	else
		json_reply(reply, result);
	buf_release(&error);
}

static void change_add(void *ctx, const char *key, const char *from, const char *to, bool live)
{
	json_array_append_new(ctx, json_pack("{s:s, s:s, s:s, s:b}", "setting", key, "from", from,
					     "to", to, "live", live));
}

/* What is in effect or, with `file`, what a reload would change if the configuration were this file. */
static void serve_config(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const char *file = http_request_query(request, "file");
	const struct daemon *d = ctx;
	struct buf error = { 0 };
	json_t *changes;
	int err = 0;

	if (file && !http_request_may(request, HTTP_CONTROL)) {
		http_reply_fail(reply, 403, "a file is compared on the control socket only");
		return;
	}
	changes = json_array();
	if (file)
		err = agent_compare(&d->agent, file, change_add, changes, &error);
	if (err && !configure_unseen(err))
		http_reply_fail(reply, 400, "%s", buf_cstr(&error));
	else
		json_reply(reply, json_pack("{s:o, s:O, s:s*}", "settings",
					    settings_json(d->agent.conf), "changes", changes,
					    "not_compared", err ? CONFIGURE_UNSEEN : NULL));
	buf_release(&error);
	json_decref(changes);
}

static void serve_silences(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	struct daemon *d = ctx;

	(void)request;
	json_reply(reply, json_pack("{s:o}", "silences",
				    silences_json(alarm_silences(d->agent.alarm), clock_now_ns())));
}

static void serve_silence_add(void *ctx, const struct http_request *request,
			      struct http_reply *reply)
{
	const char *duration = http_request_query(request, "duration");
	const char *matchers = http_request_query(request, "matchers");
	const char *reason = http_request_query(request, "reason");
	const struct silence *added;
	struct buf error = { 0 };
	struct daemon *d = ctx;
	u64 duration_ns;

	if (parse_duration(duration ?: "", &duration_ns))
		http_reply_fail(reply, 400, "'duration' is '%.64s', must be such as 30m or 2h",
				duration ?: "");
	else if (silences_add(alarm_silences(d->agent.alarm), matchers ?: "", duration_ns,
			      reason ?: "", clock_now_ns(), utc_now_ns(), &added, &error))
		http_reply_fail(reply, 400, "%s", error.len ? buf_cstr(&error) : "out of memory");
	else {
		log_info("silence %s for %s: %s: %s", added->id, duration, added->text,
			 added->reason);
		json_reply(reply, json_pack("{s:s}", "id", added->id));
	}
	buf_release(&error);
}

static void serve_silence_end(void *ctx, const struct http_request *request,
			      struct http_reply *reply)
{
	const char *id = http_request_query(request, "id");
	struct daemon *d = ctx;

	if (!silences_end(alarm_silences(d->agent.alarm), id ?: "")) {
		http_reply_fail(reply, 404, "there is no silence '%.64s'", id ?: "");
		return;
	}
	log_info("silence %s was ended", id);
	json_reply(reply, json_pack("{s:s}", "id", id));
}

static u64 number_of(const struct http_request *request, const char *key)
{
	u64 number = 0;

	parse_u64(http_request_query(request, key) ?: "", 0, INT64_MAX, &number);
	return number;
}

/* Which attachment it is, is known at once; whether it has succeeded, when it is asked for. */
static void serve_attach(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const char *slow = http_request_query(request, "slow");
	struct attach_request r = {
		.pid = number_of(request, "pid"),
		.client = number_of(request, "client"),
		.execs = number_of(request, "exec"),
	};
	struct buf error = { 0 };
	struct daemon *d = ctx;
	unsigned status;
	u64 id;

	if (!d->ready) {
		attaching_write(d, reply);
		return;
	}
	if (!r.pid || r.pid > INT32_MAX)
		http_reply_fail(reply, 400, "'pid' must be the number of a process");
	else if (slow && parse_duration(slow, &r.slow_ns))
		http_reply_fail(reply, 400, "'slow' must be a duration such as 10ms");
	else if ((status = attaching_begin(d->attaching, &r, &id, &error)) != 200)
		http_reply_fail(reply, status, "%s", buf_cstr(&error));
	else
		json_reply(reply, json_pack("{s:I}", "id", (json_int_t)id));
	buf_release(&error);
}

static void attachment_reply(struct http_reply *reply, unsigned status, json_t *found,
			     struct buf *error)
{
	if (status == 200)
		json_reply(reply, found);
	else
		http_reply_fail(reply, status, "%s", buf_cstr(error));
	buf_release(error);
}

static void serve_attachment(void *ctx, const struct http_request *request,
			     struct http_reply *reply)
{
	struct buf error = { 0 };
	struct daemon *d = ctx;
	json_t *found = NULL;
	unsigned status = attaching_get(d->attaching, number_of(request, "id"),
					number_of(request, "after"), &found, &error);

	attachment_reply(reply, status, found, &error);
}

static void attachment_ended(void *ctx, json_t *found)
{
	struct http_reply reply;

	http_reply_init(&reply);
	if (found)
		json_reply(&reply, found);
	else
		http_reply_fail(&reply, 503, "the last reading came to no end");
	http_later_send(ctx, &reply);
}

static void serve_attachment_end(void *ctx, const struct http_request *request,
				 struct http_reply *reply)
{
	u64 id = number_of(request, "id");
	struct http_later *later;
	struct buf error = { 0 };
	struct daemon *d = ctx;
	json_t *found = NULL;
	unsigned status =
		attaching_end_one(d->attaching, id, number_of(request, "after"), &found, &error);

	if (status != 202) {
		attachment_reply(reply, status, found, &error);
		return;
	}
	later = http_reply_later(request);
	if (later)
		attaching_wait(d->attaching, id, attachment_ended, later);
	else
		http_reply_fail(reply, 503, "there is no memory");
}

static void serve_healthy(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	(void)request;
	buf_str(&reply->body, "Seismo is healthy.\n");
}

/* Who waits for this wants to scrape, and can: what is missing is said, and does not make it unready. */
static void serve_ready(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct daemon *d = ctx;

	(void)request;
	if (!d->ready) {
		attaching_write(d, reply);
		return;
	}
	buf_str(&reply->body, "Seismo is ready.\n");
	for (struct probe_run *const *run = d->agent.probes.list; *run; run++)
		if (!probe_up(*run))
			buf_printf(&reply->body, "Degraded: %s: %s\n", (*run)->probe->name,
				   *(*run)->error ? (*run)->error
						  : "some hooks are missing, see seismo check");
}

static void serve_reload(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)request;
	if (daemon_reload(ctx))
		buf_str(&reply->body, "The configuration was reloaded.\n");
	else
		http_reply_fail(reply, 500, "The configuration was not reloaded.");
}

static void serve_landing(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct daemon *d = ctx;

	reply->content_type = "text/html; charset=utf-8";
	landing_write(&reply->body, daemon_routes, request, d->ready);
}

const struct http_route daemon_routes[] = {
	{ "/", serve_landing },
	{ "/metrics", serve_metrics, .about = "every metric, for Prometheus" },
	{ "/api/v1/services", serve_services, HTTP_TRUSTED,
	  .about = "who calls whom, with rates and latency" },
	{ "/api/v1/query", serve_query, .heavy = true },
	{ "/api/v1/top", serve_top, .heavy = true,
	  .about = "the services that suffer and use most" },
	{ "/api/v1/processes", serve_processes, HTTP_TRUSTED },
	{ "/api/v1/alerts", serve_alerts, .heavy = true,
	  .about = "alerts that are pending, fire, or have just ended" },
	{ "/api/v1/diagnosis", serve_diagnosis, HTTP_TRUSTED, .heavy = true,
	  .about = "what is wrong, why, and what to do" },
	{ "/api/v1/events", serve_events, HTTP_TRUSTED, .heavy = true, .about = "the last events" },
	{ "/api/v1/check", serve_check, .heavy = true,
	  .about = "what works on this kernel, what is missing, why" },
	{ "/api/v1/config", serve_config, HTTP_TRUSTED },
	{ "/api/v1/rules", serve_rules, .heavy = true, .about = "the rules with their state" },
	{ "/api/v1/rules/test", serve_rules_test, HTTP_CONTROL },
	{ "/api/v1/silences", serve_silences, HTTP_TRUSTED, .about = "silences in effect" },
	{ "/api/v1/silences", serve_silence_add, HTTP_TRUSTED, .post = true },
	{ "/api/v1/silences/end", serve_silence_end, HTTP_TRUSTED, .post = true },
	{ "/api/v1/attach", serve_attach, HTTP_TRUSTED, .post = true },
	{ "/api/v1/attach", serve_attachment, HTTP_TRUSTED },
	{ "/api/v1/attach/end", serve_attachment_end, HTTP_TRUSTED, .post = true },
	{ "/-/healthy", serve_healthy, .about = "200 as long as the daemon answers" },
	{ "/-/ready", serve_ready,
	  .about = "200 when all probes are started, with what is missing" },
	{ "/-/reload", serve_reload, HTTP_TRUSTED, .post = true },
	{ NULL, NULL },
};
