// SPDX-License-Identifier: BSD-3-Clause
/* Model and serial number, from folders made as /sys/block and /run/udev/data are. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/disk_info.h"

static char dir[] = "/tmp/seismo-disk.XXXXXX";

static void file_make(const char *name, const void *data, size_t len)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

#define FILE_MAKE(name, text) file_make(name, text, sizeof(text) - 1)

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return 1;
	FILE_MAKE("sys/sda/dev", "8:0\n");
	FILE_MAKE("sys/sda/device/model", "Samsung SSD 870 \n");
	FILE_MAKE("sys/sda/device/vpd_pg80", "\0\x80\0\x0fS5Y1NX0N123456Z");
	FILE_MAKE("sys/nvme0n1/dev", "259:0\n");
	FILE_MAKE("sys/nvme0n1/device/model", "INTEL SSDPE2KX010T8     \n");
	FILE_MAKE("sys/nvme0n1/device/serial", "  PHLJ1234\n");
	FILE_MAKE("sys/vda/dev", "254:0\n");
	FILE_MAKE("sys/vda/serial", "not to be read");
	FILE_MAKE("udev/b254:0", "S:disk/by-id/x\nE:ID_SERIAL=long\nE:ID_SERIAL_SHORT=vol-0abc\n"
				 "E:ID_MODEL=Cloud\nE:ID_MODEL=Twice\n");
	FILE_MAKE("sys/etherd!e0.0/dev", "152:0\n");
	FILE_MAKE("sys/etherd!e0.0/device/model", "AoE\n");
	FILE_MAKE("sys/dm-0/dm/name", "vg-root\n");
	FILE_MAKE("sys/bad/dev", "../secret\n");
	FILE_MAKE("sys/bad/device/model", "\xff\xfe\n");
	FILE_MAKE("secret", "E:ID_MODEL=secret\n");
	return 0;
}

static int entry_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(dir, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static void disks_are_read(void **state)
{
	static const struct {
		const char *device, *model, *serial;
	} rows[] = {
		{ "sda", "Samsung SSD 870", "S5Y1NX0N123456Z" },
		{ "nvme0n1", "INTEL SSDPE2KX010T8", "PHLJ1234" },
		{ "vda", "Cloud",
		  "vol-0abc" }, /* udev's; its attribute is a request to the device */
		{ "etherd/e0.0", "AoE", "" },
		{ "dm-0", "vg-root", "" },
		{ "bad", "\xef\xbf\xbd\xef\xbf\xbd", "" },
		{ "nosuch", "", "" },
		{ "..", "", "" },
		{ "", "", "" },
	};
	char sys[64], udev[64];

	(void)state;
	snprintf(sys, sizeof(sys), "%s/sys", dir);
	snprintf(udev, sizeof(udev), "%s/udev", dir);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct disk_info info;

		disk_info_read(sys, udev, rows[i].device, &info);
		assert_string_equal(info.model, rows[i].model);
		assert_string_equal(info.serial, rows[i].serial);
	}
}

static void nothing_is_known_before(void **state)
{
	struct registry r = { 0 };
	struct disk_infos *d = disk_infos_new(NULL);

	(void)state;
	disk_infos_tick(d, &r);
	assert_null(disk_infos_find(d, "sda"));
	assert_null(disk_infos_find(NULL, "sda"));
	disk_infos_free(d);
	disk_infos_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(disks_are_read),
					    cmocka_unit_test(nothing_is_known_before) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
