/* SPDX-License-Identifier: BSD-3-Clause */
/* The kinds of targets, and what their open() takes. */
#ifndef ALERT_KINDS_H
#define ALERT_KINDS_H

#include "alert/target.h"

extern const struct target_kind target_alertmanager; /* struct http_target */
extern const struct target_kind target_webhook;	     /* struct http_target */
extern const struct target_kind target_command;	     /* struct command_target */
extern const struct target_kind target_journal;	     /* NULL */

#endif
