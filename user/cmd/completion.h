/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion of the command line in shells, from the rows of the commands. */
#ifndef CMD_COMPLETION_H
#define CMD_COMPLETION_H

#include "lib/buf.h"

/* Scripts for their folders of completions. */
void completion_bash(struct buf *out);
void completion_zsh(struct buf *out);
void completion_fish(struct buf *out);

#endif
