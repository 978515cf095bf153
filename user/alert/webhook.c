// SPDX-License-Identifier: BSD-3-Clause
/* Whoever takes what Alertmanager's webhooks send. */
#include "alert/kinds.h"
#include "alert/message.h"
#include "alert/post.h"

static void *open_webhook(const void *conf)
{
	return post_new(conf, "");
}

static enum send_result tell(void *self, const struct parcel *parcels, unsigned cnt,
			     struct sending *s)
{
	struct buf json = { 0 };
	enum send_result result;

	message_webhook(&json, parcels, cnt, &target_webhook, s);
	result = post_send(self, &json, s);
	buf_release(&json);
	return result;
}

static void close_webhook(void *self)
{
	post_free(self);
}

const struct target_kind target_webhook = {
	.name = "webhook",
	.pages = true,
	.by_name = true,
	.batch = PARCELS_MAX,
	.open = open_webhook,
	.send = tell,
	.close = close_webhook,
};
