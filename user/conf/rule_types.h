/* SPDX-License-Identifier: BSD-3-Clause */
/* Types of values that only rules have. */
#ifndef CONF_RULE_TYPES_H
#define CONF_RULE_TYPES_H

#include "conf/field.h"

/* Of a struct rule_term at the offset: the name of its metric */
extern const struct field_type field_metric;
/* Of struct rule_conf, without an offset */
extern const struct field_type field_by, field_value, field_above, field_below, field_at_least,
	field_burn_rate;
extern const struct field burn_rate_fields[]; /* the keys of the latter */
/* Of struct rule_guard, without an offset */
extern const struct field_type field_guard_value, field_guard_above, field_guard_below;

/* See struct field_list. */
int guard_check(struct yaml_doc *d, yaml_node_t *node, const void *guards, unsigned i);

#endif
