// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/* What programs that do nothing cost where a block request is submitted and where it completes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/block_io_start")
int empty_start(void)
{
	return 0;
}

SEC("tp_btf/block_rq_complete")
int empty_complete(void)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
