// SPDX-License-Identifier: BSD-3-Clause
#include "top/columns.h"

#include <stddef.h>

#include "metric/status.h"

#define IN     "direction", "inbound"
#define OUT    "direction", "outbound"
#define FAILED "status", STATUS_FAILED
/* Clients that give up are not counted, as in the rules. */
#define DROPPED "reason", "server_closed|reset|timed_out"

#define SOURCE(name, ...) static const struct top_source name = { __VA_ARGS__ }

SOURCE(cpu, "seismo_cpu_seconds_total");
SOURCE(throttled, "seismo_cpu_throttled_seconds_total");
SOURCE(cpu_wait, "seismo_run_queue_wait_seconds");
SOURCE(in_requests, "seismo_requests_total", { { IN } });
SOURCE(in_failed, "seismo_requests_total", { { IN }, { FAILED } });
SOURCE(in_dropped, "seismo_requests_unanswered_total", { { IN }, { DROPPED } });
SOURCE(in_time, "seismo_request_duration_seconds", { { IN } });
SOURCE(in_oldest, "seismo_request_oldest_seconds", { { IN } });
SOURCE(out_requests, "seismo_requests_total", { { OUT } });
SOURCE(out_failed, "seismo_requests_total", { { OUT }, { FAILED } });
SOURCE(out_dropped, "seismo_requests_unanswered_total", { { OUT }, { DROPPED } });
SOURCE(out_time, "seismo_request_duration_seconds", { { OUT } });
SOURCE(out_oldest, "seismo_request_oldest_seconds", { { OUT } });
SOURCE(connect_oldest, "seismo_tcp_connect_oldest_seconds");
SOURCE(connect_failed, "seismo_tcp_connect_failures_total");
SOURCE(disk_time, "seismo_service_block_io_duration_seconds");
SOURCE(disk_bytes, "seismo_service_block_io_bytes_total");
SOURCE(disk_oldest, "seismo_service_block_io_oldest_seconds");
SOURCE(rtt, "seismo_tcp_rtt_seconds");
SOURCE(resident, "seismo_memory_resident_bytes");
SOURCE(pressure_cpu, "seismo_pressure_stalled_seconds_total",
       { { "resource", "cpu" }, { "kind", "some" } });
SOURCE(pressure_io, "seismo_pressure_stalled_seconds_total",
       { { "resource", "io" }, { "kind", "some" } });
SOURCE(pressure_memory, "seismo_pressure_stalled_seconds_total",
       { { "resource", "memory" }, { "kind", "some" } });
SOURCE(killed, "seismo_process_exits_total", { { "reason", "signal|oom" } });
SOURCE(processes, "seismo_processes");
SOURCE(blocked_oldest, "seismo_blocked_oldest_seconds");
SOURCE(stopped, "seismo_stopped_tasks");

const struct top_column top_columns[TOP_COLUMNS] = {
	[TOP_CPU] = { "cpu_ratio", "CPU", "CPU time, of one CPU", TOP_UNIT_SHARE, TOP_RATE, 3,
		      .always = true, .of = { &cpu } },
	[TOP_THROTTLED] = { "throttled_ratio", "THROT",
			    "time stopped by a CPU quota, its own or its slice's", TOP_UNIT_SHARE,
			    TOP_RATE, 8, .largest = true, .of = { &throttled } },
	[TOP_CPU_WAIT] = { "cpu_wait_ratio", "RUNQ",
			   "time that its threads wait for a CPU, together", TOP_UNIT_SHARE,
			   TOP_SUM, 9, .always = true, .of = { &cpu_wait } },
	[TOP_IN_RATE] = { "in_per_second", "IN/s", "inbound requests a second", TOP_UNIT_PER_SECOND,
			  TOP_RATE, 2, .of = { &in_requests } },
	[TOP_IN_P99] = { "in_p99_seconds", "IN p99", "duration of inbound requests, p99",
			 TOP_UNIT_SECONDS, TOP_P99, 1, .apart = true, .of = { &in_time } },
	[TOP_IN_ERRORS] = { "in_errors_per_second", "INerr",
			    "inbound requests that fail or get no answer, a second",
			    TOP_UNIT_PER_SECOND, TOP_RATE, 4, .of = { &in_failed, &in_dropped } },
	[TOP_OLDEST] = { "oldest_seconds", "OLDEST",
			 "what has been under way for longest: a request, an I/O, a connect",
			 TOP_UNIT_SECONDS, TOP_LAST, 5, .largest = true, .present = true,
			 .of = { &in_oldest, &out_oldest, &disk_oldest, &connect_oldest } },
	[TOP_OUT_RATE] = { "out_per_second", "OUT/s", "outbound requests a second",
			   TOP_UNIT_PER_SECOND, TOP_RATE, 11, .of = { &out_requests } },
	[TOP_OUT_P99] = { "out_p99_seconds", "OUTp99", "duration of outbound requests, p99",
			  TOP_UNIT_SECONDS, TOP_P99, 10, .apart = true, .of = { &out_time } },
	[TOP_OUT_ERRORS] = { "out_errors_per_second", "OUTerr",
			     "outbound requests and connects that fail, a second",
			     TOP_UNIT_PER_SECOND, TOP_RATE, 12,
			     .of = { &out_failed, &out_dropped, &connect_failed } },
	[TOP_DISK_RATE] = { "disk_per_second", "DISK/s", "requests to disks a second",
			    TOP_UNIT_PER_SECOND, TOP_RATE, 13, .of = { &disk_time } },
	[TOP_DISK_P99] = { "disk_p99_seconds", "DSKp99", "duration of requests to disks, p99",
			   TOP_UNIT_SECONDS, TOP_P99, 6, .apart = true, .of = { &disk_time } },
	[TOP_DISK_BYTES] = { "disk_bytes_per_second", "DISK B", "bytes to and from disks a second",
			     TOP_UNIT_BYTES_PER_SECOND, TOP_RATE, 16, .of = { &disk_bytes } },
	[TOP_RTT] = { "rtt_p50_seconds", "RTT", "round trip of TCP, p50", TOP_UNIT_SECONDS, TOP_P50,
		      14, .apart = true, .of = { &rtt } },
	[TOP_MEMORY] = { "memory_bytes", "MEM", "resident memory", TOP_UNIT_BYTES, TOP_LAST, 7,
			 .present = true, .of = { &resident } },
	[TOP_PRESSURE] = { "pressure_ratio", "PSI",
			   "time in which some of its threads wait for CPU, I/O or memory: the worst of the three",
			   TOP_UNIT_SHARE, TOP_RATE, 15, .largest = true,
			   .of = { &pressure_cpu, &pressure_io, &pressure_memory } },
	[TOP_KILLED] = { "killed_per_second", "KILLED", "processes that a signal ended, a second",
			 TOP_UNIT_PER_SECOND, TOP_RATE, 17, .of = { &killed } },
	[TOP_PROCESSES] = { "processes_total", "PROCS", "live processes", TOP_UNIT_COUNT, TOP_LAST,
			    18, .of = { &processes } },
	[TOP_SLOWER] = { "in_excess_ratio", "SLOWER",
			 "time that its inbound requests wait beyond what is usual, together: usual is the mean from an hour to 15 minutes before",
			 TOP_UNIT_SHARE, TOP_EXCESS, 0, .of = { &in_time } },
	[TOP_IN_OLDEST] = { "in_oldest_seconds", NULL, NULL, TOP_UNIT_SECONDS, TOP_LAST, 0,
			    .largest = true, .present = true, .of = { &in_oldest } },
	[TOP_DISK_OLDEST] = { "disk_oldest_seconds", NULL, NULL, TOP_UNIT_SECONDS, TOP_LAST, 0,
			      .largest = true, .present = true, .of = { &disk_oldest } },
	[TOP_BLOCKED] = { "blocked_oldest_seconds", NULL, NULL, TOP_UNIT_SECONDS, TOP_LAST, 0,
			  .largest = true, .present = true, .of = { &blocked_oldest } },
	[TOP_STOPPED] = { "stopped_tasks_total", NULL, NULL, TOP_UNIT_COUNT, TOP_LAST, 0,
			  .of = { &stopped } },
};

const struct top_hurt top_hurts[TOP_HURTS] = {
	{ "errors", "a tenth of its inbound requests fail or get no answer", TOP_IN_ERRORS,
	  .share = true, .whole = TOP_IN_RATE, .full = 0.1, .points = 40 },
	{ "slower", "its inbound requests wait a second in each second beyond what is usual",
	  TOP_SLOWER, .full = 1, .points = 40 },
	{ "request waits", "an inbound request has been under way for 10 s", TOP_IN_OLDEST,
	  .full = 10, .points = 30 },
	{ "disk waits", "a disk has not answered it for 10 s", TOP_DISK_OLDEST, .full = 10,
	  .points = 30 },
	{ "blocked", "a thread has been in uninterruptible sleep for 10 s", TOP_BLOCKED, .full = 10,
	  .points = 20 },
	{ "throttled", "a CPU quota stops it half of the time", TOP_THROTTLED, .full = 0.5,
	  .points = 20 },
	{ "CPU waits", "its threads wait for a CPU half of the time", TOP_CPU_WAIT, .full = 0.5,
	  .points = 15 },
	{ "pressure", "some of its threads wait for CPU, I/O or memory half of the time",
	  TOP_PRESSURE, .full = 0.5, .points = 20 },
	{ "killed", "a process of it ends by a signal each second", TOP_KILLED, .full = 1,
	  .points = 20 },
	{ "calls fail", "a tenth of what it asks of others fails", TOP_OUT_ERRORS, .share = true,
	  .whole = TOP_OUT_RATE, .full = 0.1, .points = 15 },
	{ "uses CPU", "it uses ten CPUs: of those that do not suffer the busy come first", TOP_CPU,
	  .full = 10, .points = 5 },
};
