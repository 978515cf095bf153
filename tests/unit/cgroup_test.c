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
	assert_string_equal(mounts.v1, "");
	assert_string_equal(mounts.v2, "/sys/fs/cgroup/unified");
	cgroup_mount_parse("34 25 0:29 /machine /c/memory rw - cgroup cgroup rw,memory", &mounts);
	cgroup_mount_parse("36 25 0:31 / /c/hugetlb,memory rw - cgroup cgroup rw,hugetlb,memory",
			   &mounts);
	cgroup_mount_parse("37 25 0:31 / /mnt rw - cgroup none rw,memory", &mounts);
	assert_string_equal(mounts.v1, "/c/hugetlb,memory");
}

static void stats_test(void **state)
{
	static const struct {
		const char *text;
		struct cgroup_stats stats;
	} c[] = {
		{ "cache 1\nrss 2\nmapped_file 3\ninactive_file 4\ntotal_cache 8192\ntotal_rss 5\n",
		  { .page_cache_bytes = 8192 } },
		{ "anon 1\nfile 18446744073709551615\nkernel 2\nfile_mapped 3\nfile_dirty 4\n",
		  { .page_cache_bytes = UINT64_MAX } },
		{ "workingset_refault_anon 3\npgfault 9\n", { .swap_ins = 3 } },
		{ "workingset_refault_anon 3\ntotal_workingset_refault_anon 4\n",
		  { .swap_ins = 4 } },
		{ "workingset_refault_anon 3\npswpin 5\npswpout 6\n", { .swap_ins = 5 } },
		{ "pswpin", { .swap_ins = 0 } },
		{ "pswpin 12", { .swap_ins = 12 } },
		{ "\n\nfile x\n", { .page_cache_bytes = 0 } },
		{ "", { .found = false } },
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
	static struct cgroup_mounts mounts = { .v1 = "/nonexistent", .v2 = "/nonexistent" };
	struct cgroup_stats got = { .found = true, .swap_ins = 9 };

	(void)state;
	cgroup_stats_read(&mounts, "/a.service", 10, &got);
	assert_false(got.found);
	assert_int_equal(got.swap_ins, 0);
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
