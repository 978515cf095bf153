/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_MANUAL_H
#define CMD_MANUAL_H

#include "lib/buf.h"

/* seismo(1) */
void manual_write(struct buf *out);

#endif
