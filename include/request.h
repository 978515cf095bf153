/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The request family's part of the contract between kernel side and user side: its dimension. */
#ifndef SEISMO_REQUEST_H
#define SEISMO_REQUEST_H

#include "protocol.h"

/* The bits of the dimension. */
#define REQUEST_PROTOCOL_BITS 4
#define REQUEST_DIRECTION_AT  4
#define REQUEST_STATUS_AT     5
#define REQUEST_STATUS_BITS   10
#define REQUEST_PEER_AT	      15
#define REQUEST_PEER_BITS     16

/*
 * Who is asked, told apart by address and port; for Unix sockets by the address that the listener has in the
 * kernel. Peers have numbers, of which two are reserved.
 */
#define PEER_NONE 0 /* it is asked itself, or who is asked is not to be seen */
#define PEER_MORE 1 /* than there are numbers */
#define PEERS	  1024

struct peer {
	u8 address[16]; /* of IPv4 as ::ffff:a.b.c.d */
	u64 net;	/* the namespace of an address that each has: loopback; 0: any */
	u16 port;
	u16 family; /* AF_INET also for IPv6 */
	u32 number; /* in rows of `request_peers`: 0 until the row is complete; in keys 0 */
};

/* Who answers at an address on this machine. */
struct peer_owner {
	u32 identity;
	u32 gen;
};

/* Where a system call tells what bytes it is about: rows of request_calls[], by number. */
#define REQUEST_CALLS 512
enum request_call {
	CALL_OTHER,
	CALL_BUFFER,  /* its second argument */
	CALL_VECTOR,  /* ... is an array of struct iovec, the third their number */
	CALL_MESSAGE, /* ... is a struct msghdr */
	CALL_MESSAGES /* ... is an array of struct mmsghdr */
};

#endif
