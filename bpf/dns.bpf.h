/* SPDX-License-Identifier: GPL-2.0-only */
/* DNS over UDP: queries are matched by id and answered in any order, and asked again from the same socket or another one. */
#ifndef DNS_BPF_H
#define DNS_BPF_H

#include "detect.bpf.h"

struct datagram_key {
	u64 sock; /* 0: a query that is sent, by its server */
	u64 question[DNS_QUESTION_WORDS];
	u32 epoch; /* of the socket; the number of the server */
	u32 unused;
};

/* Queries that are the same: one that was asked again, or of several clients of a server. */
struct datagram {
	u64 since_ns, last_ns; /* the first and the last of them */
	u64 seen_ns; /* when the first from this socket was seen: what has arrived is read later */
	u64 sock;    /* of the last of them */
	u32 identity, gen;
	u32 cnt;
	u16 peer;
	u8 sent;
	u8 answered; /* one of them */
	u8 to_all;   /* nobody has to answer */
	u8 moved;    /* asked again from another socket */
	u8 unused[6];
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct datagram_key, struct datagram, 8192, 0) request_datagrams
	SEC(".maps");

/* Resolvers ask again within that time; from another socket not before this one, as several that have the same ids may do. */
#define DNS_RETRY_NS	 12000000000LL
#define DNS_RETRY_MIN_NS 500000000LL

/* Multicast DNS has no ids; LLMNR and NetBIOS use their own port also for what they ask. */
static __always_inline bool dns_asks_all(struct sock *sk, const u8 *dns)
{
	u16 port = READ(sk, __sk_common.skc_num);

	return !be16_at(dns) || port == 5355 || port == 137;
}

static __always_inline void key_by_server(const struct event *e, struct datagram_key *key)
{
	key->sock = 0;
	key->epoch = e->sc->request.peer;
}

static __always_inline void key_by_socket(const struct event *e, struct datagram_key *key)
{
	key->sock = (u64)e->sk;
	key->epoch = connection_epoch(&e->sc->request, e->p->call_ns);
}

static __always_inline bool is_own(const struct event *e, const struct datagram *found)
{
	return found->identity == e->sc->identity && found->gen == e->sc->gen;
}

/* Is this query, of another socket, the same one? Or the one that this response is for? */
static __always_inline bool is_moved(const struct event *e, const struct datagram *found,
				     bool query)
{
	s64 ns = e->now - found->last_ns;

	return is_own(e, found) &&
	       (query ? ns > DNS_RETRY_MIN_NS && ns < DNS_RETRY_NS : found->moved);
}

/*
 * The entry of a query or response, by `key`; NULL: one may be made there. The server finds a query that is sent, so that it is found from
 * another socket too. While that place is taken by one of another socket, which waits as well, a query is found by its socket.
 */
static __always_inline struct datagram *datagram_find(const struct event *e,
						      struct datagram_key *key, bool query)
{
	bool client = e->sent == query;
	struct datagram *by_server = NULL, *found;

	if (client) {
		key_by_server(e, key);
		by_server = bpf_map_lookup_elem(&request_datagrams, key);
		if (by_server && by_server->sock == (u64)e->sk && is_own(e, by_server))
			return by_server;
	}
	key_by_socket(e, key);
	found = bpf_map_lookup_elem(&request_datagrams, key);
	if (found || !client || (by_server && !is_moved(e, by_server, query)))
		return found;
	key_by_server(e, key);
	return by_server;
}

/* The time of a query that is asked again begins with the first try, unless somebody gave up in between. */
static __noinline int dns_query(struct event *e, struct datagram_key *key)
{
	struct datagram query = {
		.since_ns = e->now,
		.last_ns = e->now,
		.seen_ns = e->p->call_ns,
		.sock = (u64)e->sk,
		.identity = e->sc->identity,
		.gen = e->sc->gen,
		.cnt = 1,
		.peer = e->sc->request.peer,
		.sent = e->sent,
		.to_all = dns_asks_all(e->sk, e->p->head),
	};
	struct datagram *found = datagram_find(e, key, true);

	e->sc->request.protocol = PROTOCOL_DNS;
	entries_seen = 1;
	if (!found && !bpf_map_update_elem(&request_datagrams, key, &query, BPF_NOEXIST))
		return 0;
	if (!found || found->sent != query.sent || (s64)(e->now - found->last_ns) > DNS_RETRY_NS) {
		if (!found) /* another CPU was first */
			key_by_socket(e, key);
		bpf_map_update_elem(&request_datagrams, key, &query, BPF_ANY);
		return 0;
	}
	if (found->sock != query.sock) {
		found->sock = query.sock;
		found->seen_ns = query.seen_ns;
		found->moved = 1;
	}
	if (found->answered)
		found->since_ns = e->now;
	found->answered = 0;
	found->last_ns = e->now;
	found->cnt++;
	return 0;
}

static __noinline int dns_response(struct event *e, struct datagram_key *key)
{
	struct datagram *found = datagram_find(e, key, false);

	if (!found || found->sent == e->sent)
		return 0;
	request_count(e->sc->identity,
		      dimension(PROTOCOL_DNS, e->sent ? TCP_INBOUND : TCP_OUTBOUND, found->peer,
				dns_status(e->p->head)),
		      1, found->since_ns, e->now);
	if (!e->sent || found->cnt < 2) {
		bpf_map_delete_elem(&request_datagrams, key);
		return 0;
	}
	found->cnt--; /* a server answers each of them */
	found->answered = 1;
	found->since_ns = found->last_ns;
	return 0;
}

/* False: neither a query nor a response. */
static __always_inline bool on_dns(struct event *e)
{
	const u8 *dns = e->p->head;
	struct datagram_key key = {};

	if (e->p->head_len < DNS_LEN_MIN)
		return false;
	dns_question(dns, key.question);
	if (dns_is_query(dns)) {
		dns_query(e, &key);
		if (!e->sent)
			hist_add(request_queue_seconds, e->sc->identity,
				 dimension(PROTOCOL_DNS, 0, 0, 0), e->p->call_ns - e->now);
		return true;
	}
	if (!dns_is_response(dns))
		return false;
	dns_response(e, &key);
	return true;
}

#endif
