// SPDX-License-Identifier: BSD-3-Clause
#include "probe/probe.h"

#include <errno.h>
#include <sys/syscall.h>

#include "probe/hook.h"
#include "probe/peer.h"
#include "tcp.h"

PROBE_ELF(tcp);

static void label_flow(u64 value, char *buf, size_t size)
{
	static const char *const names[] = { "received", "sent" };

	label_name(names, 2, value, buf, size);
}

static int setup(struct probe_run *run)
{
	const u32 nr_accept = SYS_accept, nr_accept4 = SYS_accept4;
	const bool peers = peers_configure(run->set->conf);
	int err = probe_const(run, "nr_accept", &nr_accept, sizeof(nr_accept));

	err = err ?: probe_const(run, "peers_shown", &peers, sizeof(peers));
	return err ?: probe_const(run, "nr_accept4", &nr_accept4, sizeof(nr_accept4));
}

/* Finds the owners of open sockets: listeners in the first pass, both ends of connections in the second. */
static int started(struct probe_run *run)
{
	struct hook_run *sockets = probe_hook(run, "sockets_iter");
	int err;

	tail_calls_add(run->set, "tcp_end_tail_calls", probe_hook(run, "state_btf"));
	if (!sockets->program)
		return 0;
	err = hook_attach(run, sockets);
	err = err ?: hook_iterate(sockets);
	err = err ?: hook_iterate(sockets);
	hook_detach(sockets);
	return err;
}

static int scan(struct probe_run *run)
{
	return hook_iterate(probe_hook(run, "sockets_scan_btf"));
}

static const u32 accept_calls[] = { SYS_accept, SYS_accept4, 0 };

#define DIRECTION "direction", 0, 8, label_direction

const struct probe probe_tcp = {
	.name = "tcp",
	.summary = "TCP: connect and accept latency, failures, RTT, retransmissions, resets, bytes",
	.elf = &tcp_elf,
	.mode = PROBE_MODE_ON,
	.setup = setup,
	.started = started,
	.scan = scan,
	.hooks =
		(const struct hook[]){
			{ { TRACEPOINT("state") }, .purpose = "connections, connect latency, RTT" },
			{ { "accept_multi", "accept_fexit", TRACEPOINT("accept_exit") },
			  .lossless = 1,
			  .optional = true,
			  .in_tasks = true,
			  .tail_call_map = "sys_exit_tail_calls",
			  .tail_call_keys = accept_calls,
			  .purpose = "accept latency" },
			{ { TRACEPOINT("send"), "send_fexit", "send_kprobe" },
			  .optional = true,
			  .in_tasks = true,
			  .purpose = "bytes sent" },
			{ { "sendpage_fexit" },
			  .optional = true,
			  .if_exists = true,
			  .requires = "send_fexit",
			  .purpose = "bytes sent by sendfile" },
			{ { TRACEPOINT("recv"), "recv_fexit", TRACEPOINT("recv_adjust") },
			  .optional = true,
			  .in_tasks = true,
			  .purpose = "bytes received" },
			{ { TRACEPOINT("retransmit") },
			  .optional = true,
			  .purpose = "retransmitted segments" },
			{ { TRACEPOINT("retransmit_synack") },
			  .optional = true,
			  .purpose = "retransmitted SYN-ACKs" },
			{ { TRACEPOINT("receive_reset") },
			  .optional = true,
			  .purpose = "resets received" },
			{ { TRACEPOINT("send_reset") },
			  .optional = true,
			  .purpose = "resets sent" },
			{ { "sockets_iter" },
			  .on_demand = true,
			  .optional = true,
			  .purpose = "services of connections older than the daemon" },
			{ { SOCK_SCAN("sockets_scan") },
			  .iterates = "socks",
			  .optional = true,
			  .purpose = "open connections, connects under way, listen overflows" },
			{ .alt[0] = NULL },
		},
	.metrics =
		(const struct metric[]){
			{ "seismo_tcp_connect_duration_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Time from connect() until the connection is established.",
			  .service = true, .buckets = BUCKETS_COARSE, .max = 256 },
			{ "seismo_tcp_connect_failures_total", METRIC_COUNTER, UNIT_NONE,
			  "Outbound connections that were not established; ECANCELED: the caller gave up.",
			  .service = true, .labels = { { "errno", 0, 16, label_errno } },
			  .max = 1000 },
			{ "seismo_tcp_accept_duration_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Time from an established connection until the service accepts it.",
			  .service = true, .buckets = BUCKETS_COARSE, .max = 256 },
			{ "seismo_tcp_connections_total", METRIC_COUNTER, UNIT_NONE,
			  "Connections established, by the side that opened them.", .service = true,
			  .labels = { { DIRECTION } }, .max = 2000 },
			{ "seismo_tcp_rtt_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Smoothed round-trip time, sampled when a connection is established, retransmits or closes, and at every 64th send.",
			  .service = true, .buckets = BUCKETS_COARSE, .max = 256 },
			{ "seismo_tcp_retransmits_total", METRIC_COUNTER, UNIT_NONE,
			  "Segments retransmitted, by the side that opened the connection.",
			  .service = true, .labels = { { DIRECTION } }, .max = 2000 },
			{ "seismo_tcp_resets_total", METRIC_COUNTER, UNIT_NONE,
			  "Resets sent and received, by the side that opened the connection.",
			  .service = true, .labels = { { DIRECTION } }, .max = 2000 },
			{ "seismo_tcp_bytes_total", METRIC_COUNTER, UNIT_BYTES,
			  "Bytes that the service read from and wrote to its TCP connections.",
			  .service = true, .labels = { { "direction", 0, 8, label_flow } },
			  .max = 2000 },
			{ "seismo_tcp_connections_open", METRIC_GAUGE, UNIT_NONE,
			  "Connections that are established, or closed by the other side only.",
			  .service = true, .scan = true,
			  .labels = { { "direction", 0, 1, label_direction },
				      { PEER_LABEL(TCP_PEER_AT) } },
			  .max = 2000 },
			{ "seismo_tcp_connects_in_flight", METRIC_GAUGE, UNIT_NONE,
			  "Outbound connections that wait for the other side's answer.",
			  .service = true, .scan = true, .max = 1000 },
			{ "seismo_tcp_connect_oldest_seconds", METRIC_GAUGE, UNIT_SECONDS,
			  "How long the connect() that waits longest has waited for an answer; those under way when Seismo started are not among them.",
			  .service = true, .scan = true, .largest = true, .max = 1000 },
			{ "seismo_tcp_listen_overflows_total", METRIC_COUNTER, UNIT_NONE,
			  "Connections and handshakes that a listener dropped, mostly because its accept queue was full.",
			  .service = true, .max = 1000 },
			{ .name = NULL },
		},
};
