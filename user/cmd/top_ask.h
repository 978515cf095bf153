/* SPDX-License-Identifier: BSD-3-Clause */
/* What `seismo top` asks a daemon: the table, and the service that is open. */
#ifndef CMD_TOP_ASK_H
#define CMD_TOP_ASK_H

#include "lib/worker.h"
#include "top/detail.h"
#include "top/state.h"

struct top_ask {
	struct job job; /* first; for who asks by a worker */
	void *ctx;	/* the caller's */
	const char *socket;
	struct top_window window;
	struct top_view view;	/* which rows are wanted, and how many */
	size_t limit;		/* 0: all */
	char service[TOP_NAME]; /* that is open; "": none */
	/* What came of it; the table and the detail may be taken. */
	char error[256]; /* "": all is well */
	bool refused;	 /* ... by the daemon: what was asked for is not there */
	struct top_table table;
	char *detail; /* lines */
};

/* Asks, which may take its time, and logs nothing. */
void top_ask(struct top_ask *a);
void top_ask_release(struct top_ask *a);

#endif
