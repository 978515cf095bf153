/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include "probe/probe.h"

/* Options that these commands have in common. */
#define FORCED_HOOKS 64

struct agent_options {
	const char *config, *listen, *probes, *btf, *state_dir, *data_dir, *socket, *web_config;
	bool web; /* the web configuration is read as well: it has keys that not everybody may read */
	u64 interval_ns; /* 0: as configured */
	bool verbose;
	bool own; /* of a daemon for one command (own_daemon.h): it tells nobody, and no port is opened */
	struct forced_hook hooks[FORCED_HOOKS + 1];
	unsigned hook_cnt;
};
#define DEFAULT_CONFIG	  "/etc/seismo/seismo.yaml"
#define DEFAULT_STATE_DIR "/run/seismo"

#endif
