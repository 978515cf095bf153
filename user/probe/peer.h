/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is asked, by the numbers that the request family's programs give. */
#ifndef PROBE_PEER_H
#define PROBE_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "request.h"

struct bpf_object;

/* By protocol; NULL for what is not shown. */
extern const char *const request_protocols[PROTOCOL_CNT];

/* To be called once, with the loaded object. */
int peer_init(const struct bpf_object *object);
/* Whose identity answers at the peer of this number; false: nobody's on this machine that has been seen. */
bool peer_owner(u32 number, u32 *identity, u32 *gen);
/* Writes ADDRESS:PORT, "unix", "other", or "" for PEER_NONE. */
void peer_address(u32 number, char *buf, size_t size);

#endif
