/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration: file and command line, validated, with defaults for everything else. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "conf/rule.h"
#include "conf/services.h"
#include "conf/target.h"
#include "conf/web.h"
#include "types.h"

/* ON: the default mode of the probe family */
enum probe_mode {
	PROBE_MODE_OFF,
	PROBE_MODE_ON,
	PROBE_MODE_COUNT,
	PROBE_MODE_SAMPLED,
	PROBE_MODE_FULL
};

/* How they are written, by mode; ends with NULL. */
extern const char *const conf_mode_words[];

/* What the configuration needs to know of a probe family. */
struct conf_family {
	const char *name;
	bool has_modes;			/* besides on and off */
	const struct setting *settings; /* ends with a row without name; may be NULL */
	const char *summary;		/* for the reference */
};

/* What counts as a service outside of units and containers: words of `short_commands`. */
enum short_commands { SHORT_COMMANDS_FOLD, SHORT_COMMANDS_NAME };

/* Words of `buckets`, or a list. */
enum bucket_choice { BUCKETS_DEFAULT, BUCKETS_FINE, BUCKETS_LIST };

#define CONF_BUCKETS 32

#define CONF_SETTINGS 8

#define CONF_DATA_DIR	 "/var/lib/seismo"
#define CONF_NO_LISTEN	 "none"
#define CONF_UNIX_LISTEN "unix:"
#define CONF_EVENTS_FILE "/var/log/seismo/events.jsonl"

/* What set a value, besides the file that it is in; neither: it is as by default. */
struct conf_origin {
	unsigned line;	    /* of the file */
	const char *option; /* of the command line, such as "--listen" */
};

struct conf_probe {
	const struct conf_family *family;
	enum probe_mode mode;
	u64 settings[CONF_SETTINGS]; /* the family's own structure, see struct setting */
	struct conf_origin mode_origin, origins[CONF_SETTINGS];
};

struct conf_limits {
	u64 services;
	u64 series; /* samples that are exposed */
	u64 memory_bytes;
	u64 forget_after_ns;
};

#define CONF_FIELDS_MAX 64

struct conf {
	char *file;				     /* that was loaded, NULL: none */
	struct conf_origin origins[CONF_FIELDS_MAX]; /* by the rows of conf_fields */
	struct conf_origin buckets_origin;
	char **listen; /* ADDR:PORT, CONF_UNIX_LISTEN and a path, or CONF_NO_LISTEN; ends with NULL */
	char *web_file;	    /* NULL: none; see conf/web.h */
	bool web_tls;	    /* it has TLS */
	struct web *web;    /* what was read of it; NULL: nothing, or somebody has taken it over */
	char *socket;	    /* the control socket, NULL: where it is by default */
	u64 interval_ns;    /* between readings of the tables */
	u64 short_commands; /* enum short_commands */
	u64 buckets;	    /* enum bucket_choice */
	u64 bucket_ns[CONF_BUCKETS]; /* upper bounds of the list, increasing */
	unsigned bucket_cnt;
	struct service_rule *services;
	unsigned service_cnt;
	struct conf_probe *probes; /* every family, in the order of `families` */
	unsigned probe_cnt;
	struct conf_limits limits;
	char *data_dir;	 /* for what outlives the daemon; CONF_DATA_DIR by default */
	char **includes; /* as written: folders, files, patterns; ends with NULL */
	u64 builtin_rules;
	/* Those of the files and, after rules_add_builtin(), the built-in ones; each name once. Some may be off. */
	struct rule_conf **rules;
	unsigned rule_cnt;
	struct http_target *alertmanagers, *webhooks;
	struct command_target *commands;
	unsigned alertmanager_cnt, webhook_cnt, command_cnt;
	struct rule_pair *alert_labels; /* which every alert gets, unless it has them */
	unsigned alert_label_cnt;
	u64 alert_resend_ns; /* firing alerts are told again this often */
	char *external_url; /* of this daemon, for those who are told of alerts; NULL: made from host and port */
	struct expectation *expect;
	unsigned expect_cnt;
	struct conf_events events;
	u64 log_level, log_format; /* enum log_level, log_format */
};

/* What is at the top of the file or in a section of it, but for `buckets`, `probes` and `rules`. */
struct conf_field {
	const char *section;
	struct field field; /* of struct conf */
	bool live;	    /* changes with a reload */
	bool outward;	    /* others are told because of it, or files written */
};

/* Ends with a row without key. */
extern const struct conf_field conf_fields[];

extern const struct setting conf_interval;
/* The words of `buckets`. */
extern const struct setting conf_buckets;

/* The defaults. `families` ends with a row without name and must outlive it. NULL: out of memory. */
struct conf *conf_default(const struct conf_family *families);
void conf_free(struct conf *c);
/* Leaves nothing in it because of which others are told of alerts, or the event log is written. */
void conf_withdraw(struct conf *c);

/* Takes over from `now` what cannot change while it is in effect. */
void conf_keep_fixed(struct conf *c, struct conf *now);

/* An option of the command line has set what is in the file under this key, such as interval or log.level. */
void conf_origin_option(struct conf *c, const char *key, const char *option);
/* NULL if there is no family of this name. */
struct conf_probe *conf_probe_find(const struct conf *c, const char *name);
/* ON also if there is no family of this name. */
enum probe_mode conf_probe_mode(const struct conf *c, const char *name);
/* The family's own structure of settings; the family must exist. */
const void *conf_probe_settings(const struct conf *c, const char *name);

#endif
