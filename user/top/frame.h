/* SPDX-License-Identifier: BSD-3-Clause */
/* The screen as lines of text, each as wide as the terminal at most. */
#ifndef TOP_FRAME_H
#define TOP_FRAME_H

#include "top/state.h"

enum top_style {
	TOP_STYLE_PLAIN,
	TOP_STYLE_TITLE,
	TOP_STYLE_HEADER,
	TOP_STYLE_SELECTED,
	TOP_STYLE_PAGE, /* about an alert that pages */
	TOP_STYLE_WARNING,
	TOP_STYLE_HURTS,
	TOP_STYLE_CNT
};

/* The screen's next line, from above; no more than state->height. */
typedef void (*top_frame_line)(void *ctx, enum top_style style, const char *text);

/* Says all lines of the screen. Where it scrolls further than there are lines, it no longer does. */
void top_frame(struct top_state *s, top_frame_line line, void *ctx);

/* The help, as lines. */
void top_help_write(struct buf *b);

#endif
