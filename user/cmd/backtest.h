/* SPDX-License-Identifier: BSD-3-Clause */
/* `seismo rules test`: a rule file on the history of a running daemon. */
#ifndef CMD_BACKTEST_H
#define CMD_BACKTEST_H

#include <jansson.h>

#include "cmd/agent.h"

/* The daemon's part: one back-test at a time, which goes on as long as it is asked for. All zeros: none. */
struct backtest_session {
	char id[32];
	struct conf *conf; /* of the file */
	struct backtest *run;
};

/*
 * Begins the back-test `id`, or goes on with it for a moment, and says how far it is. 0, or negative errno with `error`
 * written. A new one takes the place of another.
 */
int backtest_serve(struct backtest_session *t, struct agent *a, const char *id, const char *file,
		   u64 since_ns, json_t **ret, struct buf *error);
void backtest_end(struct backtest_session *t);

/* The command's part. `since_ns` 0: all of the history. An exit status. */
int backtest_ask(const struct agent *a, const char *file, u64 since_ns, bool json);

#endif
