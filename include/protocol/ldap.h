/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* LDAP: messages with a number, in BER. What is found by a search comes before its result. */
#ifndef SEISMO_PROTOCOL_LDAP_H
#define SEISMO_PROTOCOL_LDAP_H

#include "protocol/flow.h"

enum ldap_op {
	LDAP_BIND = 0x60,
	LDAP_SEARCH = 0x63,
	LDAP_ENTRY = 0x64,
	LDAP_MODIFY = 0x66,
	LDAP_ADD = 0x68,
	LDAP_RENAME = 0x6c,
	LDAP_COMPARE = 0x6e,
	LDAP_REFERENCE = 0x73,
	LDAP_EXTENDED = 0x77,
	LDAP_EXTENDED_RESULT = 0x78,
	LDAP_INTERMEDIATE = 0x79,
	LDAP_UNBIND = 0x42,
	LDAP_DELETE = 0x4a,
	LDAP_ABANDON = 0x50,
};

#define LDAP_MESSAGE 0x30
#define LDAP_LEN_MAX (256U << 20)
#define LDAP_SEEN    21 /* bytes up to the code of a result, at most */

struct ldap_message {
	u32 len; /* bytes of all of it */
	u32 id;
	u32 op;
	u32 at;	  /* of what the operation says */
	u32 left; /* bytes of it from there on: controls may follow */
};

/* The bytes that the length at head[at] takes. */
static inline u32 ldap_length_size(const u8 *head, u32 at)
{
	u32 first = head[within_window(at)];

	return first < 0x80 ? 1 : 1 + (first & 0x7f);
}

static inline u32 ldap_number(const u8 *head, u32 at, u32 size)
{
	return be32_at(head + within_window(at)) >> 8 * (4 - size);
}

/* Of 21 bytes or the whole message. 0: it is none. */
static inline u32 ldap_read(const u8 *head, struct ldap_message *m, struct found *ret)
{
	u32 size = ldap_length_size(head, 1), at = 1 + size;

	if (head[0] != LDAP_MESSAGE || size > 5)
		return 0;
	m->len = at + (size == 1 ? head[1] : ldap_number(head, 2, size - 1));
	size = head[within_window(at + 1)];
	if (head[within_window(at)] != 2 || size - 1 > 3 || m->len > LDAP_LEN_MAX)
		return 0;
	m->id = ldap_number(head, at + 2, size);
	at = forget(ret, at + 2 + size);
	m->op = head[within_window(at)];
	size = ldap_length_size(head, at + 1);
	m->at = forget(ret, at + 1 + size);
	if (size > 5)
		return 0;
	m->left = size == 1 ? head[within_window(at + 1)] : ldap_number(head, at + 2, size - 1);
	return m->at <= m->len && m->left <= m->len - m->at;
}

static inline u32 ldap_is_request(u32 op)
{
	return op == LDAP_BIND || op == LDAP_SEARCH || op == LDAP_MODIFY || op == LDAP_ADD ||
	       op == LDAP_RENAME || op == LDAP_COMPARE || op == LDAP_EXTENDED || op == LDAP_DELETE;
}

/* The bytes of a message that are to be seen; NUMBER_NONE: its length is not yet. */
static inline u32 ldap_seen(const u8 *head, u32 avail)
{
	u32 size = ldap_length_size(head, 1), len;

	if (avail >= 2 && size > 5)
		return 0;
	if (avail < 2 || avail < 1 + size)
		return NUMBER_NONE;
	len = 1 + size + (size == 1 ? head[1] : ldap_number(head, 2, size - 1));
	return len < LDAP_SEEN ? len : LDAP_SEEN;
}

/* All that is sent is one request. */
static inline u32 ldap_is_late(const u8 *head, u32 avail, u32 total)
{
	struct found unused;
	struct ldap_message m;

	return ldap_seen(head, avail) <= avail && ldap_read(head, &m, &unused) && m.len == total &&
	       m.id && ldap_is_request(m.op);
}

/* All that is sent first is one of those messages with which clients begin, with a small number. */
static inline u32 ldap_is_first(const u8 *head, u32 avail, u32 total)
{
	struct found unused;
	struct ldap_message m;

	if (ldap_seen(head, avail) > avail || !ldap_read(head, &m, &unused) || m.len != total ||
	    !m.id || m.id > 255)
		return 0;
	if (m.op == LDAP_BIND)
		return m.left >= 3 && head[within_window(m.at)] == 2 &&
		       head[within_window(m.at + 1)] == 1 && head[within_window(m.at + 2)] <= 3;
	if (m.op == LDAP_EXTENDED)
		return m.left >= 2 && head[within_window(m.at)] == 0x80;
	return m.op == LDAP_SEARCH && m.left >= 2 && head[within_window(m.at)] == 4;
}

/* No, yes, look elsewhere, go on: none of them is an error. */
static inline u32 ldap_status(u32 code)
{
	return !code || code == 5 || code == 6 || code == 10 || code == 14 ? STATUS_OK
									   : STATUS_ERROR;
}

static inline void ldap_result(const u8 *head, const struct ldap_message *m, struct found *ret)
{
	u32 op = m->op;

	if (op == LDAP_ENTRY || op == LDAP_REFERENCE || op == LDAP_INTERMEDIATE) {
		ret->kind = FOUND_NUMBERED_BEGUN;
		return;
	}
	ret->kind = FOUND_NUMBERED_RESPONSE;
	if (m->left >= 3 && head[within_window(m->at)] == 0x0a)
		ret->status = ldap_status(head[within_window(m->at + 2)]);
}

static inline u32 ldap_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
			    struct found *ret)
{
	u32 seen = ldap_seen(head, avail), size;
	struct ldap_message m;

	if (is_request && head[0] == 0x16 && avail < 2)
		return 0;
	if (is_request && head[0] == 0x16 && head[1] == 3)
		return found(ret, FOUND_PROTOCOL, 0);
	if (head[0] != LDAP_MESSAGE)
		return found(ret, FOUND_DESYNC, 0);
	if (seen > avail)
		return 0;
	if (!ldap_read(head, &m, ret))
		return found(ret, FOUND_DESYNC, 0);
	ret->number = m.id;
	if (is_request) {
		size = m.left < 4 ? m.left : 4;
		if (ldap_is_request(m.op)) {
			ret->kind = FOUND_NUMBERED_REQUEST;
		} else if (m.op == LDAP_ABANDON && size) {
			ret->number = ldap_number(head, m.at, size);
			ret->kind = FOUND_NUMBERED_DROPPED;
		} else if (m.op != LDAP_UNBIND) {
			return found(ret, FOUND_DESYNC, 0);
		}
	} else if (m.op > LDAP_BIND && m.op <= LDAP_INTERMEDIATE) {
		ldap_result(head, &m, ret);
	} else {
		return found(ret, FOUND_DESYNC, 0);
	}
	size = m.len < 2 ? m.len : 2;
	f->skip = m.len - size;
	return size;
}

#endif
