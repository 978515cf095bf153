/* SPDX-License-Identifier: GPL-2.0-only */
/* The working memory of the parser, and of the sends and receives that it parses. */
#ifndef PARSER_TABLE_BPF_H
#define PARSER_TABLE_BPF_H

#include "payload.bpf.h"
#include "peer.bpf.h"

/* A request of a connection that has several in flight, answered in any order. */
struct stream_key {
	u64 sock;
	u32 epoch; /* of the connection */
	u32 stream;
};

struct stream_entry {
	u64 since_ns;	 /* 0: the response was seen first, see response_race.bpf.h */
	u64 seen_ns;	 /* when that was seen: what has arrived is read later */
	u64 response_ns; /* when the response began, 0: not yet */
	u32 status;	 /* of the response: HTTP's, or when it is complete the one that counts */
	u32 protocol;	 /* it is complete and counts for this protocol; 0: not yet */
};

/* A request with a number of its own: see numbered.bpf.h. */
struct numbered {
	u64 since_ns;
	u64 seen_ns;  /* when that was seen: what has arrived is read later */
	u64 begun_ns; /* when its response began, 0: it has not */
	u32 note;     /* for the parser of the response */
	u16 status;   /* of a response that was seen first */
	u8 state;     /* enum numbered_state */
	u8 unused;
};

#define PARSER_CHUNK 976 /* bytes read at a time */
#define PARSER_STEPS 400 /* squared: the most steps per system call */
#define PARSER_MASK  1023

/* Consecutive responses of the same status. */
struct run {
	u32 status, cnt;
};
#define RUNS 8

/* Working memory of an event and its parser. */
struct parser {
	struct payload payload;
	struct stream stream;
	struct found found;
	struct stream_key key; /* of a stream: there is little stack */
	struct route route;
	struct stream_entry entry;
	struct hpack hpack;
	u64 oldest_ns; /* since when the oldest request in flight waits */
	struct numbered numbered;
	u64 sock, now;
	u64 call_ns; /* when the call was seen */
	u32 epoch;
	u32 identity, direction, peer;
	u32 protocol, began_as; /* what it was at the begin */
	u32 is_request;
	u32 peer_closed; /* of a connection with streams: the other side sends nothing more */
	u32 pos, len;	 /* in `bytes`: what is not parsed yet */
	u32 request_cnt;
	u32 blocking; /* one of them is a blocking command */
	u32 single;   /* HTTP, with one request at a time in flight */
	u32 begins;   /* the first of these bytes is that of a message */
	u32 desync;
	u32 lost;      /* the bytes made no sense */
	u32 owed;      /* a request was in flight; here, since the stack is full */
	u32 sent_seq;  /* TCP: write sequence when the call was seen */
	u32 raced_now; /* a call that sends on this connection has not returned yet */
	u32 answered;  /* a stream, or a request with a number, has got its response */
	u32 setup;     /* the last of FOUND_SETUP and so on, 0: none */
	u32 head_len;
	u32 made;	       /* a record as the kernel makes it: see ktls.bpf.h */
	u32 made_status;       /* of the response that begins in it */
	u32 plain_more;	       /* plain text: there may be more that has come with it */
	u32 slot;	       /* its own number in the table */
	u32 users;	       /* see plain_parser() */
	struct run runs[RUNS]; /* responses, in order */
	u32 run;	       /* the run being counted */
	u8 head[PARSE_WINDOW];
	u8 bytes[PROTOCOL_CARRY + PARSER_MASK + PARSE_WINDOW];
};

/* One for sends, one for receives: either may interrupt the other. */
#ifndef PARSERS
#define PARSERS 2
#endif
struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct parser, PARSERS, 0) request_parsers
	SEC(".maps");

/* A send or a receive. */
struct event {
	struct sock *sk;
	struct sock_ctx *sc;
	struct parser *p;
	u64 now; /* when the bytes were sent or had arrived */
	u32 bytes;
	u32 sent;
	u32 is_request; /* the direction of requests, not of responses */
	u32 unseen;	/* bytes before these that were read by a call that was not seen */
#ifdef SPLICES
	u64 spliced; /* nobody can read them; 64 bits: what these contain the verifier knows */
#endif
};

static __always_inline bool is_spliced(const struct event *e)
{
#ifdef SPLICES
	return e->spliced;
#else
	return false;
#endif
}

static __always_inline struct flow *event_flow(const struct event *e)
{
	struct stream *s = &e->sc->request.stream;

	return e->is_request ? &s->flow[FLOW_REQUEST] : &s->flow[FLOW_RESPONSE];
}

static __always_inline struct flow *parser_flow(struct parser *p)
{
	return p->is_request ? &p->stream.flow[FLOW_REQUEST] : &p->stream.flow[FLOW_RESPONSE];
}

#endif
