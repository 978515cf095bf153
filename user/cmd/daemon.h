/* SPDX-License-Identifier: BSD-3-Clause */
/* What the daemon's routes (routes.c) and its life (run.c) share. */
#ifndef CMD_DAEMON_H
#define CMD_DAEMON_H

#include "cmd/agent.h"
#include "cmd/attaching.h"
#include "cmd/backtest.h"
#include "cmd/diagnosing.h"
#include "cmd/feed.h"
#include "cmd/web.h"
#include "expo/expo.h"
#include "http/front.h"
#include "lib/loop.h"
#include "lib/notify.h"
#include "top/usual.h"

/* What was made of the last read in one format. */
struct exposition {
	const struct expo_format *format;
	struct http_shared *shared;
};
#define EXPO_FORMATS 4

struct daemon {
	struct agent agent;
	struct feed feed;
	struct loop *loop;
	struct http_server *http; /* the control socket */
	struct front *front;	  /* serves the other sockets; NULL: there is none */
	struct web_watch web;
	struct exposition expositions[EXPO_FORMATS];
	struct http_shared *services;
	struct top_usual usual; /* for the table of services */
	struct backtest_session backtest;
	struct attaching *attaching;
	struct diagnosing *diagnosing;
	struct timer *starter, *ticker, *clock;
	struct watch *arrivals;
	struct watchdog watchdog;
	unsigned port; /* of the first address that is listened on */
	unsigned
		listening; /* how many of the configuration's listening sockets are open, from the first on */
	int lock;
	bool control;	 /* the control socket is ours */
	bool ready;	 /* every family was started */
	bool unreadable; /* the kernel's tables, at the last tick */
	int status;	 /* the exit status */
};

/* Every path, its context is a struct daemon. */
extern const struct http_route daemon_routes[];

/* From the lock to the end. An exit status; what is wrong was said on stderr. */
int daemon_main(const struct agent_options *options);

/* Reads the configuration again. Returns whether anything was taken over. */
bool daemon_reload(struct daemon *d);

#endif
