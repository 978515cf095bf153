// SPDX-License-Identifier: BSD-3-Clause
#include "alert/mute.h"

#include "conf/pattern.h"

bool mutes_init(struct mutes *m, const struct conf *c)
{
	*m = (struct mutes){ .silences = silences_new(), .conf = c };
	return m->silences;
}

void mutes_release(struct mutes *m)
{
	silences_free(m->silences);
}

bool mutes_update(struct mutes *m, u64 now_ns, s64 wall_ns)
{
	u64 in_effect = 0, before = m->silence_version;

	silences_expire(m->silences, now_ns);
	m->silence_version = silences_version(m->silences);
	for (unsigned i = 0; i < m->conf->expect_cnt; i++)
		if (expectation_in_effect(&m->conf->expect[i], wall_ns))
			in_effect |= 1ULL << i % 64;
	m->version += in_effect != m->in_effect || before != m->silence_version;
	m->in_effect = in_effect;
	return before != m->silence_version;
}

static bool expectation_fits(const struct expectation *e, const json_t *labels)
{
	const char *value;

	for (unsigned i = 0; i < e->match_cnt; i++) {
		value = json_string_value(json_object_get(labels, e->match[i].key));
		if (!pattern_match(e->match[i].value, value ?: ""))
			return false;
	}
	return true;
}

enum notice_mute mutes_find(const struct mutes *m, const json_t *labels, s64 wall_ns,
			    struct buf *why)
{
	const struct silence *silence = silences_find(m->silences, labels);

	if (silence) {
		buf_str(why, silence->reason);
		return NOTICE_SILENCED;
	}
	for (unsigned i = 0; i < m->conf->expect_cnt; i++) {
		const struct expectation *e = &m->conf->expect[i];

		if (!expectation_in_effect(e, wall_ns) || !expectation_fits(e, labels))
			continue;
		buf_str(why, e->reason ?: "");
		return NOTICE_EXPECTED;
	}
	return NOTICE_LOUD;
}
