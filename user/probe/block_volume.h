/* SPDX-License-Identifier: BSD-3-Clause */
/* Block devices without requests of their own: dm, md, zram. */
#ifndef PROBE_BLOCK_VOLUME_H
#define PROBE_BLOCK_VOLUME_H

#include <stdbool.h>

/* Is there one that can be used? Cheap enough to be asked all the time. */
bool volumes_exist(void);

#endif
