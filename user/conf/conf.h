/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration: what the file and the command line ask for, complete with defaults and validated. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "types.h"

struct buf;

/* Conditions of one match, ANDed; NULL or 0: not asked for. At least one is set. */
struct service_match {
	char *cgroup, *exe, *command; /* fnmatch patterns in which `*` crosses `/` */
	u16 port;
};

struct service_rule {
	char *name;
	struct service_match match;
};

/* ON is what the probe family itself does by default. */
enum probe_mode {
	PROBE_MODE_OFF,
	PROBE_MODE_ON,
	PROBE_MODE_COUNT,
	PROBE_MODE_SAMPLED,
	PROBE_MODE_FULL
};

struct conf_probe {
	const char *name; /* the caller's string in `known`, not a copy */
	enum probe_mode mode;
};

/* What else can be said about a probe; each has one of a few values, of which the first is the default. */
enum conf_option {
	CONF_REQUEST_STATUS,	/* code, class */
	CONF_REQUEST_PEER,	/* off, on */
	CONF_REQUEST_LONG_POLL, /* off, 1s ... 60s */
	CONF_OPTIONS
};

#define CONF_INTERVAL_MIN_NS   100000000ULL
#define CONF_INTERVAL_MAX_NS   60000000000ULL
#define CONF_INTERVAL_ACCEPTED "a duration from 100ms to 1m"

struct conf_limits {
	u64 services;
	u64 series; /* samples that are exposed */
	u64 memory_bytes;
	u64 forget_after_ns;
};

struct conf {
	char *listen;	 /* ADDR:PORT */
	u64 interval_ns; /* between readings of the tables */
	struct service_rule *services;
	unsigned service_cnt;
	struct conf_probe *probes; /* those that were mentioned, each once */
	unsigned probe_cnt;
	unsigned options[CONF_OPTIONS]; /* the number of the value */
	struct conf_limits limits;
};

/* The built-in defaults; NULL when there is no memory. */
struct conf *conf_default(void);
void conf_free(struct conf *c);

/*
 * Loads a file over the defaults. `known` names the probe families, NULL-terminated; it must outlive
 * the configuration. On failure *ret is untouched and `error` holds one line without a newline,
 * "FILE:LINE: what is wrong" ("FILE: ..." when the file as a whole is at fault): -EINVAL for what it
 * says, otherwise the errno of reading it.
 */
int conf_load(struct conf **ret, const char *path, const char *const *known, struct buf *error);

/*
 * Replaces the probes by a command-line list: "block,tcp" is these and no others, "syscall=count"
 * sets a mode, "all" and "none" are what they say; the last word on a family counts. On failure
 * (-EINVAL, -ENOMEM) the configuration is unchanged and `error` tells why, without a prefix.
 */
int conf_probes_parse(struct conf *c, const char *list, const char *const *known,
		      struct buf *error);

/* The mode asked for, or `otherwise` for a family that was not mentioned. */
enum probe_mode conf_probe_mode(const struct conf *c, const char *name, enum probe_mode otherwise);

#endif
