// SPDX-License-Identifier: BSD-3-Clause
#include "probe/probe.h"

#include <stdio.h>
#include <string.h>

#include "block.h"
#include "probe/disks.h"
#include "probe/hook.h"

PROBE_ELF(block);

static void label_operation(u64 value, char *buf, size_t size)
{
	static const char *const names[] = { "read", "write", "flush", "discard" };

	label_name(names, 4, value, buf, size);
}

static void label_phase(u64 value, char *buf, size_t size)
{
	static const char *const names[] = { "queue", "device" };

	label_name(names, 2, value, buf, size);
}

/*
 * The errno for a blk_status_t (block/blk-core.c: blk_errors). Kernels before d5869fdc189f ("block: introduce
 * block_rq_error tracepoint") report a negative errno instead, which appears here as a value above 32767.
 */
static void label_error(u64 value, char *buf, size_t size)
{
	static const char *const names[] = {
		[1] = "EOPNOTSUPP", [2] = "ETIMEDOUT", [3] = "ENOSPC",	[4] = "ENOLINK",
		[5] = "EREMOTEIO",  [6] = "EBADE",     [7] = "ENODATA", [8] = "EILSEQ",
		[9] = "ENOMEM",	    [10] = "EIO",      [12] = "EAGAIN", [13] = "EBUSY",
	};

	if (value > 32767)
		label_errno(65536 - value, buf, size);
	else if (value < sizeof(names) / sizeof(*names) && names[value])
		snprintf(buf, size, "%s", names[value]);
	else
		snprintf(buf, size, "EIO");
}

/* Queues with I/O statistics disabled do not record the time of issue: a program of ours then does, at a cost. */
static void tick(struct probe_run *run, u64 now_ns)
{
	u64 *unstamped = probe_global(run, "unstamped", sizeof(*unstamped));

	(void)now_ns;
	if (unstamped && *unstamped && !run->phase) {
		run->phase = true;
		hook_attach(run, probe_hook(run, "issue_btf"));
	}
}

static int scan(struct probe_run *run)
{
	int err = 0;

	for (unsigned i = 0; i < run->hook_cnt && !err; i++)
		if (run->hooks[i].hook->iterates && run->hooks[i].link)
			err = hook_iterate(&run->hooks[i]);
	return err;
}

#define DEVICE	  DISK_LABEL(0)
#define OPERATION "operation", BLOCK_OPERATION_SHIFT, BLOCK_OPERATION_BITS, label_operation

const struct probe probe_block = {
	.name = "block",
	.summary =
		"block I/O: latency by device and by service, time in the queue and in the device, errors",
	.elf = &block_elf,
	.mode = PROBE_MODE_ON,
	.loaded = disks_init,
	.scan = scan,
	.tick = tick,
	.hooks =
		(const struct hook[]){
			{ { TRACEPOINT("complete") },
			  .purpose = "requests, their latency and errors" },
			{ { TRACEPOINT("start"), TRACEPOINT("insert") },
			  .optional = true,
			  .purpose = "service of requests" },
			{ { TRACEPOINT("direct") },
			  .optional = true,
			  .requires = "insert",
			  .purpose = "service of requests that bypass the I/O scheduler" },
			{ { TRACEPOINT("flush") },
			  .optional = true,
			  .requires = "insert",
			  .purpose = "service of flushes" },
			{ { TRACEPOINT("issue") },
			  .on_demand = true,
			  .optional = true,
			  .purpose = "time in the queue, on devices without I/O statistics" },
			{ { "in_flight_iter" },
			  .optional = true,
			  .iterates = "block_requests",
			  .purpose = "requests that do not complete" },
			{ { "in_flight_iter" },
			  .optional = true,
			  .iterates = "block_submitters",
			  .purpose = "requests that do not complete, where there are many" },
			{ { "in_flight_flush_iter" },
			  .optional = true,
			  .requires = "flush",
			  .iterates = "block_flushes",
			  .purpose = "flushes that do not complete" },
			{ .alt[0] = NULL },
		},
	.metrics =
		(const struct metric[]){
			{ "seismo_block_io_duration_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Time that block I/O requests spent in the queue and in the device.",
			  .labels = { { DEVICE },
				      { OPERATION },
				      { "phase", BLOCK_PHASE_SHIFT, BLOCK_PHASE_BITS,
					label_phase } },
			  .max = 512 },
			{ "seismo_block_io_errors_total", METRIC_COUNTER, UNIT_NONE,
			  "Block I/O requests that failed entirely or in part.",
			  .labels = { { DEVICE },
				      { OPERATION },
				      { "error", BLOCK_ERROR_SHIFT, BLOCK_ERROR_BITS,
					label_error } },
			  .max = 512 },
			{ "seismo_block_io_in_flight", METRIC_GAUGE, UNIT_NONE,
			  "Block I/O requests under way, in the queue or in the device.",
			  .labels = { { DEVICE } }, .max = 512, .scan = true },
			{ "seismo_block_io_oldest_seconds", METRIC_GAUGE, UNIT_SECONDS,
			  "Age of the oldest block I/O request under way; 0 if there is none.",
			  .labels = { { DEVICE } }, .max = 512, .scan = true, .largest = true },
			{ "seismo_service_block_io_duration_seconds", METRIC_HISTOGRAM,
			  UNIT_SECONDS,
			  "Time of the service's block I/O requests, queue and device together.",
			  .service = true, .labels = { { DEVICE }, { OPERATION } },
			  .buckets = BUCKETS_COARSE, .max = 600 },
			{ "seismo_service_block_io_bytes_total", METRIC_COUNTER, UNIT_BYTES,
			  "Bytes that the service read from and wrote to block devices.",
			  .service = true, .labels = { { DEVICE }, { OPERATION } }, .max = 2000 },
			{ "seismo_service_block_io_oldest_seconds", METRIC_GAUGE, UNIT_SECONDS,
			  "Age of the service's oldest block I/O request under way; 0 if there is none.",
			  .service = true, .labels = { { DEVICE } }, .max = 2000, .scan = true,
			  .largest = true },
			{ .name = NULL },
		},
};
