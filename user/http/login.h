/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who logs in with name and password. A hash of bcrypt takes 50 ms and more: a thread computes it, once for all who say the
 * same, and what came of it is remembered by a keyed hash. Each address may be wrong a few times, then it has to wait.
 */
#ifndef HTTP_LOGIN_H
#define HTTP_LOGIN_H

#include <sys/socket.h>

#include "conf/web.h"
#include "lib/loop.h"

struct logins;

enum login {
	LOGIN_RIGHT,
	LOGIN_WRONG,
	LOGIN_PENDING, /* `done` of the wait will be called */
	LOGIN_LATER,   /* too many were wrong, or wait */
};

/* Part of what waits, which has to live until `done` was called. */
struct login_wait {
	void (*done)(struct login_wait *w, bool right);
	struct login_wait *next;
};

/* NULL with errno. */
struct logins *logins_new(struct loop *l);
/* The value of a header Authorization, NULL: there was none; who sends it, NULL: somebody on this machine. */
enum login logins_check(struct logins *l, const struct web *web, const char *authorization,
			const struct sockaddr *from, struct login_wait *wait);
/* Those who wait are told that they were wrong. */
void logins_free(struct logins *l);

#endif
