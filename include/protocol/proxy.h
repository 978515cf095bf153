/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The PROXY protocol: what a proxy sends before the first byte of its client, so that the server knows the client's address. */
#ifndef SEISMO_PROTOCOL_PROXY_H
#define SEISMO_PROTOCOL_PROXY_H

#include "protocol/flow.h"

#define PROXY_LINE_MAX 107 /* bytes of the line of version 1, its end included */
#define PROXY_HEADER   16  /* bytes of version 2 before the addresses */

static inline u32 proxy_is_line(const u8 *head)
{
	return (word_at(head) & ~0ULL >> 16) == SCRIPT_WORD('P', 'R', 'O', 'X', 'Y', ' ', 0, 0);
}

/* The length of version 2; 0: it is not. */
static inline u32 proxy_len(const u8 *head, u32 avail)
{
	if (avail < PROXY_HEADER ||
	    word_at(head) != SCRIPT_WORD('\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q') ||
	    le32_at(head + 8) != PROTOCOL_WORD('U', 'I', 'T', '\n') || head[12] >> 4 != 2)
		return 0;
	return PROXY_HEADER + be16_at(head + 14);
}

#endif
