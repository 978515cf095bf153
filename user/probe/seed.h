/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel side must be told about naming: which executables are interpreters, which ports rules
 * ask for, and the arguments and ports of processes that ran before it was there to see.
 */
#ifndef PROBE_SEED_H
#define PROBE_SEED_H

#include "conf/conf.h"

/* All take the descriptor of the table to fill and return 0 or negative errno. */
int seed_interpreters(int fd);
int seed_ports(int fd, const struct conf *conf);
int seed_processes(int fd, const struct conf *conf);
void seed_forget(int fd);

#endif
