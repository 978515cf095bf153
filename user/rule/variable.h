/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands for {{name}} in the texts about a scene. */
#ifndef RULE_VARIABLE_H
#define RULE_VARIABLE_H

#include "conf/template.h"
#include "lib/buf.h"
#include "rule/scene.h"

/* False: it is not known, or there is none of this name; nothing is written then. */
bool variable_write(struct buf *out, const struct template_part *part, const struct scene *s);

/* "23:26 UTC": of a time of CLOCK_MONOTONIC. */
bool variable_time(struct buf *out, const struct scene *s, u64 ns);
/* "disk sdb 71 %" */
void variable_part(struct buf *out, const struct scene *s, const struct part *p);

#endif
