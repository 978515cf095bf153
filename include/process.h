/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The process family's contract between kernel side and user side: its dimensions. */
#ifndef SEISMO_PROCESS_H
#define SEISMO_PROCESS_H

enum process_reason { PROCESS_OK, PROCESS_ERROR, PROCESS_SIGNAL, PROCESS_OOM };

/* What was out of memory: the machine, or a cgroup at its limit. */
enum oom_scope { OOM_UNKNOWN, OOM_HOST, OOM_CGROUP };

#endif
