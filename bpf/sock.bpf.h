/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The context of a socket, shared by the families that observe sockets: its owner, which side opened the connection,
 * and its requests.
 */
#ifndef SOCK_BPF_H
#define SOCK_BPF_H

#include "hist.bpf.h"
#include "protocol.h"
#include "socket.bpf.h"
#include "tcp.h"

/* Requests that arrived together and have no response yet. The last group takes all later ones. */
struct inflight {
	u64 since_ns;
	u32 cnt;
	u32 span; /* the last of them came so much later, in 1,024 ns */
};
#define INFLIGHT_GROUPS 8

/* Has the peer been looked up? */
enum peer_known { PEER_UNKNOWN, PEER_SEEMING /* the destination may be translated */, PEER_FOUND };

/* The kernel makes the records of TLS: see ktls.bpf.h. */
enum ktls {
	KTLS_RECEIVED = 1,
	KTLS_SENT = 2,
	KTLS_BOTH = 3,
	KTLS_PLAIN = 4, /* what calls have sent and received since then is what is inside */
};

struct request_ctx {
	u64 arrived_ns; /* arrival of the first unread byte, 0: none is unread, or it is unknown */
	u32 arrived_seq; /* TCP: which byte that is, and up to which bytes were read by calls that were seen */
	u32 read_seq;
	u64 read_ns; /* when an `unparsed` request was read; exchanges: the last bytes of the request */
	u64 response_ns; /* first byte of the response to the oldest request, 0: none yet */
	u64 total, duration, queue; /* slot caches: series_slot_cached() */
	u32 outstanding;	    /* sum of inflight[] */
	u16 peer;		    /* by number: see include/request.h */
	u8 protocol;
	u8 fastpath;				   /* see http_fastpath.bpf.h */
	struct inflight inflight[INFLIGHT_GROUPS]; /* oldest first */
	u8 tries;				   /* attempts to detect the protocol */
	u8 desync;	     /* the bytes made no sense: requests are counted by exchanges */
	u8 pipelined;	     /* several requests have been in flight */
	u8 arrival_kept;     /* arrived_ns was kept for bytes left over by a read */
	u8 tail;	     /* exchanges: see exchange.bpf.h */
	u8 interim;	     /* HTTP: within the header of an interim response */
	u8 exchange_cnt;     /* HTTP; wraps around */
	u8 response_started; /* HTTP: a response has begun with a status line */
	u8 unparsed;	     /* the request in flight was not parsed */
	u8 peer_known;	     /* enum peer_known */
	u8 multi_msg;	     /* used by calls that handle several messages */
	u8 lines; /* Redis as people type it, of which nothing is answered: it may be lines of something else */
	u16 min_request_len; /* HTTP: bytes of the shortest request that came in one read */
	u16 ticket;	     /* TLS: bytes of the ticket, or of the data held back */
	u8 tls;		     /* enum tls_state */
	u8 fastpath_score;   /* parsed requests that came in one read each */
	u8 oldest, newest;   /* in inflight[], modulo its size */
	u8 race_cnt;	     /* responses seen before their requests */
	u8 watched;	     /* the connection was seen to open */
	u8 oneway;	     /* the sender does not wait for responses, as it seems */
	u8 lost;	     /* how often the parser has lost its way */
	u8 greeted;	     /* the server has spoken first, in no protocol that is known */
	u8 ended;	     /* a Unix socket: the last scan found that it has */
	u8 setup; /* since begun_ns the set-up of the connection is under way: see parser.bpf.h */
	u8 shown; /* what is inside TLS is counted: see plaintext.bpf.h */
	u8 ktls;  /* bits of enum ktls */
	u8 inside; /* TLS whose records the kernel makes: as what requests count, see request_protocol() */
	u8 tunnel; /* through a proxy of HTTP: it has requests if their protocol is known */
	u16 race_status;
	u32 sent_seq; /* TCP: write sequence at the last send seen */
	u32 epoch;    /* connection_epoch() */
	u32 done_seq; /* TCP: up to which bytes what was read has been looked at, 0: not begun */
	u32 later_seq; /* TCP: the byte that arrived at later_ns, when those before it had been read */
	u64 later_ns;
	u64 begun_ns; /* exchanges: when the first bytes of the one in flight were read or sent; or the set-up's; at first the connection's */
	u64 answered_ns; /* ... and when the last one was completed */
	struct stream stream;
};

/* From which call on is what a socket reads counted, and by what? */
enum reads {
	READS_UNKNOWN,
	READS_TOLD,  /* what each call has read */
	READS_ENDED, /* the progress of the socket, after the end of its connection */
};

struct sock_ctx {
	u32 identity;
	u32 gen;
	u8 direction;
	u8 known;     /* the direction is known: it was seen to open */
	u16 bytes[2]; /* slots of bytes received and sent, 0: not looked up */
	u16 sends;
	u32 retransmits;  /* counted so far */
	u32 sent_seq;	  /* up to which bytes are counted, 0: not begun */
	u32 listen_drops; /* of a listener, counted so far */
	u8 reads;	  /* enum reads */
	u64 read;	  /* how many bytes of those that the socket was read are counted */
	u64 start_ns; /* of the connect, 0: before the daemon; inbound: when the client closed it */
	u64 visit;    /* the last one by the socket scan */
	struct request_ctx request;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__type(key, int);
	__type(value, struct sock_ctx);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
} socks SEC(".maps");

/* The same keyed by the socket's address, for kernels without socket storage. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, struct sock_ctx, 32768, 0) socks_by_address SEC(".maps");

/* What is inside the TLS of a connection is counted, and so the exchanges of its records are not. */
const volatile bool tls_inside SEC(".rodata");

static __always_inline bool is_shown(const struct request_ctx *r)
{
	return tls_inside && r->shown;
}

/* Programs that the tcp family's program on the state of sockets tail-calls when one of them ends. */
struct TABLE(BPF_MAP_TYPE_PROG_ARRAY, u32, u32, 1, 0) tcp_end_tail_calls SEC(".maps");

/* As what requests count. Without a branch, which doubles what the verifier looks at. */
#define INSIDE_HTTP (PROTOCOL_TLS ^ PROTOCOL_HTTP)

static __always_inline u32 request_protocol(const struct request_ctx *r)
{
	return r->protocol ^ r->inside;
}

static __always_inline struct sock_ctx *sock_ctx_find(struct sock *sk)
{
	u64 key = (u64)sk;

	return storage ? bpf_sk_storage_get(&socks, sk, NULL, 0)
		       : bpf_map_lookup_elem(&socks_by_address, &key);
}

static __always_inline struct sock_ctx *sock_ctx(struct sock *sk)
{
	static const struct sock_ctx none;
	struct sock_ctx *sc;
	u64 key = (u64)sk;

	if (storage)
		return bpf_sk_storage_get(&socks, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	sc = bpf_map_lookup_elem(&socks_by_address, &key);
	if (sc)
		return sc;
	bpf_map_update_elem(&socks_by_address, &key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&socks_by_address, &key);
}

/* With the socket's address it names the connection: the kernel gives the address to another socket. */
static __always_inline u32 epoch_at(u64 now)
{
	return (u32)(now >> 10) | 1;
}

/* A new connection: resets what the kernel cloned from the listener's context. */
static __always_inline void sock_opened(struct sock_ctx *sc, u32 direction)
{
	u64 now = bpf_ktime_get_ns();

	sc->direction = direction;
	sc->known = 1;
	sc->request = (struct request_ctx){ .watched = 1, .begun_ns = now, .epoch = epoch_at(now) };
}

/* The handshake of a client is over: from now on it may wait for a greeting. What has begun before keeps its time. */
static __always_inline void sock_connected(struct sock_ctx *sc)
{
	struct request_ctx *r = &sc->request;

	if (r->watched && !r->tries && !r->outstanding && !r->setup)
		r->begun_ns = bpf_ktime_get_ns();
}

/* Set at first use on connections that were not seen to open. */
static __always_inline u32 connection_epoch(struct request_ctx *r, u64 now)
{
	if (!r->epoch)
		r->epoch = epoch_at(now);
	return r->epoch;
}

static __always_inline void sock_set_owner(struct sock_ctx *sc, u32 identity, u32 gen)
{
	sc->identity = identity;
	sc->gen = gen;
	sc->bytes[TCP_RECEIVED] = sc->bytes[TCP_SENT] = 0;
	sc->request.total = sc->request.duration = sc->request.queue = 0;
	sc->request.fastpath = 0;
}

/* The running task, which uses the socket, becomes its owner. */
static __always_inline void sock_claim(struct sock_ctx *sc)
{
	struct cpu *cpu = cpu_row();
	u32 identity = IDENTITY_OTHER, gen = 0;

	if (cpu && (cpu->identity != IDENTITY_UNKNOWN || cpu_fill(cpu))) {
		identity = cpu->identity;
		gen = cpu->gen;
	}
	if (sc->identity != identity || sc->gen != gen)
		sock_set_owner(sc, identity, gen);
}

static __always_inline u32 sock_owner(struct sock_ctx *sc)
{
	return identity_valid(sc->identity, sc->gen);
}

#endif
