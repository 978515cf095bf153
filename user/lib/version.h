/* SPDX-License-Identifier: BSD-3-Clause */
/* What was built. */
#ifndef LIB_VERSION_H
#define LIB_VERSION_H

/* From the tag: 1.2.0, or 1.2.0+3.g0123abc, three commits later. */
extern const char version[];
/* Twelve digits of the commit, with + behind them if files were changed since; "unknown": it was built outside of git. */
extern const char version_commit[];

#endif
