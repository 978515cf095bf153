// SPDX-License-Identifier: BSD-3-Clause
/* What the lines of the event log are: the reference of `seismo events --kinds` and README.md's table. */
#include <string.h>

#include "event/event.h"

#define FIELDS (const struct event_field[])

/* clang-format off */
#define END { NULL, NULL }

/* What any kind about a process has. */
#define PROCESS                                                         \
	{ "pid", "process id" },                                        \
	{ "parent_pid", "process id of its parent" },                   \
	{ "command", "name of its first thread, as ps shows it" },      \
	{ "parent_command", "the same of its parent" },                 \
	{ "user_id", "real user" },                                     \
	{ "executable", "path of its program, from the root of its file system on" }
/* clang-format on */

const struct event_field event_common[] = {
	{ "seq",
	  "number of the line; it grows by one from line to line, across files and restarts" },
	{ "time", "when it happened, UTC with nanoseconds (RFC 3339)" },
	{ "kind", "what it is" },
	{ "service", "whose it is, if it is a service's" },
	END,
};

const struct event_row event_rows[EVENT_KINDS] = {
	[EVENT_PROCESS_START] = { "process_start",
				  "a process was forked, or began to run another program (exec)",
				  FIELDS{
					  { "by", "fork or exec" },
					  PROCESS,
					  END,
				  },
				  .burst = 20000, .per_second = 5000 },
	[EVENT_PROCESS_EXIT] = { "process_exit", "the last thread of a process ended",
				 FIELDS{
					 PROCESS,
					 { "reason", "ok, error, signal or oom" },
					 { "code", "exit status, unless a signal ended it" },
					 { "signal", "number of the signal that ended it" },
					 { "core_dumped", "whether it left a core dump" },
					 { "life_seconds", "how long it lived" },
					 END,
				 },
				 .burst = 20000, .per_second = 5000 },
	[EVENT_OOM] = { "oom", "the kernel killed a process for want of memory",
			FIELDS{
				{ "scope",
				  "cgroup: a limit was reached; host: the machine was out of memory" },
				{ "cgroup", "name of the cgroup whose limit it was" },
				{ "limit_bytes", "its limit" },
				{ "trigger_pid", "process id of who needed memory" },
				{ "trigger_command", "its name" },
				PROCESS,
				END,
			},
			.burst = 100, .per_second = 10, .journald = true },
	[EVENT_ALERT] = { "alert", "an alert changed its state",
			  FIELDS{
				  { "alert", "name of its rule" },
				  { "state", "inactive, pending, firing or resolved" },
				  { "before", "the state before" },
				  { "unknown", "why the data do not tell at present" },
				  { "severity", "page, warning or info" },
				  { "labels", "of the series that it is about" },
				  { "value", "what was measured" },
				  { "baseline", "what is usual" },
				  { "starts_at", "when it began to fire" },
				  { "summary", "in a sentence" },
				  { "silenced", "is it silenced" },
				  { "expected", "is it expected by the configuration" },
				  { "evidence", "why it fires: figures, victims, what changed" },
				  END,
			  },
			  .burst = 1000, .per_second = 10 },
	[EVENT_BLOCK_ERROR] = { "block_error",
				"a disk failed a request; the service had submitted it",
				FIELDS{
					{ "device", "name of the disk or volume" },
					{ "operation", "read, write, flush or discard" },
					{ "error", "errno" },
					{ "sector", "first of the request, in 512 bytes" },
					{ "size_bytes", "of what failed" },
					END,
				},
				.burst = 100, .per_second = 5, .journald = true },
	[EVENT_SLOW] = { "slow",
			 "what took longest of its sort and service in a window, if it took 20 ms",
			 FIELDS{
				 { "what", "syscall, request or io" },
				 { "duration_seconds", "how long it took" },
				 { "window_seconds", "length of the window" },
				 { "pid", "process id; not of io" },
				 { "command", "its name" },
				 { "syscall", "its name" },
				 { "class",
				   "what it may wait for: read, write, open, stat, sync, memory, process" },
				 { "file",
				   "the last two parts of the path that a read, write or sync was of" },
				 { "direction", "of a request: inbound or outbound" },
				 { "protocol", "of a request" },
				 { "peer", "of an outbound request: service or address" },
				 { "device", "of io" },
				 { "operation", "of io: read, write, flush or discard" },
				 { "device_seconds",
				   "of io: the part that the device took, if known" },
				 { "sector", "of io, in 512 bytes" },
				 { "size_bytes", "of io" },
				 END,
			 },
			 .burst = 100, .per_second = 1 },
	[EVENT_REPLACED] = { "replaced",
			     "a program is run whose file is another one than when it was run before",
			     FIELDS{
				     { "pid", "process that runs it now" },
				     { "executable",
				       "its path; of a script that an interpreter runs, that of the script" },
				     { "inode", "number of the file" },
				     { "inode_before", "the same before" },
				     { "size_bytes", "of the file" },
				     { "size_bytes_before", "the same before" },
				     { "modified", "when the file was written" },
				     { "modified_before", "the same before" },
				     { "build_id",
				       "of an ELF file that has one; the same as before: it was built from the same sources" },
				     { "build_id_before", "the same before" },
				     { "last_run",
				       "when the file before was run last; absent: before Seismo was started" },
				     END,
			     },
			     .burst = 10, .per_second = 0.01, .journald = true },
	[EVENT_RELOAD] = { "reload", "the configuration was read again",
			   FIELDS{
				   { "successful", "false: it was refused and stays as it was" },
				   END,
			   },
			   .journald = true },
	[EVENT_START] = { "start", "Seismo started",
			  FIELDS{
				  { "pid", "its process id" },
				  { "version", "of Seismo" },
				  { "kernel", "release of the kernel" },
				  END,
			  },
			  .journald = true },
	[EVENT_STOP] = { "stop", "Seismo was ended",
			 FIELDS{
				 { "pid", "its process id" },
				 { "status", "exit status" },
				 END,
			 },
			 .journald = true },
	[EVENT_SUPPRESSED] = { "suppressed",
			       "lines of this kind and service that exceeded their limit",
			       FIELDS{
				       { "of", "their kind" },
				       { "count", "how many" },
				       { "since", "time of the first" },
				       END,
			       },
			       .journald = true },
	[EVENT_LOST] = { "lost", "a gap: events are missing before this line",
			 FIELDS{
				 { "where",
				   "ring: between kernel and daemon; probe: the kernel did not call a program; "
				   "queue: the disk was full or hung; journal: the journal took no lines, which are in the file; restart: the daemon was killed; torn: a line was cut off" },
				 { "what", "of what: a kind, or a probe" },
				 { "count", "how many; absent where nobody knows" },
				 { "since", "after when" },
				 END,
			 },
			 .burst = 1000, .per_second = 1, .journald = true },
};

enum event_kind event_kind_find(const char *name)
{
	enum event_kind kind = 0;

	while (kind < EVENT_KINDS && strcmp(event_rows[kind].name, name) != 0)
		kind++;
	return kind;
}
