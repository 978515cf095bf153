/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of a running Seismo, shared by the commands that collect something. */
#ifndef CMD_AGENT_H
#define CMD_AGENT_H

#include <argp.h>

#include "cmd/alarm.h"
#include "cmd/options.h"
#include "collect/collect.h"
#include "collect/self.h"
#include "metric/history.h"
#include "probe/loader.h"

struct web_watch;

struct agent {
	struct conf *conf;
	const struct agent_options *options;
	char *socket; /* path of the control socket */
	struct worker
		*worker; /* for what may block; set before agent_begin(), NULL: everything waits */
	struct worker *slow_worker; /* for what takes long; NULL: it is not done */
	struct probe_set probes;
	struct registry registry;
	struct collector *collector;
	struct history *history;
	struct self *self;
	struct alarm *alarm;   /* rules and alerts, NULL: nobody evaluates them */
	struct web_watch *web; /* the web configuration; NULL: nothing is served */
	u64 self_ns;	       /* which reading of the tables the self-metrics belong to */
	/* What that reading has cost of CPU time, and when that came to its end. */
	u64 cost_ns, idle_ns;
};

/* Child parser for these options; its input is a struct agent_options. */
extern const struct argp agent_argp;

/* Each returns an exit status and says on stderr what is wrong. The options must outlive the agent. */
int agent_configure(struct agent *a, const struct agent_options *options);
/*
 * Calls `each` for all that would change if this file were the configuration. 0, or negative errno and `error` as of
 * conf_load().
 */
int agent_compare(const struct agent *a, const char *file,
		  void (*each)(void *ctx, const char *key, const char *from, const char *to,
			       bool live),
		  void *ctx, struct buf *error);
/*
 * Reads the configuration again and takes over what can change without a start; says what cannot. All or nothing: false
 * when the file is bad.
 */
bool agent_reload(struct agent *a);
/* Starts the core; everything is there then but the other families. */
int agent_begin(struct agent *a, const struct agent_options *options);
/* Evaluates rules from now on, after each tick. */
int agent_alarm(struct agent *a, struct loop *l);
/* Starts the next family. *more: there may be another one. */
int agent_start_next(struct agent *a, bool *more);
/* Both, for all families. */
int agent_start(struct agent *a, const struct agent_options *options);
/* Attaches to what is found by reading, for who does nothing but report. 0 or negative errno. */
int agent_look(struct agent *a);
void agent_stop(struct agent *a);

/* File descriptors that the families asked for take, at most. */
unsigned agent_descriptors(const struct agent *a);
/* Raises the limit of open files to what it may be at most. Returns what it is. */
u64 agent_descriptors_raise(void);

/* Brings the registry up to date, unless it is young enough. 0 or negative errno, also that of the last reading. */
int agent_read(struct agent *a);
/* Ends a tick of the history, every interval: with a reading, unless somebody has had one just before. */
int agent_tick(struct agent *a);
/* What is made of a reading costs as well: told with agent_cpu_ns() of before. */
u64 agent_cpu_ns(void);
void agent_spend(struct agent *a, u64 since_cpu_ns);
/* When the tables were read for what is in the registry now: values of the same time are the same. */
u64 agent_read_ns(const struct agent *a);
/* Until when would agent_read() leave the registry as it is? 0: nothing was read yet. */
u64 agent_fresh_until(const struct agent *a);
bool agent_is_fresh(const struct agent *a);

#endif
