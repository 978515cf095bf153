/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks for diagnoses of what is made by hand. Include it after cmocka.h. */
#ifndef UNIT_DIAGNOSE_H
#define UNIT_DIAGNOSE_H

#include "diagnose/diagnosis.h"
#include "world.h"

#define SINCE_NS (900 * NS_PER_SEC)

static inline json_t *ask(const struct world *w, u64 since_ns, const char *service)
{
	const struct evidence_sources sources = { .registry = &w->registry,
						  .history = w->history,
						  .changes = w->changes,
						  .wall_offset_ns = WALL_NS };
	const struct diagnosis_params params = { &sources, NULL, since_ns, service };

	return diagnosis_make(&params);
}

static inline const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

static inline const json_t *first_cause(const json_t *doc)
{
	return json_array_get(json_object_get(doc, "causes"), 0);
}

static inline void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

/* Requests to a service that are counted, `ratio` of them answered by an error. */
static inline void answers(struct world *w, const char *service, double per_second, double ratio)
{
	double all = per_second * TICK_S;

	observe(w, "seismo_request_duration_seconds", LABELS(service, "inbound", "http"), 0.01,
		all);
	count(w, "seismo_requests_total", LABELS(service, "inbound", "http", "200"),
	      all - floor(all * ratio));
	count(w, "seismo_requests_total", LABELS(service, "inbound", "http", "500"),
	      floor(all * ratio));
	computes(w, service, 0.01);
}

#endif
