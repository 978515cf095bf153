/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of a running Seismo, shared by the commands that collect something. */
#ifndef CMD_AGENT_H
#define CMD_AGENT_H

#include <argp.h>

#include "collect/calls.h"
#include "collect/collect.h"
#include "collect/self.h"
#include "probe/loader.h"

struct agent {
	struct conf *conf;
	struct probe_set probes;
	struct registry registry;
	struct collector *collector;
	struct calls *calls;
	struct self *self;
};

/* Options that these commands have in common. */
#define FORCED_HOOKS 64

struct agent_options {
	const char *config, *listen, *probes, *btf;
	u64 interval_ns; /* 0: as configured */
	struct forced_hook hooks[FORCED_HOOKS + 1];
	unsigned hook_cnt;
};
#define DEFAULT_CONFIG "/etc/seismo/seismo.yaml"

/* Child parser for these options; its input is a struct agent_options. */
extern const struct argp agent_argp;

/* Each returns an exit status and says on stderr what is wrong. */
int agent_configure(struct agent *a, const struct agent_options *options);
int agent_start(struct agent *a, const struct agent_options *options);
void agent_stop(struct agent *a);

/* Brings the registry up to date. */
void agent_read(struct agent *a);

#endif
