/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration in effect, each setting with what has set it: as JSON, which the daemon answers, and made of that. */
#ifndef CMD_SETTINGS_H
#define CMD_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>

#include "conf/conf.h"

/*
 * An object, by key: { "value": as in the file, "live": changes with a reload, "origin": "built-in", "file" or
 * "command line", "file": ..., "line": ..., "option": ... }, the latter null where there is none. NULL: out of memory.
 */
json_t *settings_json(const struct conf *c);
/* Those whose key is this one or in this section. */
bool setting_is_of(const char *key, const char *section);

/* To standard output; of JSON that a daemon has answered, in the same order. */
void settings_text(const json_t *settings);
/* As a configuration file. */
void settings_yaml(const json_t *settings);

#endif
