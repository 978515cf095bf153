/* SPDX-License-Identifier: BSD-3-Clause */
/* Manual pages, in the language of man(7). */
#ifndef CMD_ROFF_H
#define CMD_ROFF_H

#include "lib/buf.h"

/* The head of a page: seismo(1), with one line of what it is about. */
void roff_begin(struct buf *out, const char *name, int section, const char *about);
/* .SH and .SS */
void roff_section(struct buf *out, const char *title);
void roff_subsection(struct buf *out, const char *title);
/* Running text; what stands between ` is bold. Of several paragraphs a blank line is between them. */
void roff_text(struct buf *out, const char *text);
/* What comes next is an entry with this text, which is bold, and another one, which is not. */
void roff_entry(struct buf *out, const char *bold, const char *rest);
/* Lines as they are. */
void roff_example(struct buf *out, const char *text);

#endif
