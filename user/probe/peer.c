// SPDX-License-Identifier: BSD-3-Clause
#include "probe/peer.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

const char *const request_protocols[PROTOCOL_CNT] = {
	[PROTOCOL_UNKNOWN] = "unknown",
	[PROTOCOL_HTTP] = "http",
	[PROTOCOL_HTTP2] = "http2",
	[PROTOCOL_GRPC] = "grpc",
	[PROTOCOL_POSTGRESQL] = "postgresql",
	[PROTOCOL_MYSQL] = "mysql",
	[PROTOCOL_REDIS] = "redis",
	[PROTOCOL_MEMCACHED] = "memcached",
	[PROTOCOL_MQTT] = "mqtt",
	[PROTOCOL_DNS] = "dns",
	[PROTOCOL_TLS] = "tls",
	[PROTOCOL_KAFKA] = "kafka",
	[PROTOCOL_MONGODB] = "mongodb",
	[PROTOCOL_CQL] = "cql",
	[PROTOCOL_AMQP] = "amqp",
	[PROTOCOL_NATS] = "nats",
	[PROTOCOL_LDAP] = "ldap",
	[PROTOCOL_ZOOKEEPER] = "zookeeper",
	[PROTOCOL_FASTCGI] = "fastcgi",
};

u64 peers_shown;

/* Only the request family has peers. */
static const struct peer *peers; /* by number */
static int owners;		 /* descriptor of the table of services by address */

int peer_init(const struct bpf_object *object)
{
	const struct id_range numbers = { PEER_MORE + 1, PEERS - PEER_MORE - 1 };
	int stack = bpf_object__find_map_fd_by_name(object, "request_free_peers");
	int table = bpf_object__find_map_fd_by_name(object, "request_peers");
	void *rows = mmap(NULL, PEERS * sizeof(struct peer), PROT_READ, MAP_SHARED, table, 0);

	if (rows == MAP_FAILED || bpf_map_update_elem(stack, NULL, &numbers, BPF_ANY))
		return -errno;
	peers = rows;
	owners = bpf_object__find_map_fd_by_name(object, "request_owners");
	return 0;
}

bool peers_configure(const struct conf *conf)
{
	const struct request_settings *settings = conf_probe_settings(conf, "request");

	peers_shown =
		settings && settings->peer && conf_probe_mode(conf, "request") != PROBE_MODE_OFF;
	return peers_shown;
}

void label_peer(u64 value, char *buf, size_t size)
{
	peer_address((u32)value, buf, size);
}

bool label_peer_owner(u64 value, u32 *identity, u32 *gen)
{
	return peer_owner((u32)value, identity, gen);
}

static const struct peer *peer_row(u64 number)
{
	const struct peer *p = peers && number < PEERS ? &peers[number] : NULL;

	return p && __atomic_load_n(&p->number, __ATOMIC_ACQUIRE) ? p : NULL;
}

void peer_address(u32 number, char *buf, size_t size)
{
	const struct peer *p = peer_row(number);
	char address[INET6_ADDRSTRLEN];
	bool v4 = p && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)p->address);

	*buf = '\0';
	if (number == PEER_NONE)
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

/* A service that responds at a loopback address may listen on the wildcard address. */
bool peer_owner(u32 number, u32 *identity, u32 *gen)
{
	static const u8 any[2][16] = { { 0 }, { [10] = 0xff, [11] = 0xff } };
	const struct peer *p = peer_row(number);
	struct peer_owner owner;
	struct peer key;

	if (!p)
		return false;
	key = *p;
	key.number = 0;
	for (int i = 0; bpf_map_lookup_elem(owners, &key, &owner); i++) {
		if (!p->net || i == 2)
			return false;
		key.net = 0;
		memcpy(key.address, any[i], sizeof(key.address));
	}
	*identity = owner.identity;
	*gen = owner.gen;
	return true;
}
