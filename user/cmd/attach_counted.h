/* SPDX-License-Identifier: BSD-3-Clause */
/* What the families have counted for an attachment: disks, connections, requests and so on, as JSON. */
#ifndef CMD_ATTACH_COUNTED_H
#define CMD_ATTACH_COUNTED_H

#include <jansson.h>

#include "collect/watched.h"

/* An object for each metric and its labels, with its value or count, sum and percentiles. */
json_t *attach_counted(struct watched *w, u32 watch);

#endif
