// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/* Programs that do nothing, where the daemon's are while requests are served: what no program can be cheaper than. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define NOTHING(tracepoint)                  \
	SEC("tp_btf/" #tracepoint)           \
	int nothing_##tracepoint(void *ctx)  \
	{                                    \
		return 0;                    \
	}

NOTHING(sys_exit)
NOTHING(sched_switch)
NOTHING(sock_send_length)
NOTHING(sock_recv_length)
NOTHING(sk_data_ready)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
