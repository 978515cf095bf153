// SPDX-License-Identifier: BSD-3-Clause
#include "expo/window.h"

#include <errno.h>
#include <stdio.h>

#include "expo/json.h"
#include "lib/parse.h"
#include "metric/label.h"

#define NS_PER_SEC 1000000000ULL
#define WINDOW_MIN NS_PER_SEC
#define WINDOW_MAX (24 * 3600 * NS_PER_SEC)

void expo_quote(struct buf *error, const char *before, const char *text, const char *after)
{
	char clean[LABEL_VALUE_SIZE];

	label_clean(clean, text);
	buf_printf(error, "%s'%s'%s", before, clean, after);
}

static int duration_read(const char *text, const char *key, u64 min, const char *range, u64 *ret_ns,
			 struct buf *error)
{
	char before[32];
	int err = text ? parse_duration(text, ret_ns) : 0;

	if (!text || (!err && *ret_ns >= min && *ret_ns <= WINDOW_MAX))
		return 0;
	snprintf(before, sizeof(before), "%s ", key);
	expo_quote(error, before, text,
		   err == -EINVAL ? " is no duration such as 30s, 5m or 1h" : range);
	return -EINVAL;
}

int expo_window_read(struct expo_window *w, const struct expo_params *params, struct buf *error)
{
	int err = duration_read(params->get(params->ctx, "window"), "window", WINDOW_MIN,
				" is not between 1s and 24h", &w->length_ns, error);

	return err
		       ?: duration_read(params->get(params->ctx, "ago"), "ago", 0,
					" is more than 24h", &w->ago_ns, error);
}

unsigned expo_error(int err, struct buf *error, struct buf *out)
{
	if (err == -EAGAIN)
		buf_str(error, "nothing has been counted yet: ask again in a second");
	else if (err == -ENODATA)
		buf_str(error, "nothing is known of that time: the history begins later");
	else if (err == -ENOMEM)
		buf_str(error, "there is no memory");
	json_write(json_pack("{s:s}", "error", buf_cstr(error)), out);
	return err == -EINVAL ? 400 : err == -ENODATA ? 404 : 503;
}
