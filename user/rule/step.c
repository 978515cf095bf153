// SPDX-License-Identifier: BSD-3-Clause
#include "rule/step.h"

static void fire_when_due(struct step *s, const struct rule_conf *r, u64 slack_ns)
{
	if (s->true_ns + slack_ns < r->for_ns)
		return;
	s->state = ALERT_FIRING;
	s->false_ns = 0;
}

static void inactive_next(struct step *s, const struct rule_conf *r, enum verdict_is v,
			  u64 elapsed_ns, u64 slack_ns)
{
	if (v == VERDICT_TRUE) {
		s->state = ALERT_PENDING;
		s->true_ns = 0;
		fire_when_due(s, r, slack_ns);
		return;
	}
	s->resolved_ns += elapsed_ns;
	if (s->resolved_ns >= STEP_RESOLVED_NS)
		s->state = ALERT_INACTIVE;
}

static void pending_next(struct step *s, const struct rule_conf *r, enum verdict_is v,
			 u64 elapsed_ns, u64 slack_ns)
{
	if (v == VERDICT_FALSE)
		s->state = ALERT_INACTIVE;
	if (v != VERDICT_TRUE)
		return;
	if (s->last == VERDICT_TRUE)
		s->true_ns += elapsed_ns;
	fire_when_due(s, r, slack_ns);
}

void step_end(struct step *s)
{
	s->state = ALERT_RESOLVED;
	s->resolved_ns = 0;
}

static void firing_next(struct step *s, const struct rule_conf *r, enum verdict_is v,
			u64 elapsed_ns, u64 slack_ns)
{
	if (v == VERDICT_TRUE)
		s->false_ns = 0;
	if (v != VERDICT_FALSE)
		return;
	if (s->last == VERDICT_FALSE)
		s->false_ns += elapsed_ns;
	if (s->false_ns + slack_ns < r->keep_firing_for_ns)
		return;
	step_end(s);
}

void step_next(struct step *s, const struct rule_conf *r, enum verdict_is v, u64 elapsed_ns,
	       u64 slack_ns)
{
	switch (s->state) {
	case ALERT_PENDING:
		pending_next(s, r, v, elapsed_ns, slack_ns);
		break;
	case ALERT_FIRING:
		firing_next(s, r, v, elapsed_ns, slack_ns);
		break;
	default:
		inactive_next(s, r, v, elapsed_ns, slack_ns);
	}
	s->last = v;
}
