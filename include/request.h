/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The request family's contract between kernel side and user side: its dimension, peers, system calls. */
#ifndef SEISMO_REQUEST_H
#define SEISMO_REQUEST_H

#include "protocol.h"

/* Bit fields of the dimension. */
#define REQUEST_PROTOCOL_BITS 5
#define REQUEST_DIRECTION_AT  5
#define REQUEST_STATUS_AT     6
#define REQUEST_STATUS_BITS   10
#define REQUEST_PEER_AT	      16
#define REQUEST_PEER_BITS     16

/*
 * The server that a request goes to, by address and port; for Unix sockets by the kernel address of the listener's
 * name. Peers have numbers; two are reserved.
 */
#define PEER_NONE 0 /* an inbound request, or the peer cannot be determined */
#define PEER_MORE 1 /* all numbers are taken */
#define PEERS	  1024

struct peer {
	u8 address[16]; /* IPv4 as ::ffff:a.b.c.d */
	u64 net;	/* of loopback addresses, which exist once per namespace; else 0 */
	u16 port;
	u16 family; /* AF_INET, also for IPv6; or AF_UNIX */
	u32 number; /* in rows of request_peers: 0 until the row is complete; in keys: 0 */
};

/* The service that answers at an address of this machine. */
struct peer_owner {
	u32 identity;
	u32 gen;
};

/* Why a request got no response; in the dimension in the place of the status. */
enum unanswered_reason {
	UNANSWERED_CLIENT_CLOSED,
	UNANSWERED_SERVER_CLOSED,
	UNANSWERED_RESET,
	UNANSWERED_TIMED_OUT,
};

/* Where a system call has the address of its bytes: rows of request_calls[], by number. */
#define REQUEST_CALLS 512
enum request_call {
	CALL_OTHER,
	CALL_BUFFER,  /* its second argument */
	CALL_VECTOR,  /* ... is an array of struct iovec, the third their number */
	CALL_MESSAGE, /* ... is a struct msghdr */
	CALL_MESSAGES /* ... is an array of struct mmsghdr */
};

#endif
