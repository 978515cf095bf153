// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "service/cgroup.h"

static void mounts_test(void **state)
{
	static const char *const lines[] = {
		"26 24 0:22 / /sys rw,nosuid - sysfs sysfs rw",
		"34 25 0:29 /machine /c/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct",
		"35 25 0:30 / /sys/fs/cgroup/cpuset rw shared:12 - cgroup cgroup rw,cpuset",
		"36 25 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:13 - cgroup cgroup "
		"rw,cpu,cpuacct",
		"37 25 0:31 / /mnt rw - cgroup none rw,cpuacct,cpu",
		"38 25 0:32 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw,nsdelegate",
		"39 25 0:33 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd",
		"40 25 0:34 / /sys/fs/cgroup/memory",
		" - cgroup cgroup rw,memory",
		"",
	};
	static struct cgroup_mounts mounts;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		cgroup_mount_parse(lines[i], &mounts);
	assert_string_equal(mounts.v1[CGROUP_CPU], "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(mounts.v1[CGROUP_MEMORY], "");
	assert_string_equal(mounts.v2, "/sys/fs/cgroup/unified");
}

static void stats_test(void **state)
{
	static const struct {
		const char *text;
		struct cgroup_stats stats;
	} c[] = {
		{ "nr_periods 7\nnr_throttled 5\nthrottled_time 123456789\n",
		  { .periods = 7, .throttled_periods = 5, .throttled_ns = 123456789 } },
		{ "usage_usec 1\nuser_usec 1\nsystem_usec 0\nnr_periods 2\nnr_throttled 1\n"
		  "throttled_usec 3000\nnr_bursts 0\nburst_usec 9\n",
		  { .periods = 2, .throttled_periods = 1, .throttled_ns = 3000000 } },
		{ "cache 1\nrss 2\nmapped_file 3\ninactive_file 4\ntotal_cache 8192\ntotal_rss 5\n",
		  { .page_cache_bytes = 8192 } },
		{ "anon 1\nfile 18446744073709551615\nkernel 2\nfile_mapped 3\nfile_dirty 4\n",
		  { .page_cache_bytes = UINT64_MAX } },
		{ "nr_periods", { .periods = 0 } },
		{ "nr_periods 12", { .periods = 12 } },
		{ "\n\nfile x\n", { .page_cache_bytes = 0 } },
		{ "", { .files = 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		struct cgroup_stats got = { 0 };

		cgroup_stats_parse(c[i].text, &got);
		assert_memory_equal(&got, &c[i].stats, sizeof(got));
	}
}

/* Of a cgroup that is not there nothing is read, wherever it would be. */
static void missing_test(void **state)
{
	static struct cgroup_mounts mounts = { .v1 = { "/nonexistent" }, .v2 = "/nonexistent" };
	struct cgroup_stats got = { .files = 9, .periods = 9 };

	(void)state;
	cgroup_stats_read(&mounts, "/a.service", 10, &got);
	assert_int_equal(got.files, 0);
	assert_int_equal(got.periods, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_test),
		cmocka_unit_test(stats_test),
		cmocka_unit_test(missing_test),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
