// SPDX-License-Identifier: BSD-3-Clause
#include "probe/probe.h"

#include <stdio.h>
#include <string.h>

#include "block.h"
#include "probe/disks.h"
#include "probe/hook.h"
#include "probe/block_volume.h"

PROBE_ELF(block);

static void label_operation(u64 value, char *buf, size_t size)
{
	static const char *const names[] = { "read", "write", "flush", "discard" };

	label_name(names, 4, value, buf, size);
}

static void label_phase(u64 value, char *buf, size_t size)
{
	static const char *const names[] = { "queue", "device", "total" };

	label_name(names, 3, value, buf, size);
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

/* Programs that run for each bio are only attached where there are volumes, or where I/O limits are at work. */
static void follow_bios(struct probe_run *run)
{
	u64 *followed = probe_global(run, "bios_followed", sizeof(*followed));
	u64 *throttled = probe_global(run, "throttle_seen", sizeof(*throttled));

	if (!followed || !throttled)
		return;
	if (*throttled)
		hook_demand(run, "throttle_btf");
	if (*followed || !(*throttled || volumes_exist()))
		return;
	hook_demand(run, "bio_complete_btf");
	hook_demand(run, "bio_remap_btf");
	hook_demand(run, "bio_queue_btf");
	*followed = hook_works(probe_hook(run, "bio_queue_btf"));
}

/* The program on a function costs nothing before there is a limit; the other one, on a timer of all, would. */
static int started(struct probe_run *run)
{
	struct hook_run *throttle = probe_hook(run, "throttle_fentry");

	if (!throttle->chosen)
		hook_attach(run, throttle);
	follow_bios(run);
	return 0;
}

/* Queues with I/O statistics disabled do not record the time of issue: a program of ours then does, at a cost. */
static void tick(struct probe_run *run, u64 now_ns)
{
	u64 *unstamped = probe_global(run, "unstamped", sizeof(*unstamped));

	(void)now_ns;
	follow_bios(run);
	if (unstamped && *unstamped && !run->phase) {
		run->phase = true;
		hook_attach(run, probe_hook(run, "issue_btf"));
	}
}

static int iterate(struct probe_run *run, const char *program)
{
	return hook_iterate(probe_hook(run, program));
}

static int scan(struct probe_run *run)
{
	u32 *used = probe_global(run, "submitters_used", sizeof(*used));
	u64 *followed = probe_global(run, "bios_followed", sizeof(*followed));
	int err = iterate(run, "in_flight_elem");

	/* These tables are large, and most of the time nothing is in them. */
	if (!err && used && *used) {
		*used = 0;
		err = iterate(run, "in_flight_rest_elem");
	}
	if (!err && followed && *followed)
		err = iterate(run, "volume_in_flight_elem");
	return err ?: iterate(run, "in_flight_flush_elem");
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
	.started = started,
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
			{ { TABLE_SCAN("in_flight") },
			  .optional = true,
			  .iterates = "block_request_groups",
			  .purpose = "requests that do not complete" },
			{ { TABLE_SCAN("in_flight_rest") },
			  .optional = true,
			  .iterates = "block_submitters",
			  .purpose = "requests that do not complete, where there are many" },
			{ { TABLE_SCAN("in_flight_flush") },
			  .optional = true,
			  .requires = "flush",
			  .iterates = "block_flushes",
			  .purpose = "flushes that do not complete" },
			{ { "throttle_fentry", TRACEPOINT("throttle") },
			  .on_demand = true,
			  .optional = true,
			  .purpose = "time in the I/O limit of a cgroup" },
			{ { "unthrottle_fexit" },
			  .optional = true,
			  .requires = "throttle_fentry",
			  .purpose = "time in the I/O limit of a cgroup" },
			{ { TRACEPOINT("bio_queue") },
			  .on_demand = true,
			  .optional = true,
			  .purpose =
				  "I/O of volumes (dm, md), service of requests that kernel threads submit" },
			{ { TRACEPOINT("bio_complete") },
			  .on_demand = true,
			  .optional = true,
			  .requires = "bio_queue",
			  .purpose = "I/O of volumes (dm, md)" },
			{ { TABLE_SCAN("volume_in_flight") },
			  .optional = true,
			  .requires = "bio_queue",
			  .iterates = "volume_bios",
			  .purpose = "I/O of volumes that does not complete" },
			{ { TRACEPOINT("bio_remap") },
			  .on_demand = true,
			  .optional = true,
			  .requires = "bio_queue",
			  .purpose = "service of requests that volumes make of a service's I/O" },
			{ .alt[0] = NULL },
		},
	.metrics =
		(const struct metric[]){
			{ "seismo_block_io_duration_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Time that block I/O requests spent in the queue and in the device. Volumes (dm, md: LVM, LUKS, RAID) and zram have no requests, but the total time of their I/O (phase=\"total\"), which includes that of the requests which it becomes on the devices below.",
			  .labels = { { DEVICE },
				      { OPERATION },
				      { "phase", BLOCK_PHASE_SHIFT, BLOCK_PHASE_BITS,
					label_phase } },
			  .max = 512 },
			{ "seismo_block_io_errors_total", METRIC_COUNTER, UNIT_NONE,
			  "Block I/O requests, and I/O of volumes, that failed entirely or in part. An error of a device below a volume can be one of both.",
			  .labels = { { DEVICE },
				      { OPERATION },
				      { "error", BLOCK_ERROR_SHIFT, BLOCK_ERROR_BITS,
					label_error } },
			  .max = 512 },
			{ "seismo_block_io_in_flight", METRIC_GAUGE, UNIT_NONE,
			  "Block I/O requests under way, in the queue or in the device; I/O of a volume, and the requests that it has become on the devices below.",
			  .labels = { { DEVICE } }, .max = 512, .scan = true },
			{ "seismo_block_io_oldest_seconds", METRIC_GAUGE, UNIT_SECONDS,
			  "Age of the oldest block I/O request under way, or I/O of a volume; 0 if there is none.",
			  .labels = { { DEVICE } }, .max = 512, .scan = true, .largest = true },
			{ "seismo_service_block_io_duration_seconds", METRIC_HISTOGRAM,
			  UNIT_SECONDS,
			  "Time of the service's block I/O requests, queue and device together. Volumes have metrics of their own.",
			  .service = true, .labels = { { DEVICE }, { OPERATION } },
			  .buckets = BUCKETS_COARSE, .max = 600 },
			{ "seismo_service_block_io_bytes_total", METRIC_COUNTER, UNIT_BYTES,
			  "Bytes that the service read from and wrote to block devices that have requests; what goes through a volume is counted once, on the devices below.",
			  .service = true, .labels = { { DEVICE }, { OPERATION } }, .max = 2000 },
			{ "seismo_service_block_io_oldest_seconds", METRIC_GAUGE, UNIT_SECONDS,
			  "Age of the service's oldest block I/O request under way; 0 if there is none.",
			  .service = true, .labels = { { DEVICE } }, .max = 2000, .scan = true,
			  .largest = true },
			{ "seismo_service_block_io_throttled_seconds", METRIC_HISTOGRAM,
			  UNIT_SECONDS,
			  "Time that the service's I/O waited in the I/O limit of its cgroup or of a parent (io.max, blkio.throttle), before it reached the queue; only of I/O that did wait.",
			  .service = true, .labels = { { DEVICE } }, .buckets = BUCKETS_COARSE,
			  .max = 200 },
			{ "seismo_service_volume_io_duration_seconds", METRIC_HISTOGRAM,
			  UNIT_SECONDS,
			  "Time of the service's I/O on volumes (dm, md: LVM, LUKS, RAID) and zram. The requests that it becomes are counted in seismo_service_block_io_duration_seconds as well: do not add the two.",
			  .service = true, .labels = { { DEVICE }, { OPERATION } },
			  .buckets = BUCKETS_COARSE, .max = 600 },
			{ "seismo_service_volume_io_bytes_total", METRIC_COUNTER, UNIT_BYTES,
			  "Bytes that the service read from and wrote to volumes (dm, md: LVM, LUKS, RAID) and zram. They are counted in seismo_service_block_io_bytes_total as well, where they reach a device: do not add the two.",
			  .service = true, .labels = { { DEVICE }, { OPERATION } }, .max = 2000 },
			{ .name = NULL },
		},
};
