// SPDX-License-Identifier: BSD-3-Clause
#include "request.h"

#include <bpf/libbpf.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/hook.h"
#include "probe/peer.h"
#include "probe/probe.h"

PROBE_ELF(request);

static const char *const status_words[] = { "code", "class", NULL };

static const struct setting request_settings[] = {
	{ "status", SETTING_ENUM, offsetof(struct request_settings, status_class),
	  .words = status_words,
	  .help = "what the label `status` of HTTP has: the code, or its class (5xx)" },
	{ "peer", SETTING_BOOL, offsetof(struct request_settings, peer),
	  .help = "add the label `peer` to outbound requests: the service or address that they go to" },
	{ "long_poll", SETTING_DURATION, offsetof(struct request_settings, long_poll_ns),
	  .min = 1000000000, .max = 3600000000000, .can_be_off = true, .live = true,
	  .help = "HTTP requests that take longer are long polls: counted without a duration" },
	{ .name = NULL },
};

/* Those in use, for the label functions, which get no probe_run. */
static struct request_settings shown;

static void label_protocol(u64 value, char *buf, size_t size)
{
	label_name(request_protocols, PROTOCOL_CNT, value, buf, size);
}

static void label_status(u64 value, char *buf, size_t size)
{
	static const char *const names[] = {
		[STATUS_UNKNOWN] = "unknown",
		[STATUS_OK] = "ok",
		[STATUS_ERROR] = "error",
		[STATUS_GRPC + GRPC_OK] = "OK",
		[STATUS_GRPC + GRPC_CANCELLED] = "CANCELLED",
		[STATUS_GRPC + GRPC_UNKNOWN] = "UNKNOWN",
		[STATUS_GRPC + GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
		[STATUS_GRPC + GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
		[STATUS_GRPC + GRPC_NOT_FOUND] = "NOT_FOUND",
		[STATUS_GRPC + GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
		[STATUS_GRPC + GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
		[STATUS_GRPC + GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
		[STATUS_GRPC + GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
		[STATUS_GRPC + GRPC_ABORTED] = "ABORTED",
		[STATUS_GRPC + GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
		[STATUS_GRPC + GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
		[STATUS_GRPC + GRPC_INTERNAL] = "INTERNAL",
		[STATUS_GRPC + GRPC_UNAVAILABLE] = "UNAVAILABLE",
		[STATUS_GRPC + GRPC_DATA_LOSS] = "DATA_LOSS",
		[STATUS_GRPC + GRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
	};

	if (value >= 100 && shown.status_class)
		snprintf(buf, size, "%lluxx", (unsigned long long)value / 100);
	else if (value >= 100)
		snprintf(buf, size, "%llu", (unsigned long long)value);
	else
		label_name(names, sizeof(names) / sizeof(*names), value, buf, size);
}

static void label_unanswered(u64 value, char *buf, size_t size)
{
	static const char *const names[] = {
		[UNANSWERED_CLIENT_CLOSED] = "client_closed",
		[UNANSWERED_SERVER_CLOSED] = "server_closed",
		[UNANSWERED_RESET] = "reset",
		[UNANSWERED_TIMED_OUT] = "timed_out",
	};

	label_name(names, sizeof(names) / sizeof(*names), value, buf, size);
}

/* The number that sqlstate_class() makes of it. */
static void label_class(u64 value, char *buf, size_t size)
{
	u64 first = value ? (value - 1) / SQLSTATE_SECOND : 0,
	    second = (value - 1) % SQLSTATE_SECOND;

	if (!value || first >= sizeof(SQLSTATE_FIRST) - 1)
		snprintf(buf, size, "unknown");
	else
		snprintf(buf, size, "%c%c", SQLSTATE_FIRST[first],
			 (char)(second < 10 ? '0' + second : 'A' + second - 10));
}

/* System calls whose buffers the programs can find. */
static const struct {
	u16 nr;
	u8 call;
} calls[] = {
	{ SYS_read, CALL_BUFFER },	 { SYS_write, CALL_BUFFER },
	{ SYS_recvfrom, CALL_BUFFER },	 { SYS_sendto, CALL_BUFFER },
	{ SYS_readv, CALL_VECTOR },	 { SYS_writev, CALL_VECTOR },
	{ SYS_recvmsg, CALL_MESSAGE },	 { SYS_recvmmsg, CALL_MESSAGES },
	{ SYS_sendmmsg, CALL_MESSAGES }, { SYS_sendmsg, CALL_MESSAGE },
};

/* Those of bpf/plaintext_sock.bpf.h. */
static const char *const inside_tables[] = { "tls_calls", "tls_sessions", "plain_socks",
					     "tls_programs" };

static int setup(struct probe_run *run)
{
	const u32 nr_recvmmsg = SYS_recvmmsg, nr_sendmmsg = SYS_sendmmsg, nr_splice = SYS_splice;
	const bool peers = peers_configure(run->set->conf);
	const bool inside = probe_wanted(run->set->conf, "tls");
	u8 request_calls[REQUEST_CALLS] = { 0 };
	int err;

	for (size_t i = 0; !inside && i < sizeof(inside_tables) / sizeof(*inside_tables); i++)
		bpf_map__set_autocreate(bpf_object__find_map_by_name(run->object, inside_tables[i]),
					false);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		request_calls[calls[i].nr] = calls[i].call;
	probe_hook(run, "destruct_fentry")->disabled = run->set->kernel.storage;
	err = probe_const(run, "request_calls", request_calls, sizeof(request_calls));
	err = err ?: probe_const(run, "tls_inside", &inside, sizeof(inside));
	err = err ?: probe_const(run, "peers_shown", &peers, sizeof(peers));
	err = err ?: probe_const(run, "nr_splice", &nr_splice, sizeof(nr_splice));
	err = err ?: probe_const(run, "nr_recvmmsg", &nr_recvmmsg, sizeof(nr_recvmmsg));
	return err ?: probe_const(run, "nr_sendmmsg", &nr_sendmmsg, sizeof(nr_sendmmsg));
}

static void configure(struct probe_run *run)
{
	const struct request_settings *settings =
		conf_probe_settings(run->set->conf, run->probe->name);
	volatile u64 *long_poll_ns = probe_global(run, "long_poll_ns", sizeof(u64));

	shown = *settings;
	if (long_poll_ns)
		*long_poll_ns = settings->long_poll_ns;
}

/* All is attached. */
static int started(struct probe_run *run)
{
	volatile u64 *both_ways = probe_global(run, "both_ways", sizeof(u64));

	if (both_ways)
		*both_ways = 1;
	return 0;
}

static int loaded(struct probe_run *run)
{
	configure(run);
	return peer_init(run->object);
}

/* A program on all reads, for those by splice(2): only where there are any. */
static void tick(struct probe_run *run, u64 now_ns)
{
	u64 *seen = probe_global(run, "splice_seen", sizeof(*seen));

	(void)now_ns;
	if (seen && *seen)
		hook_demand(run, "splice_btf");
}

/* Connections may be translated from the time on that the kernel tracks them. */
static bool are_tracked(void)
{
	return access("/proc/sys/net/netfilter/nf_conntrack_max", F_OK) == 0;
}

static u64 global_read(struct probe_run *run, const char *name)
{
	const volatile u64 *value = probe_global(run, name, sizeof(*value));

	return value ? *value : 0;
}

/* Once there was something in the tables of streams and DNS queries, they are visited too. */
static int scan(struct probe_run *run)
{
	static const char *const entries[] = { "streams_scan_elem", "numbered_scan_elem",
					       "datagrams_scan_elem", "holders_scan_elem" };
	volatile u64 *began_ns = probe_global(run, "scan_began_ns", sizeof(u64));
	volatile u64 *before_ns = probe_global(run, "scan_before_ns", sizeof(u64));
	volatile u64 *seen = probe_global(run, "entries_seen", sizeof(u64));
	volatile u64 *full = probe_global(run, "holders_full", sizeof(u64));
	volatile u64 *translates = probe_global(run, "translates", sizeof(u64));
	struct probe_run *inside = probe_running(run->set, "tls");
	struct timespec now;
	int err;

	if (!began_ns || !before_ns || !seen || !full || !translates)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	*before_ns = *began_ns;
	*began_ns = (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
	*full = 0;
	*translates = are_tracked();
	err = hook_iterate(probe_hook(run, "requests_scan_btf"));
	if (inside && !err) { /* its connections have their entries in the same tables */
		err = hook_iterate(probe_hook(inside, "requests_scan_raw"));
		*seen |= global_read(inside, "entries_seen");
		*full |= global_read(inside, "holders_full");
	}
	for (size_t i = 0; *seen && !err && i < sizeof(entries) / sizeof(*entries); i++)
		err = hook_iterate(probe_hook(run, entries[i]));
	return err;
}

static const u32 message_calls[] = { SYS_recvmmsg, SYS_sendmmsg, SYS_splice, 0 };

#define PROTOCOL  "protocol", 0, REQUEST_PROTOCOL_BITS, label_protocol
#define DIRECTION "direction", REQUEST_DIRECTION_AT, 1, label_direction

const struct probe probe_request = {
	.name = "request",
	.summary = "requests: counts by protocol and status, latency, queue time",
	.elf = &request_elf,
	.settings = request_settings,
	.mode = PROBE_MODE_ON,
	.setup = setup,
	.loaded = loaded,
	.started = started,
	.configure = configure,
	.scan = scan,
	.tick = tick,
	.hooks =
		(const struct hook[]){
			{ { TRACEPOINT("send"), "send_fexit" },
			  .in_tasks = true,
			  .supersedes = "tcp",
			  .superseding = "supersedes_send",
			  .purpose = "requests and responses sent" },
			{ { TRACEPOINT("recv"), "recv_fexit" },
			  .in_tasks = true,
			  .supersedes = "tcp",
			  .superseding = "supersedes_recv",
			  .purpose = "requests and responses received" },
			{ { TRACEPOINT("arrive"), "arrive_fentry", "arrive_kprobe" },
			  .optional = true,
			  .purpose = "queue time of inbound requests" },
			{ { "messages_tp", TRACEPOINT("messages") },
			  .lossless = 1,
			  .tail_call_map = "sys_exit_tail_calls",
			  .tail_call_keys = message_calls,
			  .optional = true,
			  .purpose = "requests moved by recvmmsg and sendmmsg" },
			{ { TRACEPOINT("splice") },
			  .on_demand = true,
			  .optional = true,
			  .in_tasks = true,
			  .purpose = "requests and responses read by splice" },
			{ { TRACEPOINT("state") },
			  .tail_call_map = "tcp_end_tail_calls",
			  .optional = true,
			  .purpose = "requests without a response when their connection ends" },
			{ { "sendpage_fexit" },
			  .optional = true,
			  .if_exists = true,
			  .requires = "send_fexit",
			  .purpose = "requests and responses sent by sendfile" },
			{ { "unix_sendpage_fexit" },
			  .optional = true,
			  .if_exists = true,
			  .requires = "send_fexit",
			  .purpose = "requests and responses sent over Unix sockets by sendfile" },
			{ { "unix_send_fexit" },
			  .optional = true,
			  .if_exists = true,
			  .requires = "send_fexit",
			  .purpose = "requests and responses sent over Unix sockets" },
			{ { "unix_recv_fexit" },
			  .optional = true,
			  .if_exists = true,
			  .requires = "recv_fexit",
			  .purpose = "requests and responses received over Unix sockets" },
			{ { "udp_send_fexit" },
			  .optional = true,
			  .if_exists = true,
			  .requires = "send_fexit",
			  .purpose = "DNS over UDP, sent" },
			{ { "udp_recv_fexit" },
			  .optional = true,
			  .if_exists = true,
			  .requires = "recv_fexit",
			  .purpose = "DNS over UDP, received" },
			{ { "udpv6_send_fexit" },
			  .optional = true,
			  .if_exists = true,
			  .requires = "send_fexit",
			  .purpose = "DNS over UDP and IPv6, sent" },
			{ { "udpv6_recv_fexit" },
			  .optional = true,
			  .if_exists = true,
			  .requires = "recv_fexit",
			  .purpose = "DNS over UDP and IPv6, received" },
			{ { "destruct_fentry", "destruct_kprobe" },
			  .optional = true,
			  .purpose = "end of sockets, on kernels without socket storage" },
			{ { SOCK_SCAN("requests_scan") },
			  .iterates = "socks",
			  .optional = true,
			  .purpose = "requests that wait for their response" },
			{ { TABLE_SCAN("streams_scan") },
			  .iterates = "request_streams",
			  .optional = true,
			  .purpose = "HTTP/2 streams that wait for their response" },
			{ { TABLE_SCAN("numbered_scan") },
			  .iterates = "request_numbered",
			  .optional = true,
			  .purpose = "requests with numbers that wait for their response" },
			{ { TABLE_SCAN("datagrams_scan") },
			  .iterates = "request_datagrams",
			  .optional = true,
			  .purpose = "DNS queries that wait for their response, or get none" },
			{ { TABLE_SCAN("holders_scan") },
			  .iterates = "request_holders",
			  .optional = true,
			  .purpose = "end of sockets that HTTP/2 streams and DNS queries wait on" },
			{ .alt[0] = NULL },
		},
	.metrics =
		(const struct metric[]){
			{ "seismo_requests_total", METRIC_COUNTER, UNIT_NONE,
			  "Requests that got a response, and TLS handshakes that failed (status \"error\").",
			  .service = true,
			  .labels = { { DIRECTION },
				      { PROTOCOL },
				      { "status", REQUEST_STATUS_AT, REQUEST_STATUS_BITS,
					label_status },
				      { PEER_LABEL(REQUEST_PEER_AT) } },
			  .max = 4000 },
			{ "seismo_request_duration_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Time from the first byte of a request to the first byte of its response; starts on arrival (inbound) or when sent (outbound).",
			  .service = true,
			  .labels = { { DIRECTION },
				      { PROTOCOL },
				      { PEER_LABEL(REQUEST_PEER_AT) } },
			  .max = 1000 },
			{ "seismo_request_queue_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Time from the arrival of an inbound request until the service reads it.",
			  .service = true, .labels = { { PROTOCOL } }, .buckets = BUCKETS_COARSE,
			  .max = 500 },
			{ "seismo_requests_unanswered_total", METRIC_COUNTER, UNIT_NONE,
			  "Requests that got no response, by what ended the wait: the client or the server closed the connection (or the client cancelled the stream), it was reset, or the time was up.",
			  .service = true,
			  .labels = { { DIRECTION },
				      { PROTOCOL },
				      { "reason", REQUEST_STATUS_AT, REQUEST_STATUS_BITS,
					label_unanswered } },
			  .max = 1000 },
			{ "seismo_request_errors_total", METRIC_COUNTER, UNIT_NONE,
			  "Errors of PostgreSQL and MySQL, by the class of their SQLSTATE, which is its first two characters, such as 57 for an operator's intervention; those too that no request has asked for.",
			  .service = true,
			  .labels = { { DIRECTION },
				      { PROTOCOL },
				      { "class", REQUEST_STATUS_AT, REQUEST_STATUS_BITS,
					label_class } },
			  .max = 1000 },
			{ "seismo_request_parser_lost_total", METRIC_COUNTER, UNIT_NONE,
			  "Connections whose bytes made no sense as the protocol that they had been taken for; from there on they count as protocol \"unknown\", unless it is found again.",
			  .service = true, .labels = { { PROTOCOL } }, .max = 500 },
			{ "seismo_requests_in_flight", METRIC_GAUGE, UNIT_NONE,
			  "Requests that wait for their response now, and log-ins and handshakes that do.",
			  .service = true, .scan = true,
			  .labels = { { DIRECTION },
				      { PROTOCOL },
				      { PEER_LABEL(REQUEST_PEER_AT) } },
			  .max = 2000 },
			{ "seismo_request_oldest_seconds", METRIC_GAUGE, UNIT_SECONDS,
			  "How long the request that waits longest has waited for its response; 0 if none waits.",
			  .service = true, .scan = true, .largest = true,
			  .labels = { { DIRECTION },
				      { PROTOCOL },
				      { PEER_LABEL(REQUEST_PEER_AT) } },
			  .max = 2000 },
			{ .name = NULL },
		},
};
