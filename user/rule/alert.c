// SPDX-License-Identifier: BSD-3-Clause
#include "rule/alert.h"

#include <string.h>

#include "rule/disk_identity.h"

const char *const alert_states[ALERT_STATES] = { "inactive", "pending", "firing", "resolved" };

static u64 hash_text(u64 hash, const char *text)
{
	return hash_bytes(hash, text, strlen(text) + 1);
}

u64 alert_fingerprint(const struct rule_conf *r, const char *const label[])
{
	u64 hash = hash_text(HASH_BEGIN, r->alert);

	for (unsigned i = 0; i < r->by_cnt; i++)
		hash = hash_text(hash_text(hash, r->by[i]), label[i] ?: "");
	return hash;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(name + len - suffix_len, suffix);
}

const char *alert_unit(const struct rule_conf *r)
{
	const char *metric = r->term.metric;
	bool seconds = ends_in(metric, "_seconds") || ends_in(metric, "_seconds_total"),
	     bytes = ends_in(metric, "_bytes") || ends_in(metric, "_bytes_total");

	switch (r->value) {
	case RULE_RATIO:
		return "ratio";
	case RULE_RATE:
		return seconds && !ends_in(metric, "_seconds") ? "seconds_per_second"
		       : bytes				       ? "bytes_per_second"
							       : "per_second";
	case RULE_COUNT:
		return ends_in(metric, "_seconds_total") ? "seconds" : bytes ? "bytes" : "total";
	default:
		return seconds ? "seconds" : bytes ? "bytes" : "value";
	}
}
