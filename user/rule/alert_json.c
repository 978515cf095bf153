// SPDX-License-Identifier: BSD-3-Clause
#include "rule/alert_json.h"

#include <math.h>
#include <stdio.h>

#include "lib/utc.h"
#include "rule/text.h"

json_t *alert_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static void number_set(json_t *o, const char *what, const char *unit, double value)
{
	char key[64];

	snprintf(key, sizeof(key), "%s_%s", what, unit);
	json_object_set_new(o, key, alert_number(value));
}

static void time_set(json_t *o, const char *key, s64 wall_ns)
{
	struct utc_cache cache = { 0 };
	struct buf text = { 0 };

	if (wall_ns)
		utc_add(&text, &cache, wall_ns);
	json_object_set_new(o, key, wall_ns ? json_string(buf_cstr(&text)) : json_null());
	buf_release(&text);
}

static json_t *labels_json(const struct alert *a)
{
	json_t *ret = json_object();

	for (unsigned i = 0; i < a->rule->by_cnt; i++)
		json_object_set_new(ret, a->rule->by[i], json_string(a->label[i] ?: ""));
	return ret;
}

json_t *alert_json(const struct alert *a, bool evidence)
{
	const char *unit = alert_unit(a->rule);
	struct buf summary = { 0 };
	json_t *o = json_object();
	char fingerprint[17];

	summary_write(&summary, a);
	snprintf(fingerprint, sizeof(fingerprint), "%016llx", (unsigned long long)a->fingerprint);
	json_object_set_new(o, "rule", json_string(a->rule->alert));
	json_object_set_new(o, "labels", labels_json(a));
	json_object_set_new(o, "state", json_string(alert_states[a->state]));
	json_object_set_new(o, "severity", json_string(rule_severities[a->severity]));
	json_object_set_new(o, "cause", json_boolean(a->rule->cause));
	json_object_set_new(o, "unknown",
			    a->unknown ? json_string(a->unknown_why ?: "") : json_null());
	json_object_set_new(o, "summary", json_string(buf_cstr(&summary)));
	time_set(o, "active_at", a->active_at_ns);
	time_set(o, "starts_at", a->starts_at_ns);
	time_set(o, "ends_at", a->ends_at_ns);
	number_set(o, "value", unit, a->value);
	number_set(o, "baseline", unit, a->baseline);
	json_object_set_new(o, "events_total", json_integer((json_int_t)a->events));
	number_set(o, "coverage", "ratio", a->coverage);
	json_object_set_new(o, "silenced", json_boolean(a->silenced));
	json_object_set_new(o, "expected", json_boolean(a->expected));
	json_object_set_new(o, "fingerprint", json_string(fingerprint));
	json_object_set_new(o, "evidence",
			    a->evidence && evidence ? json_incref(a->evidence) : json_null());
	buf_release(&summary);
	return o;
}
