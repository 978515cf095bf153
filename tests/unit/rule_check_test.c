// SPDX-License-Identifier: BSD-3-Clause
/* Rules against the metrics of the probes; and the built-in rules themselves. */
#include "conf.h"

#include "rule/builtin.h"
#include "rule/check.h"

static const struct conf_family none[] = { { .name = NULL } };
const struct conf_family *const conf_families = none;

/* What is said of one rule, "" if it is right. */
static void check(const char *rule, const char *expected)
{
	struct buf text = { 0 }, error = { 0 };
	struct conf *c;
	int err;

	buf_printf(&text, "rules:\n  - alert: A\n%s", rule);
	c = conf_of(buf_cstr(&text));
	err = rules_check(c, &error);
	assert_int_equal(err, *expected ? -EINVAL : 0);
	assert_string_equal(error.len ? buf_cstr(&error) + strlen(path) : "", expected);
	buf_release(&text);
	buf_release(&error);
	conf_free(c);
}

#define BLOCK "    metric: seismo_block_io_duration_seconds\n"
#define P99   "    value: p99\n    above: 50ms\n"

static void metric_test(void **state)
{
	(void)state;
	check(BLOCK P99 "    by: [device]\n    where: { phase: device }\n", "");
	check("    metric: seismo_block_io_duration_second\n" P99,
	      ":3: unknown metric 'seismo_block_io_duration_second', did you mean 'seismo_block_io_duration_seconds'?");
	check("    metric: node_load1\n" P99,
	      ":3: unknown metric 'node_load1' (`seismo metrics` lists those that there are)");
	check(BLOCK P99 "    where:\n      phase: device\n      devise: x\n",
	      ":8: 'seismo_block_io_duration_seconds' has no label 'devise', did you mean 'device'?");
	check(BLOCK P99 "    by:\n      - device\n      - operatoin\n",
	      ":8: 'seismo_block_io_duration_seconds' has no label 'operatoin', did you mean 'operation'?");
	check(BLOCK P99 "    by: [service]\n",
	      ":6: 'seismo_block_io_duration_seconds' has no label 'service', did you mean 'device'?");
	check("    metric: seismo_cpu_throttled_periods_total\n"
	      "    of: { metric: seismo_cpu_period_total }\n    value: ratio\n    above: 10%\n",
	      ":4: unknown metric 'seismo_cpu_period_total', did you mean 'seismo_cpu_periods_total'?");
	check(BLOCK "    value: p99\n    above: 3x baseline\n    by: [device]\n"
		    "    load: { metric: seismo_cpu_seconds_total }\n",
	      ":6: 'seismo_cpu_seconds_total' has no label 'device', did you mean 'service'?");
	check("    metric: seismo_requests_in_flight\n    value: last\n    above: 1\n"
	      "    while: [ { metric: seismo_requests_total, above: 1 } ]\n",
	      ":6: the value 'last' is of a gauge, and 'seismo_requests_total' is a counter");
	check("    enabled: off\n", "");
	check("    metric: seismo_probe_up\n    by: [probe]\n    value: last\n    below: 1\n", "");
}

static void value_test(void **state)
{
	(void)state;
	check("    metric: seismo_requests_total\n" P99,
	      ":3: the value 'percentile' is of a histogram, and 'seismo_requests_total' is a counter");
	check(BLOCK "    value: max\n    above: 50ms\n",
	      ":3: the value 'max' is of a gauge, and 'seismo_block_io_duration_seconds' is a histogram");
	check("    metric: seismo_requests_in_flight\n    value: rate\n    above: 1\n",
	      ":3: the value 'rate' is of a counter or histogram, and 'seismo_requests_in_flight' is a gauge");
	check("    metric: seismo_requests_total\n    of: { metric: seismo_requests_in_flight }\n"
	      "    value: ratio\n    above: 1\n",
	      ":4: a ratio of a counter, 'seismo_requests_total', and a gauge, 'seismo_requests_in_flight', says nothing");
}

static void units_test(void **state)
{
#define BYTES	"    metric: seismo_tcp_bytes_total\n"
#define MEMORY	"    metric: seismo_memory_resident_bytes\n"
#define STALLED "    metric: seismo_pressure_stalled_seconds_total\n"
	(void)state;
	check(BLOCK "    value: p99\n    above: 0.05\n",
	      ":5: '0.05' has the wrong unit, this value is a duration such as 50ms");
	check(BLOCK "    value: p99\n    above: 64MiB\n",
	      ":5: '64MiB' has the wrong unit, this value is a duration such as 50ms");
	check(BLOCK "    value: rate\n    above: 50ms\n",
	      ":5: '50ms' has the wrong unit, this value is a plain number");
	check(BLOCK "    value: p99\n    above: 3x baseline\n    at_least: 10\n",
	      ":6: '10' has the wrong unit, this value is a duration such as 50ms");
	check(BYTES "    value: rate\n    above: 10MiB\n", "");
	check(BYTES "    value: count\n    above: 10\n",
	      ":5: '10' has the wrong unit, this value is a size such as 64MiB");
	check(BYTES "    value: count\n    above: 0\n", "");
	check(MEMORY "    value: last\n    above: 1GiB\n", "");
	check(MEMORY "    of: { metric: seismo_memory_limit_bytes }\n    value: ratio\n"
		     "    above: 90%\n",
	      "");
	check(MEMORY "    of: { metric: seismo_memory_limit_bytes }\n    value: ratio\n"
		     "    above: 90MiB\n",
	      ":6: '90MiB' has the wrong unit, this value is a part such as 10% or 0.1");
	check(STALLED "    value: rate\n    above: 200ms\n", "");
	check(STALLED "    value: rate\n    above: 20%\n", "");
	check(STALLED
	      "    of: { metric: seismo_requests_total }\n    value: ratio\n    above: 1ms\n",
	      "");
	check("    metric: seismo_tcp_retransmits_total\n    of: { metric: seismo_tcp_bytes_total }\n"
	      "    burn_rate: { objective: 99% }\n",
	      ":4: 'burn_rate' is of a part, and these have different units");
}

/* They are right, and what is said of them is complete. */
static void builtin_test(void **state)
{
	struct conf *c = conf_of("");
	struct buf error = { 0 };

	(void)state;
	if (rules_complete(c, &error))
		fail_msg("%s", buf_cstr(&error));
	assert_in_range(c->rule_cnt, 15, 100);
	for (unsigned i = 0; i < c->rule_cnt; i++) {
		const struct rule_conf *r = c->rules[i];

		if (!r->builtin || !r->summary || !r->reason || !r->runbook)
			fail_msg("%s has no summary, reason or runbook", r->alert);
		if (r->severity == RULE_PAGE && !r->by_cnt &&
		    strcmp(r->alert, "HostOutOfMemory") != 0)
			fail_msg("%s pages for everything at once", r->alert);
	}
	buf_release(&error);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metric_test),
		cmocka_unit_test(value_test),
		cmocka_unit_test(units_test),
		cmocka_unit_test(builtin_test),
	};

	return cmocka_run_group_tests_name("rule_check", tests, folder_make, folder_remove);
}
