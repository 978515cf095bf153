/* SPDX-License-Identifier: BSD-3-Clause */
/* The terminal, by ncurses. One at a time. */
#ifndef TOP_SCREEN_H
#define TOP_SCREEN_H

#include "top/frame.h"

/* False: ncurses does not know this type of terminal. Colours only where it has them, and NO_COLOR is not set. */
bool top_screen_open(void);
/* Leaves the terminal as it was before; may be called again. */
void top_screen_close(void);
/* As when it was opened: after a stop, or where others have written onto it. */
void top_screen_restore(void);
/* How large it is by now. */
void top_screen_size(unsigned *width, unsigned *height);
void top_screen_draw(struct top_state *s);
/* The next key (see state.h), -1: there is none at present. */
int top_screen_key(void);

#endif
