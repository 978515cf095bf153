// SPDX-License-Identifier: BSD-3-Clause
#include "request.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <string.h>
#include <sys/syscall.h>

#include "probe/core.h"

PROBE_ELF(request);

/* What labels are made of, set at start: there is one such family. */
static struct {
	const struct peer *peers; /* by number */
	int owners;		  /* descriptor of the table of who answers where */
	bool status_class, peer;
} shown;

static void label_protocol(u64 value, char *buf, size_t size)
{
	static const char *const names[] = {
		[PROTOCOL_UNKNOWN] = "unknown",
		[PROTOCOL_HTTP] = "http",
		[PROTOCOL_HTTP2] = "http2",
		[PROTOCOL_GRPC] = "grpc",
		[PROTOCOL_POSTGRESQL] = "postgresql",
		[PROTOCOL_MYSQL] = "mysql",
		[PROTOCOL_REDIS] = "redis",
		[PROTOCOL_MEMCACHED] = "memcached",
		[PROTOCOL_DNS] = "dns",
		[PROTOCOL_TLS] = "tls",
	};

	label_name(names, sizeof(names) / sizeof(*names), value, buf, size);
}

static void label_status(u64 value, char *buf, size_t size)
{
	static const char *const names[] = {
		[STATUS_UNKNOWN] = "unknown",
		[STATUS_OK] = "ok",
		[STATUS_ERROR] = "error",
	};

	if (value >= 100 && shown.status_class)
		snprintf(buf, size, "%lluxx", (unsigned long long)value / 100);
	else if (value >= 100)
		snprintf(buf, size, "%llu", (unsigned long long)value);
	else
		label_name(names, sizeof(names) / sizeof(*names), value, buf, size);
}

static const struct peer *peer_row(u64 number)
{
	const struct peer *p = shown.peers && number < PEERS ? &shown.peers[number] : NULL;

	return p && __atomic_load_n(&p->number, __ATOMIC_ACQUIRE) ? p : NULL;
}

static void label_peer(u64 value, char *buf, size_t size)
{
	const struct peer *p = peer_row(value);
	char address[INET6_ADDRSTRLEN];
	bool v4 = p && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)p->address);

	*buf = '\0';
	if (!shown.peer || value == PEER_NONE)
		return;
	if (!p)
		snprintf(buf, size, "other");
	else if (p->family == AF_UNIX)
		snprintf(buf, size, "unix");
	else if (v4 && inet_ntop(AF_INET, p->address + 12, address, sizeof(address)))
		snprintf(buf, size, "%s:%u", address, p->port);
	else if (inet_ntop(AF_INET6, p->address, address, sizeof(address)))
		snprintf(buf, size, "[%s]:%u", address, p->port);
}

/* Who answers at a loopback address may listen at any. */
static bool peer_owner(u64 value, u32 *identity, u32 *gen)
{
	static const u8 any[2][16] = { { 0 }, { [10] = 0xff, [11] = 0xff } };
	const struct peer *p = shown.peer ? peer_row(value) : NULL;
	struct peer_owner owner;
	struct peer key;

	if (!p)
		return false;
	key = *p;
	key.number = 0;
	for (int i = 0; bpf_map_lookup_elem(shown.owners, &key, &owner); i++) {
		if (!p->net || i == 2)
			return false;
		key.net = 0;
		memcpy(key.address, any[i], sizeof(key.address));
	}
	*identity = owner.identity;
	*gen = owner.gen;
	return true;
}

/* System calls whose bytes a program can find. */
static const struct {
	u16 nr;
	u8 call;
} calls[] = {
	{ SYS_read, CALL_BUFFER },	 { SYS_write, CALL_BUFFER },
	{ SYS_recvfrom, CALL_BUFFER },	 { SYS_sendto, CALL_BUFFER },
	{ SYS_readv, CALL_VECTOR },	 { SYS_writev, CALL_VECTOR },
	{ SYS_recvmsg, CALL_MESSAGE },	 { SYS_recvmmsg, CALL_MESSAGES },
	{ SYS_sendmmsg, CALL_MESSAGES }, { SYS_sendmsg, CALL_MESSAGE },
};

static int setup(struct probe_run *run)
{
	const u32 nr_recvmmsg = SYS_recvmmsg, nr_sendmmsg = SYS_sendmmsg;
	u8 request_calls[REQUEST_CALLS] = { 0 };
	int err;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		request_calls[calls[i].nr] = calls[i].call;
	probe_hook(run, "gone_fentry")->unwanted = run->core->storage;
	probe_hook(run, "state_btf")->unwanted =
		core_has_table(run->core, run->core->storage ? "socks" : "socks_by_address");
	err = probe_const(run, "request_calls", request_calls, sizeof(request_calls));
	err = err ?: probe_const(run, "nr_recvmmsg", &nr_recvmmsg, sizeof(nr_recvmmsg));
	return err ?: probe_const(run, "nr_sendmmsg", &nr_sendmmsg, sizeof(nr_sendmmsg));
}

static int loaded(struct probe_run *run)
{
	const struct range numbers = { PEER_MORE + 1, PEERS - PEER_MORE - 1 };
	int stack = bpf_object__find_map_fd_by_name(run->object, "request_free_peers");
	int peers = bpf_object__find_map_fd_by_name(run->object, "request_peers");
	void *rows = mmap(NULL, PEERS * sizeof(struct peer), PROT_READ, MAP_SHARED, peers, 0);

	if (rows == MAP_FAILED || bpf_map_update_elem(stack, NULL, &numbers, BPF_ANY))
		return -errno;
	shown.peers = rows;
	shown.owners = bpf_object__find_map_fd_by_name(run->object, "request_owners");
	shown.peer = run->core->conf->options[CONF_REQUEST_PEER];
	shown.status_class = run->core->conf->options[CONF_REQUEST_STATUS];
	return 0;
}

static const u32 message_calls[] = { SYS_recvmmsg, SYS_sendmmsg, 0 };

#define PROTOCOL                                                     \
	{                                                            \
		"protocol", 0, REQUEST_PROTOCOL_BITS, label_protocol \
	}
#define DIRECTION                                                     \
	{                                                             \
		"direction", REQUEST_DIRECTION_AT, 1, label_direction \
	}

#define PEER                                                                       \
	{                                                                          \
		"peer", REQUEST_PEER_AT, REQUEST_PEER_BITS, label_peer, peer_owner \
	}

const struct probe probe_request = {
	.name = "request",
	.summary = "requests: how many, how they were answered, how long that took",
	.elf = &request_elf,
	.mode = PROBE_MODE_ON,
	.setup = setup,
	.loaded = loaded,
	.hooks =
		(const struct hook[]){
			{ { TRACEPOINT("send"), "send_fexit" },
			  .jump = "sent_calls",
			  .observe = "what is sent" },
			{ { TRACEPOINT("recv"), "recv_fexit" },
			  .jump = "received_calls",
			  .observe = "what is received" },
			{ { TRACEPOINT("arrive"), "arrive_fentry", "arrive_kprobe" },
			  .optional = true,
			  .observe = "the time that requests wait before they are read" },
			{ { TRACEPOINT("messages") },
			  .jump = "sys_exit_calls",
			  .calls = message_calls,
			  .optional = true,
			  .observe = "what is moved several messages at once" },
			{ { TRACEPOINT("state") },
			  .optional = true,
			  .observe = "which side has opened a connection, without the tcp probe" },
			{ { "unix_send_fexit" },
			  .optional = true,
			  .if_there = true,
			  .with = "send_fexit",
			  .observe = "what is sent through Unix sockets" },
			{ { "unix_recv_fexit" },
			  .optional = true,
			  .if_there = true,
			  .with = "recv_fexit",
			  .observe = "what is received through Unix sockets" },
			{ { "udp_send_fexit" },
			  .optional = true,
			  .if_there = true,
			  .with = "send_fexit",
			  .observe = "DNS sent" },
			{ { "udp_recv_fexit" },
			  .optional = true,
			  .if_there = true,
			  .with = "recv_fexit",
			  .observe = "DNS received" },
			{ { "udpv6_send_fexit" },
			  .optional = true,
			  .if_there = true,
			  .with = "send_fexit",
			  .observe = "DNS sent over IPv6" },
			{ { "udpv6_recv_fexit" },
			  .optional = true,
			  .if_there = true,
			  .with = "recv_fexit",
			  .observe = "DNS received over IPv6" },
			{ { "gone_fentry", "gone_kprobe" },
			  .optional = true,
			  .observe = "the end of sockets, where they carry no storage" },
			{ .alt[0] = NULL },
		},
	.metrics =
		(const struct metric[]){
			{ "seismo_requests_total", METRIC_COUNTER, UNIT_NONE,
			  "Requests that were answered.", .service = true,
			  .labels = { DIRECTION,
				      PROTOCOL,
				      { "status", REQUEST_STATUS_AT, REQUEST_STATUS_BITS,
					label_status },
				      PEER },
			  .max = 4000 },
			{ "seismo_request_duration_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Time from the first byte of a request to the first byte of its answer: "
			  "inbound from its arrival, outbound from when it was sent.",
			  .service = true, .labels = { DIRECTION, PROTOCOL, PEER }, .max = 1000 },
			{ "seismo_request_queue_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Time from the arrival of an inbound request until it is read.",
			  .service = true, .labels = { PROTOCOL }, .max = 500 },
			{ .name = NULL },
		},
};
