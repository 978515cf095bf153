// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/* The floor of counting alone: what one program that does nothing adds to a system call. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/sys_exit")
int empty_exit(void)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
