// SPDX-License-Identifier: BSD-3-Clause
#include "rule/builtin.h"

#include "conf/rules.h"
#include "rule/check.h"

int rules_complete(struct conf *c, struct buf *error)
{
	/* numbers, since the linker's symbols are two objects for C */
	size_t len = (uintptr_t)rule_builtin_end - (uintptr_t)rule_builtin_start;
	int err = rules_add_builtin(c, rule_builtin_start, len, error);

	return err ?: rules_check(c, error);
}
