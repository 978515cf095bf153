// SPDX-License-Identifier: BSD-3-Clause
/* Label values that several families use. */
#include "probe/probe.h"

#include <stdio.h>
#include <string.h>

void label_name(const char *const *names, size_t cnt, u64 value, char *buf, size_t size)
{
	snprintf(buf, size, "%s", value < cnt && names[value] ? names[value] : "other");
}

/* Error numbers that only the kernel and tracers see, mostly of calls that are about to be restarted. */
static const char *errno_internal(u64 value)
{
	switch (value) {
	case 512:
		return "ERESTARTSYS";
	case 513:
		return "ERESTARTNOINTR";
	case 514:
		return "ERESTARTNOHAND";
	case 515:
		return "ENOIOCTLCMD";
	case 516:
		return "ERESTART_RESTARTBLOCK";
	case 517:
		return "EPROBE_DEFER";
	case 524:
		return "ENOTSUPP";
	case 529:
		return "EIOCBQUEUED";
	}
	return NULL;
}

void label_errno(u64 value, char *buf, size_t size)
{
	const char *name = errno_internal(value);

	if (!name && value < 512)
		name = strerrorname_np((int)value);
	if (name && value)
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%llu", (unsigned long long)value);
}

void label_direction(u64 value, char *buf, size_t size)
{
	static const char *const names[] = { "inbound", "outbound" };

	label_name(names, 2, value, buf, size);
}
