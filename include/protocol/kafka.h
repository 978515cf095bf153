/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Kafka: messages with a length. A request says which one of the API it is, in which version; its response has the same number,
 * and an error code at a place that depends on both.
 */
#ifndef SEISMO_PROTOCOL_KAFKA_H
#define SEISMO_PROTOCOL_KAFKA_H

#include "protocol/flow.h"

enum kafka_api {
	KAFKA_PRODUCE = 0,
	KAFKA_FETCH = 1,
	KAFKA_JOIN_GROUP = 11,
	KAFKA_SYNC_GROUP = 14,
	KAFKA_API_VERSIONS = 18,
	KAFKA_CREATE_TOPICS = 19,
	KAFKA_DELETE_TOPICS = 20,
	KAFKA_APIS = 48, /* the codes of later ones are not looked for */
};

/* Where the first error code of a response is. */
enum kafka_shape {
	KAFKA_NOWHERE,
	KAFKA_CODE,	  /* at the begin */
	KAFKA_TOPICS,	  /* of the first topic, behind its name */
	KAFKA_PARTITIONS, /* of the first partition of the first topic */
};

#define KAFKA_NEVER 255

static const struct kafka_row {
	u8 shape;
	u8 throttled; /* from this version on the response begins with a time */
	u8 flexible;  /* from this version on lengths are short, and tags follow */
	u8 until;     /* the last version that is so */
} kafka_apis[KAFKA_APIS] = {
	[KAFKA_PRODUCE] = { KAFKA_PARTITIONS, KAFKA_NEVER, 9, 12 },
	[KAFKA_FETCH] = { KAFKA_PARTITIONS, 1, 12, 12 },
	[2] = { KAFKA_PARTITIONS, 2, 6, 11 }, /* list offsets */
	[8] = { KAFKA_PARTITIONS, 3, 8, 9 },  /* commit offsets */
	[10] = { KAFKA_CODE, 1, 3, 3 },	      /* find the coordinator */
	[KAFKA_JOIN_GROUP] = { KAFKA_CODE, 2, 6, 9 },
	[12] = { KAFKA_CODE, 1, 4, 4 }, /* heartbeat */
	[13] = { KAFKA_CODE, 1, 4, 5 }, /* leave the group */
	[KAFKA_SYNC_GROUP] = { KAFKA_CODE, 1, 4, 5 },
	[16] = { KAFKA_CODE, 1, 3, 5 },			    /* list groups */
	[17] = { KAFKA_CODE, KAFKA_NEVER, KAFKA_NEVER, 1 }, /* SASL */
	[KAFKA_API_VERSIONS] = { KAFKA_CODE, KAFKA_NEVER, KAFKA_NEVER, 4 },
	[KAFKA_CREATE_TOPICS] = { KAFKA_TOPICS, 2, 5, 7 },
	[KAFKA_DELETE_TOPICS] = { KAFKA_TOPICS, 1, 4, 5 },
	[22] = { KAFKA_CODE, 0, 2, 5 },		  /* begin to produce */
	[24] = { KAFKA_PARTITIONS, 0, 3, 3 },	  /* transactions: add partitions */
	[25] = { KAFKA_CODE, 0, 3, 4 },		  /* ... add offsets */
	[26] = { KAFKA_CODE, 0, 3, 4 },		  /* ... end */
	[28] = { KAFKA_PARTITIONS, 0, 3, 4 },	  /* ... commit offsets */
	[36] = { KAFKA_CODE, KAFKA_NEVER, 2, 2 }, /* SASL */
	[37] = { KAFKA_TOPICS, 0, 2, 3 },	  /* create partitions */
};

#define KAFKA_LEN_MAX	  0x40000000
#define KAFKA_API_MAX	  100
#define KAFKA_VERSION_MAX 20
#define KAFKA_PRODUCE_MIN 60	     /* bytes of a Produce of version 0 that has a message */
#define KAFKA_NOTED	  (1U << 31) /* what is noted of a request: this, its API and version */

/* These are no failures: the group is to be joined anew, by all its members or with the name that the response gives. */
#define KAFKA_REBALANCE	  27
#define KAFKA_NAME_NEEDED 79

/*
 * A request; its client has no name, or one of letters. A session of ZooKeeper that is resumed begins like a Produce of version 0,
 * with what was last seen in place of the name, but is too short for one.
 */
static inline u32 kafka_is_first(const u8 *head, u32 avail, u32 total)
{
	u32 len = be32_at(head), name = be16_at(head + 12);

	return avail >= 14 && len + 4 == total && be16_at(head + 4) <= KAFKA_API_MAX &&
	       be16_at(head + 6) <= KAFKA_VERSION_MAX &&
	       (be32_at(head + 4) || len >= KAFKA_PRODUCE_MIN) &&
	       (name == 0xffff ||
		(name && name + 10 <= len && (avail < 15 || (u32)head[14] - '!' < '~' - '!') &&
		 (name < 2 || avail < 16 || (u32)head[15] - '!' < '~' - '!')));
}

/* Those that wait for something to happen before they are answered. */
static inline u32 kafka_is_blocking(u32 api)
{
	return api == KAFKA_FETCH || api == KAFKA_JOIN_GROUP || api == KAFKA_SYNC_GROUP;
}

enum kafka_at { KAFKA_HEAD, KAFKA_NAME, KAFKA_ACKS, KAFKA_CODES, KAFKA_IN_TOPIC };

/* The rest of the message does not matter. */
static inline u32 kafka_skip(struct flow *f, u32 used)
{
	f->line = KAFKA_HEAD;
	f->skip = f->rest - used;
	return used;
}

/*
 * Data that is produced says how many must have it before there is a response: at the end of what is looked at here, the name
 * of the client and that of a transaction, which nobody gives who wants no response.
 */
static inline u32 kafka_produce(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 version = f->note & 0xff, name = be16_at(head), at = 0;

	if (f->line == KAFKA_NAME) {
		if (avail < 2)
			return 0;
		name = name == 0xffff ? 0 : name;
		if (name + 2 > f->rest)
			return found(ret, FOUND_DESYNC, 0);
		f->rest -= name + 2;
		f->skip = name;
		f->line = KAFKA_ACKS;
		return 2;
	}
	if (f->rest < 4)
		return found(ret, FOUND_DESYNC, 0);
	if (avail < 4)
		return 0;
	if (version >= 9)
		at = head[1] ? 4 : 2;
	else if (version >= 3)
		at = name == 0xffff ? 2 : 4;
	if (at == 4 || be16_at(head + within_window(at))) {
		ret->kind = FOUND_NUMBERED_REQUEST;
		ret->number = f->last;
		ret->note = f->note;
	}
	return kafka_skip(f, 4);
}

static inline u32 kafka_request(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 len = be32_at(head), api = be16_at(head + 4), version = be16_at(head + 6);

	if (f->line)
		return kafka_produce(f, head, avail, ret);
	if (avail < 12)
		return 0;
	if (len < 8 || len > KAFKA_LEN_MAX || api > KAFKA_API_MAX || version > KAFKA_VERSION_MAX)
		return found(ret, FOUND_DESYNC, 0);
	f->rest = len - 8;
	f->last = be32_at(head + 8);
	f->note = KAFKA_NOTED | api << 8 | version;
	if (api == KAFKA_PRODUCE && len > 8) {
		f->line = KAFKA_NAME;
		return 12;
	}
	f->skip = len - 8;
	ret->kind = kafka_is_blocking(api) ? FOUND_NUMBERED_BLOCKING : FOUND_NUMBERED_REQUEST;
	ret->number = f->last;
	ret->note = f->note;
	return 12;
}

static inline u32 kafka_answer(struct flow *f, u32 status, u32 used, struct found *ret)
{
	ret->kind = FOUND_NUMBERED_RESPONSE;
	ret->number = f->last;
	ret->status = status;
	return kafka_skip(f, used);
}

static inline u32 kafka_status(u32 code)
{
	return !code || code == KAFKA_REBALANCE || code == KAFKA_NAME_NEEDED ? STATUS_OK
									     : STATUS_ERROR;
}

#define KAFKA_SEEN_MAX 20 /* bytes up to the name of the first topic */

/* Up to the code, or the end of the first topic's name. */
static inline u32 kafka_codes(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 api = f->note >> 8 & 0xff, version = f->note & 0xff, at, flexible, name, code;
	const struct kafka_row *row = &kafka_apis[api < KAFKA_APIS ? api : 3];

	if (avail < KAFKA_SEEN_MAX && avail < f->rest)
		return 0;
	if (!f->note)
		return kafka_answer(f, STATUS_UNKNOWN, 1, ret);
	flexible = version >= row->flexible;
	at = flexible + (version >= row->throttled ? 4 : 0);
	code = be16_at(head + within_window(at));
	if (api == KAFKA_FETCH && version >= 7 && f->rest >= at + 2) { /* and a session */
		at += 6;
		if (code)
			return kafka_answer(f, kafka_status(code), 1, ret);
	}
	at = forget(ret, at) & 15;
	if (row->shape == KAFKA_NOWHERE || version > row->until || f->rest < at + 2)
		return kafka_answer(f, STATUS_OK, 1, ret);
	if (row->shape == KAFKA_CODE)
		return kafka_answer(f, kafka_status(code), 1, ret);
	if (flexible ? head[within_window(at)] < 2
		     : f->rest < at + 6 || !be32_at(head + within_window(at)))
		return kafka_answer(f, STATUS_OK, 1, ret); /* no topics */
	at += flexible ? 1 + (head[within_window(at)] >> 7) : 4;
	name = flexible ? head[within_window(at)] & 0x7f : be16_at(head + within_window(at));
	if (flexible && head[within_window(at)] & 0x80) {
		name |= (u32)head[within_window(at + 1)] << 7;
		at++;
	}
	if (flexible && name)
		name--;
	at += flexible ? 1 : 2;
	if (api == KAFKA_CREATE_TOPICS && version >= 7)
		name += 16; /* its number */
	if (f->rest <= at + name || name > 0x8000)
		return kafka_answer(f, STATUS_UNKNOWN, 1, ret);
	f->rest -= at + name;
	f->skip = name;
	f->line = KAFKA_IN_TOPIC;
	return at;
}

/* Behind the name of the first topic. */
static inline u32 kafka_topic(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 api = f->note >> 8 & 0xff, at = 0;
	const struct kafka_row *row = &kafka_apis[api < KAFKA_APIS ? api : 3];

	if (row->shape == KAFKA_PARTITIONS) /* how many, and the number of the first */
		at = (f->note & 0xff) >= row->flexible ? 5 + (head[0] >> 7) : 8;
	if (avail < at + 2 && avail < f->rest)
		return 0;
	at = forget(ret, at) & 15;
	return kafka_answer(f,
			    f->rest < at + 2 ? STATUS_OK
					     : kafka_status(be16_at(head + within_window(at))),
			    1, ret);
}

static inline u32 kafka_response(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 len = be32_at(head);

	if (f->line == KAFKA_CODES)
		return kafka_codes(f, head, avail, ret);
	if (f->line)
		return kafka_topic(f, head, avail, ret);
	if (avail < 8)
		return 0;
	if (len < 4 || len > KAFKA_LEN_MAX)
		return found(ret, FOUND_DESYNC, 0);
	f->rest = len - 4;
	f->last = ret->number = be32_at(head + 4);
	f->line = KAFKA_CODES;
	if (f->rest)
		return found(ret, FOUND_NUMBERED_BEGUN, 8);
	kafka_answer(f, STATUS_OK, 0, ret);
	return 8;
}

#endif
