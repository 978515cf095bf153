/* SPDX-License-Identifier: BSD-3-Clause */
/* The web configuration of a running daemon, which is read again when its files change. */
#ifndef CMD_WEB_H
#define CMD_WEB_H

#include "conf/web_files.h"
#include "lib/loop.h"

struct conf;
struct front;
struct web_check;
struct worker;

/* The first two are set before web_begin(), the third before web_renew(). */
struct web_watch {
	struct worker *worker; /* which looks at the files */
	struct loop *loop;
	struct front *front; /* NULL: nobody is listened to */
	struct timer *timer;
	struct web_files files;	 /* of what is in effect */
	struct web_check *check; /* under way */
	uint64_t seen;		 /* their stamp at the last look */
	uint64_t version;	 /* of what is in effect */
	unsigned demands;	 /* the same: see web_demands() */
	char *told;		 /* what was wrong with the files when they were read last */
};

/* The files are looked at from now on. 0 or negative errno. */
int web_begin(struct web_watch *w);
/* Puts into effect, and takes, what this configuration has read, which may be nothing. 0, or negative errno, and all is as it was. */
int web_renew(struct web_watch *w, struct conf *c);
/* Nothing is put into effect any more. */
void web_close(struct web_watch *w);

#endif
