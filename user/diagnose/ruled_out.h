/* SPDX-License-Identifier: BSD-3-Clause */
/* What else it could have been, and the figures that say that it is not. */
#ifndef DIAGNOSE_RULED_OUT_H
#define DIAGNOSE_RULED_OUT_H

#include "lib/buf.h"
#include "rule/reason.h"

/* What was looked at and is as always; nothing where nothing is known. */
void ruled_out_write(struct buf *out, const struct scene *s);
/* The reason that comes next. */
void runner_up_write(struct buf *out, const struct scene *s);

#endif
