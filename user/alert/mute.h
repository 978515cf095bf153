/* SPDX-License-Identifier: BSD-3-Clause */
/* Which alerts are not told to those who page people: silenced ones, and those that the configuration expects. */
#ifndef ALERT_MUTE_H
#define ALERT_MUTE_H

#include "alert/notice.h"
#include "alert/silence.h"
#include "conf/conf.h"

struct mutes {
	struct silences *silences;
	const struct conf *conf; /* for its expectations */
	u64 version; /* changes whenever another alert may be muted, or not any more; see mutes_update() */
	/* Private. */
	u64 in_effect, silence_version;
};

/* False: no memory. */
bool mutes_init(struct mutes *m, const struct conf *c);
void mutes_release(struct mutes *m);
/* Ends what has had its time. Whether silences have come or gone since the last call. */
bool mutes_update(struct mutes *m, u64 now_ns, s64 wall_ns);
/* Of an alert with these labels; then why is appended. */
enum notice_mute mutes_find(const struct mutes *m, const json_t *labels, s64 wall_ns,
			    struct buf *why);

#endif
