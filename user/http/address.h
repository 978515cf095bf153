/* SPDX-License-Identifier: BSD-3-Clause */
/* A client's address as what is counted by it goes: of IPv6 the network, which is one customer's. Unix sockets are all the same one. */
#ifndef HTTP_ADDRESS_H
#define HTTP_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

struct address {
	unsigned char bytes[16];
};

static inline struct address address_of(const struct sockaddr *from)
{
	struct address ret = { { 0 } };

	if (from && from->sa_family == AF_INET) {
		memcpy(ret.bytes + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
		ret.bytes[10] = ret.bytes[11] = 0xff;
	} else if (from && from->sa_family == AF_INET6) {
		const struct in6_addr *a = &((const struct sockaddr_in6 *)from)->sin6_addr;

		memcpy(ret.bytes, a, IN6_IS_ADDR_V4MAPPED(a) ? 16 : 8);
	}
	return ret;
}

static inline bool address_equal(const struct address *a, const struct address *b)
{
	return !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

#endif
