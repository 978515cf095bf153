/* SPDX-License-Identifier: BSD-3-Clause */
/* Matchers of labels as Alertmanager has them: `alertname=SlowDisk device=~"sd.*" service!=x`. */
#ifndef ALERT_MATCHER_H
#define ALERT_MATCHER_H

#include <jansson.h>

#include "lib/buf.h"

struct matchers; /* all have to match */

/*
 * Separated by spaces or commas, in braces or not; values bare or in double quotes; a word alone is the alert's name. Regular
 * expressions are those of PCRE2 and match the whole value. A label that is absent has the empty value, and at least one
 * matcher must not match that: otherwise everything would match. 0, -ENOMEM, or -EINVAL with `error`.
 */
int matchers_parse(struct matchers **ret, const char *text, struct buf *error);
void matchers_free(struct matchers *m);
/* An object whose values are text. */
bool matchers_match(const struct matchers *m, const json_t *labels);
/* Appends them as they can be parsed again. */
void matchers_write(const struct matchers *m, struct buf *out);

#endif
