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

/* Where a system call tells what bytes it is about: rows of request_calls[], by number. */
#define REQUEST_CALLS 512
enum request_call {
	CALL_OTHER,
	CALL_BUFFER,  /* its second argument */
	CALL_VECTOR,  /* ... is an array of struct iovec, the third their number */
	CALL_MESSAGE, /* ... is a struct msghdr */
};

#endif
