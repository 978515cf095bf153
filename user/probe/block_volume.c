// SPDX-License-Identifier: BSD-3-Clause
#include "probe/block_volume.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICES "/sys/devices/virtual/block"

/* One directory for each device that is no hardware; those with requests have queues of their own in `mq`. */
static bool is_volume(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), DEVICES "/%s/mq", name);
	return *name != '.' && access(path, F_OK);
}

/* Without a size it is not set up yet. */
static bool is_usable(const char *name)
{
	unsigned long long sectors = 0;
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), DEVICES "/%s/size", name);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fscanf(f, "%llu", &sectors) != 1)
		sectors = 0;
	fclose(f);
	return sectors;
}

/* Whether there are volumes at all, then whether one of them can be used. */
static bool devices_scan(bool *ret_volumes)
{
	DIR *dir = opendir(DEVICES);
	struct dirent *entry;
	bool usable = false;

	*ret_volumes = false;
	while (dir && !usable && (entry = readdir(dir))) {
		if (!is_volume(entry->d_name))
			continue;
		*ret_volumes = true;
		usable = is_usable(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return usable;
}

/* The directory has as many links as devices: only new ones, and those without a size, are worth a look. */
bool volumes_exist(void)
{
	static nlink_t links;
	static bool volumes;
	struct stat st;

	if (stat(DEVICES, &st) || (st.st_nlink == links && !volumes))
		return false;
	links = st.st_nlink;
	return devices_scan(&volumes);
}
