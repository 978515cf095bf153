/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The block family's contract between kernel side and user side: its dimension. */
#ifndef SEISMO_BLOCK_H
#define SEISMO_BLOCK_H

#include "disk.h"

/* The disk is in the lowest DISK_BITS. */
#define BLOCK_OPERATION_SHIFT DISK_BITS
#define BLOCK_OPERATION_BITS  4
#define BLOCK_PHASE_SHIFT     20
#define BLOCK_PHASE_BITS      4
#define BLOCK_ERROR_SHIFT     24
#define BLOCK_ERROR_BITS      16

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD };
enum block_phase { BLOCK_QUEUE, BLOCK_DEVICE, BLOCK_TOTAL };

#endif
