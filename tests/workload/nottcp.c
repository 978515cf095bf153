// SPDX-License-Identifier: BSD-3-Clause
/*
 * `nottcp COUNT` sends and receives COUNT messages through each kind of socket whose protocol has TCP's number and
 * which is not TCP: raw sockets of TCP's packets, and netlink's of IPsec. Prints "raw=N netlink=N", how many came
 * back.
 */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ADDRESS 0x7f00090aU /* 127.0.9.10, where nothing listens: what comes there is ours */

/* Sends the message and receives what follows, so often. Returns how often something came. */
static long turns(int fd, const void *message, size_t size, const struct sockaddr *to,
		  socklen_t to_size, long count)
{
	const struct timeval limit = { .tv_sec = 5 };
	char answer[4096];
	long came = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (long i = 0; i < count; i++) {
		if (sendto(fd, message, size, 0, to, to_size) != (ssize_t)size ||
		    recv(fd, answer, sizeof(answer), 0) <= 0)
			break;
		came++;
	}
	return came;
}

/* A segment without a right checksum, which nobody answers. */
static long raw(long count)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(ADDRESS) };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
	const char segment[40] = { [12] = 5 << 4, [16] = 1 };
	long came = 0;

	if (fd < 0)
		return 0;
	if (!bind(fd, (struct sockaddr *)&address, sizeof(address)))
		came = turns(fd, segment, sizeof(segment), (struct sockaddr *)&address,
			     sizeof(address), count);
	close(fd);
	return came;
}

/* Asks for nothing, and for an acknowledgement. */
static long netlink(long count)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr message = { .nlmsg_len = sizeof(message),
				    .nlmsg_type = NLMSG_NOOP,
				    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM);
	long came;

	if (fd < 0)
		return 0;
	came = turns(fd, &message, sizeof(message), (struct sockaddr *)&kernel, sizeof(kernel),
		     count);
	close(fd);
	return came;
}

int main(int argc, char **argv)
{
	long count = argc == 2 ? atol(argv[1]) : 0;

	if (count <= 0) {
		fprintf(stderr, "Usage: nottcp COUNT\n");
		return 2;
	}
	printf("raw=%ld ", raw(count));
	printf("netlink=%ld\n", netlink(count));
	return 0;
}
