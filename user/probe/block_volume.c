// SPDX-License-Identifier: BSD-3-Clause
#include "probe/block_volume.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICES	   "/sys/devices/virtual/block"
#define LOOK_CALLS 5 /* a second */

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

/* Is there a volume that can be used? */
static bool devices_scan(void)
{
	DIR *dir = opendir(DEVICES);
	struct dirent *entry;
	bool usable = false;

	while (dir && !usable && (entry = readdir(dir))) {
		usable = is_volume(entry->d_name) && is_usable(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return usable;
}

/*
 * The directory has as many links as devices: new ones are worth a look at once, those without a size, and a device in the
 * place of another one, now and then.
 */
bool volumes_exist(void)
{
	static nlink_t links;
	static unsigned calls;
	struct stat st;

	if (stat(DEVICES, &st) || (st.st_nlink == links && ++calls % LOOK_CALLS))
		return false;
	links = st.st_nlink;
	return devices_scan();
}
