/* SPDX-License-Identifier: BSD-3-Clause */
/* What happened to a process, as others are told of it. */
#ifndef EVENT_PROCESS_EVENT_H
#define EVENT_PROCESS_EVENT_H

#include <stdbool.h>

#include "event/event.h"
#include "event/program_file.h"
#include "types.h"

/* Texts are valid during the call only. */
struct process_event {
	enum event_kind kind; /* EVENT_PROCESS_START, _EXIT, EVENT_OOM, EVENT_REPLACED */
	u64 time_ns;	      /* CLOCK_MONOTONIC */
	s64 wall_ns;	      /* CLOCK_REALTIME */
	const char *service;
	const char *executable; /* "": none, or not known; replaced: it may be a script */
	const char *command, *parent_command; /* not of replaced */
	u32 pid, parent, uid;
	bool exec;			  /* start: by exec, not by fork */
	u64 life_ns;			  /* since the process was forked */
	u32 reason;			  /* exit: enum process_reason */
	int code, signal;		  /* exit; one of them is 0 */
	bool core_dumped;		  /* exit */
	u32 oom_scope;			  /* enum oom_scope */
	struct program_file file, before; /* replaced: now and before; start by exec: `file` */
};

#endif
