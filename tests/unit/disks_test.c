// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "probe/disks.h"

static void label_test(void **state)
{
	static const struct {
		const char *name, *label;
	} rows[] = {
		{ "vda", "vda" },
		{ "nvme0n1", "nvme0n1" },
		/* paths of NVMe's multipath: the disk above them */
		{ "nvme0c0n1", "nvme0n1" },
		{ "nvme12c3n45", "nvme12n45" },
		/* no paths */
		{ "nvme0c0n1p1", "nvme0c0n1p1" },
		{ "nvme0c0n", "nvme0c0n" },
		{ "nvme0c0", "nvme0c0" },
		/* as /proc/diskstats writes it, not as /sys does */
		{ "etherd/e0.0", "etherd/e0.0" },
		{ "0123456789abcdef0123456789abcdefX", "0123456789abcdef0123456789abcdef" },
		{ "", "other" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char buf[64];

		disk_label(rows[i].name, buf, sizeof(buf));
		assert_string_equal(buf, rows[i].label);
	}
}

/* Before any family has the table. */
static void number_test(void **state)
{
	char buf[64];

	(void)state;
	label_device(1, buf, sizeof(buf));
	assert_string_equal(buf, "other");
	label_device(1ULL << 40, buf, sizeof(buf));
	assert_string_equal(buf, "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(label_test),
					    cmocka_unit_test(number_test) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
