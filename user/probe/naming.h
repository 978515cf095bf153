/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel side needs to know for naming: which executables are interpreters, which ports the rules match,
 * and the arguments and ports of processes that started before the daemon.
 */
#ifndef PROBE_NAMING_H
#define PROBE_NAMING_H

#include "conf/conf.h"

/* Each fills the tables of these descriptors and returns 0 or negative errno. */
int naming_interpreters(int row_fd, int class_fd);
int naming_ports(int fd, const struct conf *conf);
int naming_processes(int fd, const struct conf *conf);
void naming_processes_drop(int fd);

#endif
