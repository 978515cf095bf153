/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference of the configuration, from the rows by which files are loaded. */
#ifndef CMD_DEFAULTS_H
#define CMD_DEFAULTS_H

#include "lib/buf.h"

/* A file with every key, its meaning and its default, as comments: without their # it says what is so anyway. */
void defaults_file_write(struct buf *out);
/* seismo.yaml(5) */
void defaults_manual_write(struct buf *out);

#endif
