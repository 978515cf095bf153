// SPDX-License-Identifier: BSD-3-Clause
#include "rule/disk_identity.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * In the folder of the disk. All that are there count; the last one only if none of the others is. The kernel knows what they say
 * by itself: "serial" of virtio is not among them, since to read it is a request to the disk, and one that hangs would keep the
 * event loop waiting.
 */
static const char *const files[] = {
	"wwid",		   /* NVMe */
	"device/wwid",	   /* SCSI, ATA */
	"device/vpd_pg80", /* the same: serial number */
	"device/serial",   /* MMC, NVMe */
	"dm/uuid",	   /* LVM, LUKS, multipath */
	"md/uuid",	   /* RAID */
	"loop/backing_file",
	"size",
};
#define FILE_CNT (sizeof(files) / sizeof(*files))

u64 hash_bytes(u64 hash, const void *data, size_t len)
{
	const u8 *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ULL;
	return hash;
}

u64 disk_identity(const char *sys, const char *device)
{
	u64 hash = 0;

	if (!*device || *device == '.' || strchr(device, '/'))
		return 0;
	for (unsigned i = 0; i < FILE_CNT && (i < FILE_CNT - 1 || !hash); i++) {
		char path[512], text[512];
		ssize_t len;
		int fd;

		snprintf(path, sizeof(path), "%s/%s/%s", sys, device, files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			continue;
		len = read(fd, text, sizeof(text));
		close(fd);
		if (len > 0)
			hash = hash_bytes(hash_bytes(hash ? hash : HASH_BEGIN, files[i],
						     strlen(files[i]) + 1),
					  text, (size_t)len);
	}
	return hash;
}
