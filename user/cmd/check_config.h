/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_CHECK_CONFIG_H
#define CMD_CHECK_CONFIG_H

#include "cmd/agent.h"

/*
 * Says that the configuration, which the agent has been configured with, is valid, and what a reload of the daemon
 * behind its socket would change. Needs no privilege but for the latter. An exit status.
 */
int check_config(const struct agent *a, bool json);

#endif
