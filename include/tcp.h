/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The tcp family's contract between kernel side and user side: its dimension. */
#ifndef SEISMO_TCP_H
#define SEISMO_TCP_H

enum tcp_direction { TCP_INBOUND, TCP_OUTBOUND };
enum tcp_flow { TCP_RECEIVED, TCP_SENT };

/* Of open connections: the peer of an outbound one, by number. */
#define TCP_PEER_AT 8

#endif
