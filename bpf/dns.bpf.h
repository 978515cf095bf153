/* SPDX-License-Identifier: GPL-2.0-only */
/* DNS over UDP: queries are matched by id and answered in any order. */
#ifndef DNS_BPF_H
#define DNS_BPF_H

#include "detect.bpf.h"

struct datagram_key {
	u64 sock;
	u64 question; /* its id and first bytes */
};
struct datagram {
	u64 since_ns;
	u32 sent;
	u32 peer;
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct datagram_key, struct datagram, 8192, 0) request_datagrams
	SEC(".maps");

#define DNS_LEN_MIN 17 /* header, root name, type, class */

/* False: neither a query nor a response. */
static __always_inline bool on_dns(const struct event *e, u64 since)
{
	const u8 *dns = e->p->head;
	u32 sent = e->sent;
	struct datagram_key key = { (u64)e->sk,
				    (u64)le32_at(dns + 13) << 32 | dns[12] << 16 | be16_at(dns) };
	struct datagram query = { since, sent, e->sc->request.peer }, *found;

	if (e->p->head_len < DNS_LEN_MIN)
		return false;
	if (dns_is_query(dns)) {
		bpf_map_update_elem(&request_datagrams, &key, &query, BPF_ANY);
		if (!sent)
			hist_add(request_queue_seconds, e->sc->identity,
				 dimension(PROTOCOL_DNS, 0, 0, 0), e->now - since);
		return true;
	}
	if ((dns[2] & 0xf8) != 0x80 || be16_at(dns + 4) != 1)
		return false;
	found = bpf_map_lookup_elem(&request_datagrams, &key);
	if (!found || found->sent == sent)
		return true;
	request_count(e->sc->identity,
		      dimension(PROTOCOL_DNS, sent ? TCP_INBOUND : TCP_OUTBOUND, found->peer,
				dns_status(dns)),
		      1, time_since(found->since_ns, since));
	bpf_map_delete_elem(&request_datagrams, &key);
	return true;
}

#endif
