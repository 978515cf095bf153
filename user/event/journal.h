/* SPDX-License-Identifier: BSD-3-Clause */
/* A line of the event log as an entry of systemd's journal. */
#ifndef EVENT_JOURNAL_H
#define EVENT_JOURNAL_H

#include <stddef.h>

/*
 * Sends it with a field SEISMO_KEY for each of its keys, and the whole line as SEISMO_EVENT. What the journal does not
 * take at once, and what is no object of JSON, is left out.
 */
void journal_send(const char *line, size_t len);

#endif
