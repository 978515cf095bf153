/* SPDX-License-Identifier: GPL-2.0-only */
/* The scan of requests: those that wait for their response, wherever they are remembered. */
#ifndef REQUEST_SCAN_BPF_H
#define REQUEST_SCAN_BPF_H

#include "dns.bpf.h"
#include "peer.bpf.h"
#include "sock_scan.bpf.h"
#include "unanswered.bpf.h"

METRIC(requests_in_flight);
METRIC(request_oldest_seconds);

/* Set by the loader: the label `peer` is shown. */
const volatile bool peers_shown SEC(".rodata");

/* Set by user space before each scan: when it began, and the one before it. */
volatile u64 scan_began_ns, scan_before_ns;

/* Without the label the gauges need no series by peer. */
static __always_inline u64 shown_dimension(u64 dim)
{
	return peers_shown ? dim : dim & ((1 << REQUEST_PEER_AT) - 1);
}

static __always_inline int waiting_add(u32 identity, u64 dim, u32 n, u64 oldest_ns)
{
	gauge_add(requests_in_flight, identity, shown_dimension(dim), n);
	gauge_max(request_oldest_seconds, identity, shown_dimension(dim), oldest_ns);
	return 0;
}

/* --- connections */

/* Bytes that the server has not begun to read are a request that waits. */
static __always_inline bool has_unread_request(struct sock *sk, struct sock_ctx *sc)
{
	struct request_ctx *r = &sc->request;

	return sc->known && sc->direction == TCP_INBOUND && r->arrived_ns && !r->outstanding &&
	       r->protocol != PROTOCOL_OPAQUE && flow_at_boundary(&r->stream.flow[FLOW_REQUEST]) &&
	       BPF_CORE_READ(sk, __sk_common.skc_state) == ESTABLISHED &&
	       BPF_CORE_READ(sk, sk_receive_queue.qlen);
}

/* The protocol of a server that has not greeted yet. */
static __always_inline u32 greeting_waits(struct sock *sk, const struct sock_ctx *sc)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state) == ESTABLISHED ? greeting_awaited(sk, sc)
								       : PROTOCOL_UNKNOWN;
}

static __always_inline int stream_sock_scan(struct sock *sk, struct sock_ctx *sc)
{
	u64 dim, oldest_ns, now = bpf_ktime_get_ns();
	struct request_ctx *r = &sc->request;
	u32 n = waiting(r, now, &oldest_ns), protocol = request_protocol(r), greets;

	if (!n && setup_waits(r)) {
		n = 1;
		oldest_ns = now > r->begun_ns ? now - r->begun_ns : 0;
	} else if (!n && has_unread_request(sk, sc)) {
		n = 1;
		oldest_ns = now > r->arrived_ns ? now - r->arrived_ns : 0;
	} else if (!n && (greets = greeting_waits(sk, sc))) {
		n = 1;
		protocol = greets;
		oldest_ns = now > r->begun_ns ? now - r->begun_ns : 0;
	}
	dim = dimension(protocol, sc->direction, r->peer, 0);
	/* at its end nobody waits, be it that what was under way is just being taken away */
	return n && BPF_CORE_READ(sk, __sk_common.skc_state) != CLOSE
		       ? waiting_add(sock_owner(sc), dim, n, oldest_ns)
		       : 0;
}

static __always_inline int holder_scan(struct sock *sk, struct sock_ctx *sc)
{
	struct holders *h = holders_of(sk);

	if (h)
		holder_note(&h->now, sc, 0);
	return 0;
}

SOCK_SCAN(requests_scan)
{
	u32 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	struct request_ctx *r = &sc->request;

	if (BPF_CORE_READ(sk, sk_type) == SOCK_DGRAM)
		return r->protocol == PROTOCOL_DNS ? holder_scan(sk, sc) : 0;
	if (family == AF_UNIX && unix_has_ended(sk)) {
		if (r->ended) /* before, its last bytes may have been taken by a call that the program is not told of yet */
			unix_ends(sk, sc);
		r->ended = 1;
		return 0;
	}
	if (peers_shown && sc->known && !r->peer_known && sc->direction == TCP_OUTBOUND &&
	    BPF_CORE_READ(sk, __sk_common.skc_state) == ESTABLISHED) {
		r->peer = peer_find(pointer_address(sk));
		r->peer_known = 1;
	}
	if (protocol_has_streams(r->protocol))
		holder_scan(sk, sc);
	return stream_sock_scan(sk, sc);
}

/* --- HTTP/2 streams and DNS queries: an entry waits if its socket was seen by this scan */

enum entry { ENTRY_WAITS, ENTRY_ENDED, ENTRY_UNSURE };

/*
 * `ret`: whose it is, if that is known. A socket that is not seen has not ended yet: the scan may have passed it while its first
 * request was being entered, and older kernels pass over some where others come and go. Two scans miss none.
 */
static __always_inline u32 entry_state(u64 sock, u64 seen_ns, struct holder *ret)
{
	struct holders *h = bpf_map_lookup_elem(&request_holders, &sock);

	if (seen_ns >= scan_began_ns)
		return ENTRY_UNSURE;
	if (!h)
		return holders_full || seen_ns >= scan_before_ns ? ENTRY_UNSURE : ENTRY_ENDED;
	if (seen_ns <= h->ended.ns) {
		*ret = h->ended;
		return ENTRY_ENDED;
	}
	*ret = h->now;
	if (h->now.ns >= scan_began_ns)
		return ENTRY_WAITS;
	return seen_ns >= scan_before_ns || h->now.ns >= scan_before_ns ? ENTRY_UNSURE
									: ENTRY_ENDED;
}

static __always_inline void entry_unanswered(u32 identity, u32 gen, u64 dim, u32 reason)
{
	dim &= (1 << REQUEST_STATUS_AT) - 1;
	count_add(requests_unanswered_total, identity_valid(identity, gen),
		  dim | (u64)reason << REQUEST_STATUS_AT, 1);
}

/* The connection has ended after the response had begun, and before it was complete. */
static __always_inline void entry_broken(const struct holder *h, u32 status, u64 since_ns,
					 u64 begun_ns)
{
	u32 identity = identity_valid(h->identity, h->gen);
	u64 dim = without_status(h->dim), ns = time_since(since_ns, begun_ns);

	count_add(requests_total, identity, dim | (u64)status << REQUEST_STATUS_AT, 1);
	if (ns != NOT_TIMED)
		hist_add_many_at(series_slot(request_duration_seconds, identity, dim, true), ns, 1);
}

/* Its own, where it was complete. To a server all ends but its own are those of clients, who reset what they have not read. */
static __always_inline u32 stream_last_status(const struct holder *h, const struct stream_entry *e)
{
	bool inbound = (h->dim >> REQUEST_DIRECTION_AT & 1) == TCP_INBOUND;
	bool left = h->reason == UNANSWERED_CLIENT_CLOSED ||
		    (inbound && h->reason != UNANSWERED_SERVER_CLOSED);
	u32 code = left ? GRPC_CANCELLED : GRPC_UNAVAILABLE;

	return e->protocol ? e->status : STATUS_GRPC + code;
}

#define STREAM_RACE_NS 1000000000LL /* the call that sends the request has long returned */

/*
 * It has ended, or was complete and both CPUs that were at it left the count to the other one. One whose response has begun has a protocol
 * of its own: a connection becomes one of gRPC with its first call, and has other streams too, which are mostly complete then.
 */
static __always_inline void stream_ended(const struct stream_entry *e, struct holder *h, u64 now)
{
	if (e->response_ns)
		h->dim = with_protocol(h->dim, e->protocol ?: PROTOCOL_GRPC);
	if (e->response_ns)
		entry_broken(h, stream_last_status(h, e), e->since_ns, e->response_ns);
	else if (time_since(e->since_ns, now) != NOT_TIMED)
		entry_unanswered(h->identity, h->gen, h->dim, h->reason);
}

TABLE_SCAN(streams_scan, request_streams, struct stream_key, struct stream_entry)
{
	u64 now = bpf_ktime_get_ns(), ns;
	struct stream_entry e;
	struct stream_key key;
	struct holder h = {};
	u32 state;
	bool known;

	if (!entry || !value)
		return 0;
	key = *entry;
	e = *value;
	if (!e.since_ns) { /* a request that does not come was before the daemon */
		if ((s64)(now - e.response_ns) > STREAM_RACE_NS)
			bpf_map_delete_elem(&request_streams, &key);
		return 0;
	}
	state = entry_state(key.sock, e.seen_ns, &h);
	if (state == ENTRY_UNSURE)
		return 0;
	known = h.ns && h.reason != HOLDER_LOST;
	if (state == ENTRY_ENDED || e.protocol) {
		if (!bpf_map_delete_elem(&request_streams, &key) && known)
			stream_ended(&e, &h, now);
		return 0;
	}
	ns = time_since(e.since_ns, now);
	if (known && !e.response_ns && ns != NOT_TIMED)
		waiting_add(identity_valid(h.identity, h.gen), h.dim, 1, ns);
	return 0;
}

#define NATS_TIMEOUT_NS \
	60000000000ULL /* there is no answer if nobody has subscribed; clients give up sooner */

/* One that has begun to be answered, or blocks, does not wait; what was none, as the protocol was another one, has no holder. */
TABLE_SCAN(numbered_scan, request_numbered, struct stream_key, struct numbered)
{
	u64 now = bpf_ktime_get_ns(), ns;
	struct numbered *r = value;
	struct stream_key key;
	struct holder h = {};
	u32 state, protocol;
	bool known, waits;

	if (!entry || !r)
		return 0;
	key = *entry;
	ns = now > r->since_ns ? now - r->since_ns : 0;
	if (r->state == NUMBERED_ANSWERED) {
		if (ns > STREAM_RACE_NS)
			bpf_map_delete_elem(&request_numbered, &key);
		return 0;
	}
	state = entry_state(key.sock, r->seen_ns, &h);
	if (state == ENTRY_UNSURE)
		return 0;
	protocol = h.dim & ((1 << REQUEST_PROTOCOL_BITS) - 1);
	known = h.ns && h.reason != HOLDER_LOST && protocol_is_numbered(protocol);
	waits = known && r->state == NUMBERED_WAITS && !r->begun_ns;
	if (state == ENTRY_WAITS && protocol == PROTOCOL_NATS && ns > NATS_TIMEOUT_NS) {
		state = ENTRY_ENDED;
		h.reason = UNANSWERED_TIMED_OUT;
	}
	if (waits && state == ENTRY_WAITS)
		waiting_add(identity_valid(h.identity, h.gen), h.dim, 1, ns);
	else if (waits)
		entry_unanswered(h.identity, h.gen, h.dim, h.reason);
	else if (known && r->begun_ns && state == ENTRY_ENDED)
		entry_broken(&h, STATUS_ERROR, r->state == NUMBERED_BLOCKS ? 0 : r->since_ns,
			     r->begun_ns);
	if (state == ENTRY_ENDED)
		bpf_map_delete_elem(&request_numbered, &key);
	return 0;
}

#define DNS_TIMEOUT_NS 15000000000LL /* resolvers have given up */

/* Nothing tells of the end of a UDP socket: who asked has closed it, or who should have answered. */
TABLE_SCAN(datagrams_scan, request_datagrams, struct datagram_key, struct datagram)
{
	struct datagram *query = value;
	struct datagram_key key;
	u64 dim, now = bpf_ktime_get_ns();
	struct holder h = {};
	u32 state, reason;
	bool quiet;

	if (!entry || !query)
		return 0;
	key = *entry;
	quiet = query->to_all || query->answered;
	dim = dimension(PROTOCOL_DNS, query->sent ? TCP_OUTBOUND : TCP_INBOUND, query->peer, 0);
	state = entry_state(query->sock, query->seen_ns, &h);
	if (state != ENTRY_ENDED && (s64)(now - query->last_ns) < DNS_TIMEOUT_NS) {
		if (state == ENTRY_WAITS && !quiet)
			waiting_add(identity_valid(query->identity, query->gen), dim, 1,
				    now - query->since_ns);
		return 0;
	}
	reason = state != ENTRY_ENDED ? UNANSWERED_TIMED_OUT
		 : query->sent	      ? UNANSWERED_CLIENT_CLOSED
				      : UNANSWERED_SERVER_CLOSED;
	if (!quiet)
		entry_unanswered(query->identity, query->gen, dim, reason);
	bpf_map_delete_elem(&request_datagrams, &key);
	return 0;
}

/* Forgets sockets that are gone, after their entries were visited. */
TABLE_SCAN(holders_scan, request_holders, u64, struct holders)
{
	struct holders *h = value;
	u64 key;

	if (!entry || !h || h->now.ns >= scan_before_ns || h->ended.ns >= scan_before_ns)
		return 0;
	key = *entry;
	bpf_map_delete_elem(&request_holders, &key);
	return 0;
}

#endif
