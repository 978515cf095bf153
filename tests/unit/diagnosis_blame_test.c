// SPDX-License-Identifier: BSD-3-Clause
/* Diagnoses of what is made by hand: who is blamed, and who is not though it stands out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "diagnose.h"

/* Requests to a service that are counted, `ratio` of them answered by an error. */
static void answers(struct world *w, const char *service, double per_second, double ratio)
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

/* What the caller sees of them. */
static void asks(struct world *w, const char *caller, const char *service, double per_second)
{
	observe(w, "seismo_request_duration_seconds", LABELS(caller, "outbound", "http", service),
		0.01, per_second * TICK_S);
	count(w, "seismo_requests_total", LABELS(caller, "outbound", "http", "200", service),
	      per_second * TICK_S);
	computes(w, caller, 0.01);
}

/* A scrape a second is answered; most of what others ask from elsewhere fails. */
static void a_healthy_caller_acquits_nobody_else(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		answers(w, "shop.service", 100, i >= 120 ? 0.6 : 0);
		asks(w, "prometheus.service", "shop.service", 1);
		asks(w, "commands", "shop.service", i < 2 ? 1 : 0);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "wrong");
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "service"),
			    "shop.service");
	json_decref(doc);
	world_free(w);
}

/* Who is asked by services alone, none of which minds, hurts nobody. */
static void callers_that_are_well_acquit(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		answers(w, "cache.service", 100, i >= 120 ? 0.6 : 0);
		asks(w, "shop.service", "cache.service", 100);
		answers(w, "shop.service", 50, 0);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "nothing wrong");
	json_decref(doc);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_caller_acquits_nobody_else),
		cmocka_unit_test(callers_that_are_well_acquit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
