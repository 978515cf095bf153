// SPDX-License-Identifier: BSD-3-Clause
/* Alertmanager, API version 2. */
#include "alert/kinds.h"
#include "alert/message.h"
#include "alert/post.h"

static void *open_alertmanager(const void *conf)
{
	return post_new(conf, "/api/v2/alerts");
}

static enum send_result tell(void *self, const struct parcel *parcels, unsigned cnt,
			     struct sending *s)
{
	struct buf json = { 0 };
	enum send_result result;

	message_alertmanager(&json, parcels, cnt, s);
	result = post_send(self, &json, s);
	buf_release(&json);
	return result;
}

static void close_alertmanager(void *self)
{
	post_free(self);
}

const struct target_kind target_alertmanager = {
	.name = "alertmanager",
	.pages = true,
	.repeats = true,
	.batch = PARCELS_MAX,
	.open = open_alertmanager,
	.send = tell,
	.close = close_alertmanager,
};
