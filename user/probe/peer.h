/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers of outbound requests, by the numbers that the request family's programs assign. */
#ifndef PROBE_PEER_H
#define PROBE_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "request.h"

struct bpf_object;

/* Names by enum protocol; NULL for those that are not exposed. */
extern const char *const request_protocols[PROTOCOL_CNT];

/* The request family's settings, one of which is about peers; filled by the configuration. */
struct request_settings {
	u64 status_class, peer, long_poll_ns;
};

_Static_assert(sizeof(struct request_settings) <= CONF_SETTINGS * sizeof(u64), "room for them");

/* Does the configuration ask for the label `peer`? Of families that have it, in setup(). */
bool peers_configure(const struct conf *conf);

/* A row's label `peer`, whose value begins at this bit. */
#define PEER_LABEL(shift) \
	"peer", shift, REQUEST_PEER_BITS, label_peer, label_peer_owner, &peers_shown
extern u64 peers_shown;
void label_peer(u64 value, char *buf, size_t size);
bool label_peer_owner(u64 value, u32 *identity, u32 *gen);

/* Call it once, with the loaded object. */
int peer_init(const struct bpf_object *object);
/* The identity that serves the peer of this number; false if no known process on this machine does. */
bool peer_owner(u32 number, u32 *identity, u32 *gen);
/* Writes ADDRESS:PORT, "unix", "other", or "" for PEER_NONE. */
void peer_address(u32 number, char *buf, size_t size);

#endif
