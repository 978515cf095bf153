/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a function is in a file: offsets there. */
#ifndef LIB_CODE_PLACE_H
#define LIB_CODE_PLACE_H

#include "types.h"

#define CODE_RETURNS 24

struct code_place {
	u64 begin; /* 0: it is not there */
	u64 returns
		[CODE_RETURNS]; /* the instructions by which it returns; only known of Go's functions */
	unsigned return_cnt;
};

#endif
